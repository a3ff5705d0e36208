"""Looking at the assets' folder and adding to it, in the background: checkpoints are large."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Embedded:
    """A file that the program carries: its name, what it is for, and what is wrong with it (empty: nothing)."""

    title: str
    purpose: str
    path: str
    problem: str = ""


EMBEDDED = (
    ("Open head", "the face model that needs no licence of others", "open_head.npz"),
    ("Open encoder", "from a face crop to the head's parameters", "open_encoder.safetensors"),
    ("Open identity", "what the encoder's maps tell of whose head it is", "open_identity.safetensors"),
    ("Open detector", "finds the face and its landmarks", "open_detector.safetensors"),
    ("Demo", "seven views of a rendered head, with its true shape", "demo"),
)


class AssetWorker(QObject):
    """Adds a file where one is given, then looks at everything: ``surveyed(embedded, states)``."""

    surveyed = Signal(object, object)
    added = Signal(str)
    failed = Signal(str)
    finished = Signal()

    def __init__(self, file: Path | None = None) -> None:
        super().__init__()
        self._file = file

    @Slot()
    def run(self) -> None:
        from neuface_engine.errors import NeuFaceError

        try:
            if self._file is not None:
                try:
                    self.added.emit(_add(self._file))
                except NeuFaceError as error:
                    self.failed.emit(str(error))
            self.surveyed.emit(embedded(), _survey())
        except NeuFaceError as error:
            self.failed.emit(str(error))
        except Exception as error:
            log.exception("looking at the assets failed")
            self.failed.emit(f"Fault while looking at the assets: {error!r}. Please report it.")
        finally:
            self.finished.emit()


def embedded() -> tuple[Embedded, ...]:
    """What the program carries, and whether it is there."""
    from neuface_engine import resources
    from neuface_engine.errors import NeuFaceError

    found = []
    for title, purpose, name in EMBEDDED:
        try:
            found.append(Embedded(title, purpose, str(resources.path(name))))
        except NeuFaceError as error:
            found.append(Embedded(title, purpose, name, str(error)))
    return tuple(found)


def _survey() -> list[Any]:
    from neuface_engine.assets import survey

    return list(survey())


def _add(file: Path) -> str:
    from neuface_engine.assets.adding import add

    state = add(file)
    return f"{state.asset.title}: {state.words if state.status != 'ready' else state.detail or 'ready'}"

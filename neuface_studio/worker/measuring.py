"""The numbers of a saved track, worked out in a thread of its own that gives way to everything else."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal, Slot

from neuface_studio.worker.threads import lower_priority
from neuface_studio.worker.waiting import WaitingWorker

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MeasureRequest:
    """Measure the track in ``file``, or the one given, on the ``footage`` it belongs to.

    ``key`` comes back with the answer.
    """

    key: tuple[str, str, str]
    file: Path
    footage: Any
    track: Any = None


@dataclass(frozen=True)
class MeasureAnswer:
    """``measured`` is the engine's `Measured`; ``track_hash`` names the bytes that were measured."""

    key: tuple[str, str, str]
    track_hash: str
    measured: Any


class MeasureWorker(WaitingWorker):
    """Measures the newest request; one that was overtaken before it began is dropped."""

    answered = Signal(object)
    failed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._wanted: MeasureRequest | None = None

    def want(self, request: MeasureRequest | None) -> None:
        """From any thread: measure this next; None gives up what has not begun."""
        with self._wake:
            self._wanted = request
            self._wake.notify()

    @Slot()
    def run(self) -> None:
        try:
            lower_priority(19)
            for request in self._items():
                self._measure(request)
        finally:
            self.finished.emit()

    def _has_work(self) -> bool:
        return self._wanted is not None

    def _take(self) -> MeasureRequest | None:
        request, self._wanted = self._wanted, None
        return request

    def _measure(self, request: MeasureRequest) -> None:
        from neuface_engine.errors import NeuFaceError

        try:
            self.answered.emit(measured_track(request))
        except NeuFaceError as error:
            self.failed.emit(str(error))
        except Exception as error:
            log.exception("measuring failed")
            self.failed.emit(f"Fault while measuring {request.file}: {error!r}. Please report it.")


def measured_track(request: MeasureRequest) -> MeasureAnswer:
    """Read and measure. Raises TrackError for a track that cannot be read."""
    import neuface_engine as nf
    from neuface_engine.review import file_hash
    from neuface_studio.given_tracks import load_track

    track_hash, track = "", request.track
    if track is None:
        track_hash = file_hash(request.file)
        track = load_track(request.file, request.footage)
    return MeasureAnswer(request.key, track_hash, nf.metrics.measure(track, request.footage.sequence))

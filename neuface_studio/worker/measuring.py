"""The numbers of a saved track, worked out in a thread of its own that gives way to everything else."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from neuface_studio.worker.threads import lower_priority

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MeasureRequest:
    """Measure the track in ``file`` on the ``footage`` it belongs to; ``key`` comes back with the answer."""

    key: tuple[str, str]
    file: Path
    footage: Any


@dataclass(frozen=True)
class MeasureAnswer:
    """``measured`` is the engine's `Measured`; ``track_hash`` names the bytes that were measured."""

    key: tuple[str, str]
    track_hash: str
    measured: Any


class MeasureWorker(QObject):
    """Measures the newest request; one that was overtaken before it began is dropped."""

    answered = Signal(object)
    failed = Signal(str)
    finished = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._wake = threading.Condition()
        self._wanted: MeasureRequest | None = None
        self._stop = False

    def want(self, request: MeasureRequest | None) -> None:
        """From any thread: measure this next; None gives up what has not begun."""
        with self._wake:
            self._wanted = request
            self._wake.notify()

    def stop(self) -> None:
        with self._wake:
            self._stop = True
            self._wake.notify()

    @Slot()
    def run(self) -> None:
        try:
            lower_priority(19)
            while True:
                with self._wake:
                    while self._wanted is None and not self._stop:
                        self._wake.wait()
                    if self._stop:
                        return
                    request, self._wanted = self._wanted, None
                assert request is not None
                self._measure(request)
        finally:
            self.finished.emit()

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

    track_hash = file_hash(request.file)
    track = nf.FaceTrack.load(request.file, head=request.footage.head)
    return MeasureAnswer(request.key, track_hash, nf.metrics.measure(track, request.footage.sequence))

"""Looking for all faces in one frame of every view, in the background."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Signal, Slot

from neuface_engine.errors import NeuFaceError
from neuface_studio.model import Footage
from neuface_studio.worker.threads import lower_priority
from neuface_studio.worker.waiting import WaitingWorker

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FoundFaces:
    """The faces of one frame: for each view [K, 4] (x0, y0, x1, y1) px of the video, from left to right."""

    frame: int
    boxes: tuple[NDArray[np.float32], ...]


class FaceFinder(WaitingWorker):
    """``found`` follows each wish, unless a newer one came meanwhile, or it fails."""

    found = Signal(object)
    failed = Signal(str)

    def __init__(self, footage: Footage) -> None:
        super().__init__()
        self._footage = footage
        self._frame: int | None = None
        self._detector: Any = None

    def want(self, frame: int) -> None:
        """From any thread: the faces of this frame are wanted, and of no earlier one."""
        with self._wake:
            self._frame = frame
            self._wake.notify()

    @Slot()
    def run(self) -> None:
        try:
            lower_priority()
            for frame in self._items():
                self._look(frame)
        except NeuFaceError as error:
            self.failed.emit(str(error))
        except Exception as error:
            log.exception("looking for faces failed")
            self.failed.emit(f"Fault while looking for faces: {error!r}. Please report it.")
        finally:
            self.finished.emit()

    def _has_work(self) -> bool:
        return self._frame is not None

    def _take(self) -> Any:
        frame, self._frame = self._frame, None
        return frame

    def _look(self, frame: int) -> None:
        from neuface_engine.landmarks import load_detector

        if self._detector is None:
            # Whichever detector follows the face: it is told the place, and finds it there.
            self._detector = load_detector("open")
        boxes = []
        for view in range(len(self._footage.sequence.views)):
            if self._stop or self._frame is not None:
                return
            boxes.append(self._detector.faces(self._footage.sequence.frames[frame, view]))
        self.found.emit(FoundFaces(frame, tuple(boxes)))

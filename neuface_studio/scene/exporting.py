"""Writing pictures and videos of all views in the background, one at a time, with progress and cancelling."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import torch
from PySide6.QtCore import QObject, Qt, Signal, Slot

from neuface_engine.errors import MediaError
from neuface_studio.model import Footage, Task
from neuface_studio.scene.composing import Composer, Look
from neuface_studio.session import Session
from neuface_studio.worker import BackgroundThread
from neuface_studio.worker.long_work import LongWorker

VIDEO_HEIGHT = 480  # px of a view


@dataclass(frozen=True)
class ExportRequest:
    """A video of all frames, or with ``frame`` a picture of that one."""

    path: Path
    look: Look
    height: int = VIDEO_HEIGHT
    frame: int | None = None


@dataclass(frozen=True)
class FormatRequest:
    """A track in one of `neuface_engine.tracks.formats`."""

    path: Path
    track: Any
    format: str
    space: str = "posed"


class ExportWorker(LongWorker):
    """Writes one file, or a folder of them; exactly one of ``written``, ``failed`` and ``cancelled`` follows.

    Cancelled, it stops at the next frame and removes what it wrote of the file.
    """

    written = Signal()

    def __init__(self, footage: Footage, request: ExportRequest | FormatRequest) -> None:
        super().__init__(f"writing {request.path}")
        self._footage, self._request = footage, request

    def _work(self) -> None:
        torch.set_num_threads(1)
        if isinstance(self._request, FormatRequest):
            self._format(self._request)
        elif self._request.frame is None:
            self._video(self._request)
        else:
            self._picture(self._request, self._request.frame)
        self.written.emit()

    def _format(self, request: FormatRequest) -> None:
        from neuface_engine.tracks.formats import export

        def progress(stage: str, done: int, total: int) -> None:
            self._check()
            share = done / total if total else None
            self.progressed.emit(Task("Exporting", share, f"{stage} {done} of {total}" if total else stage))

        export(
            request.track,
            request.path,
            format=request.format,
            space=request.space,  # type: ignore[arg-type]
            footage=self._footage.sequence.path,
            progress=progress,
        )

    def _picture(self, request: ExportRequest, frame: int) -> None:
        image = Composer(self._footage, request.look, request.height).compose(frame)
        done, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        try:
            if not done:
                raise OSError("the picture cannot be packed")
            request.path.write_bytes(data.tobytes())
        except OSError as error:
            reason = error.strerror or str(error)
            raise MediaError(f"{request.path}: cannot be written ({reason}); choose another folder") from None

    def _video(self, request: ExportRequest) -> None:
        from neuface_engine.video.writer import VideoWriter

        sequence = self._footage.sequence
        composer = Composer(self._footage, request.look, request.height)
        total = int(sequence.landmarks.shape[0])
        with VideoWriter(request.path, fps=float(sequence.fps)) as video:
            for frame in range(total):
                self._check()
                video.write(composer.compose(frame))
                self.progressed.emit(
                    Task("Writing the video", (frame + 1) / total, f"frame {frame + 1} of {total}")
                )


class Exporter(QObject):
    """The window's side: ``task_changed`` tells of the progress, None when there is nothing to do; ``written(path)``
    follows what came to its end."""

    task_changed = Signal(object)
    written = Signal(object)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._worker: ExportWorker | None = None
        self._thread: BackgroundThread | None = None
        self._path = Path()
        session.footage_changed.connect(self.stop)

    @property
    def busy(self) -> bool:
        return self._worker is not None

    def start(self, request: ExportRequest | FormatRequest) -> bool:
        """Begin to write; False (and a line that says why) if another file is being written."""
        footage = self._session.footage
        if footage is None:
            return False
        if self.busy:
            self._session.notify("info", "Another file is being written; wait for it or cancel it.")
            return False
        worker = ExportWorker(footage, request)
        queued = Qt.ConnectionType.QueuedConnection
        worker.progressed.connect(self._on_progress, queued)
        worker.written.connect(self._on_written, queued)
        worker.failed.connect(self._on_failed, queued)
        worker.cancelled.connect(self._on_failed, queued)
        self._path = request.path
        self._worker = worker
        self._thread = BackgroundThread(worker, "exporter", self)
        self.task_changed.emit(Task("Writing"))
        return True

    @Slot()
    def stop(self) -> None:
        """Give up the file that is being written, and wait for the thread."""
        worker, thread = self._worker, self._thread
        self._worker = self._thread = None
        if worker is not None and thread is not None:
            thread.join(worker.cancel)
            thread.deleteLater()
            self.task_changed.emit(None)

    @Slot()
    def cancel(self) -> None:
        """As `stop`, by the user's wish."""
        if self.busy:
            self.stop()
            self._session.notify("info", "Nothing was written.")

    def _is_current(self) -> bool:
        """Whether a result comes from the file in progress, and not from one given up meanwhile."""
        return self._worker is not None and self.sender() is self._worker

    @Slot(object)
    def _on_progress(self, task: Task) -> None:
        if self._is_current():
            self.task_changed.emit(task)

    @Slot()
    def _on_written(self) -> None:
        if self._is_current():
            self.stop()
            self._session.notify("good", f"Written: {self._path}")
            self.written.emit(self._path)

    @Slot()
    @Slot(str)
    def _on_failed(self, message: str = "") -> None:
        if self._is_current():
            self.stop()
            self._session.notify("error" if message else "info", message or "Nothing was written.")

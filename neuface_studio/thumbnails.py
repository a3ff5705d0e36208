"""Small pictures of footage, made in the background when they come into sight, and kept on the disk."""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QImage

from neuface_studio.worker.threads import BackgroundThread, end_worker, lower_priority
from neuface_studio.worker.waiting import WaitingWorker

log = logging.getLogger(__name__)

SIZE = (60, 34)  # px
REST_MS = 120  # without a new wish: while the list is scrolled nothing takes its time
WAITING = 64  # wishes kept: what was scrolled past long ago is not made
FOLDER = "thumbnails"


class ThumbnailWorker(WaitingWorker):
    """Makes the picture that was asked for last first; ``made(name, picture)`` follows each."""

    made = Signal(str, QImage)

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._wishes: OrderedDict[str, str] = OrderedDict()
        self._seen: set[str] = set()

    def want(self, name: str, source: str) -> None:
        """Ask for a picture; may be called from any thread, again and again."""
        with self._wake:
            if name in self._seen:
                return
            self._wishes[name] = source
            self._wishes.move_to_end(name)
            while len(self._wishes) > WAITING:
                self._wishes.popitem(last=False)
            self._wake.notify()

    def forget(self) -> None:
        """Another project: names mean other footage now."""
        with self._wake:
            self._wishes.clear()
            self._seen.clear()

    @Slot()
    def run(self) -> None:
        lower_priority()
        for name, source in self._items():
            picture = thumbnail(source, self._folder)
            if picture is not None and not self._stop:
                self.made.emit(name, picture)
        self.finished.emit()

    def _has_work(self) -> bool:
        return bool(self._wishes)

    def _take(self) -> tuple[str, str]:
        name, source = self._wishes.popitem()
        self._seen.add(name)
        return name, source


class Thumbnails(QObject):
    """The worker and its thread, begun at the first wish."""

    made = Signal(str, QImage)

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self._worker: ThumbnailWorker | None = None
        self._thread: BackgroundThread | None = None
        self._stopped = False
        self._wishes: dict[str, Path] = {}
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._ask)

    def want(self, name: str, source: Path) -> None:
        """Ask for the picture of a sequence, to be made once the list no longer moves."""
        if not self._stopped:
            self._wishes[name] = source
            self._rest.start()

    @Slot()
    def _ask(self) -> None:
        wishes, self._wishes = list(self._wishes.items())[-WAITING:], {}
        if self._worker is None:
            self._worker = ThumbnailWorker(self._folder / FOLDER)
            self._worker.made.connect(self.made, Qt.ConnectionType.QueuedConnection)
            self._thread = BackgroundThread(self._worker, "thumbnails", self)
        for name, source in wishes:
            self._worker.want(name, str(source))

    def forget(self) -> None:
        """What was asked for is not wanted any more."""
        self._rest.stop()
        self._wishes.clear()
        if self._worker is not None:
            self._worker.forget()

    def stop(self) -> None:
        """End the thread; nothing is made afterwards."""
        self._stopped = True
        self._rest.stop()
        worker, thread = self._worker, self._thread
        self._worker = self._thread = None
        end_worker(worker, thread)


def thumbnail(source: str, folder: Path) -> QImage | None:
    """The first picture of the footage, small; None where there is none. Kept in ``folder``."""
    from neuface_engine.errors import NeuFaceError

    path = Path(source)
    try:
        stamp = path.stat().st_mtime_ns
    except OSError:
        return None
    kept = folder / f"{hashlib.sha256(f'{path.resolve()}|{stamp}'.encode()).hexdigest()[:32]}.jpg"
    if kept.exists():
        picture = QImage(str(kept))
        if not picture.isNull():
            picture.setDevicePixelRatio(2.0)
            return picture
    try:
        frame = first_frame(path)
    except NeuFaceError as error:
        log.debug("no thumbnail: %s", error)
        return None
    picture = to_thumbnail(frame)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        picture.save(str(kept), None, 85)
    except OSError as error:
        log.debug("thumbnail not kept: %s", error)
    return picture


def first_frame(path: Path) -> np.ndarray:
    """The first picture of the first view, uint8 RGB [H, W, 3]. Raises NeuFaceError."""
    from neuface_engine.video.views import find_views

    return next(iter(find_views(path)[0].frames(max_frames=1)))


def to_thumbnail(frame: np.ndarray) -> QImage:
    """A picture cut to the thumbnail's shape around its middle."""
    height, width = frame.shape[:2]
    image = QImage(frame.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    grown = image.scaled(
        2 * SIZE[0],
        2 * SIZE[1],
        Qt.AspectRatioMode.KeepAspectRatioByExpanding,
        Qt.TransformationMode.SmoothTransformation,
    )
    left, top = (grown.width() - 2 * SIZE[0]) // 2, (grown.height() - 2 * SIZE[1]) // 2
    result = grown.copy(left, top, 2 * SIZE[0], 2 * SIZE[1])
    result.setDevicePixelRatio(2.0)
    return result

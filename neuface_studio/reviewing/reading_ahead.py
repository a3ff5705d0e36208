"""The footage that comes next, read in the background while the reviewer looks at this one."""

from __future__ import annotations

import logging

from PySide6.QtCore import QObject, Slot

from neuface_studio.model import Footage
from neuface_studio.worker.loading import LoadRequest, LoadWorker
from neuface_studio.worker.threads import BackgroundThread

log = logging.getLogger(__name__)


class ReadAhead(QObject):
    """Keeps one footage; a fault while reading ahead is told when the footage is really opened."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._request: LoadRequest | None = None
        self._footage: Footage | None = None
        self._loader: LoadWorker | None = None
        self._thread: BackgroundThread | None = None

    @property
    def busy(self) -> bool:
        """Whether something is being read."""
        return self._loader is not None

    def want(self, request: LoadRequest) -> None:
        """Read this next; what was read before is forgotten."""
        if request == self._request:
            return
        self.stop()
        self._request = request
        loader = LoadWorker(request)
        loader.loaded.connect(self._on_loaded)
        loader.failed.connect(self._on_failed)
        loader.cancelled.connect(self._finish)
        self._loader = loader
        self._thread = BackgroundThread(loader, "reading ahead", self)

    def put(self, request: LoadRequest, footage: Footage) -> None:
        """This footage is there already."""
        self.stop()
        self._request, self._footage = request, footage

    def has(self, request: LoadRequest) -> bool:
        """Whether this footage is there."""
        return self._footage is not None and request == self._request

    def take(self, request: LoadRequest) -> Footage | None:
        """The footage if it is the one that was read; None where it was not, or is not there yet."""
        footage = self._footage if request == self._request else None
        if footage is not None:
            self._footage = self._request = None
        return footage

    def stop(self) -> None:
        """Give up what is being read, and forget what was."""
        loader, thread = self._loader, self._thread
        self._loader = self._thread = self._footage = self._request = None
        if loader is not None and thread is not None:
            loader.loaded.disconnect(self._on_loaded)
            loader.failed.disconnect(self._on_failed)
            loader.cancelled.disconnect(self._finish)
            thread.join(loader.cancel, 120_000)
            thread.deleteLater()

    @Slot(object)
    def _on_loaded(self, footage: Footage) -> None:
        if self.sender() not in (None, self._loader):
            return
        self._footage = footage
        self._finish()

    @Slot(str)
    def _on_failed(self, message: str) -> None:
        log.info("reading ahead: %s", message)
        self._finish()

    @Slot()
    def _finish(self) -> None:
        thread = self._thread
        self._loader = self._thread = None
        if thread is not None:
            thread.quit()
            thread.wait(120_000)
            thread.deleteLater()

"""Opening footage in the background, one at a time, with progress and cancelling."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from neuface_studio.session import Footage, Session
from neuface_studio.worker import BackgroundThread, LoadRequest, LoadWorker

SHUTDOWN_TIMEOUT_MS = 120_000


class Opener(QObject):
    """Loads one footage at a time; ``opened(footage, source)`` follows unless it fails or is cancelled."""

    opened = Signal(object, object)
    failed = Signal(str)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self._loader: LoadWorker | None = None
        self._thread: BackgroundThread | None = None
        self.request: LoadRequest | None = None  # what was asked for last
        self.ahead: Callable[[LoadRequest], Footage | None] = lambda request: None  # what was read already

    @property
    def loading(self) -> bool:
        return self._loader is not None

    def start(
        self,
        source: Path | None,
        *,
        views: str | None = None,
        max_frames: int | None = None,
        encoder: str = "open",
        head: str = "open",
        face: tuple[str, ...] = ("main",),
    ) -> None:
        """Begin to load; what was loading is given up. Where a chosen face is not found, the main one is followed."""
        self._begin(LoadRequest(source, views, max_frames, encoder, head, face=face))

    def _begin(self, request: LoadRequest) -> None:
        self.cancel()
        self.request, source = request, request.path
        footage = self.ahead(request)
        if footage is not None:
            self.opened.emit(footage, source)
            return
        loader = LoadWorker(request)
        loader.progressed.connect(self.session.task_changed)
        loader.loaded.connect(self._on_loaded)
        loader.failed.connect(self._on_failed)
        loader.cancelled.connect(self._on_cancelled)
        self._loader = loader
        self._thread = BackgroundThread(loader, "loader", self)

    def cancel(self) -> None:
        """Stop loading and wait for its thread."""
        if self._loader is None or self._thread is None:
            return
        loader, thread = self._loader, self._thread
        self._loader = self._thread = None
        loader.loaded.disconnect(self._on_loaded)
        loader.failed.disconnect(self._on_failed)
        loader.cancelled.disconnect(self._on_cancelled)
        thread.join(loader.cancel, SHUTDOWN_TIMEOUT_MS)
        thread.deleteLater()
        self.session.task_changed.emit(None)

    @Slot(object)
    def _on_loaded(self, footage: Footage) -> None:
        if self._is_stale():
            return
        self._finish()
        spare_the_collector()
        self.opened.emit(footage, None if self.request is None else self.request.path)

    @Slot(str)
    def _on_failed(self, message: str) -> None:
        if self._is_stale():
            return
        self._finish()
        request = self.request
        if request is not None and request.face != LoadRequest.face:
            self.session.notify("warning", f"The chosen face is not followed: {message} The main one is.")
            self._begin(replace(request, face=LoadRequest.face))
            return
        self.session.notify("error", message)
        self.failed.emit(message)

    @Slot()
    def _on_cancelled(self) -> None:
        if not self._is_stale():
            self._finish()
            self.session.notify("info", "Opening was cancelled.")

    def _is_stale(self) -> bool:
        """Whether a result comes from a loader given up meanwhile: disconnecting does not call back what is queued."""
        return self._loader is None or self.sender() not in (None, self._loader)

    def _finish(self) -> None:
        thread = self._thread
        self._loader = self._thread = None
        if thread is not None:
            thread.quit()
            thread.wait(SHUTDOWN_TIMEOUT_MS)
            thread.deleteLater()
        self.session.task_changed.emit(None)


@functools.cache
def spare_the_collector() -> None:
    """Once, when all libraries are loaded: their 260,000 objects need not be looked through again and again.

    A full pass over them takes 140 ms, in which neither the window nor the optimiser moves.
    """
    gc.collect()
    gc.freeze()

"""A panel whose picture the drawing thread makes: asked for only while it is on show, seldom while something runs."""

from __future__ import annotations

import time

from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import QFrame, QWidget

from neuface_studio.scene.renderer import Renderer
from neuface_studio.session import RunState, Session
from neuface_studio.widgets.common import on_show


class PicturePanel(QFrame):
    """A subclass asks in `_ask` once `_may_ask` says so, and calls `_arrived` with every whole picture.

    share: of the drawing thread's time, while the optimiser or the video runs
    restarts: whether a wish made at rest replaces one under way, or waits for it
    """

    share = 0.1
    settle_ms = 60
    restarts = False

    def __init__(self, session: Session, renderer: Renderer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self._session, self._renderer = session, renderer
        self._waiting = self._dirty = False
        self._began = self._not_before = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._ask)
        for signal in (
            session.iteration_changed,
            session.selection_changed,
            session.muted_changed,
            session.comparison.changed,
            session.run_state_changed,
        ):
            signal.connect(self.refresh)

    @property
    def busy(self) -> bool:
        """Whether what it shows is not up to date yet."""
        return self._waiting or self._dirty

    @Slot()
    def refresh(self) -> None:
        """Ask anew, soon; seldom while the optimiser or the video runs."""
        if not on_show(self):
            return
        self._dirty = True
        live = self._is_live()
        # While something runs, the picture under way is finished first, or none would ever be.
        if self._timer.isActive() or (self._waiting and (live or not self.restarts)):
            return
        wait = self._not_before - time.perf_counter() if live else 0.0
        self._timer.start(max(self.settle_ms, round(1000 * wait)))

    def stop(self) -> None:
        self._timer.stop()
        self._waiting = self._dirty = False

    @Slot(bool)
    def show_up(self, shown: bool) -> None:
        """Its dock comes to the front, or goes behind another one."""
        if shown:
            self._dirty = True
            self._timer.start(self.settle_ms)
        else:
            self.stop()

    @Slot()
    def _ask(self) -> None:
        raise NotImplementedError

    def _may_ask(self) -> bool:
        """Whether a picture is wanted and can be seen; the clock of its making starts."""
        if self._session.footage is None or not self._dirty or not on_show(self):
            return False
        self._dirty = False
        self._began = time.perf_counter()
        return True

    def _arrived(self) -> None:
        """A whole picture is there: the next one comes after a rest, and at once where it is outdated already."""
        self._waiting = False
        now = time.perf_counter()
        self._not_before = now + (now - self._began) * (1 / self.share - 1)
        if self._dirty:
            self.refresh()

    def _is_live(self) -> bool:
        return self._session.run_state == RunState.RUNNING or self._session.playing

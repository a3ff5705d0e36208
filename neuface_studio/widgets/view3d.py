"""The 3D view: the heads of the shown frame, drawn only when something changed."""

from __future__ import annotations

import logging
import time
from typing import Any

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from neuface_studio.scene.renderer import HeadsDrawn, HeadsRequest, Renderer
from neuface_studio.session import Footage, RunState, Session
from neuface_studio.widgets.common import heading, soft
from neuface_studio.widgets.view3d_backends import PictureView, choose_backend, interactor_view

log = logging.getLogger(__name__)

RUNNING_INTERVAL = 0.25  # s between two pictures while the optimiser runs
PLAYING_INTERVAL = 0.15
SMALLEST_INTERVAL = 0.03
LARGEST_SHARE = 0.1  # of the drawing thread's time


class View3D(QFrame):
    """Asks the drawing thread for the heads, one picture at a time; seldom while others need the processor."""

    def __init__(self, session: Session, renderer: Renderer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self._session = session
        self._renderer = renderer
        self._view: Any = None
        self._dirty = False
        self._waiting = False
        self._cost = 0.05
        self._last_drawn = 0.0
        self._still = False
        self.backend, self.backend_reason = choose_backend()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 6, 1, 1)
        layout.setSpacing(3)
        self._title = heading("3D")
        self._title.setContentsMargins(9, 0, 9, 0)
        layout.addWidget(self._title)
        self._layout = layout
        self._empty = soft("The heads of all views appear here.", name="faint")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout.addWidget(self._empty, 1)
        self.setMinimumSize(220, 130)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._draw)
        session.footage_changed.connect(self._on_footage)
        session.frame_changed.connect(self.refresh)
        session.iteration_changed.connect(self.refresh)
        session.posed_changed.connect(self._on_posed)
        session.comparison.changed.connect(self.refresh)
        session.run_state_changed.connect(self.refresh)
        session.playing_changed.connect(self.refresh)
        renderer.heads_drawn.connect(self._on_drawn)
        self._on_posed()

    @Slot(bool)
    def set_still(self, still: bool) -> None:
        self._still = still
        if not still and self._dirty:
            self.refresh()

    @Slot()
    def refresh(self) -> None:
        """Draw soon: at once when the machine is at rest, else so seldom that it costs a small share of the time."""
        self._dirty = True
        if self._timer.isActive() or self._waiting or self._still or self._view is None:
            return
        due = self._last_drawn + self._interval()
        self._timer.start(max(0, round(1000 * (due - time.perf_counter()))))

    def _interval(self) -> float:
        if self._view is not None and self._view.turning:
            return SMALLEST_INTERVAL
        running, playing = self._session.run_state == RunState.RUNNING, self._session.playing
        if not (running or playing):
            return SMALLEST_INTERVAL
        # The tiles are drawn by the same thread: what 3D takes of it is bounded, however slow the machine is.
        return max(RUNNING_INTERVAL if running else PLAYING_INTERVAL, self._cost / LARGEST_SHARE)

    def front(self) -> None:
        """Turn back to the front."""
        if self._view is not None:
            self._view.look(0.0, 0.0)

    def stop(self) -> None:
        """Close the plotter; must happen before the window is destroyed."""
        self._timer.stop()
        self._waiting = self._dirty = False
        if self._view is not None:
            self._view.close_plotter()
            self._layout.removeWidget(self._view)
            self._view.deleteLater()
            self._view = None

    @Slot()
    def _on_footage(self) -> None:
        self.stop()
        footage = self._session.footage
        self._empty.setVisible(footage is None)
        if footage is not None:
            self._view = self._make_view(footage)
            self._layout.addWidget(self._view, 1)
            self.refresh()

    def _make_view(self, footage: Footage) -> Any:
        if self.backend == "interactor":
            try:
                views = len(footage.sequence.views)
                return interactor_view(self, footage.faces, footage.head.num_vertices, views)
            except Exception as error:
                log.warning("on-screen 3D failed (%s); drawing by the processor", error)
                self.backend, self.backend_reason = "offscreen", "the on-screen view failed"
                self._session.notify(
                    "warning", "The graphics driver failed; the 3D view is drawn by the processor instead."
                )
        view = PictureView(self)
        view.camera_moved.connect(self.refresh)
        return view

    @Slot()
    def _on_posed(self) -> None:
        posed = self._session.posed_3d
        self._title.setText("3D · EACH VIEW AS POSED" if posed else "3D · ALL VIEWS IN ONE POSE")
        self._title.setToolTip(
            "Each view's head, turned as that camera sees it."
            if posed
            else "The heads of all views in the canonical pose, one colour a view: where one colour sticks out, "
            "that view disagrees with the others.\nDrag turns, the wheel zooms, X turns back to the front."
        )
        self.front()
        self.refresh()

    @Slot()
    def _draw(self) -> None:
        session = self._session
        record, footage = session.displayed(), session.footage
        if not self._dirty or self._view is None or record is None or footage is None or not self.isVisible():
            return
        self._dirty = False
        found = footage.sequence.detected.any(dim=0).tolist()
        turning = self._view.turning
        at_rest = self._interval() == SMALLEST_INTERVAL and not turning
        request = HeadsRequest(
            record=record,
            frame=session.frame,
            views=tuple(view for view, seen in enumerate(found) if seen),
            posed=session.posed_3d,
            size=self._view.picture_size(coarse=not at_rest),
            camera=self._view.camera if self.backend == "offscreen" else None,
            smooth=at_rest,
        )
        self._waiting = self._renderer.draw_heads(request)

    @Slot(object)
    def _on_drawn(self, drawn: HeadsDrawn | None) -> None:
        self._waiting = False
        self._last_drawn = time.perf_counter()
        if drawn is not None and self._view is not None:
            self._view.show_heads(drawn)
            self._cost = 0.7 * self._cost + 0.3 * drawn.seconds
        if self._dirty:
            self.refresh()

    @property
    def seconds_per_picture(self) -> float:
        return self._cost

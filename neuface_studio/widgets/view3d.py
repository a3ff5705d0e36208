"""The 3D view: the heads of the shown frame, drawn only when something changed."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QToolButton, QVBoxLayout, QWidget

from neuface_engine.face_model.rotations import axis_angle_to_matrix
from neuface_studio.layers import HEATS
from neuface_studio.muting import muted_text
from neuface_studio.scene.camera import direction_of
from neuface_studio.scene.renderer import HeadsDrawn, HeadsRequest, Renderer
from neuface_studio.session import Footage, RunState, Session
from neuface_studio.widgets.common import ElidedLabel, action_button, on_show, soft
from neuface_studio.widgets.view3d_backends import PictureView, choose_backend, interactor_view
from neuface_studio.widgets.wishes import heat_wish

log = logging.getLogger(__name__)

RUNNING_INTERVAL = 0.25  # s between two pictures while the optimiser runs
PLAYING_INTERVAL = 0.15
SMALLEST_INTERVAL = 0.03
LARGEST_SHARE = 0.1  # of the drawing thread's time
SIDE_DEG = 90.0
FREELY = "Drag turns, the wheel zooms, X turns back to the front."
# Title and meaning of what is drawn, of several views and of a single one.
POSED = (
    ("each view as posed", "Each view's head, turned as that camera sees it."),
    ("as posed", "The head, turned as the camera sees it."),
)
ALIGNED = (
    (
        "all views in one pose",
        "The heads of all views in the canonical pose, one colour a view: where one colour sticks out, that view "
        f"disagrees with the others.\n{FREELY}",
    ),
    ("in the canonical pose", f"The head without its turning.\n{FREELY}"),
)
BACKENDS = {"interactor": "Drawn by the graphics card", "offscreen": "Drawn by the processor"}


class View3D(QFrame):
    """Asks the drawing thread for the heads, one picture at a time; seldom while others need the processor."""

    def __init__(
        self,
        session: Session,
        renderer: Renderer,
        actions: dict[str, QAction] | None = None,
        parent: QWidget | None = None,
    ) -> None:
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
        self.wireframe = False
        self.values = False
        self.backend, self.backend_reason = choose_backend()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 5, 1, 1)
        layout.setSpacing(3)
        self._title = ElidedLabel()
        self._title.setObjectName("heading")
        self._title.setContentsMargins(9, 0, 9, 0)
        layout.addWidget(self._title)
        if actions is not None:
            layout.addLayout(self._buttons(actions))
        self._layout = layout
        self._empty = soft("The heads of all views appear here.", name="faint")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout.addWidget(self._empty, 1)
        self.choice = ElidedLabel()
        self.choice.setObjectName("note")
        self.choice.setContentsMargins(9, 0, 9, 2)
        layout.addWidget(self.choice)
        self.setMinimumSize(200, 130)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._draw)
        session.footage_changed.connect(self._on_footage)
        session.posed_changed.connect(self._on_posed)
        for signal in (
            session.frame_changed,
            session.iteration_changed,
            session.comparison.changed,
            session.run_state_changed,
            session.playing_changed,
            session.maps_changed,
        ):
            signal.connect(self.refresh)
        for signal in (session.layers_changed, session.muted_changed, session.selection_changed):
            signal.connect(self._on_look)
        renderer.heads_drawn.connect(self._on_drawn)
        self._on_posed()
        self._show_choice()

    def _buttons(self, actions: dict[str, QAction]) -> QHBoxLayout:
        line = QHBoxLayout()
        line.setContentsMargins(8, 0, 8, 0)
        line.setSpacing(3)
        self.presets = QToolButton()
        self.presets.setObjectName("small")
        self.presets.setText("Look from")
        self.presets.setToolTip("Look at the heads from a fixed direction, or as one of the cameras does.")
        self.presets.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.presets.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu = QMenu(self.presets)
        for identifier in ("reset_3d", "view3d_left", "view3d_right", "view3d_camera"):
            self._menu.addAction(actions[identifier])
        self._menu.addSeparator()
        self._camera_actions: list[QAction] = []
        self.presets.setMenu(self._menu)
        line.addWidget(self.presets)
        for identifier, text in (
            ("view3d_wireframe", "Wire"),
            ("view3d_values", "Values"),
            ("posed_3d", "Posed"),
            ("view3d_screenshot", "Save"),
        ):
            line.addWidget(action_button(actions[identifier], text, name="small"))
        line.addStretch(1)
        return line

    # What it looks at, and how

    def front(self) -> None:
        """Turn back to the front."""
        self.look(0.0, 0.0)

    def look(self, yaw: float, pitch: float) -> None:
        """Look from a direction in degrees: ``yaw`` to the subject's left, ``pitch`` from above."""
        if self._view is not None:
            self._view.look(yaw, pitch)

    def look_as(self, view: int) -> None:
        """Look from where the camera of a view stands in the shown frame."""
        record = self._session.displayed()
        if record is None or self._session.posed_3d:
            self.front()
            return
        rotation = axis_angle_to_matrix(record.parameters.pose[self._session.frame, view, :3])
        self.look(*direction_of(rotation.detach().numpy()))

    def set_wireframe(self, wireframe: bool) -> None:
        self.wireframe = wireframe
        self._on_look()

    def set_values(self, values: bool) -> None:
        """Colour by the chosen heat map instead of by view; in one pose, of the selected view alone."""
        self.values = values
        self._on_look()

    def save_picture(self, path: Path) -> bool:
        """Write what it shows as PNG; False where that does not go."""
        return self._view is not None and bool(self._view.save_picture(str(path)))

    # Drawing

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

    @Slot(bool)
    def show_up(self, shown: bool) -> None:
        """Its dock comes to the front, or goes behind another one."""
        if shown:
            self.refresh()

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
        self._fill_cameras()
        if footage is not None:
            self._put_view(footage)
            self.refresh()

    def _put_view(self, footage: Footage) -> None:
        self._view = self._make_view(footage)
        self._layout.insertWidget(self._layout.count() - 1, self._view, 1)

    def _fill_cameras(self) -> None:
        if not hasattr(self, "_menu"):
            return
        for action in self._camera_actions:
            self._menu.removeAction(action)
            action.deleteLater()
        self._camera_actions = []
        for view, name in enumerate(self._session.view_names):
            action = self._menu.addAction(f"As camera {name}")
            action.setData(view)
            action.triggered.connect(self._on_camera)
            self._camera_actions.append(action)

    @Slot()
    def _on_camera(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self.look_as(int(action.data()))

    def _make_view(self, footage: Footage) -> Any:
        if self.backend == "interactor":
            try:
                views = len(footage.sequence.views)
                return interactor_view(self, footage.faces, footage.head.num_vertices, views)
            except Exception as error:
                self._fall_back(error)
        view = PictureView(self)
        view.camera_moved.connect(self.refresh)
        return view

    def _fall_back(self, error: Exception) -> None:
        log.warning("on-screen 3D failed (%s); drawing by the processor", error)
        self.backend, self.backend_reason = "offscreen", "the graphics driver failed"
        self._show_choice()
        self._session.notify(
            "warning", "The graphics driver failed; the 3D view is drawn by the processor instead."
        )

    def _show_choice(self) -> None:
        self.choice.set_text(f"{BACKENDS[self.backend]} ({self.backend_reason})")

    @Slot()
    def _on_posed(self) -> None:
        self.front()
        self._on_look()

    @Slot()
    def _on_look(self) -> None:
        session, kind = self._session, self._session.layers.drawn.heat
        title, meaning = (POSED if session.posed_3d else ALIGNED)[session.num_views == 1]
        if self.values:
            name = session.view_names[session.selected_view] if session.num_views else ""
            where = "" if session.posed_3d else f"{name} · "
            title = f"{where}{HEATS[kind].title}" if kind in HEATS else f"{where}choose a heat map"
        if session.muted:
            title = f"{title} · {muted_text(session.muted)}"
        self._title.set_text(title.upper())
        self._title.setToolTip(f"{title}\n{meaning}")
        self.refresh()

    @Slot()
    def _draw(self) -> None:
        session = self._session
        record, footage = session.displayed(), session.footage
        if not self._dirty or self._view is None or record is None or footage is None or not on_show(self):
            return
        self._dirty = False
        found = footage.sequence.detected.any(dim=0).tolist()
        views = tuple(view for view, seen in enumerate(found) if seen)
        if self.values and not session.posed_3d:
            views = (session.selected_view,)
        turning = self._view.turning
        at_rest = self._interval() == SMALLEST_INTERVAL and not turning
        request = HeadsRequest(
            record=record,
            frame=session.frame,
            views=views,
            posed=session.posed_3d,
            size=self._view.picture_size(coarse=not at_rest),
            camera=self._view.camera if self.backend == "offscreen" else None,
            smooth=at_rest,
            wireframe=self.wireframe,
            heat=heat_wish(session, record) if self.values else None,
        )
        self._waiting = self._renderer.draw_heads(request)

    @Slot(object)
    def _on_drawn(self, drawn: HeadsDrawn | None) -> None:
        self._waiting = False
        self._last_drawn = time.perf_counter()
        if drawn is not None and self._view is not None:
            try:
                self._view.show_heads(drawn)
            except Exception as error:
                if self.backend != "interactor":
                    raise
                self._replace_view(error)
            self._cost = 0.7 * self._cost + 0.3 * drawn.seconds
        if self._dirty:
            self.refresh()

    def _replace_view(self, error: Exception) -> None:
        """Go on without the graphics driver, which failed while drawing."""
        self._fall_back(error)
        footage = self._session.footage
        self.stop()
        if footage is not None:
            self._put_view(footage)
        self._dirty = True

    @property
    def seconds_per_picture(self) -> float:
        return self._cost

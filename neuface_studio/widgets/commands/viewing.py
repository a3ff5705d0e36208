"""Moving through the video, and what is shown of it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QFileDialog

from neuface_studio.widgets.commands.base import Commands
from neuface_studio.widgets.view3d import SIDE_DEG


class ViewCommands(Commands):
    """The View menu."""

    @Slot()
    def do_toggle_play(self) -> None:
        self._session.set_playing(not self._session.playing)

    def _step_frame(self, steps: int) -> None:
        self._session.set_playing(False)
        self._window.controller.playback.seek(self._session.frame + steps)

    @Slot()
    def do_frame_back(self) -> None:
        self._step_frame(-1)

    @Slot()
    def do_frame_forward(self) -> None:
        self._step_frame(1)

    @Slot()
    def do_frames_back(self) -> None:
        self._step_frame(-10)

    @Slot()
    def do_frames_forward(self) -> None:
        self._step_frame(10)

    @Slot()
    def do_frame_first(self) -> None:
        self._step_frame(-self._session.num_frames)

    @Slot()
    def do_frame_last(self) -> None:
        self._step_frame(self._session.num_frames)

    @Slot()
    def do_solo_view(self) -> None:
        self._session.set_solo(not self._session.solo and self._session.num_views > 1)

    @Slot()
    def do_view_previous(self) -> None:
        self._session.select_view(self._session.selected_view - 1)

    @Slot()
    def do_view_next(self) -> None:
        self._session.select_view(self._session.selected_view + 1)

    @Slot()
    def do_focus_next(self) -> None:
        self._window.keyboard.move(True)

    @Slot()
    def do_focus_previous(self) -> None:
        self._window.keyboard.move(False)

    @Slot()
    def do_posed_3d(self) -> None:
        self._session.set_posed_3d(not self._session.posed_3d)

    @Slot()
    def do_reset_3d(self) -> None:
        self._window.view3d.front()

    @Slot()
    def do_view3d_left(self) -> None:
        self._window.view3d.look(-SIDE_DEG, 0.0)

    @Slot()
    def do_view3d_right(self) -> None:
        self._window.view3d.look(SIDE_DEG, 0.0)

    @Slot()
    def do_view3d_camera(self) -> None:
        self._window.view3d.look_as(self._session.selected_view)

    @Slot(bool)
    def do_view3d_wireframe(self, wireframe: bool) -> None:
        self._window.view3d.set_wireframe(wireframe)

    @Slot(bool)
    def do_view3d_values(self, values: bool) -> None:
        self._window.view3d.set_values(values)

    @Slot()
    def do_view3d_screenshot(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self._window, "Save the 3D picture", "heads.png", "PNG (*.png)")
        if not name:
            return
        path = Path(name if Path(name).suffix else f"{name}.png")
        if self._window.view3d.save_picture(path):
            self._session.notify("good", f"Written: {path}.")
        else:
            self._session.notify("error", f"{path}: cannot be written; choose another folder.")

    @Slot()
    def do_full_screen(self) -> None:
        self._window.setWindowState(self._window.windowState() ^ Qt.WindowState.WindowFullScreen)

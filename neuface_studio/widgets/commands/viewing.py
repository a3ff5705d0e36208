"""Moving through the video, and what is shown of it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot

from neuface_studio.widgets.commands.base import Commands


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
        self._window.focusNextPrevChild(True)

    @Slot()
    def do_focus_previous(self) -> None:
        self._window.focusNextPrevChild(False)

    @Slot()
    def do_posed_3d(self) -> None:
        self._session.set_posed_3d(not self._session.posed_3d)

    @Slot()
    def do_reset_3d(self) -> None:
        self._window.view3d.front()

    @Slot()
    def do_full_screen(self) -> None:
        self._window.setWindowState(self._window.windowState() ^ Qt.WindowState.WindowFullScreen)

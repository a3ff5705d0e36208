"""Playing the video, and marking a range of it."""

from __future__ import annotations

from PySide6.QtCore import Slot

from neuface_studio.widgets.commands.base import Commands


class PlayCommands(Commands):
    """The shuttle keys and the marks."""

    @Slot()
    def do_shuttle_back(self) -> None:
        self._window.controller.playback.shuttle(-1)

    @Slot()
    def do_shuttle_stop(self) -> None:
        self._session.set_playing(False)

    @Slot()
    def do_shuttle_forward(self) -> None:
        self._window.controller.playback.shuttle(+1)

    @Slot()
    def do_every_frame(self) -> None:
        preferences = self._window.preferences
        preferences.set(every_frame=not preferences.now.every_frame)

    @Slot()
    def do_mark_in(self) -> None:
        self._session.marks.set_first(self._session.frame)

    @Slot()
    def do_mark_out(self) -> None:
        self._session.marks.set_last(self._session.frame)

    @Slot()
    def do_clear_marks(self) -> None:
        self._session.marks.clear()

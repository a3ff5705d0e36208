"""The verdict and its note."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot

from neuface_studio.widgets.commands.base import Commands


class ReviewCommands(Commands):
    """The Review menu."""

    @Slot()
    def do_accept(self) -> None:
        self._window.review_bar.judge("accept")

    @Slot()
    def do_reject(self) -> None:
        self._window.review_bar.judge("reject")

    @Slot()
    def do_unsure(self) -> None:
        self._window.review_bar.judge("unsure")

    @Slot()
    def do_edit_note(self) -> None:
        self._window.review_bar.note.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._window.review_bar.note.selectAll()

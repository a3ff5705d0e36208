"""Undo and redo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot

from neuface_studio.widgets.commands.base import Commands

if TYPE_CHECKING:
    from neuface_studio.widgets.main_window import MainWindow


class EditCommands(Commands):
    """The Edit menu; its two lines say what they would do."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        stack = window.session.undo_stack
        stack.changed.connect(self.show_texts)
        stack.failed.connect(self._on_failed)

    @Slot()
    def do_undo(self) -> None:
        self._window.view_grid.handling.put_down()
        stack, results = self._session.undo_stack, self._window.controller.results
        if not stack.undo_text and not results.recall(self._window.review_bar.reviewer_name()):
            self._session.notify("info", "There is nothing to undo.")
            return
        change = stack.undo()
        if change is not None:
            self._session.notify("info", f"Undone: {change.text}.")

    @Slot()
    def do_redo(self) -> None:
        self._window.view_grid.handling.put_down()
        change = self._session.undo_stack.redo()
        if change is None:
            self._session.notify("info", "There is nothing to redo.")
        else:
            self._session.notify("info", f"Done again: {change.text}.")

    @Slot()
    def show_texts(self) -> None:
        """Name in the menu what would be undone and redone."""
        stack, actions = self._session.undo_stack, self._window.actions_by_id
        for identifier, label, text in (
            ("undo", "&Undo", stack.undo_text),
            ("redo", "&Redo", stack.redo_text),
        ):
            actions[identifier].setText(f"{label} {text.replace('&', '&&')}" if text else label)

    @Slot(str)
    def _on_failed(self, reason: str) -> None:
        self._session.notify("error", f"It stays as it is: {reason}")

"""Sheets that explain."""

from __future__ import annotations

from PySide6.QtCore import Slot

from neuface_studio.widgets import help_sheets
from neuface_studio.widgets.commands.base import Commands
from neuface_studio.widgets.key_editor import KeyEditor
from neuface_studio.widgets.palette import Palette
from neuface_studio.widgets.shortcut_sheet import shortcut_sheet


class HelpCommands(Commands):
    """The Help menu."""

    @Slot()
    def do_palette(self) -> None:
        Palette(self._window.actions_by_id, self._window).open()

    @Slot()
    def do_change_keys(self) -> None:
        KeyEditor(self._window.keys, self._window.actions_by_id, self._window).open()

    @Slot()
    def do_shortcuts(self) -> None:
        shortcut_sheet(self._window.actions_by_id, self._window).open()

    @Slot()
    def do_explain(self) -> None:
        help_sheets.explanation_sheet(self._window).open()

    @Slot()
    def do_about(self) -> None:
        names = {"interactor": "on screen", "offscreen": "drawn by the processor"}
        backend = f"{names[self._window.view3d.backend]} ({self._window.view3d.backend_reason})"
        help_sheets.about_sheet(self._window, backend).open()

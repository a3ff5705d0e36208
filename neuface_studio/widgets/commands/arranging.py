"""The window itself: its panels, settings and models."""

from __future__ import annotations

from PySide6.QtCore import Slot

from neuface_studio.widgets.commands.base import Commands


class WindowCommands(Commands):
    """Commands about the window and the program."""

    @Slot()
    def do_default_docks(self) -> None:
        self._window.reset_layout()

    @Slot()
    def do_settings(self) -> None:
        from neuface_studio.widgets.settings_sheet import SettingsSheet

        SettingsSheet(self._window.preferences, self._session, self._window).open()

    @Slot()
    def do_assets(self) -> None:
        from neuface_studio.widgets.assets_sheet import AssetsSheet

        AssetsSheet(self._window).open()

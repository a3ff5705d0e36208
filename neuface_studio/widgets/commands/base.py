"""What the groups of commands have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

if TYPE_CHECKING:
    from neuface_studio.widgets.main_window import MainWindow


class Commands(QObject):
    """A group of commands of the window: the slot of the command ``x`` is called ``do_x``."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._session = window.session

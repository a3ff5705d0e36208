"""Opening, closing and saving pictures."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QFileDialog

from neuface_studio.widgets.commands.base import Commands


class FileCommands(Commands):
    """The File menu."""

    @Slot()
    def do_open_video(self) -> None:
        from neuface_engine.video.reader import IMAGE_SUFFIXES, VIDEO_SUFFIXES

        suffixes = " ".join(f"*{suffix}" for suffix in sorted(VIDEO_SUFFIXES | IMAGE_SUFFIXES))
        name, _ = QFileDialog.getOpenFileName(
            self._window,
            "Open a video",
            self._last_folder(),
            f"Videos and images ({suffixes});;All files (*)",
        )
        if name:
            self._window.open_path(Path(name))

    @Slot()
    def do_open_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(
            self._window, "Open a folder of views, images or a project", self._last_folder()
        )
        if name:
            self._window.open_path(Path(name))

    @Slot()
    def do_open_demo(self) -> None:
        self._window.open_path(None)

    def _last_folder(self) -> str:
        return str(self._window.settings.value("open/folder", str(Path.home())))

    @Slot()
    def do_close_sequence(self) -> None:
        self._window.controller.close_footage()

    @Slot()
    def do_save_screenshot(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self._window, "Save a picture of the window", "neuface.png", "PNG (*.png)"
        )
        if name:
            self._window.save_picture(Path(name))

    @Slot()
    def do_quit(self) -> None:
        self._window.close()

"""What comes into the window and how: footage, projects, folders of many sequences, things that are dropped on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData

from neuface_engine.errors import NeuFaceError
from neuface_studio import projects
from neuface_studio.footage_folders import is_collection

if TYPE_CHECKING:
    from neuface_studio.widgets.main_window import MainWindow


class Doorway:
    """Decides whether a path is footage, a project or a collection, and opens it as that."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._session, self._settings = window.session, window.settings
        self._noted: Path | None = None

    def open_path(
        self, path: Path | None, *, views: str | None = None, max_frames: int | None = None
    ) -> None:
        """Open footage, a project folder or a folder of many sequences; None is the demo."""
        controller = self._window.controller
        self._window.notices.clear()
        if path is not None:
            self._settings.setValue("open/folder", str(path.parent))
            if projects.is_project(path):
                self.open_project(path)
                return
            if is_collection(path):
                self.open_project(controller.project_override or projects.default_project_folder(path))
                self.add_footage([path])
                return
        controller.open_path(path, views=views, max_frames=max_frames)

    def open_project(self, folder: Path) -> None:
        """Show the queue of a project, and go on in the sequence where it was left."""
        queue = self._window.queue
        if not queue.show(folder):
            return
        try:
            last = projects.read_source(folder)
        except NeuFaceError:
            if queue.model.rowCount():
                self._window.show_queue(True)
                self._session.notify(
                    "info", "Choose a sequence of the queue: a double-click or Return opens it."
                )
            return
        self._window.controller.open_sequence(folder, last.path, name=last.name)

    def add_footage(self, paths: list[Path]) -> None:
        """Add what lies under these paths to the queue; where nothing is open, go on in it, or begin with the first."""
        idle = self._session.footage is None and not self._window.controller.opener.loading
        queue = self._window.queue
        if paths:
            self._settings.setValue("open/folder", str(paths[0].parent))
        if not queue.add(paths):
            return
        self._window.show_queue(True)
        if not idle or queue.folder is None:
            return
        try:
            last = projects.read_source(queue.folder)
        except NeuFaceError:
            queue.open_row(0)
        else:
            self._window.controller.open_sequence(queue.folder, last.path, name=last.name)

    def recover(self) -> bool:
        """Go on where the last session stopped, if it ended without closing; False where it was closed."""
        stored = self._settings.value("session/open")
        self._settings.remove("session/open")
        if not isinstance(stored, str) or not projects.is_project(Path(stored)):
            return False
        self.open_project(Path(stored))
        self._session.notify(
            "info", "The last session ended without closing; everything it kept is here again."
        )
        return True

    def note_open(self) -> None:
        """Write down which project is open, for `recover`; it has to be on the disk before a crash."""
        folder = self._session.project_folder
        if folder == self._noted:
            return
        self._noted = folder
        if folder is not None:
            self._settings.setValue("session/open", str(folder))
        else:
            self._settings.remove("session/open")
        self._settings.sync()

    def take_drop(self, data: QMimeData) -> bool:
        """Open what was dropped; False where it is no file."""
        paths = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
        if len(paths) == 1:
            self._window.open_path(paths[0])
        elif paths:
            self.add_footage(paths)
            self._session.notify(
                "info",
                "Each of the dropped files is a sequence of its own; put the views of one moment into a folder.",
            )
        return bool(paths)

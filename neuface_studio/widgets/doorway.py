"""What comes into the window and how: footage, projects, folders of many sequences, things that are dropped on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData

from neuface_engine.errors import NeuFaceError
from neuface_studio import projects
from neuface_studio.footage_folders import FootageSearch
from neuface_studio.model import Task

if TYPE_CHECKING:
    from neuface_studio.widgets.main_window import MainWindow


class Doorway:
    """Decides whether a path is footage, a project or a folder of sequences, and opens it as that."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._session, self._settings = window.session, window.settings
        self._noted: Path | None = None
        # A project to open as soon as something is in it, and what was open when it was asked for.
        self._entering: tuple[Path, object] | None = None

    def open_path(
        self, path: Path | None, *, views: str | None = None, max_frames: int | None = None
    ) -> None:
        """Open footage, a project folder or a folder of many sequences; None is the demo."""
        controller = self._window.controller
        self._window.notices.clear()
        self.on_cancelled()
        if path is not None:
            self._settings.setValue("open/folder", str(path.parent))
            if projects.is_project(path):
                self.open_project(path)
                return
            if FootageSearch().is_collection(path):
                self._gather([path], controller.project_override or projects.default_project_folder(path))
                return
        controller.open_path(path, views=views, max_frames=max_frames)

    def open_project(self, folder: Path) -> None:
        """Show the queue of a project, and go on in the sequence where it was left."""
        queue = self._window.queue
        if queue.show(folder) and not self._go_on_in(folder) and queue.model.rowCount():
            self._window.show_queue(True)
            self._session.notify("info", "Choose a sequence of the queue: a double-click or Return opens it.")

    def _go_on_in(self, folder: Path) -> bool:
        """Open the sequence in which a project was left; False where none was opened yet."""
        try:
            last = projects.read_source(folder)
        except NeuFaceError:
            return False
        self._window.controller.open_sequence(folder, last.path, name=last.name)
        return True

    def add_footage(self, paths: list[Path]) -> None:
        """Add what lies under these paths to the queue; where nothing is open, go on in it, or begin with the first."""
        if not paths:
            return
        self._settings.setValue("open/folder", str(paths[0].parent))
        idle = self._session.footage is None and not self._window.controller.opener.loading
        folder = self._window.queue.folder or self._session.project_folder
        if self._entering is not None:
            folder = self._entering[0]
        self._gather(paths, folder or projects.default_project_folder(paths[0]), enter=idle)

    def _gather(self, paths: list[Path], folder: Path, *, enter: bool = True) -> None:
        """Look for footage in the background; ``enter``: its project is opened as soon as there is some."""
        self._entering = (folder, self._open_now()) if enter else None
        if self._session.footage is not None:
            self._window.show_queue(True)
        elif enter:
            self._window.start_page.begin(paths[0].name or str(paths[0]))
        self._window.adder.start(paths, folder)

    def _open_now(self) -> object:
        """What is open or being opened, to be compared with later."""
        session = self._session
        return session.project_folder, session.sequence_name, self._window.controller.opener.request

    def on_added(self, folder: Path) -> None:
        """Sequences came into a project, or were there: it is opened, unless something else was opened meanwhile."""
        if self._entering is None or self._entering[0] != folder:
            return
        (_, before), self._entering = self._entering, None
        queue = self._window.queue
        if before == self._open_now() and queue.show(folder) and not self._go_on_in(folder):
            queue.open_row(0)

    def on_adding(self, task: Task | None) -> None:
        """How far adding is; the start page tells of it while nothing is open."""
        if task is None:
            self._entering = None
        if self._session.footage is None and not self._window.controller.opener.loading:
            self._window.start_page.show_task(task)

    def on_cancelled(self) -> None:
        """The user does not want what is being opened."""
        if self._entering is not None:
            self._entering = None
            self._window.adder.cancel()

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

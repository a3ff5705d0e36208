"""The projects that are open in this window: one object a folder, however many of its sequences are."""

from __future__ import annotations

import threading
from pathlib import Path

from neuface_engine.review import Project


class OpenProjects:
    """Opens a project at its first use and keeps it, as another `Project` of the same folder could only read.

    May be asked from several threads.
    """

    def __init__(self) -> None:
        self._open: dict[Path, Project] = {}
        self._lock = threading.Lock()

    def get(self, folder: Path) -> Project:
        """The project of a folder, made if there is none. Raises ProjectError."""
        key = folder.expanduser().resolve()
        with self._lock:
            project = self._open.get(key)
            if project is None:
                project = self._open[key] = Project.create(folder)
            return project

    def close(self) -> None:
        """Let others write in all of them."""
        for project in self._open.values():
            project.close()
        self._open.clear()

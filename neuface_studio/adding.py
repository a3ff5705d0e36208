"""Adding footage to the queue in the background: what is found comes in bit by bit, and stays when it is cancelled."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal, Slot

from neuface_engine.errors import NeuFaceError
from neuface_engine.review import Project
from neuface_engine.review.media import Source
from neuface_studio import projects
from neuface_studio.footage_folders import free_name
from neuface_studio.model import Task
from neuface_studio.open_projects import OpenProjects
from neuface_studio.session import Session
from neuface_studio.worker import BackgroundThread
from neuface_studio.worker.gathering import FoundSequence, Gathered, GatherRequest, GatherWorker


class Adder(QObject):
    """``added(project folder)`` follows whenever sequences came into a project, or were found to be there already;
    ``task_changed`` tells of the progress, None at the end."""

    task_changed = Signal(object)
    added = Signal(object)

    def __init__(self, session: Session, open_projects: OpenProjects, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._projects = session, open_projects
        self._waiting: deque[tuple[tuple[Path, ...], Path]] = deque()
        self._request: GatherRequest | None = None
        self._worker: GatherWorker | None = None
        self._thread: BackgroundThread | None = None
        self._added = 0

    @property
    def busy(self) -> bool:
        return self._worker is not None

    def start(self, paths: Iterable[Path], folder: Path) -> None:
        """Add all footage under these paths to the project in ``folder``; after what is being added now."""
        paths = tuple(paths)
        if paths:
            self._waiting.append((paths, folder))
            self._go_on()

    @Slot()
    def cancel(self) -> None:
        """Look no further; what was added stays."""
        self._waiting.clear()
        if self._worker is not None:
            self._worker.cancel()

    def stop(self) -> None:
        """End the thread."""
        worker, thread = self._worker, self._thread
        self._waiting.clear()
        self._worker = self._thread = None
        if worker is not None and thread is not None:
            thread.join(worker.cancel)
            thread.deleteLater()

    def _go_on(self) -> None:
        if self._worker is not None or not self._waiting:
            return
        paths, folder = self._waiting.popleft()
        try:
            project = self._projects.get(folder) if projects.is_project(folder) else None
        except NeuFaceError as error:
            self._session.notify("error", str(error))
            self._go_on()
            return
        self._added = 0
        self._request = GatherRequest(
            paths,
            folder,
            known=lambda: footage_of(project),
            take_in=lambda sequences: add_to(self._projects.get(folder), sequences),
        )
        worker = GatherWorker(self._request)
        queued = Qt.ConnectionType.QueuedConnection
        worker.progressed.connect(self._on_progress, queued)
        worker.added.connect(self._on_added, queued)
        worker.done.connect(self._on_done, queued)
        worker.failed.connect(self._on_failed, queued)
        worker.cancelled.connect(self._on_cancelled, queued)
        worker.finished.connect(self._on_finished, queued)
        self._worker = worker
        self._thread = BackgroundThread(worker, "adder", self)
        self.task_changed.emit(Task("Looking for footage"))

    def _is_current(self) -> bool:
        """Whether a signal comes from the work in progress, and not from one given up meanwhile."""
        return self._worker is not None and self.sender() is self._worker

    @Slot(object)
    def _on_progress(self, task: Task) -> None:
        if self._is_current():
            self.task_changed.emit(task)

    @Slot(int)
    def _on_added(self, number: int) -> None:
        if self._is_current() and self._request is not None:
            self._added += number
            self.added.emit(self._request.project)

    @Slot(object)
    def _on_done(self, result: Gathered) -> None:
        if not self._is_current() or self._request is None:
            return
        path = self._request.paths[0]
        if result.found:
            if not result.fresh:
                self.added.emit(self._request.project)
            again = result.found - result.fresh
            words = f"{_sequences(result.fresh)} added to the queue"
            words += f", {again} were there already." if again else "."
            if result.unreadable:
                words += f" {_unreadable(result.unreadable)}"
            self._session.notify("warning" if result.unreadable else "good", words)
        elif result.unreadable:
            self._session.notify("error", _unreadable(result.unreadable))
        else:
            self._session.notify("error", f"{path}: no video and no folder of images under it.")

    @Slot(str)
    def _on_failed(self, reason: str) -> None:
        if self._is_current():
            self._session.notify("error", reason)

    @Slot()
    def _on_cancelled(self) -> None:
        if self._is_current():
            kept = f"{_sequences(self._added)} added to the queue; add the same again to go on."
            self._session.notify(
                "info", f"Adding was cancelled. {kept if self._added else 'Nothing was added.'}"
            )

    @Slot()
    def _on_finished(self) -> None:
        if not self._is_current():
            return
        thread = self._thread
        self._worker = self._thread = self._request = None
        if thread is not None:
            thread.quit()
            thread.wait(60_000)
            thread.deleteLater()
        self.task_changed.emit(None)
        self._go_on()


def footage_of(project: Project | None) -> set[Path]:
    """Where the footage of a project lies. Raises ProjectError."""
    if project is None:
        return set()
    sources = map(Source.from_record, project.index.sources().values())
    return {source.locate(project.folder) for source in sources if source is not None and source.path}


def add_to(project: Project, sequences: Sequence[FoundSequence]) -> None:
    """List sequences in a project under names that are free. Raises ProjectError."""
    wished = {sequence.name for sequence in sequences}
    taken = set(project.index.entries(sorted(wished)))
    entries: dict[str, dict[str, object]] = {}

    def is_taken(name: str) -> bool:
        if name in entries or name in taken:
            return True
        return name not in wished and bool(project.index.entries([name]))

    for sequence in sequences:
        name = free_name(sequence.name, is_taken)
        entries[name] = {"name": name, "source": sequence.source}
    project.add_sequences(entries.values())
    project.index.refresh()


def _sequences(number: int) -> str:
    return f"{number:,} sequence{'' if number == 1 else 's'}"


def _unreadable(reasons: dict[Path, str]) -> str:
    path, reason = next(iter(reasons.items()))
    others = f", and {len(reasons) - 1:,} more" if len(reasons) > 1 else ""
    return f"{path}: cannot be read ({reason}){others}; make it readable and add it again."

"""The queue of the open project: going from sequence to sequence, optimising them all. No widgets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from neuface_engine.errors import NeuFaceError
from neuface_engine.review import Project
from neuface_engine.review.queue import Filter
from neuface_studio import faces, projects
from neuface_studio.controller import Controller
from neuface_studio.model import RunState
from neuface_studio.preferences import Settings, cache_folder
from neuface_studio.queue_filter import Wanted
from neuface_studio.queue_index import QueueIndex
from neuface_studio.queue_model import QueueModel
from neuface_studio.results import default_reviewer
from neuface_studio.session import Session
from neuface_studio.thumbnails import Thumbnails
from neuface_studio.worker import BackgroundThread
from neuface_studio.worker.batching import BatchItem, BatchPlan, BatchWorker

REFRESH_MS = 250


class Queue(QObject):
    """``changed`` follows a change of the project; ``task_changed`` tells how far the batch is."""

    changed = Signal()
    task_changed = Signal(object)

    def __init__(
        self, session: Session, controller: Controller, settings: Settings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._controller, self._settings = session, controller, settings
        self.folder: Path | None = None
        self.model = QueueModel(self)
        self.model.failed.connect(self._on_failed)
        self.thumbnails = Thumbnails(cache_folder(), self)
        self.model.picture_wanted.connect(self._want_picture)
        self.thumbnails.made.connect(self.model.put_picture)
        self._index: QueueIndex | None = None
        self.reviewer_name: Callable[[], str] = default_reviewer
        self._batch: BatchWorker | None = None
        self._thread: BackgroundThread | None = None
        self._batch_folder: Path | None = None
        self._batch_counts = [0, 0]
        self._cancelled = False
        self._left_out = ""  # of the batch: it is open
        self._place = -1  # row of the open sequence, as far as it is known
        self._stopped = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REFRESH_MS)
        self._timer.timeout.connect(self.model.refresh_rows)
        session.footage_changed.connect(self._on_footage)
        controller.results.kept.connect(self._on_footage)
        session.judgement_changed.connect(self.refresh_soon)
        session.run_state_changed.connect(self._on_run_state)
        controller.lot.finished.connect(self.refresh_soon)
        controller.opener.failed.connect(self._on_opening_failed)

    # The project

    @property
    def project(self) -> Project | None:
        """The open project; None where there is none or it cannot be opened."""
        try:
            return None if self.folder is None else self._controller.projects.get(self.folder)
        except NeuFaceError as error:
            self._session.notify("error", str(error))
            return None

    def show(self, folder: Path) -> bool:
        """Show the queue of a project, made if there is none."""
        if folder == self.folder and self._index is not None:
            self.refresh_soon()
            return True
        self.folder = folder
        project = self.project
        if project is None:
            self.folder = None
            return False
        self._index = QueueIndex(project, lambda: self.reviewer_name())
        self.thumbnails.forget()
        self.model.set_index(self._index, Wanted())
        self._place = -1
        self.changed.emit()
        return True

    @Slot()
    def refresh_soon(self) -> None:
        """Read the rows in sight again; several wishes within a moment are one."""
        if not self._stopped:
            self._timer.start()

    def count(self) -> int:
        """Sequences in the project, whatever the filter says."""
        project = self.project
        try:
            return 0 if project is None else project.index.count()
        except NeuFaceError:
            return 0

    # Going from one to the other

    @Slot(int)
    def open_row(self, number: int) -> None:
        """Open the sequence of a row."""
        row = self.model.row(number)
        if row is None or self.folder is None:
            return
        source = self.footage_of(row.source)
        if source is None and not self._is_demo(row.name):
            self._session.notify(
                "error", f"{row.name}: the project does not say where its footage is; add the footage again."
            )
            return
        self._place = number
        self._controller.open_sequence(self.folder, source, name=row.name)

    def footage_of(self, source: str | None) -> Path | None:
        """Where a row's footage is: its path counts from the project's folder."""
        return None if source is None or self.folder is None else (self.folder / source).resolve()

    @Slot(str, object)
    def _want_picture(self, name: str, source: str) -> None:
        if self.folder is not None:
            self.thumbnails.want(name, self.folder / source)

    def _is_demo(self, name: str) -> bool:
        try:
            return self.folder is not None and projects.source_of(self.folder, name) is None
        except NeuFaceError:
            return False

    def step(self, steps: int) -> bool:
        """Open the next sequence of the queue, or the one before; False at the end."""
        place = self._place_or_last()
        number = 0 if place is None else place + steps
        if not 0 <= number < self.model.rowCount():
            return False
        self.open_row(number)
        return True

    def next_flagged(self) -> bool:
        """Open the next sequence that carries a flag and has no verdict; False where there is none."""
        if self._index is None:
            return False
        order, descending = self.model.order
        place = self._place_or_last()
        try:
            number = self._index.first_flagged(
                self.model.wanted,
                order=order,
                descending=descending,
                after=-1 if place is None else place,
            )
        except NeuFaceError as error:
            self._session.notify("error", str(error))
            return False
        if number is None:
            return False
        self.open_row(number)
        return True

    def _place_or_last(self) -> int | None:
        """The row to go on from: of the open sequence, else of the one that was asked for last and failed."""
        place = self.place()
        if place is None and self._session.footage is None and self._place >= 0:
            return self._place
        return place

    def place(self) -> int | None:
        """The row of the open sequence; None where it is not shown."""
        name = self._session.sequence_name
        row = self.model.row(self._place)
        if not name or self._session.project_folder != self.folder:
            return None
        if row is not None and row.name == name:
            return self._place
        number = self.model.number_of(name)
        self._place = -1 if number is None else number
        return number

    @Slot(object)
    def on_added(self, folder: Path) -> None:
        """Sequences came into a project."""
        if folder == self.folder:
            self.model.refresh_rows()
            self.changed.emit()

    # Optimising them all

    @property
    def busy(self) -> bool:
        return self._batch is not None

    def optimise_all(self) -> bool:
        """Optimise every sequence that fits the filter and has no track; False where there is none."""
        project = self.project
        if project is None or self._batch is not None or self.folder is None:
            return False
        try:
            items = self._items(project)
        except NeuFaceError as error:
            self._session.notify("error", str(error))
            return False
        if not items:
            self._session.notify("info", "Every sequence of the queue has its track already.")
            return False
        now = self._settings.now
        plan = BatchPlan(
            items=tuple(items),
            iterations=now.iterations,
            config=now.config_changes(),
            encoder=now.encoder,
            head=now.head,
            device=now.device,
            thresholds=thresholds_of(project),
        )
        worker = BatchWorker(plan)
        worker.began.connect(self._on_began)
        worker.progressed.connect(self.task_changed)
        worker.done.connect(self._on_done)
        worker.failed.connect(self._on_item_failed)
        worker.finished.connect(self._on_finished)
        self._batch, self._batch_folder, self._batch_counts = worker, self.folder, [0, 0]
        self._cancelled = False
        worker.hold(self._session.run_state == RunState.RUNNING)
        self._thread = BackgroundThread(worker, "batch", self)
        return True

    def _items(self, project: Project) -> list[BatchItem]:
        rows = project.index.rows(Filter(states=("new",)), order="name", descending=False)
        items = [(row.name, self.footage_of(row.source)) for row in rows]
        open_now = self._session.sequence_name if self._session.project_folder == self.folder else ""
        self._left_out = open_now if any(name == open_now for name, _ in items) else ""
        busy = {open_now, *self._controller.lot.running()}
        return [
            BatchItem(name, source, project.track_file(name), faces.in_force(project, name))
            for name, source in items
            if source is not None and name not in busy
        ]

    def cancel(self) -> None:
        """Stop the batch after the iteration in progress; what is done stays."""
        if self._batch is not None:
            self._cancelled = True
            self._batch.cancel()

    def stop(self) -> None:
        """End every thread and timer."""
        self._stopped = True
        self._timer.stop()
        self.thumbnails.stop()
        self.model.stop()
        worker, thread = self._batch, self._thread
        self._batch = self._thread = None
        if worker is not None and thread is not None:
            thread.join(worker.cancel, 120_000)
            thread.deleteLater()

    def record_error(self, name: str, reason: str) -> None:
        """Keep why a sequence cannot be opened: its row says so."""
        self.model.errors[name] = reason
        self.refresh_soon()

    @Slot(str)
    def _on_began(self, name: str) -> None:
        self.model.running = name
        self.model.errors.pop(name, None)
        self.refresh_soon()

    @Slot(str, object, object, float)
    def _on_done(
        self, name: str, measures: dict[str, float], flags: tuple[str, ...], suspicion: float
    ) -> None:
        self._batch_counts[0] += 1
        self._with_project(lambda project: project.record_measures(name, measures, flags, suspicion))
        if self._batch_folder is not None:
            self._show_track(self._batch_folder, name)

    def _show_track(self, folder: Path, name: str) -> None:
        """What was put aside, or is open, without a run of its own: from now on as its new track has it."""
        session = self._session
        if (session.project_folder, session.sequence_name) != (folder, name):
            self._controller.lot.end(folder, name)
        elif session.footage is not None and not session.newest and session.run_state.can_run:
            source = None if session.footage.is_demo else session.footage.sequence.path
            self._controller.open_sequence(folder, source, name=name, fresh=True)

    @Slot(str, str)
    def _on_item_failed(self, name: str, reason: str) -> None:
        if not name:
            self._session.notify("error", reason)
            return
        self._batch_counts[1] += 1
        if self._batch_folder == self.folder:
            self.record_error(name, reason)

    @Slot()
    def _on_finished(self) -> None:
        if self._batch is None or self.sender() is not self._batch:
            return
        thread = self._thread
        self._batch = self._thread = None
        if thread is not None:
            thread.quit()
            thread.wait(60_000)
            thread.deleteLater()
        self.model.running = ""
        done, failed = self._batch_counts
        self.task_changed.emit(None)
        self.refresh_soon()
        words = "Cancelled: " if self._cancelled else "The queue: "
        words += f"{done} sequence{'' if done == 1 else 's'} optimised"
        words += f", {failed} failed; their rows say why." if failed else "."
        if self._left_out:
            words += f" {self._left_out} is open and was left out."
        self._session.notify("warning" if failed else "info" if self._cancelled else "good", words)

    def _with_project(self, act: Callable[[Project], object]) -> None:
        if self._batch_folder is None:
            return
        try:
            act(self._controller.projects.get(self._batch_folder))
        except NeuFaceError as error:
            self._session.notify("error", str(error))
        self.refresh_soon()

    # Following the session

    @Slot()
    def _on_footage(self) -> None:
        self.model.open_name = self._session.sequence_name
        self.refresh_soon()

    @Slot()
    def _on_run_state(self) -> None:
        if self._batch is not None:
            self._batch.hold(self._session.run_state == RunState.RUNNING)

    @Slot(str)
    def _on_failed(self, message: str) -> None:
        self._session.notify("error", message)

    @Slot(str)
    def _on_opening_failed(self, reason: str) -> None:
        if self._controller.opening_name:
            self.record_error(self._controller.opening_name, reason)


def thresholds_of(project: Project) -> object:
    """The flags' limits of a project, or the default ones."""
    from neuface_engine.review.thresholds import Thresholds

    try:
        return Thresholds.of(project.settings.get("flags", {}))
    except NeuFaceError:
        return Thresholds.default()

"""The flags of the open sequence: as the project has them at once, and measured anew when its track has changed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from neuface_engine.errors import NeuFaceError
from neuface_engine.places import Place
from neuface_engine.review.flagging import record, thresholds_of
from neuface_engine.review.flags import Flag, raise_flags
from neuface_studio.results import Results
from neuface_studio.session import RunState, Session
from neuface_studio.verdicts import VerdictBook
from neuface_studio.worker.measuring import MeasureAnswer, MeasureRequest, MeasureWorker
from neuface_studio.worker.threads import BackgroundThread, end_worker

if TYPE_CHECKING:
    from neuface_engine.review.thresholds import Thresholds

SETTLE_MS = 300  # a sequence that is only passed by is not measured


class Flagger(QObject):
    """``changed`` follows whenever flags or places of the open sequence do; ``recorded(name)`` when they were kept."""

    changed = Signal()
    recorded = Signal(str)

    def __init__(self, session: Session, results: Results, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._results = session, results
        self.flags: tuple[Flag, ...] = ()
        self.places: dict[str, tuple[Place, ...]] = {}
        self.measures: dict[str, float] = {}
        self.track_in_place: Callable[[], Any] = lambda: None  # shown instead of the saved one: planted
        self.at_once: Callable[[], bool] = lambda: True  # whether what the project knows may be shown at once
        self._worker: MeasureWorker | None = None
        self._thread: BackgroundThread | None = None
        self._waiting = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SETTLE_MS)
        self._timer.timeout.connect(self._ask)
        session.footage_changed.connect(self._on_footage)
        results.kept.connect(self._on_kept)

    @property
    def busy(self) -> bool:
        """Whether a measurement is under way or about to begin."""
        return self._timer.isActive() or self._waiting

    @property
    def thresholds(self) -> Thresholds:
        """The limits that count in the open project."""
        from neuface_engine.review.thresholds import Thresholds

        book = self._results.book
        try:
            return Thresholds.default() if book is None else thresholds_of(book.project)
        except NeuFaceError as error:
            self._session.notify("warning", str(error))
            return Thresholds.default()

    def where(self, flag: Flag) -> tuple[Place, ...]:
        """Where to look for what was flagged, the worst first; empty while it is being measured."""
        return self.places.get(flag.measure, ())

    def go_to(self, place: Place) -> None:
        """Show the first frame of a place, in its view."""
        session = self._session
        session.set_playing(False)
        if place.view is not None and place.view < session.num_views:
            session.select_view(place.view)
        session.set_frame(place.first)

    def refresh(self) -> None:
        """Raise the flags anew, as after a change of the limits."""
        self.flags = raise_flags(self.measures, self.thresholds)
        self.changed.emit()

    def stop(self) -> None:
        """End the timer and the thread."""
        self._timer.stop()
        self._waiting = False
        worker, thread = self._worker, self._thread
        self._worker = self._thread = None
        end_worker(worker, thread)

    @Slot()
    def _on_footage(self) -> None:
        self.measures, self.places, self.flags = {}, {}, ()
        self._timer.stop()
        if self._worker is not None:
            self._worker.want(None)
        self._waiting = False
        self.changed.emit()

    @Slot()
    def _on_kept(self) -> None:
        """There is a sequence with its project, or its track was written."""
        book = self._results.book
        if book is None:
            return
        try:
            row = book.project.index.row(book.sequence)
        except NeuFaceError as error:
            self._session.notify("error", str(error))
            return
        if row is not None and row.measures and not self.measures and self.at_once():
            self.measures = dict(row.measures)
            self.refresh()
        self._timer.start()

    def _key(self) -> tuple[str, str, str]:
        """The sequence, and what is planted in it."""
        record = self._session.record()
        planted = "" if record is None else record.planted
        return str(self._session.project_folder), self._session.sequence_name, planted

    @Slot()
    def _ask(self) -> None:
        footage, book = self._session.footage, self._results.book
        if footage is None or book is None:
            return
        if self._session.run_state == RunState.RUNNING:
            self._timer.start()  # the optimiser comes first
            return
        file = book.track_file
        if not file.exists():
            return
        if self._worker is None:
            self._worker = MeasureWorker()
            queued = Qt.ConnectionType.QueuedConnection
            self._worker.answered.connect(self._on_answer, queued)
            self._worker.failed.connect(self._on_failed, queued)
            self._thread = BackgroundThread(self._worker, "measurer", self)
        self._waiting = True
        self._worker.want(MeasureRequest(self._key(), file, footage, self.track_in_place()))

    @Slot(object)
    def _on_answer(self, answer: MeasureAnswer) -> None:
        book = self._results.book
        if answer.key != self._key() or book is None:
            return
        self._waiting = False
        values = answer.measured.values
        self.places, self.measures = answer.measured.places, dict(values)
        if self.track_in_place() is None:
            self._keep(book, values)
        self.refresh()

    def _keep(self, book: VerdictBook, values: dict[str, float]) -> None:
        try:
            row = book.project.index.row(book.sequence)
            if row is None or not same(values, row.measures):
                record(book.project, book.sequence, values)
                self.recorded.emit(book.sequence)
        except NeuFaceError as error:
            self._session.notify("warning", f"The flags are not kept: {error}")

    @Slot(str)
    def _on_failed(self, message: str) -> None:
        self._waiting = False
        self._session.notify("warning", message)


def same(a: dict[str, float], b: dict[str, float]) -> bool:
    """Whether two sets of measures agree; what does not exist is absent or NaN."""
    a, b = ({key: value for key, value in x.items() if math.isfinite(value)} for x in (a, b))
    return a.keys() == b.keys() and all(math.isclose(a[key], b[key], rel_tol=1e-6, abs_tol=1e-9) for key in a)

"""Has the shown state and the comparison analysed frame by frame whenever the optimiser rests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from neuface_studio.session import IterationRecord, RunState, Session
from neuface_studio.worker import Analysis, AnalysisWorker, BackgroundThread, end_worker

SETTLE_MS = 350  # a state that is only passed by is not analysed
REMEMBER = 60


@dataclass(frozen=True)
class Worse:
    """A crop whose loss rose from the comparison to the shown state; ``term`` rose the most."""

    frame: int
    view: int
    before: float
    now: float
    term: str


class Analyst(QObject):
    """``changed`` is emitted whenever there is something new to know about the shown state or the comparison."""

    changed = Signal()

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._worker: AnalysisWorker | None = None
        self._thread: BackgroundThread | None = None
        self._known: dict[tuple[str, int, bool | str], Analysis] = {}
        self._under_way: IterationRecord | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SETTLE_MS)
        self._timer.timeout.connect(self._ask)
        session.footage_changed.connect(self._on_footage)
        session.iteration_changed.connect(self._on_change)
        session.run_state_changed.connect(self._on_change)
        session.comparison.changed.connect(self._on_change)
        session.repaired.connect(self._on_repaired)

    def of(self, record: IterationRecord | None) -> Analysis | None:
        """What is known of a state, or None."""
        return None if record is None else self._known.get(record.key)

    @property
    def shown(self) -> Analysis | None:
        return self.of(self._session.record())

    @property
    def reference(self) -> Analysis | None:
        return self.of(self._session.comparison.reference)

    @property
    def busy(self) -> bool:
        """Whether an analysis is under way or about to begin."""
        return self._timer.isActive() or self._under_way is not None

    def worse(self, limit: int = 200) -> list[Worse]:
        """The crops whose loss rose, the worst first; empty while either state is not analysed."""
        shown, reference = self.shown, self.reference
        if shown is None or reference is None:
            return []
        return got_worse(reference, shown, limit)

    def stop(self) -> None:
        """End the thread."""
        self._timer.stop()
        self._under_way = None
        worker, thread = self._worker, self._thread
        self._worker = self._thread = None
        end_worker(worker, thread)

    @Slot()
    def _on_footage(self) -> None:
        self.stop()
        self._known.clear()
        footage = self._session.footage
        if footage is not None:
            self._worker = AnalysisWorker(footage)
            queued = Qt.ConnectionType.QueuedConnection
            self._worker.analysed.connect(self._on_analysed, queued)
            self._worker.failed.connect(self._on_failed, queued)
            self._thread = BackgroundThread(self._worker, "analyst", self)
        self.changed.emit()

    @Slot()
    def _on_repaired(self) -> None:
        """Other landmarks: what was measured against the old ones no longer holds."""
        if self._worker is not None and self._session.footage is not None:
            self._worker.want(None)
            self._worker.footage = self._session.footage
            self._known.clear()
            self._under_way = None
            self._on_change()

    @Slot()
    def _on_change(self) -> None:
        if self._worker is None:
            return
        if self._session.run_state in (RunState.RUNNING, RunState.PREPARING):
            self._timer.stop()
            if self._under_way is not None:
                self._worker.want(None)  # the optimiser needs the processor
                self._under_way = None
        else:
            self._timer.start()
        self.changed.emit()

    @Slot()
    def _ask(self) -> None:
        session = self._session
        wanted = [r for r in (session.record(), session.comparison.reference) if r is not None]
        missing = [record for record in wanted if record.key not in self._known]
        self._under_way = missing[0] if missing else None
        if self._worker is not None and missing:
            self._worker.want(missing[0])
            self.changed.emit()

    def _is_current(self) -> bool:
        """Whether a result is about the open footage."""
        return self._worker is not None and self.sender() is self._worker

    @Slot(object)
    def _on_analysed(self, analysis: Analysis) -> None:
        if not self._is_current():
            return
        self._known[analysis.key] = analysis
        while len(self._known) > REMEMBER:
            self._known.pop(next(iter(self._known)))
        self._under_way = None
        if self._session.run_state not in (RunState.RUNNING, RunState.PREPARING):
            self._ask()
        self.changed.emit()

    @Slot(str)
    def _on_failed(self, message: str) -> None:
        if self._is_current():
            self._under_way = None
            self._session.notify("error", message)


def got_worse(before: Analysis, now: Analysis, limit: int = 200) -> list[Worse]:
    """The crops whose loss is higher ``now`` than ``before``, the largest rise first; both under the weights of the
    run that ``now`` belongs to, as losses under different weights cannot be compared."""
    losses, terms = (before.loss(now.weights), now.loss()), (before.terms(now.weights), now.terms())
    rise = np.nan_to_num(losses[1] - losses[0], nan=0.0)
    order = np.argsort(-rise, axis=None, kind="stable")
    result = []
    for frame, view in zip(*np.unravel_index(order[:limit], rise.shape), strict=True):
        if rise[frame, view] <= 0:
            break
        rises = {name: terms[1][name][frame, view] - terms[0][name][frame, view] for name in terms[1]}
        term = max(rises, key=lambda name: np.nan_to_num(rises[name], nan=-np.inf))
        result.append(
            Worse(int(frame), int(view), float(losses[0][frame, view]), float(losses[1][frame, view]), term)
        )
    return result

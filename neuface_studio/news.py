"""What the optimiser has to say, told to the session: iterations, maps, figures, states, errors."""

from __future__ import annotations

from neuface_studio.model import IterationRecord, RunState
from neuface_studio.results import Results
from neuface_studio.session import Session
from neuface_studio.undo import Place
from neuface_studio.worker import Snapshot

AT_WORK = (RunState.RUNNING, RunState.READY)
AT_REST = (RunState.PAUSED, RunState.FINISHED, RunState.FAILED)


class News:
    """Takes snapshots over. ``stopped_at``: the place in the open sequence where an earlier session left it."""

    def __init__(self, session: Session, results: Results) -> None:
        self._session, self._results = session, results
        self.stopped_at: Place | None = None

    def take(self, snapshot: Snapshot) -> bool:
        """Whether the run has come to rest with it."""
        session = self._session
        if snapshot.gradient is not None:
            session.gradients.put(*snapshot.gradient)
        if snapshot.pixels is not None:
            session.pixels.put(*snapshot.pixels)
        if snapshot.resumed:
            self._resume(snapshot)
        session.add_records([record for record in snapshot.records if not self._replaced_by_saved(record)])
        if snapshot.resumed and self.stopped_at is not None:
            session.go_to(self.stopped_at)
        if snapshot.opened is not None:
            session.show_run(snapshot.opened)
        if (snapshot.gradient or snapshot.pixels) and not snapshot.records:
            session.maps_changed.emit()
        for level, text in snapshot.notes:
            session.notify(level, text)
        if snapshot.error is not None:
            session.notify("error", snapshot.error)
        if snapshot.figures is not None:
            session.set_final_figures(*snapshot.figures)
        return snapshot.state is not None and self._change_state(snapshot.state)

    def _change_state(self, state: RunState) -> bool:
        session, before = self._session, self._session.run_state
        session.set_run_state(state)
        resting = before in AT_WORK and state in AT_REST
        if resting:
            self._results.autosave()
            if state == RunState.FINISHED and self._results.keeps_tracks:
                session.notify(
                    "good",
                    f"Finished: {session.newest_optimised} EM iterations. Your verdict, please: 1, 2 or 3.",
                )
        return resting

    def _resume(self, snapshot: Snapshot) -> None:
        """The runs of an earlier session are there again, with all their iterations."""
        session = self._session
        newest = max((r.index for r in snapshot.records if r.run == snapshot.owner), default=0)
        saved = next((record for record in session.records() if record.saved), None)
        session.drop_saved()
        self._results.adopt(saved, snapshot.owner, newest)
        count = len({record.run for record in snapshot.records if record.index})
        what = "run of the last session, with all its" if count < 2 else f"{count} runs kept here, with their"
        session.notify("info", f"The {what} iterations. Return goes on with the shown one.")

    def _replaced_by_saved(self, record: IterationRecord) -> bool:
        known = self._session.record(record.index)
        return known is not None and known.saved and not record.saved

"""Blind comparison: which of two methods is better, on random sides, without names; one pair in ten is of twins."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from neuface_engine.errors import NeuFaceError
from neuface_engine.review.proof.blind import (
    Comparison,
    Trial,
    ab_results,
    draw_ab,
    judge_trial,
    load_ab,
    open_trials,
)
from neuface_studio.comparison import ENCODER
from neuface_studio.model import FIRST_RUN, CompareMode, IterationRecord, run_title
from neuface_studio.reviewing.desk import ReviewDesk
from neuface_studio.running import FLAME_FITTING
from neuface_studio.session import RunState, Session

NEUFACE, FITTING = "neuface", "flame-fitting"
OTHERS = {ENCODER: "the encoder", FITTING: FLAME_FITTING}
"""What the result is compared with, as the log and as the window call it."""

LEFT = "left side"  # its name among the comparison's choices


class BlindTrials(QObject):
    """``changed`` follows every step. While a trial is on, both sides are shown without names or figures."""

    changed = Signal()

    def __init__(self, session: Session, desk: ReviewDesk, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._desk = session, desk
        self.trial: Trial | None = None
        self.on = False
        self._chosen = ENCODER  # what was compared with before
        self._other = ENCODER  # what the trials are against
        # Not at once: in the midst of a change of run the names and the meshes are of two runs.
        self._settled = QTimer(self, singleShot=True, interval=0)
        self._settled.timeout.connect(self._try)
        for change in (
            session.history_changed,
            session.comparison.choices_changed,
            session.run_state_changed,
        ):
            change.connect(self._settled.start)

    def begin(self, other: str = ENCODER) -> bool:
        """Go on with the trials against this method, drawn now where there are none; False where that does not go.

        other   one of `OTHERS`; another one than before is drawn anew
        """
        project = self._desk.project
        if project is None:
            return False
        reviewer = self._desk.reviewer()
        try:
            events = project.index.events("ab_drawn", "undo")
            drawn = load_ab(events)
            if drawn is None or set(drawn[1:]) != {NEUFACE, other}:
                rows = [row.name for row in project.index.rows(order="name") if row.has_track]
                draw_ab(project, NEUFACE, other, reviewer=reviewer, names=rows)
            trials = open_trials(project, reviewer)
        except NeuFaceError as error:
            self._session.notify("error", str(error))
            return False
        if not trials:
            self._session.notify("good", "All trials of the blind comparison are judged.")
            return False
        self._other = other
        self._set_on(True)
        self._take(trials[0])
        return True

    def end(self) -> None:
        """Back to the names."""
        self.trial = None
        if self._session.run_name == FLAME_FITTING and self._session.run_state == RunState.RUNNING:
            self._desk.toggle_run()
        self._restore()
        self._session.show_run(FIRST_RUN)
        self._set_on(False)
        self.changed.emit()

    def _set_on(self, on: bool) -> None:
        # What is fitted for a trial is compared with, and never takes the place of the track that was judged.
        self.on = on
        self._desk.keep_tracks(not on)

    def answer(self, choice: str) -> bool:
        """ "left", "right" or "tie" for the shown trial; the next one follows. False where none is shown."""
        project, trial = self._desk.project, self.trial
        if not self.on or trial is None or project is None or not self.ready:
            return False
        try:
            judge_trial(project, trial, choice, self._desk.reviewer())
            trials = open_trials(project, self._desk.reviewer())
        except NeuFaceError as error:
            self._session.notify("error", f"The choice is not saved: {error}")
            return False
        self.trial = None
        self._restore()
        if trials:
            self._take(trials[0])
        else:
            self._set_on(False)
            self._session.notify("good", "That was the last trial of the blind comparison.")
            self.changed.emit()
        return True

    @property
    def drawn_against(self) -> str | None:
        """What the drawn comparison is against, of `OTHERS`; None where none is drawn."""
        project = self._desk.project
        try:
            drawn = None if project is None else load_ab(project.index.events("ab_drawn", "undo"))
        except NeuFaceError:
            return None
        return next((name for name in OTHERS if drawn is not None and name in drawn[1:]), None)

    @property
    def progress(self) -> str:
        """How far the sides of the trial are, in words."""
        session = self._session
        if session.run_name == FLAME_FITTING and session.newest is not None:
            return f"One side is being fitted: {session.newest} of {session.target_iterations} iterations…"
        return "Both sides are being made…"

    @property
    def ready(self) -> bool:
        """Whether both sides of the trial are on the screen."""
        return self._session.comparison.blind is not None

    def results(self) -> dict[str, Comparison]:
        """What every reviewer's choices say so far."""
        project = self._desk.project
        try:
            return {} if project is None else ab_results(project)
        except NeuFaceError as error:
            self._session.notify("error", str(error))
            return {}

    def left(self) -> int:
        """How many trials this reviewer has before them."""
        project = self._desk.project
        try:
            return 0 if project is None else len(open_trials(project, self._desk.reviewer()))
        except NeuFaceError:
            return 0

    def _take(self, trial: Trial) -> None:
        self.trial = trial
        if self._session.sequence_name != trial.sequence:
            self._desk.going.open_name(trial.sequence)
        self._try()
        self.changed.emit()

    @Slot()
    def _try(self) -> None:
        """Put both sides up as soon as they are there."""
        session, trial = self._session, self.trial
        if not self.on or trial is None or session.comparison.blind is not None:
            return
        if session.sequence_name != trial.sequence:
            return
        comparison = session.comparison
        # Also where both sides are the same: how long it takes must not tell.
        if self._other == FITTING and run_title(FLAME_FITTING) not in comparison.choices:
            self._prepare_fitting()
            return
        own = session.record()
        if self._other == ENCODER and comparison.choices.get(ENCODER) is None:
            comparison.set_mode(CompareMode.SIDE)
            comparison.changed.emit()  # has the encoder at work, if it waits
            return
        fitted = comparison.choices.get(run_title(FLAME_FITTING))
        sides = {NEUFACE: own, FITTING: fitted, **comparison.choices}
        left, right = sides.get(trial.left), sides.get(trial.right)
        if own is None or own.index == 0 or left is None or right is None:
            return
        self._chosen = comparison.chosen
        comparison.blind = nameless(right, "right")
        comparison.offer(LEFT, nameless(left, "left"))
        comparison.choose(LEFT)
        comparison.set_mode(CompareMode.SIDE)
        self.changed.emit()

    def _prepare_fitting(self) -> None:
        """FLAME fitting of the open sequence, run to its end; the result is offered for comparison."""
        session = self._session
        if session.run_state in (RunState.PREPARING, RunState.EMPTY):
            return
        if session.run_state == RunState.FAILED:
            self.end()
        elif session.run_name != FLAME_FITTING:
            self._desk.fit_to_compare()
        elif session.run_state != RunState.RUNNING and session.newest is not None:
            if session.newest_optimised < session.target_iterations:
                self._desk.toggle_run()
            else:
                session.show_run(FIRST_RUN)
        self.changed.emit()

    def _restore(self) -> None:
        comparison = self._session.comparison
        if comparison.blind is None:
            return
        comparison.blind = None
        comparison.withdraw(LEFT)
        comparison.choose(self._chosen)
        comparison.set_mode(CompareMode.OFF)


def nameless(record: IterationRecord, side: str) -> IterationRecord:
    """A state without its name and its figures."""
    unknown = np.full_like(record.nme_percent, np.nan)
    return replace(
        record, alias=side, planted=side, cvd_mm=unknown, msi=unknown, nme_percent=unknown, losses={}
    )

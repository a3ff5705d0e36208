"""A planted failure in the place of a track: how it is shown, and what is said of it. Nothing reaches the sequence."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QObject

from neuface_engine.errors import NeuFaceError
from neuface_engine.review import Project
from neuface_engine.review.events import Note, Undo
from neuface_engine.review.proof import KINDS, Plant
from neuface_engine.review.proof.stream import plant_event
from neuface_studio.given_tracks import record_of_track
from neuface_studio.model import Judgement
from neuface_studio.results import Results, verdict_on, verdict_words
from neuface_studio.reviewing.going_on import GoingOn
from neuface_studio.session import Session
from neuface_studio.undo import Change
from neuface_studio.verdicts import Said
from neuface_studio.worker.mailbox import SavedResult


class Planted(QObject):
    """``track`` is the planted one that is shown, or None; ``said`` what the reviewer said of each sequence's plant."""

    def __init__(
        self,
        session: Session,
        results: Results,
        going: GoingOn,
        project_of: Callable[[], Project | None],
        reviewer: Callable[[], str],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._results, self._going = session, results, going
        self._project_of, self._reviewer = project_of, reviewer
        self.track: Any = None
        self.notes: list[Note] = []
        self.said: dict[str, str] = {}
        self._kind: str | None = None
        self._effect_mm: float | None = None
        results.disguise = self._disguised

    @property
    def plant(self) -> Plant | None:
        """What is to be shown in the open sequence; None where its own track is."""
        item = self._going.current
        if item is None or item.plant is None or item.sequence != self._session.sequence_name:
            return None
        return item.plant

    @property
    def is_shown(self) -> bool:
        """Whether the shown state is planted."""
        record = self._session.record()
        return record is not None and bool(record.planted)

    @property
    def practising(self) -> bool:
        """Whether what is shown belongs to the practice block, which says what was planted."""
        return self.plant is not None and self.plant.practice

    def _disguised(self, saved: SavedResult) -> SavedResult:
        """The planted failure in the place of the saved result, where one is to be shown."""
        from neuface_engine.tracks.plants import visible_plant

        plant, footage = self.plant, self._session.footage
        self.track = self._kind = self._effect_mm = self._results.judgement_on_plant = None
        self.notes = []
        if plant is None or footage is None:
            return saved
        try:
            track, self._kind, self._effect_mm = visible_plant(
                saved.track, plant.kind, plant.severity, plant.seed
            )
        except NeuFaceError:
            return saved
        self.track = track
        return SavedResult(track, replace(record_of_track(track, footage), planted=plant.id))

    def judge(self, said: Said, watched: bool) -> bool:
        """Keep the verdict on what was planted, and look as after any other; False where it could not be kept."""
        session, plant, project, verdict = self._session, self.plant, self._project_of(), said.verdict
        if plant is None or project is None:
            return False
        summary = {} if said.coverage is None else said.coverage.summary(project.coverage_rule)
        event = plant_event(
            plant, verdict, said.reviewer, coverage=summary, kind=self._kind, effect_mm=self._effect_mm
        )
        try:
            project.log.append(event)
        except NeuFaceError as error:
            session.notify("error", f"The verdict is not saved: {error}")
            return False
        self._going.plant_done(plant.id)
        name, clock = session.sequence_name, time.strftime("%H:%M")
        if plant.practice:
            self._tell(plant, verdict)
        else:
            self.said[name] = verdict
            self._remember(project, event.id, verdict)
            record = session.record()
            words = verdict_words(verdict, 0 if record is None else record.index)
            session.notify("good", words, about=verdict_on(name))
        session.autosaved_at = time.strftime("%H:%M:%S")
        self._results.judgement_on_plant = Judgement(
            verdict, said.note, said.reviewer, clock, reasons=said.reasons, watched=watched
        )
        self._results.show_judgement()
        session.status_changed.emit()
        return True

    def _tell(self, plant: Plant, verdict: str) -> None:
        kind = KINDS[self._kind or plant.kind].partition(" by ")[0]  # the figure is that of severity 2
        what = f"{kind}, severity {plant.severity} of 4"
        caught = "you accepted it" if verdict == "accept" else "you caught it"
        words = f"Practice: {what}; {caught}."
        if not self._going.practice_left():
            words += " That was the last one for practice; from now on nothing says what is planted."
        self._session.notify("good" if verdict != "accept" else "warning", words)

    def _remember(self, project: Project, event: str, verdict: str) -> None:
        """Let it be undone as any other verdict; the window goes back to the very same plant."""
        item, reviewer, session = self._going.current, self._reviewer(), self._session
        undos = [event]
        assert item is not None and item.plant is not None
        plant = item.plant

        def turn(*, back: bool) -> None:
            undo = Undo(undos[-1], reviewer)
            project.log.append(undo)
            undos.append(undo.id)
            if back:
                session.withdraw(verdict_on(item.sequence))
                self.said.pop(item.sequence, None)
                self._going.plant_open_again(plant.id)
                self._results.judgement_on_plant = None
                if self.plant == plant:
                    self._results.show_judgement()
                else:
                    self._going.open_item(item)
            else:
                self.said[item.sequence] = verdict
                self._going.plant_done(plant.id)

        session.undo_stack.push(
            Change(f"{verdict} {item.sequence}", lambda: turn(back=True), lambda: turn(back=False))
        )

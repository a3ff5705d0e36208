"""What is kept on the disk: the track of the newest iteration, and the reviewer's verdicts on it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QObject

from neuface_engine.errors import NeuFaceError
from neuface_engine.review import Undo, Verdict
from neuface_studio import projects
from neuface_studio.session import Footage, IterationRecord, Session
from neuface_studio.undo import Change
from neuface_studio.verdicts import VerdictBook
from neuface_studio.worker import SavedResult

VERDICT_WORDS = {"accept": "Accepted", "reject": "Rejected", "unsure": "Marked unsure"}


class Results(QObject):
    """The project folder of the open footage. ``track_of(iteration)`` gives the `FaceTrack` to save, or None."""

    def __init__(
        self, session: Session, track_of: Callable[[int], Any], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.session = session
        self._track_of = track_of
        self._book: VerdictBook | None = None
        self._saved: tuple[str, int] | None = None  # the run and the iteration in the file
        self._newest_when_saved: dict[str, int] = {}

    def open(self, folder: Path, source: Path | None, wanted: str) -> None:
        """Keep what follows in this project; problems are announced."""
        from neuface_engine.review import Project

        try:
            project = Project.create(folder)
            name = projects.sequence_name(folder, source, wanted)
            projects.remember_source(folder, source, name)
            self._book = VerdictBook(project, name)
            self.session.sequence_name = name
            problems = self._book.problems
        except NeuFaceError as error:
            self._book = None
            self.session.notify("error", f"Results and verdicts cannot be kept: {error}")
            return
        for problem in problems[:3]:
            self.session.notify("warning", problem)

    def close(self) -> None:
        """Forget the project."""
        self._book = None
        self.begin_run()

    def begin_run(self) -> None:
        """A new run: none of its iterations is saved."""
        self._saved = None
        self._newest_when_saved = {}

    def autosave(self) -> bool:
        """Keep the newest optimised iteration as the project's track, if it is not kept already."""
        newest = self.session.newest_optimised
        # Not after a verdict on an earlier iteration: that one is the result until the run goes on.
        if newest == 0 or newest <= self._newest_when_saved.get(self.session.run_name, 0):
            return False
        return self._save_track(newest)

    def _save_track(self, iteration: int) -> bool:
        session = self.session
        track = self._track_of(iteration)
        if track is None or self._book is None:
            return False
        try:
            track.save(self._book.track_file)
        except NeuFaceError as error:
            session.notify("error", f"The track is not saved: {error}")
            return False
        self._saved = session.run_name, iteration
        self._newest_when_saved[session.run_name] = session.newest_optimised
        session.autosaved_at = time.strftime("%H:%M:%S")
        self.show_judgement()
        session.status_changed.emit()
        return True

    def load_saved_track(self) -> SavedResult | None:
        import neuface_engine as nf

        session = self.session
        if self._book is None or session.footage is None:
            return None
        try:
            path = self._book.track_file
            if not path.exists():
                return None
            track = nf.FaceTrack.load(path, head=session.footage.head)
            record = record_of_track(track, session.footage)
        except NeuFaceError as error:
            session.notify("warning", f"The saved track is left aside: {error}")
            return None
        session.add_records([record])
        session.notify(
            "info", f"The saved result of {record.index} EM iterations. A new run starts from the encoder."
        )
        return SavedResult(track, record)

    def judge(self, verdict: str, note: str, reviewer: str) -> None:
        """Save the shown iteration and the verdict on it, at once."""
        session = self.session
        record = session.record()
        if record is None or self._book is None or session.footage is None:
            return
        kept = record.saved or (record.run, record.index) == self._saved
        if not kept and not self._save_track(record.index):
            return
        try:
            self._remember(self._book.add(verdict, note, reviewer), reviewer)
        except NeuFaceError as error:
            session.notify("error", f"The verdict is not saved: {error}")
            return
        session.autosaved_at = time.strftime("%H:%M:%S")
        self.show_judgement()
        session.notify(
            "good", f"{VERDICT_WORDS[verdict]}, iteration {record.index}. Saved; Ctrl+Z takes it back."
        )
        session.status_changed.emit()

    def _remember(self, verdict: Verdict, reviewer: str) -> None:
        """Let the verdict be undone and redone: both are events of the log."""
        if self._book is None:
            return
        log = self._book.log
        undos: list[str] = []

        def take_back() -> None:
            undo = Undo(target=verdict.id, reviewer=reviewer)
            log.append(undo)
            undos.append(undo.id)
            self.show_judgement()

        def judge_again() -> None:
            log.append(Undo(target=undos.pop(), reviewer=reviewer))
            self.show_judgement()

        text = f"{verdict.verdict} {verdict.sequence}"
        self.session.undo_stack.push(Change(text, take_back, judge_again, self.session.place()))

    def recall(self, reviewer: str) -> bool:
        """Offer to undo the verdict that stands from an earlier session; False where there is none."""
        verdict = None if self._book is None else self._book.last()
        if verdict is not None:
            self._remember(verdict, reviewer)
        return verdict is not None

    def show_judgement(self) -> None:
        judgement = None
        if self._book is not None:
            try:
                judgement = self._book.current()
            except NeuFaceError as error:
                self.session.notify("error", str(error))
        self.session.set_judgement(judgement)


def record_of_track(track: Any, footage: Footage, *, name: str = "") -> IterationRecord:
    """A saved track as a shown iteration. Raises TrackError if it does not fit the footage."""
    import neuface_engine as nf

    parameters = track.parameters
    expected = tuple(footage.sequence.landmarks.shape[:2])
    if tuple(parameters.batch_shape) != expected:
        raise nf.TrackError(
            f"it has {tuple(parameters.batch_shape)} frames and views, the footage has {expected}; run again"
        )
    views = len(footage.sequence.views)
    empty = np.full(views, np.nan)
    index = int(track.provenance.get("iterations", 0) or 0)
    return IterationRecord(
        index=max(index, 1),
        parameters=parameters,
        losses={},
        cvd_mm=empty,
        msi=empty,
        nme_percent=empty,
        seconds=0.0,
        saved=True,
        run=name,
    )


def default_reviewer() -> str:
    """The name under which the user is logged in, as a first guess."""
    for variable in ("NEUFACE_REVIEWER", "USER", "USERNAME", "LOGNAME"):
        if os.environ.get(variable):
            return os.environ[variable]
    return "reviewer"

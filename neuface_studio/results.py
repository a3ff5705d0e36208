"""What is kept on the disk: the track of the newest iteration, and the reviewer's verdicts on it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from neuface_engine.errors import NeuFaceError
from neuface_engine.review import Project, Undo, Verdict
from neuface_engine.review.queue import QueueRow
from neuface_studio import faces, name_file, projects
from neuface_studio.given_tracks import load_track, record_of_track
from neuface_studio.open_projects import OpenProjects
from neuface_studio.session import IterationRecord, Judgement, Session
from neuface_studio.undo import Change
from neuface_studio.verdicts import Said, VerdictBook
from neuface_studio.worker import SavedResult

FEW = 5000  # sequences among which footage is looked for by its path
VERDICT_WORDS = {"accept": "Accepted", "reject": "Rejected", "unsure": "Marked unsure"}


@dataclass
class KeptResults:
    """The project of a sequence, and which of its iterations are in the file.

    saved    the run and the iteration in the file
    newest   the newest iteration of each run when it was last saved
    """

    book: VerdictBook | None
    saved: tuple[str, int] | None
    newest: dict[str, int]


class Results(QObject):
    """The project folder of the open footage. ``track_of(iteration)`` gives the `FaceTrack` to save, or None.

    ``kept`` follows when a sequence has its project, and when its track was written; ``leaving`` comes before the
    project is forgotten. ``disguise`` may put another result in the place of the saved one that is shown.
    """

    kept = Signal()
    leaving = Signal()

    def __init__(
        self,
        session: Session,
        track_of: Callable[[int], Any],
        parent: QObject | None = None,
        *,
        projects: OpenProjects | None = None,
    ) -> None:
        super().__init__(parent)
        self.session = session
        self._projects = projects or OpenProjects()
        self._track_of = track_of
        self._book: VerdictBook | None = None
        self._saved: tuple[str, int] | None = None  # the run and the iteration in the file
        self._newest_when_saved: dict[str, int] = {}
        session.names.changed.connect(self._keep_names)
        self.disguise: Callable[[SavedResult], SavedResult] = lambda saved: saved
        self.judgement_on_plant: Judgement | None = None
        self.keeps_tracks = True  # not while runs are made only to be compared with
        # The one reviewer whose verdict may be shown; "" = anyone's.
        self.sees_only: Callable[[], str] = lambda: ""

    @property
    def many(self) -> bool:
        """Whether the open sequence is one of many: then it is looked at more often than optimised."""
        try:
            return self._book is not None and self._book.project.index.count() > 1
        except NeuFaceError:
            return False

    def in_file(self, record: IterationRecord) -> bool:
        """Whether this state is the track on the disk."""
        return not record.planted and (record.saved or (record.run, record.index) == self._saved)

    def open(self, folder: Path, source: Path | None, wanted: str, *, name: str = "") -> None:
        """Keep what follows in this project, under ``name`` where it is known; problems are announced."""
        try:
            project = self._projects.get(folder)
            name = name or name_in_project(project, source, wanted)
            project.add_sequence(name, source=None if source is None else source.expanduser().resolve())
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
        if self.runs_folder is not None:
            self.session.names.take(name, name_file.recall(self.runs_folder))
        self.kept.emit()

    @Slot()
    def _keep_names(self) -> None:
        """Write down what the runs are called, where that is news."""
        folder, titles = self.runs_folder, self.session.names.titles_of(self.session.sequence_name)
        if folder is None or titles == name_file.recall(folder):
            return
        try:
            name_file.remember(folder, titles)
        except NeuFaceError as error:
            self.session.notify("error", f"The name is not saved: {error}")

    def close(self) -> None:
        """Forget the project."""
        self.begin_run()
        self._book = None

    def put_aside(self) -> KeptResults:
        """Leave the sequence for another one."""
        kept = KeptResults(self._book, self._saved, self._newest_when_saved)
        self.close()
        return kept

    def take_back(self, kept: KeptResults) -> None:
        """Go on with a sequence that was put aside."""
        self._book, self._saved, self._newest_when_saved = kept.book, kept.saved, kept.newest
        self.kept.emit()
        self.show_judgement()

    @property
    def book(self) -> VerdictBook | None:
        """What is kept of the open sequence; None where it has no project."""
        return self._book

    @property
    def runs_folder(self) -> Path | None:
        """Where the states of the runs are kept for the next session; None where nothing is kept."""
        if self._book is None:
            return None
        try:
            run = faces.MAIN if self.session.footage is None else self.session.footage.sequence.face
            return self._book.project.run_folder(self.session.sequence_name, faces.run_name(run))
        except NeuFaceError:
            return None

    def adopt(self, saved: IterationRecord | None, run: str, newest: int) -> None:
        """Runs of an earlier session are there again: the saved result is an iteration of ``run``, whose last is
        ``newest``."""
        self.show_judgement()
        if saved is not None:
            judgement = self.session.judgement
            judged = judgement is not None and not judgement.stale
            self._saved = run, saved.index
            # What was judged stays until the run goes on; otherwise the newest is to be kept.
            self._newest_when_saved = {run: newest if judged else saved.index}

    def begin_run(self) -> None:
        """A new run: none of its iterations is saved."""
        self.leaving.emit()
        self._saved = None
        self._newest_when_saved = {}

    def compare_only(self, run: str) -> None:
        """What this run of the open sequence finishes is compared with, and never becomes the track by itself."""
        self._newest_when_saved[run] = sys.maxsize

    def autosave(self) -> bool:
        """Keep the newest optimised iteration as the project's track, if it is not kept already."""
        newest = self.session.newest_optimised
        if not self.keeps_tracks:
            return False
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
            self._book.check_writable()
            track.save(self._book.track_file)
        except NeuFaceError as error:
            session.notify("error", f"The track is not saved: {error}")
            return False
        self._saved = session.run_name, iteration
        self._newest_when_saved[session.run_name] = session.newest_optimised
        session.autosaved_at = time.strftime("%H:%M:%S")
        self.show_judgement()
        session.status_changed.emit()
        self.kept.emit()
        return True

    def load_saved_track(self) -> SavedResult | None:

        session = self.session
        if self._book is None or session.footage is None:
            return None
        try:
            if faces.settle(self._book.project, self._book.sequence, session.footage.sequence.face):
                session.notify("info", "The track of another face was set aside; choose that face to see it.")
            path = self._book.track_file
            if not path.exists():
                return None
            track = load_track(path, session.footage)
            record = record_of_track(track, session.footage)
        except NeuFaceError as error:
            session.notify("warning", f"The saved track is left aside: {error}")
            return None
        result = self.disguise(SavedResult(track, record))
        session.add_records([result.record])
        if not self.many:
            what = (
                f"result of {record.origin}" if record.origin else f"result of {record.index} EM iterations"
            )
            session.notify("info", f"The saved {what}. A new run starts from the encoder.")
        return result

    def judge(self, said: Said) -> bool:
        """Save the shown iteration and the verdict on it, at once; False where that fails."""
        session = self.session
        record = session.record()
        if record is None or self._book is None or session.footage is None or record.planted:
            return False
        if not self.in_file(record) and not self._save_track(record.index):
            return False
        self.leaving.emit()  # what was shown of it comes before the verdict in the log
        try:
            given = self._book.add(said)
            self._remember(given, said.reviewer)
        except NeuFaceError as error:
            session.notify("error", f"The verdict is not saved: {error}")
            return False
        session.autosaved_at = time.strftime("%H:%M:%S")
        self.show_judgement()
        words = verdict_words(said.verdict, record.index, last_word=said.adjudicate)
        session.notify("good", words, about=verdict_on(given.sequence))
        session.status_changed.emit()
        return True

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
            self.session.withdraw(verdict_on(verdict.sequence))
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
        judgement, record = None, self.session.record()
        if record is not None and record.planted:
            judgement = self.judgement_on_plant
        elif self._book is not None:
            try:
                judgement = self._book.current(self.sees_only())
            except NeuFaceError as error:
                self.session.notify("error", str(error))
        self.session.set_judgement(judgement)


def verdict_on(sequence: str) -> str:
    """What a notice about the verdict on a sequence is about."""
    return f"verdict on {sequence}"


def verdict_words(verdict: str, iteration: int, *, last_word: bool = False) -> str:
    """What the reviewer is told after a verdict."""
    word = VERDICT_WORDS[verdict]
    word = f"Settled: {word.lower()}" if last_word else word
    return f"{word}, iteration {iteration}. Saved; Ctrl+Z takes it back."


def name_in_project(project: Project, source: Path | None, wanted: str) -> str:
    """The footage's name in the project: the one it is listed under, else ``wanted``, made free.

    Raises ProjectError.
    """
    if source is not None:
        place = source.expanduser().resolve()
        if _is_at(project, project.index.row(wanted), place):
            return wanted
        if project.index.count() <= FEW:
            rows = project.index.rows(order="name")
            found = next((row.name for row in rows if _is_at(project, row, place)), None)
            if found is not None:
                return found
    return projects.sequence_name(project.folder, source, wanted)


def _is_at(project: Project, row: QueueRow | None, place: Path) -> bool:
    """Whether the footage of a row lies there; its path counts from the project's folder."""
    return row is not None and row.source is not None and (project.folder / row.source).resolve() == place


def default_reviewer() -> str:
    """The name under which the user is logged in, as a first guess."""
    for variable in ("NEUFACE_REVIEWER", "USER", "USERNAME", "LOGNAME"):
        if os.environ.get(variable):
            return os.environ[variable]
    return "reviewer"

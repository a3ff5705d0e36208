"""The reviewer's desk: takes verdicts, goes on to what comes next, plants failures and says what came of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from neuface_engine.errors import NeuFaceError
from neuface_engine.review import Project
from neuface_engine.review.events import Note, Undo
from neuface_engine.review.neighbours import Neighbour
from neuface_engine.review.proof import KINDS, StreamItem, judge_plant
from neuface_engine.review.queue import Filter, QueueRow
from neuface_studio.controller import Controller
from neuface_studio.results import default_reviewer, record_of_track
from neuface_studio.reviewing.flagging import Flagger
from neuface_studio.reviewing.going_on import GoingOn
from neuface_studio.reviewing.reading_ahead import ReadAhead
from neuface_studio.reviewing.watching import Watcher
from neuface_studio.session import RunState, Session
from neuface_studio.undo import Change
from neuface_studio.worker.loading import LoadRequest
from neuface_studio.worker.mailbox import SavedResult

AHEAD_MS = 700  # what comes next is read once the reviewer has settled on what is open


class ReviewDesk(QObject):
    """``judged(verdict)`` follows every verdict; ``notes_changed`` every note; ``alike_changed`` a reject."""

    judged = Signal(str)
    notes_changed = Signal()
    alike_changed = Signal()

    def __init__(
        self,
        session: Session,
        controller: Controller,
        project_of: Callable[[], Project | None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._controller, self._results = session, controller, controller.results
        self.reviewer_name = default_reviewer()
        self.adjudicating = False
        self.switching = False  # from one sequence to another that is at hand
        self.flagger = Flagger(session, self._results, self)
        self.watcher = Watcher(session, self._results, self.reviewer, self)
        self.going = GoingOn(session, project_of, self.reviewer, self)
        self.ahead = ReadAhead(self)
        self.alike: list[Neighbour] = []
        self.alike_to = ""
        self._effect_mm: float | None = None
        self._planted_kind: str | None = None
        self._project_of = project_of
        controller.opener.ahead = self.ahead.take
        self._results.disguise = self._disguised
        self._results.kept.connect(self._on_kept)
        self.going.wanted.connect(self._open)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(AHEAD_MS)
        self._timer.timeout.connect(self._read_ahead)

    def reviewer(self) -> str:
        return self.reviewer_name

    @property
    def project(self) -> Project | None:
        return self._project_of()

    @property
    def practising(self) -> bool:
        """Whether what is shown belongs to the practice block, which says what was planted."""
        item = self.going.current
        return item is not None and item.plant is not None and item.plant.practice

    def stop(self) -> None:
        """End timers and threads."""
        self._timer.stop()
        self.flagger.stop()
        self.watcher.stop()
        self.ahead.stop()

    # Verdicts

    def judge(self, verdict: str, note: str, reasons: tuple[str, ...], *, stay: bool = False) -> bool:
        """Keep the verdict on what is shown, then go on; False where it could not be kept."""
        session, coverage = self._session, self.watcher.coverage
        name, sufficient, lacking = session.sequence_name, self.watcher.sufficient, self.watcher.lacking
        plant = None if self.going.current is None else self.going.current.plant
        words: list[str] = []
        if plant is not None and self._shows_plant():
            sufficient = True  # how well a plant was watched is on record with it
            feedback = self._judge_plant(verdict)
            if feedback is None:
                return False
            words.append(feedback)
        else:
            kept = self._results.judge(
                verdict,
                note,
                self.reviewer(),
                reasons=reasons,
                coverage=coverage,
                adjudicate=self.adjudicating,
            )
            if not kept:
                return False
            if verdict == "reject":
                self.alike_to, self.alike = name, self.going.like(name)
                self.alike_changed.emit()
        self.going.count_verdict()
        self.judged.emit(verdict)
        unwatched = verdict == "accept" and not sufficient
        if unwatched:
            words.append(f"Accepted, but too little was watched to count as evidence: {lacking}.")
        if not stay and not self.going.go_on() and self.going.many:
            words.append("That was the last one without a verdict.")
        if words:
            session.notify("warning" if unwatched else "good", " ".join(words))
        return True

    def look_alikes_first(self) -> bool:
        """Put what is most like the last reject before everything else, and go there; False without any."""
        if not self.alike:
            return False
        self.going.put_first([neighbour.name for neighbour in self.alike])
        self.alike = []
        self.alike_changed.emit()
        return self.going.go_on()

    def disputes(self) -> list[tuple[str, str]]:
        """(sequence, who says what) of each on which reviewers differ and nobody has adjudicated."""
        project = self.project
        try:
            rows = [] if project is None else project.index.rows(Filter(disputed=True), order="name")
            said = {row.name: project.all_verdicts(row.name) for row in rows} if project is not None else {}
        except NeuFaceError as error:
            self._session.notify("error", str(error))
            return []
        last = {name: {v.reviewer: v.verdict for v in verdicts} for name, verdicts in said.items()}
        return [(name, ", ".join(f"{who}: {what}" for who, what in by.items())) for name, by in last.items()]

    # Notes

    def notes(self) -> list[Note]:
        """Those on the open sequence, in the order of their frames."""
        book = self._results.book
        try:
            found = [] if book is None else book.project.notes(book.sequence)
        except NeuFaceError as error:
            self._session.notify("error", str(error))
            found = []
        return sorted(found, key=lambda note: (-1, -1) if note.frames is None else note.frames)

    def add_note(
        self, text: str, frames: tuple[int, int] | None, views: tuple[str, ...], regions: tuple[str, ...]
    ) -> bool:
        """Keep a note; False where there is nothing to keep, or it cannot be kept."""
        book = self._results.book
        if book is None or not text.strip():
            return False
        note = Note(
            book.sequence,
            text.strip(),
            self.reviewer(),
            frames=frames,
            views=views,
            regions=regions,
            track_hash=book.track_hash,
        )
        return self._say(note, f"note on {book.sequence}")

    def delete_note(self, note: Note) -> None:
        """Take a note back: an event of the log, which can be undone."""
        self._say(Undo(note.id, self.reviewer()), f"deletion of a note on {note.sequence}")

    def _say(self, event: Note | Undo, text: str) -> bool:
        book = self._results.book
        if book is None:
            return False
        log, reviewer, undos = book.log, self.reviewer(), [event.id]
        try:
            log.append(event)
        except NeuFaceError as error:
            self._session.notify("error", f"The note is not kept: {error}")
            return False

        def turn() -> None:
            undo = Undo(undos[-1], reviewer)
            log.append(undo)
            undos.append(undo.id)
            self.notes_changed.emit()

        self._session.undo_stack.push(Change(text, turn, turn, self._session.place()))
        self.notes_changed.emit()
        return True

    # What is open

    @Slot(object, object)
    def _open(self, item: StreamItem, row: QueueRow) -> None:
        session = self._session
        folder = self._folder()
        if folder is None:
            return
        source = self.going.source_of(row.name)
        running = session.run_state == RunState.RUNNING
        fresh = item.plant is not None or self._shows_plant()
        session.set_playing(False)
        if not running:
            self._reuse(source)
        # What is at hand is shown at once: the panels need not be put away meanwhile.
        self.switching = source is not None and self.ahead.has(self._request(source))
        try:
            self._controller.open_sequence(folder, source, name=row.name, fresh=fresh)
        finally:
            self.switching = False

    def _folder(self) -> Path | None:
        project = self.project
        return None if project is None else project.folder

    def _reuse(self, source: Path | None) -> None:
        """Several sequences may share their footage: what is open need not be read again."""
        footage = self._session.footage
        if footage is None or footage.is_demo or source is None:
            return
        if Path(footage.sequence.path).expanduser().resolve() == source.expanduser().resolve():
            self.ahead.put(self._request(source), footage)

    def _request(self, source: Path) -> LoadRequest:
        preferences = self._controller.preferences
        if preferences is None:
            return LoadRequest(source)
        return LoadRequest(source, encoder=preferences.now.encoder, head=preferences.now.head)

    @Slot()
    def _on_kept(self) -> None:
        session, current = self._session, self.going.current
        if current is not None and current.sequence != session.sequence_name:
            self.going.current = None
        self.notes_changed.emit()
        self._timer.start()

    @Slot()
    def _read_ahead(self) -> None:
        if self._session.run_state in (RunState.RUNNING, RunState.PREPARING):
            return
        source = self.going.upcoming()
        footage = self._session.footage
        if source is None or footage is None or source == footage.sequence.path or not source.exists():
            return
        self.ahead.want(self._request(source))

    # Planted failures

    def _shows_plant(self) -> bool:
        record = self._session.record()
        return record is not None and bool(record.planted)

    def _disguised(self, saved: SavedResult) -> SavedResult:
        """The planted failure in the place of the saved result, where one is to be shown."""
        from neuface_engine.tracks.plants import visible_plant

        item, footage = self.going.current, self._session.footage
        self._effect_mm = self._planted_kind = None
        if item is None or item.plant is None or item.sequence != self._session.sequence_name:
            return saved
        plant = item.plant
        assert footage is not None
        try:
            track, self._planted_kind, self._effect_mm = visible_plant(
                saved.track, plant.kind, plant.severity, plant.seed
            )
        except NeuFaceError:
            return saved
        return SavedResult(track, replace(record_of_track(track, footage), planted=plant.id))

    def _judge_plant(self, verdict: str) -> str | None:
        """Keep the verdict on what was planted; what the reviewer is told, None where it could not be kept."""
        item, project = self.going.current, self.project
        assert item is not None and item.plant is not None
        if project is None:
            return None
        plant = item.plant
        try:
            caught = judge_plant(
                project,
                plant,
                verdict,
                self.reviewer(),
                coverage=self.watcher.coverage,
                kind=self._planted_kind,
                effect_mm=self._effect_mm,
            )
        except NeuFaceError as error:
            self._session.notify("error", f"The verdict is not saved: {error}")
            return None
        self.going.plant_done(plant.id)
        if not plant.practice:
            return "Saved."
        what = f"{KINDS[self._planted_kind or plant.kind]}, severity {plant.severity} of 4"
        return f"Practice: {what}; {'you caught it' if caught else 'you accepted it'}."

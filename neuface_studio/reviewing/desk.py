"""The reviewer's desk: takes verdicts, goes on to what comes next, plants failures and says what came of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from neuface_engine.errors import NeuFaceError
from neuface_engine.review import Project
from neuface_engine.review.events import Adjudication, Note, Undo, Verdict
from neuface_engine.review.flags import suspicion
from neuface_engine.review.neighbours import Neighbour
from neuface_engine.review.proof import StreamItem
from neuface_engine.review.queue import QueueRow
from neuface_studio.controller import Controller
from neuface_studio.results import default_reviewer, verdict_on
from neuface_studio.reviewing.flagging import Flagger
from neuface_studio.reviewing.going_on import GoingOn, disputed
from neuface_studio.reviewing.holding import Holding
from neuface_studio.reviewing.planted import Planted
from neuface_studio.reviewing.reading_ahead import ReadAhead
from neuface_studio.reviewing.watching import Watcher
from neuface_studio.running import FLAME_FITTING
from neuface_studio.session import RunState, Session
from neuface_studio.undo import Change
from neuface_studio.verdicts import Said
from neuface_studio.worker.loading import LoadRequest

AHEAD_MS = 700  # what comes next is read once the reviewer has settled on what is open


class ReviewDesk(QObject):
    """``judged(verdict)`` follows every verdict, ``notes_changed`` every note, ``alike_changed`` a reject,
    ``adjudicating_changed`` the beginning and the end of settling disputes."""

    judged = Signal(str)
    notes_changed = Signal()
    alike_changed = Signal()
    adjudicating_changed = Signal(bool)

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
        self._project_of = project_of
        self.planted = Planted(session, self._results, self.going, project_of, self.reviewer, self)
        self.holding = Holding(session, project_of, self.reviewer, self)
        self.flagger.track_in_place = lambda: self.planted.track if self.planted.is_shown else None
        self.flagger.at_once = lambda: not self.going.mixes_plants()
        controller.opener.ahead = self.ahead.take
        self._results.sees_only = self._sees_only
        self._results.kept.connect(self._on_kept)
        self.going.wanted.connect(self._open)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(AHEAD_MS)
        self._timer.timeout.connect(self._read_ahead)

    def reviewer(self) -> str:
        return self.reviewer_name

    def speak_as(self, name: str) -> None:
        """Another reviewer sits down: what may be seen is read again."""
        if name != self.reviewer_name:
            self.reviewer_name = name
            self.going.renew()
            self.holding.others_spoke.emit()

    @property
    def project(self) -> Project | None:
        return self._project_of()

    def stop(self) -> None:
        """End timers and threads."""
        self._timer.stop()
        self.flagger.stop()
        self.watcher.stop()
        self.ahead.stop()
        self.holding.stop()

    # Verdicts

    def judge(self, verdict: str, note: str, reasons: tuple[str, ...], *, stay: bool = False) -> bool:
        """Keep the verdict on what is shown, then go on; False where it could not be kept."""
        session, coverage = self._session, self.watcher.coverage
        name, sufficient, lacking = session.sequence_name, self.watcher.sufficient, self.watcher.lacking
        if not self._results.keeps_tracks:
            session.notify(
                "info", "A blind comparison is on: 4, 5 and 6 answer it; End goes back to the review."
            )
            return False
        words: list[str] = []
        practising = self.planted.practising
        said = Said(verdict, note, self.reviewer(), reasons, coverage)
        if self.planted.is_shown:
            if not self.planted.judge(said, sufficient):
                return False
        else:
            if not self._results.judge(replace(said, adjudicate=self.has_last_word())):
                return False
            self.planted.said.pop(name, None)
        if verdict == "reject" and not practising:
            shown = self.flagger.measures if self.planted.is_shown else None
            self.alike_to, self.alike = name, self.going.like(name, shown)
            self.alike_changed.emit()
        self.going.count_verdict()
        self.judged.emit(verdict)
        unwatched = verdict == "accept" and not sufficient and not practising
        if unwatched:
            words.append(f"Accepted {name}, but too little was watched to count as evidence: {lacking}.")
        if not stay and not self.going.go_on():
            if self.adjudicating:
                self.adjudicate(False)
                words.append("Settled; no dispute is left.")
            elif self.going.many:
                words.append("That was the last one without a verdict" + self._still_new() + ".")
        if words:
            session.notify("warning" if unwatched else "good", " ".join(words), about=verdict_on(name))
        return True

    def _still_new(self) -> str:
        count = self.going.without_track()
        if not count:
            return ""
        are = "is" if count == 1 else "are"
        return f" that has a track; {count} {are} not optimised yet (Queue > Optimise all)"

    def look_alikes_first(self) -> bool:
        """Put what is most like the last reject before everything else, and go there; False without any."""
        if not self.alike:
            return False
        self.going.put_first([neighbour.name for neighbour in self.alike])
        self.alike = []
        self.alike_changed.emit()
        return self.going.go_on()

    # Several reviewers

    def adjudicate(self, on: bool) -> bool:
        """Go through what reviewers differ on, with the last word; or back to the review. False without a dispute."""
        if on and not self.disputes():
            return False
        if on != self.adjudicating:
            self.adjudicating = on
            self.going.set_disputes_only(on)
            self._results.show_judgement()
            self.adjudicating_changed.emit(on)
        if on and not self.has_last_word():
            self.going.go_on()
        return True

    def has_last_word(self) -> bool:
        """Whether a verdict now settles: reviewers differ on what is open, or an adjudication of it is corrected."""
        project, name = self.project, self._session.sequence_name
        if not self.adjudicating or project is None or not name:
            return False
        try:
            return bool(disputed(project, (name,))) or any(
                isinstance(verdict, Adjudication) and verdict.reviewer == self.reviewer()
                for verdict in project.all_verdicts(name)
            )
        except NeuFaceError as error:
            self._session.notify("error", str(error))
            return False

    def disputes(self) -> list[tuple[str, str]]:
        """(sequence, who says what) of each on which reviewers differ and nobody has adjudicated."""
        project = self.project
        try:
            names = [] if project is None else disputed(project)
            said = {} if project is None else {name: project.all_verdicts(name) for name in names}
        except NeuFaceError as error:
            self._session.notify("error", str(error))
            return []
        last = {name: {v.reviewer: v.verdict for v in verdicts} for name, verdicts in said.items()}
        return [(name, ", ".join(f"{who}: {what}" for who, what in by.items())) for name, by in last.items()]

    def verdicts_here(self) -> list[Verdict]:
        """What everybody says of the open sequence, the newest last; only the own word where it is judged blind."""
        book = self._results.book
        if book is None or self.planted.is_shown:
            return []
        try:
            said = book.project.all_verdicts(book.sequence)
        except NeuFaceError as error:
            self._session.notify("error", str(error))
            return []
        own = self._sees_only()
        last = {(v.reviewer, v.kind): v for v in said if own in ("", v.reviewer)}
        return sorted(last.values(), key=lambda verdict: verdict.time)

    def is_out_of_date(self, verdict: Verdict) -> bool:
        """Whether a verdict on the open sequence is about other bytes than its track has now."""
        book = self._results.book
        return book is not None and verdict.is_stale(book.track_hash)

    def _sees_only(self) -> str:
        """This reviewer, where the others' verdicts on the open sequence must not be seen; else an empty string."""
        row = self._row()
        return self.reviewer() if row is not None and row.is_hidden else ""

    def _row(self) -> QueueRow | None:
        book = self._results.book
        try:
            return None if book is None else book.project.index.row(book.sequence)
        except NeuFaceError as error:
            self._session.notify("error", str(error))
            return None

    def as_shown(self, row: Any) -> Any:
        """A row of the queue without what must not be seen: what is planted."""
        said, judgement = self.planted.said.get(row.name), self._session.judgement
        is_open = row.name == self._session.sequence_name
        if said is not None and row.state == "tracked":
            row = replace(row, state=said)
        if not self.going.has_plants or not is_open:
            return row
        flags = self.flagger.flags
        if self.planted.is_shown:
            row = replace(row, state="tracked" if judgement is None else judgement.verdict)
        return replace(
            row,
            flags=tuple(flag.name for flag in flags),
            measures=self.flagger.measures,
            suspicion=suspicion(flags),
        )

    # Notes

    def notes(self) -> list[Note]:
        """Those on the open sequence, in the order of their frames; only the own ones where it is judged blind."""
        book, own = self._results.book, self._sees_only()
        try:
            found = [] if book is None else book.project.notes(book.sequence)
        except NeuFaceError as error:
            self._session.notify("error", str(error))
            found = []
        found = [note for note in found if own in ("", note.reviewer)]
        found += self.planted.notes if self.planted.is_shown else []
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
        book, aside = self._results.book, self.planted.notes
        if book is None:
            return False
        if self.planted.is_shown and (isinstance(event, Note) or event.target in [note.id for note in aside]):
            self._say_of_plant(event)
            return True
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

    def _say_of_plant(self, event: Note | Undo) -> None:
        """A note on what is planted is shown as long as it is, and goes nowhere."""
        notes = self.planted.notes
        before = list(notes)
        after = [*notes, event] if isinstance(event, Note) else [n for n in notes if n.id != event.target]

        def put(state: list[Note]) -> None:
            notes[:] = state
            self.notes_changed.emit()

        text = f"note on {self._session.sequence_name}"
        change = Change(text, lambda: put(before), lambda: put(after), self._session.place())
        self._session.undo_stack.do(change)

    # What a comparison takes

    def fit_to_compare(self) -> None:
        """Begin FLAME fitting of the open sequence, or show the run that there is; its track stays what it is."""
        self._results.compare_only(FLAME_FITTING)
        self._controller.fit()

    def toggle_run(self) -> None:
        """Let the optimiser run, or pause it."""
        self._controller.toggle_run()

    def keep_tracks(self, keep: bool) -> None:
        """Whether what the optimiser finishes becomes the track of the sequence."""
        self._results.keeps_tracks = keep

    # What is open

    @Slot(object, object)
    def _open(self, item: StreamItem, row: QueueRow) -> None:
        session = self._session
        folder = self._folder()
        if folder is None:
            return
        source = self.going.source_of(row.name)
        running = session.run_state == RunState.RUNNING
        fresh = item.plant is not None or self.planted.is_shown
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
            self.ahead.put(replace(self._request(source), face=footage.sequence.face), footage)

    def _request(self, source: Path) -> LoadRequest:
        preferences = self._controller.preferences
        models: dict[str, Any] = {} if preferences is None else preferences.models()
        return LoadRequest(source, **models)

    @Slot()
    def _on_kept(self) -> None:
        session, current = self._session, self.going.current
        if current is not None and current.sequence != session.sequence_name:
            self.going.current = None
        if self.planted.plant is None:
            self.holding.take(session.sequence_name)
        else:
            self.holding.give_back()
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

"""Repairs of the open footage: made by commands, undone by Ctrl+Z, kept in the project's log, obeyed by the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from neuface_engine.errors import NeuFaceError
from neuface_engine.optimization.config import NeuFaceConfig
from neuface_engine.optimization.evidence import believed
from neuface_engine.optimization.repairs import Excluded, Moved, Repairs
from neuface_engine.review.events import Repair, Undo
from neuface_engine.review.standing import active
from neuface_studio import faces
from neuface_studio.results import Results, default_reviewer
from neuface_studio.scene.pointing import landmark_name
from neuface_studio.session import Footage, Session
from neuface_studio.undo import Change, Place


@dataclass(frozen=True)
class Entry:
    """One repair that stands: the id of its event, and what it is in words."""

    id: str
    what: str
    data: Mapping[str, Any]
    words: str

    @property
    def frame(self) -> int | None:
        """Where to look at it."""
        frame = self.data.get("frame", self.data.get("first"))
        return None if frame is None else int(frame)


class RepairBook(QObject):
    """What is repaired of the open footage. ``changed`` follows every change, after the footage has been replaced."""

    changed = Signal()

    def __init__(self, session: Session, results: Results, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._results = session, results
        self._entries: list[Entry] = []
        self.repairs = Repairs()
        self.undoing = False  # while a change is taken back by Ctrl+Z: the run goes back to where it was made
        self.reviewer_name: Callable[[], str] = default_reviewer
        session.footage_changed.connect(self._on_footage)

    @property
    def entries(self) -> list[Entry]:
        """The repairs that stand, oldest first."""
        return list(self._entries)

    def load(self) -> None:
        """Take up what the project's log says of the footage that was just opened; a fault is announced."""
        book = self._results.book
        if book is None or self._session.footage is None:
            return
        try:
            events = active(book.project.index.events("repair", "undo", sequence=book.sequence))
            face = self._session.footage.sequence.face
            repairs = [event for event in events if isinstance(event, Repair)]
            entries = [_entry(repair) for repair in repairs if faces.is_repair_of(repair, face)]
            self._put(entries)
        except NeuFaceError as error:
            self._session.notify("warning", f"The repairs of this footage are left aside: {error}")

    # Commands

    def move(self, moved: Moved) -> bool:
        """Put a landmark where it belongs."""
        data = {name: getattr(moved, name) for name in ("frame", "view", "landmark", "x", "y")}
        return self._do("landmark", data)

    def mute(self, landmark: int) -> bool:
        """Believe a landmark (0..67) in no frame and no view."""
        if landmark in self.repairs.muted:
            self._session.notify("info", f"Landmark {landmark + 1} is muted already.")
            return False
        return self._do("mute", {"landmark": landmark})

    def exclude(self, excluded: Excluded) -> bool:
        """Leave out frames or a view."""
        return self._do("exclude", {"first": excluded.first, "last": excluded.last, "view": excluded.view})

    def take_back(self, identifier: str) -> bool:
        """Take one repair back, whenever it was made."""
        entry = next((entry for entry in self._entries if entry.id == identifier), None)
        if entry is None:
            return False
        change = self._change(entry, stands=True)
        words = f"take back: {entry.words}"
        return self._session.undo_stack.do(self._undoable(words, change.redo, change.undo, change.place))

    def _do(self, what: str, data: dict[str, Any]) -> bool:
        book = self._results.book
        if book is None or self._session.footage is None:
            self._session.notify("error", "Repairs cannot be kept: the footage has no project.")
            return False
        tagged = faces.tagged(data, self._session.footage.sequence.face)
        event = Repair(sequence=book.sequence, what=what, reviewer=self.reviewer_name(), data=tagged)
        entry = _entry(event)
        log = book.log
        change = self._change(entry, stands=False)
        first = True

        def make() -> None:
            nonlocal first
            if not first:
                change.redo()
                return
            entries = [*self._entries, entry]
            self._check(entries)
            log.append(event)
            first = False
            self._put(entries)

        done = self._session.undo_stack.do(self._undoable(entry.words, change.undo, make, change.place))
        if done:
            self._session.notify(
                "info", f"{entry.words}. The optimisation goes on with it; Ctrl+Z takes it back."
            )
        return done

    def _change(self, entry: Entry, *, stands: bool) -> Change:
        """Taking an entry back (undo) and letting it stand again (redo), both as events of the log."""
        book = self._results.book
        assert book is not None
        log, reviewer = book.log, self.reviewer_name()
        undos: list[str] = []

        def take_back() -> None:
            entries = [known for known in self._entries if known.id != entry.id]
            undo = Undo(target=entry.id, reviewer=reviewer)
            log.append(undo)
            undos.append(undo.id)
            self._put(entries)

        def let_stand() -> None:
            entries = [*self._entries, entry]
            self._check(entries)
            log.append(Undo(target=undos.pop(), reviewer=reviewer))
            self._put(entries)

        return Change(entry.words, take_back, let_stand, self._session.place(), live=True)

    def _undoable(
        self, words: str, undo: Callable[[], object], do: Callable[[], object], place: Place | None
    ) -> Change:
        """A change of the repairs whose undoing goes back to the run as it was, and whose redoing to the run that was
        left for that."""
        session = self._session
        left: list[str] = []

        def back() -> None:
            left.append(session.run_name)
            self.undoing = True
            try:
                undo()
            finally:
                self.undoing = False

        def again() -> None:
            do()
            if left:
                session.show_run(left.pop())

        return Change(words, back, again, place, live=True)

    # What stands

    def _check(self, entries: list[Entry]) -> None:
        """Raises ConfigError where nothing would be left to believe, or a place is not there."""
        footage = self._session.footage
        assert footage is not None
        repairs = _repairs_of(entries)
        original = footage.original or footage.sequence
        believed(repairs.apply(original), repairs.options(NeuFaceConfig(), original))

    def _put(self, entries: list[Entry]) -> None:
        footage = self._session.footage
        assert footage is not None
        repairs = _repairs_of(entries)
        sequence = repairs.apply(footage.original or footage.sequence)
        self._entries, changed = entries, repairs != self.repairs
        self.repairs = repairs
        if changed:
            self._session.replace_footage(repaired(footage, sequence))
        self.changed.emit()

    @Slot()
    def _on_footage(self) -> None:
        self._entries, self.repairs = [], Repairs()
        self.changed.emit()


def repaired(footage: Footage, sequence: Any) -> Footage:
    """The footage with repaired landmarks; what the detector said stays under ``original``."""
    return replace(footage, sequence=sequence, original=footage.original or footage.sequence)


def _repairs_of(entries: list[Entry]) -> Repairs:
    return Repairs.of_events((entry.what, entry.data) for entry in entries)


def _entry(event: Repair) -> Entry:
    data = faces.untagged(event.data)
    return Entry(event.id, event.what, data, in_words(event.what, data))


def in_words(what: str, data: Mapping[str, Any]) -> str:
    """A repair as the window writes it, frames and landmarks counted from 1."""
    if what == "landmark":
        number, frame = int(data["landmark"]), int(data["frame"])
        return f"Landmark {number + 1} ({landmark_name(number)}) moved in {data['view']}, frame {frame + 1}"
    if what == "mute":
        number = int(data["landmark"])
        return f"Landmark {number + 1} ({landmark_name(number)}) muted"
    first, last, view = data.get("first"), data.get("last"), data.get("view")
    if first is None and last is None:
        return f"View {view} excluded"
    where = "all views" if view is None else view
    if first == last:
        return f"Frame {int(first or 0) + 1} excluded in {where}"
    end = "the end" if last is None else int(last) + 1
    return f"Frames {int(first or 0) + 1} to {end} excluded in {where}"

"""Undo and redo of everything, across sequences: what was done, where, and how it is taken back. No widgets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from neuface_engine.errors import NeuFaceError

LIMIT = 500  # changes that are remembered


@dataclass(frozen=True)
class Place:
    """Where the reviewer was: ``sequence`` is a name in ``project``; ``iteration`` None means none was shown."""

    project: Path | None = None
    sequence: str = ""
    frame: int = 0
    view: int = 0
    run: str = ""
    iteration: int | None = None

    def is_beside(self, other: Place) -> bool:
        """Whether both are in the same sequence of the same project."""
        return (self.project, self.sequence) == (other.project, other.sequence)


@dataclass(frozen=True)
class Change:
    """One thing done. ``undo`` and ``redo`` raise NeuFaceError where that does not go.

    text      what was done, to follow "Undo": "reject clip_07"
    place     where; the window goes there when it is taken back
    live      it acts on the open sequence: it is taken back only once the window is there. A change of the log alone
              (a verdict, a note) is not live: it is taken back at once
    """

    text: str
    undo: Callable[[], object]
    redo: Callable[[], object]
    place: Place | None = None
    live: bool = False


class UndoStack(QObject):
    """What was done and can be taken back, newest last; and what was taken back and can be done again.

    ``changed`` follows every change of either list. ``went(place)`` asks the window to go where something was taken
    back; for a live change of another sequence it comes first, and `arrived` does the rest. ``failed(text)`` says why
    a change stays as it is.
    """

    changed = Signal()
    went = Signal(object)
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._done: list[Change] = []
        self._undone: list[Change] = []
        self._waiting: tuple[Change, bool] | None = None  # a change, and whether it is to be taken back
        self.here: Callable[[], Place] = Place

    def do(self, change: Change) -> bool:
        """Do it now, and remember it; False where it fails."""
        try:
            change.redo()
        except NeuFaceError as error:
            self.failed.emit(str(error))
            return False
        self.push(change)
        return True

    def push(self, change: Change) -> None:
        """Remember what is done already; what was taken back before can no longer be done again."""
        self._waiting = None
        self._done.append(change)
        del self._done[:-LIMIT]
        self._undone.clear()
        self.changed.emit()

    def forget(self, belongs: Callable[[Change], bool]) -> None:
        """Drop changes that no longer make sense, such as those of a run that is gone."""
        self._done = [change for change in self._done if not belongs(change)]
        self._undone = [change for change in self._undone if not belongs(change)]
        self.changed.emit()

    @property
    def undo_text(self) -> str:
        """What Ctrl+Z would take back; empty where there is nothing."""
        return self._done[-1].text if self._done else ""

    @property
    def redo_text(self) -> str:
        """What Ctrl+Shift+Z would do again; empty where there is nothing."""
        return self._undone[-1].text if self._undone else ""

    def undo(self) -> Change | None:
        """Take the newest change back, or go where it was made first; the change, or None where there is none."""
        return self._begin(self._done, back=True)

    def redo(self) -> Change | None:
        """Do again what was taken back last."""
        return self._begin(self._undone, back=False)

    def arrived(self) -> None:
        """The window is where `went` sent it."""
        if self._waiting is not None:
            (change, back), self._waiting = self._waiting, None
            if change.place is None or change.place.is_beside(self.here()):
                self._perform(change, back=back)

    def _begin(self, changes: list[Change], *, back: bool) -> Change | None:
        if not changes:
            return None
        change = changes[-1]
        elsewhere = change.place is not None and not change.place.is_beside(self.here())
        if change.live and elsewhere:
            self._waiting = change, back
            self.went.emit(change.place)
        elif self._perform(change, back=back) and change.place is not None:
            self.went.emit(change.place)
        return change

    def _perform(self, change: Change, *, back: bool) -> bool:
        try:
            change.undo() if back else change.redo()
        except NeuFaceError as error:
            self.failed.emit(str(error))
            return False
        origin, target = (self._done, self._undone) if back else (self._undone, self._done)
        if change in origin:
            origin.remove(change)
        target.append(change)
        self.changed.emit()
        return True

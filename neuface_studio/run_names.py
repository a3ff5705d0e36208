"""What the user calls the runs on the open footage; a run that was not renamed has the name it came with."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QObject, Signal

from neuface_studio.model import run_title
from neuface_studio.undo import Change, Place, UndoStack


class RunNames(QObject):
    """Titles by run. ``changed`` follows every renaming."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._titles: dict[tuple[str, str], str] = {}  # of a sequence and a run

    def title(self, place: Place, run: str) -> str:
        """What a run of the place's sequence is called."""
        return self._titles.get((place.sequence, run)) or run_title(run)

    def titles_of(self, sequence: str) -> dict[str, str]:
        """What was renamed on a sequence, by run."""
        return {run: title for (of, run), title in self._titles.items() if of == sequence}

    def take(self, sequence: str, titles: dict[str, str]) -> None:
        """Take over what an earlier session called the runs."""
        self._titles |= {(sequence, run): title for run, title in titles.items()}
        self.changed.emit()

    def rename(self, place: Place, run: str, title: str, others: Iterable[str], undo: UndoStack) -> str:
        """Call a run something else, so that it can be undone; why not, in words, or an empty string."""
        title = title.strip()
        before = self.title(place, run)
        if not title or title == before:
            return ""
        if title in {self.title(place, other) for other in others if other != run}:
            return f"Another run is called “{title}”; choose another name."
        undo.do(
            Change(
                f"rename {before} to {title}",
                lambda: self._put(place, run, before),
                lambda: self._put(place, run, title),
                place,
                live=True,
            )
        )
        return ""

    def _put(self, place: Place, run: str, title: str) -> None:
        self._titles[place.sequence, run] = title
        self.changed.emit()

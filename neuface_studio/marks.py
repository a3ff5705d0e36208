"""The marked range of frames: what a note is about, and what is played over and over."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal


class Marks(QObject):
    """In and out of a range, both included; None = not set. ``changed`` follows every change."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.first: int | None = None
        self.last: int | None = None

    def set_first(self, frame: int | None) -> None:
        """The range begins here; an end before it is dropped."""
        self.first = frame
        if frame is not None and self.last is not None and self.last < frame:
            self.last = None
        self.changed.emit()

    def set_last(self, frame: int | None) -> None:
        """The range ends here; a beginning after it is dropped."""
        self.last = frame
        if frame is not None and self.first is not None and self.first > frame:
            self.first = None
        self.changed.emit()

    def clear(self) -> None:
        if self.is_set:
            self.first = self.last = None
            self.changed.emit()

    @property
    def is_set(self) -> bool:
        return self.first is not None or self.last is not None

    def range(self, frames: int) -> tuple[int, int]:
        """First and last frame of the range within so many frames; without marks all of them."""
        first = 0 if self.first is None else min(self.first, frames - 1)
        last = frames - 1 if self.last is None else min(self.last, frames - 1)
        return first, last

    @property
    def frames(self) -> tuple[int, int] | None:
        """The range where both ends are set, else None."""
        return None if self.first is None or self.last is None else (self.first, self.last)

"""What the shown state is compared with, and how."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from neuface_studio.model import CompareMode, IterationRecord

ENCODER = "encoder"


class Comparison(QObject):
    """Other states of the same footage to hold against the shown one. The encoder's is always among them."""

    changed = Signal()
    choices_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.mode = CompareMode.OFF
        self.flipped = False
        self.chosen = ENCODER
        self.blind: IterationRecord | None = None  # takes the place of the shown state in a blind comparison
        self._records: dict[str, IterationRecord] = {}

    @property
    def choices(self) -> dict[str, IterationRecord]:
        """States to compare with, by the name the window shows."""
        return self._records

    @property
    def reference(self) -> IterationRecord | None:
        """The state compared with, or None before the encoder has been at work."""
        return self._records.get(self.chosen)

    def offer(self, name: str, record: IterationRecord) -> None:
        """Add a state, or bring a known one up to date."""
        known = self._records.get(name)
        if known is record:
            return
        self._records[name] = record
        if known is None:
            self.choices_changed.emit()
        if name == self.chosen and (self.flipped or self.mode != CompareMode.OFF):
            self.changed.emit()

    def withdraw(self, name: str) -> None:
        """Take a state back; the encoder takes its place if it was chosen."""
        if self._records.pop(name, None) is not None:
            if self.chosen == name:
                self.choose(ENCODER)
            self.choices_changed.emit()

    def clear(self) -> None:
        """Forget everything: other footage."""
        self._records.clear()
        self.blind = None
        self.chosen, self.flipped, self.mode = ENCODER, False, CompareMode.OFF
        self.choices_changed.emit()
        self.changed.emit()

    def choose(self, name: str) -> None:
        if name != self.chosen:
            self.chosen = name
            self.changed.emit()

    def set_mode(self, mode: CompareMode) -> None:
        if mode != self.mode:
            self.mode = mode
            self.changed.emit()

    def toggle(self, mode: CompareMode) -> None:
        """This mode, or off if it is on already."""
        self.set_mode(CompareMode.OFF if self.mode == mode else mode)

    def flip(self, flipped: bool) -> None:
        """Show the reference in the place of the shown state, as long as a key is held."""
        if flipped != self.flipped:
            self.flipped = flipped
            self.changed.emit()

"""Why: the reasons of a verdict as chips that a key or a click switches."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QWidget

from neuface_engine.review.events import REASONS
from neuface_studio.keys import action_key
from neuface_studio.widgets.common import soft
from neuface_studio.widgets.flow import FlowRow


class ReasonChips(QWidget):
    """``changed`` follows every switch by the reviewer."""

    changed = Signal()

    def __init__(self, actions: dict[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(soft("Why"))
        chips = FlowRow()
        self.chips: dict[str, QToolButton] = {}
        for reason, words in REASONS.items():
            action = actions[f"reason_{reason}"]
            chip = QToolButton()
            chip.setObjectName("chip")
            chip.setCheckable(True)
            chip.setText(words)
            chip.setAccessibleName(f"Reason: {words}")
            chip.setProperty("reason", reason)
            chip.clicked.connect(self.changed)
            self.chips[reason] = chip
            action.changed.connect(self._show_keys)
            chips.add(chip)
        self._actions = actions
        row.addWidget(chips, 1)
        self._show_keys()

    def chosen(self) -> tuple[str, ...]:
        """The reasons that are switched on, in their order."""
        return tuple(reason for reason, chip in self.chips.items() if chip.isChecked())

    def choose(self, reasons: tuple[str, ...]) -> None:
        """Switch these on and all others off, without a signal."""
        for reason, chip in self.chips.items():
            chip.setChecked(reason in reasons)

    def toggle(self, reason: str) -> None:
        """As if the chip were clicked."""
        self.chips[reason].toggle()
        self.changed.emit()

    @Slot()
    def _show_keys(self) -> None:
        for reason, chip in self.chips.items():
            action = self._actions[f"reason_{reason}"]
            chip.setToolTip(f"{action.statusTip()}  [{action_key(action)}]")
            chip.setEnabled(action.isEnabled())

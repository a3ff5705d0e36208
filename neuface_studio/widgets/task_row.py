"""One line of long work in progress: what it does, how far it is, and a button that ends it."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QGridLayout, QProgressBar, QPushButton, QWidget

from neuface_studio.durations import TimeLeft
from neuface_studio.model import Task
from neuface_studio.widgets.common import ElidedLabel


class TaskRow(QWidget):
    """Hidden while there is nothing to do. ``what`` names it for screen readers; ``kept``: what a cancel leaves."""

    cancelled = Signal()

    def __init__(self, what: str, kept: str) -> None:
        super().__init__()
        self._time_left = TimeLeft()
        self.words = ElidedLabel()
        self.words.setObjectName("faint")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.bar.setAccessibleName(f"Progress of {what}")
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setToolTip(kept)
        self.cancel_button.setAccessibleName(f"Cancel {what}")
        self.cancel_button.clicked.connect(self.cancelled)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(self.words, 0, 0, 1, 2)
        grid.addWidget(self.bar, 1, 0)
        grid.addWidget(self.cancel_button, 1, 1)
        self.show_task(None)

    @Slot(object)
    def show_task(self, task: Task | None) -> None:
        """How far it is; None when it has ended."""
        self.setVisible(task is not None)
        if task is None:
            return
        parts = [f"{task.label}  {task.detail}", self._time_left.words(task.label, task.fraction)]
        self.words.set_text("  ·  ".join(filter(None, parts)))
        self.bar.setRange(0, 0 if task.fraction is None else 1000)
        self.bar.setValue(round(1000 * (task.fraction or 0.0)))

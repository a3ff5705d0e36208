"""The bottom line: what runs where, how fast, and what it costs."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton, QStatusBar, QWidget

from neuface_studio import theme
from neuface_studio.actions import EXPLANATIONS
from neuface_studio.durations import TimeLeft
from neuface_studio.session import RunState, Session, Task
from neuface_studio.widgets.common import soft

DOTS = {RunState.RUNNING: theme.ACCENT, RunState.FINISHED: theme.GREEN, RunState.FAILED: theme.RED}


class StatusLine(QStatusBar):
    """Reads everything from the session."""

    cancelled = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setSizeGripEnabled(False)
        self._state, self._speed, self._cost = QLabel(), soft(), soft()
        self._history, self._saved, self._folder = soft(), soft(), soft(name="faint")
        self._cost.setToolTip(EXPLANATIONS["viewer"])
        self._history.setToolTip(
            "Memory of the stored iterations: parameters and gradient maps; meshes are decoded anew."
        )
        self._saved.setToolTip("When the track or a verdict was last written to the project folder.")
        for label in (self._state, self._speed, self._cost, self._history, self._saved):
            label.setContentsMargins(8, 1, 10, 1)
            self.addWidget(label)
        self._task, self._time_left = soft(), TimeLeft()
        self._bar = QProgressBar()
        self._bar.setFixedWidth(120)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("Progress of writing")
        self._cancel = QPushButton("Cancel")
        self._cancel.setToolTip("Stop writing; what was written of the file is removed.")
        self._cancel.clicked.connect(self.cancelled)
        for widget in (self._task, self._bar, self._cancel):
            self.addPermanentWidget(widget)
        self.show_task(None)
        self.addPermanentWidget(self._folder)
        hint = soft("?  shortcuts", name="faint")
        hint.setContentsMargins(8, 0, 8, 0)
        self.addPermanentWidget(hint)
        session.status_changed.connect(self._show)
        session.run_state_changed.connect(self._show)
        session.history_changed.connect(self._show)
        session.footage_changed.connect(self._show)
        self._show()

    @Slot(object)
    def show_task(self, task: Task | None) -> None:
        """Progress of a file that is being written; None hides it."""
        for widget in (self._task, self._bar, self._cancel):
            widget.setVisible(task is not None)
        if task is not None:
            left = self._time_left.words(task.label, task.fraction)
            self._task.setText("  ·  ".join(filter(None, (f"{task.label}  {task.detail}", left))))
            self._bar.setRange(0, 0 if task.fraction is None else 100)
            self._bar.setValue(round(100 * (task.fraction or 0.0)))

    @Slot()
    def _show(self) -> None:
        session = self._session
        colour = DOTS.get(session.run_state, theme.TEXT_FAINT)
        threads = f"{session.threads} thread" + ("" if session.threads == 1 else "s")
        where = "" if session.run_state == RunState.EMPTY else f" on {session.device}, {threads}"
        self._state.setText(f"<span style='color:{colour}'>●</span> {session.run_state.value}{where}")
        open_now = session.footage is not None
        seconds = session.seconds_per_iteration
        self._speed.setText(f"{seconds:.2f} s per iteration" if seconds is not None else "")
        cost = session.viewer_cost_percent
        self._cost.setText(f"viewer cost {cost:.0f} %" if cost is not None else "")
        self._history.setText(f"history {session.history_bytes / 2**20:.1f} MB" if session.indices else "")
        self._saved.setText(f"✓ saved {session.autosaved_at}" if session.autosaved_at else "")
        self._folder.setText(
            f"project {session.project_folder}" if open_now and session.project_folder else ""
        )

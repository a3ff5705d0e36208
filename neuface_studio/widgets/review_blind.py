"""The blind comparison: begins it, takes the answers, and says what they amount to."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from neuface_studio.reviewing.blind import BlindTrials
from neuface_studio.widgets.common import action_button
from neuface_studio.widgets.frames_panel import panel

TIP = (
    "Two methods on the same clip and camera, the sides at random, without names or figures; one pair in ten shows the "
    "same twice. Answer with 4, 5 and 6."
)


class BlindPanel(QWidget):
    """Reads the trials."""

    def __init__(
        self, trials: BlindTrials, actions: dict[str, QAction], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._trials = trials
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        frame, inner, self.state = panel("Blind comparison", "NeuFace against the encoder", TIP)
        row = QHBoxLayout()
        self.begin = action_button(actions["blind_trial"], "Begin")
        row.addWidget(self.begin)
        self.answers = [
            action_button(actions[name], text)
            for name, text in (
                ("blind_left", "Left  4"),
                ("blind_tie", "As good  5"),
                ("blind_right", "Right  6"),
            )
        ]
        for button in self.answers:
            row.addWidget(button)
        row.addStretch(1)
        inner.addLayout(row)
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.words.setObjectName("soft")
        inner.addWidget(self.words, 1)
        column.addWidget(frame)
        trials.changed.connect(self.show_trials)

    @Slot()
    def show_trials(self) -> None:
        """Read them again, where they are in sight."""
        trials = self._trials
        for button in self.answers:
            button.setVisible(trials.on)
            button.setEnabled(trials.ready)
        if not self.isVisible():
            return
        if trials.on:
            self.state.setText(f"{trials.left()} to go")
            self.words.setText(
                "Which side follows the face better?" if trials.ready else "Both sides are being made…"
            )
            return
        self.state.setText("")
        lines = [result_words(who, result) for who, result in trials.results().items()]
        self.words.setText("\n".join(lines) or "Nobody has judged a pair yet.")

    def showEvent(self, event: object) -> None:
        self.show_trials()


def result_words(who: str, result: object) -> str:
    """A reviewer's result in a sentence."""
    from neuface_engine.review.proof.blind import Comparison

    assert isinstance(result, Comparison)
    if math.isnan(result.rate):
        return f"{who}: no decided pair yet, {result.left} to go."
    low, high = result.interval
    words = (
        f"{who}: {result.a} is better in {100 * result.rate:.0f} % of {result.wins_a + result.wins_b} decided pairs "
        f"({100 * low:.0f} to {100 * high:.0f} %), {result.ties} as good, p = {result.p_value:.2g}"
    )
    return words + ("." if result.sound else "; ▲ one side is preferred where there is no difference.")

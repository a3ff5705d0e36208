"""The blind comparison: begins it, takes the answers, and says what they amount to."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QWidget

from neuface_engine.review.proof.blind import Comparison
from neuface_studio.reviewing.blind import OTHERS, BlindTrials
from neuface_studio.widgets.common import action_button
from neuface_studio.widgets.frames_panel import Panel
from neuface_studio.widgets.transport import set_button_text

TIP = (
    "Two methods on the same clip and camera, the sides at random, without names or figures; one pair in ten shows the "
    "same twice. Answer with 4, 5 and 6."
)


class BlindPanel(Panel):
    """Reads the trials."""

    def __init__(
        self, trials: BlindTrials, actions: dict[str, QAction], parent: QWidget | None = None
    ) -> None:
        super().__init__("Blind comparison", "of NeuFace with", TIP, parent)
        self._trials = trials
        inner = self.inner
        row = QHBoxLayout()
        self.other = QComboBox()
        self.other.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.other.setAccessibleName("What the result is compared with")
        self.other.setToolTip(
            "The encoder alone is at hand at once. FLAME fitting is run on each clip before it is shown, and takes as "
            "long as a run."
        )
        for name, words in OTHERS.items():
            self.other.addItem(words, name)
        row.addWidget(self.other)
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
        trials.changed.connect(self.show_trials)

    @Slot()
    def show_trials(self) -> None:
        """Read them again, where they are in sight."""
        trials = self._trials
        self.other.setVisible(not trials.on)
        set_button_text(self.begin, "End" if trials.on else "Begin")
        for button in self.answers:
            button.setVisible(trials.on)
            button.setEnabled(trials.ready)
        if not self.isVisible():
            return
        if trials.on:
            self.state.setText(f"{trials.left()} to go")
            self.words.setText("Which side follows the face better?" if trials.ready else trials.progress)
            return
        self.state.setText("")
        if trials.drawn_against is not None and not self.other.hasFocus():
            self.other.setCurrentIndex(self.other.findData(trials.drawn_against))
        lines = [result_words(who, result) for who, result in trials.results().items()]
        self.words.setText("\n".join(lines) or "Nobody has judged a pair yet.")

    def showEvent(self, event: object) -> None:
        self.show_trials()


def result_words(who: str, result: Comparison) -> str:
    """A reviewer's result in a sentence."""
    if math.isnan(result.rate):
        return f"{who}: no decided pair yet, {result.left} to go."
    low, high = result.interval
    words = (
        f"{who}: {result.a} is better in {100 * result.rate:.0f} % of {result.wins_a + result.wins_b} decided pairs "
        f"({100 * low:.0f} to {100 * high:.0f} %), {result.ties} as good, p = {result.p_value:.2g}"
    )
    same = result.same_left + result.same_right
    if same + result.same_ties:
        words += f"; of twins {result.same_left} left, {result.same_ties} as good, {result.same_right} right"
    return words + ("." if result.sound else "; ▲ one side is preferred where there is no difference.")

"""The verdict, always in reach: three big buttons, a note, the reviewer, and what stands now."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSettings, Qt, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from neuface_studio import actions as table
from neuface_studio import theme
from neuface_studio.keys import action_key
from neuface_studio.results import VERDICT_WORDS, default_reviewer
from neuface_studio.reviewing.desk import ReviewDesk
from neuface_studio.session import Session
from neuface_studio.widgets.common import ElidedLabel, TextField, soft
from neuface_studio.widgets.review_coverage import coverage_words
from neuface_studio.widgets.review_reasons import ReasonChips

SIGNS = {"accept": "✓  Accept", "reject": "✕  Reject", "unsure": "?  Unsure"}
COLOURS = {"accept": theme.GREEN, "reject": theme.RED, "unsure": theme.TEXT_SOFT}


Draft = tuple[Path | None, str, str]


class ReviewBar(QWidget):
    """Shows and changes the verdict on the open sequence."""

    def __init__(
        self,
        session: Session,
        desk: ReviewDesk,
        actions: dict[str, QAction],
        settings: QSettings,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._desk = desk
        self._settings = settings
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 5, 12, 5)
        column.setSpacing(5)
        row = QHBoxLayout()
        row.setSpacing(8)
        column.addLayout(row)
        self.buttons: dict[str, QPushButton] = {}
        for verdict, text in SIGNS.items():
            button = QPushButton(text)
            button.setProperty("verdict", verdict)
            button.setObjectName(f"verdict_{verdict}")
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setAccessibleName(table.command(verdict).label.replace("&", ""))
            button.clicked.connect(actions[verdict].trigger)
            actions[verdict].changed.connect(self._enable)
            self.buttons[verdict] = button
            row.addWidget(button)
        self._actions = actions
        self.note = TextField()
        self.note.setPlaceholderText("Note  (Shift+N)")
        self.note.setAccessibleName("Note")
        self.note.setToolTip(
            "Kept with the verdict. Enter leaves the field; changing it later keeps the verdict."
        )
        self.note.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.note.editingFinished.connect(self._note_finished)
        self.note.textEdited.connect(self._keep_draft)
        self._drafts: dict[Draft, tuple[str, tuple[str, ...]]] = {}  # said before the verdict, by sequence
        row.addWidget(self.note, 2)
        row.addWidget(soft("Reviewer"))
        self.reviewer = TextField(str(settings.value("review/reviewer", default_reviewer())))
        self.reviewer.setAccessibleName("Reviewer")
        self.reviewer.setToolTip("Your name, kept with every verdict.")
        self.reviewer.setFixedWidth(110)
        self.reviewer.editingFinished.connect(self._reviewer_finished)
        desk.reviewer_name = self.reviewer_name()
        row.addWidget(self.reviewer)
        self.standing = ElidedLabel()
        self.standing.setMinimumWidth(150)
        row.addWidget(self.standing, 3)
        self.reasons = ReasonChips(actions)
        self.reasons.changed.connect(self._reasons_changed)
        self.watched = ElidedLabel()
        self.watched.setMinimumWidth(150)
        row.insertWidget(row.indexOf(self.standing), self.watched, 3)
        column.addWidget(self.reasons)
        desk.watcher.changed.connect(self._show_watched)
        session.footage_changed.connect(self._enable)
        session.judgement_changed.connect(self.refresh)
        desk.adjudicating_changed.connect(self._show_standing)
        session.iteration_changed.connect(self._show_standing)
        self.refresh()
        self._enable()

    def reviewer_name(self) -> str:
        return self.reviewer.text().strip() or default_reviewer()

    def judge(self, verdict: str, *, stay: bool = False) -> None:
        """Save a verdict with the note, the reasons and the reviewer as they stand here; then go on, or stay."""
        self._drafts.pop(self._draft(), None)
        self._desk.judge(verdict, self.note.text().strip(), self.reasons.chosen(), stay=stay)
        self.refresh()

    def _draft(self) -> Draft:
        """What a note and reasons without a verdict belong to; what is planted has its own."""
        session = self._session
        planted = next((record.planted for record in session.records() if record.planted), "")
        return session.project_folder, session.sequence_name, planted

    @Slot()
    def _keep_draft(self) -> None:
        if self._session.judgement is None and self._session.footage is not None:
            self._drafts[self._draft()] = self.note.text(), self.reasons.chosen()

    @Slot()
    def _enable(self) -> None:
        for verdict, button in self.buttons.items():
            action = self._actions[verdict]
            button.setEnabled(action.isEnabled())
            button.setText(f"{SIGNS[verdict]}   {action_key(action)}")
            button.setToolTip(action.toolTip())
        enabled = self._session.footage is not None
        self.note.setEnabled(enabled)

    @Slot()
    def _note_finished(self) -> None:
        judgement = self._session.judgement
        if judgement is not None and not judgement.stale and self.note.text().strip() != judgement.note:
            self._judge_again()

    @Slot()
    def _reasons_changed(self) -> None:
        """Reasons given after the verdict are kept with it."""
        judgement = self._session.judgement
        self._keep_draft()
        if judgement is not None and not judgement.stale and self.reasons.chosen() != judgement.reasons:
            self._judge_again()

    def _judge_again(self) -> None:
        judgement = self._session.judgement
        if judgement is not None:
            self.judge(judgement.verdict, stay=True)

    @Slot()
    def _reviewer_finished(self) -> None:
        self._settings.setValue("review/reviewer", self.reviewer_name())
        self._desk.speak_as(self.reviewer_name())

    @Slot()
    def _show_watched(self) -> None:
        watcher = self._desk.watcher
        coverage = watcher.coverage
        sign = "✓" if watcher.sufficient else "▲"
        words = "" if coverage is None else f"{sign} {coverage_words(coverage)}"
        self.watched.set_text(words)
        self.watched.setStyleSheet(f"color: {theme.TEXT_SOFT if watcher.sufficient else theme.AMBER};")
        if watcher.lacking:
            self.watched.setToolTip(f"{words}.\nNot enough yet for a verdict that counts: {watcher.lacking}.")

    @Slot()
    def refresh(self) -> None:
        """Show what was said of the open sequence: with its verdict, or before one."""
        judgement = self._session.judgement
        for verdict, button in self.buttons.items():
            button.setChecked(judgement is not None and judgement.verdict == verdict and not judgement.stale)
        self._show_standing()
        note, reasons = self._drafts.get(self._draft(), ("", ()))
        self.reasons.choose(reasons if judgement is None else judgement.reasons)
        if not self.note.hasFocus():
            self.note.setText(note if judgement is None else judgement.note)

    @Slot()
    def _show_standing(self) -> None:
        """The verdict that stands, in words; and whether this is for practice, or the last word."""
        judgement, desk = self._session.judgement, self._desk
        if judgement is None:
            words, colour = "No verdict yet" if self._session.footage is not None else "", theme.TEXT_FAINT
            if desk.planted.practising:
                words, colour = (
                    f"Practice, {desk.going.practice_left()} to go: answered at once",
                    theme.ACCENT,
                )
            self.standing.set_text(words)
            self.standing.setStyleSheet(f"color: {colour};")
            return
        words = f"{SIGNS[judgement.verdict][0]} {VERDICT_WORDS[judgement.verdict]}"
        words += f" by {judgement.reviewer}, {judgement.time}"
        colour = COLOURS[judgement.verdict]
        if judgement.stale:
            words, colour = f"▲ Out of date: {words[2:]}; the track has changed since", theme.AMBER
        if desk.has_last_word():
            words, colour = f"▲ Yours is the last word. Now: {words[2:]}", theme.AMBER
        self.standing.set_text(words)
        self.standing.setStyleSheet(f"color: {colour}; font-weight: 600;")

"""Verdicts with their reasons, notes, going on, blind trials."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QFileDialog

from neuface_engine.review.events import REASONS
from neuface_studio.reviewing.certificates import check_certificate, write_certificate
from neuface_studio.widgets.commands.base import Commands
from neuface_studio.widgets.review_double import DoubleReviewSheet
from neuface_studio.widgets.review_notes import NoteSheet

if TYPE_CHECKING:
    from neuface_studio.widgets.main_window import MainWindow


class ReviewCommands(Commands):
    """The Review menu."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        for reason in REASONS:
            setattr(self, f"do_reason_{reason}", self._toggle_reason)

    @Slot()
    def do_accept(self) -> None:
        self._window.review_bar.judge("accept")

    @Slot()
    def do_reject(self) -> None:
        self._window.review_bar.judge("reject")

    @Slot()
    def do_unsure(self) -> None:
        self._window.review_bar.judge("unsure")

    @Slot()
    def do_accept_stay(self) -> None:
        self._window.review_bar.judge("accept", stay=True)

    @Slot()
    def do_reject_stay(self) -> None:
        self._window.review_bar.judge("reject", stay=True)

    @Slot()
    def do_unsure_stay(self) -> None:
        self._window.review_bar.judge("unsure", stay=True)

    @Slot()
    def _toggle_reason(self) -> None:
        action = self.sender()
        if action is not None:
            self._window.review_bar.reasons.toggle(action.objectName().removeprefix("reason_"))

    @Slot()
    def do_go_on(self) -> None:
        if not self._window.desk.going.go_on():
            self._session.notify("info", "No other sequence waits for a verdict.")

    @Slot()
    def do_go_back(self) -> None:
        if not self._window.desk.going.go_on(-1):
            self._session.notify("info", "No other sequence waits for a verdict.")

    @Slot()
    def do_next_place(self) -> None:
        if not self._window.review_panels.flags.next_place():
            busy = self._window.desk.flagger.busy
            self._session.notify("info", "Still being measured…" if busy else "No flag points to a place.")

    @Slot()
    def do_next_unwatched(self) -> None:
        coverage = self._window.desk.watcher.coverage
        missing = [] if coverage is None else coverage.missing_frames
        if not missing:
            self._session.notify("good", "Every frame was on the screen.")
            return
        later = [first for first, _ in missing if first > self._session.frame]
        self._session.set_playing(False)
        self._session.set_frame(later[0] if later else missing[0][0])

    @Slot()
    def do_note_here(self) -> None:
        self._session.set_playing(False)
        NoteSheet(self._session, self._window.desk, self._window).open()

    @Slot()
    def do_edit_note(self) -> None:
        self._window.review_bar.note.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._window.review_bar.note.selectAll()

    @Slot()
    def do_show_flags(self) -> None:
        self._raise(0)

    @Slot()
    def do_show_order(self) -> None:
        self._raise(1)

    @Slot()
    def do_show_reviewers(self) -> None:
        self._raise(2)

    @Slot()
    def do_show_proof(self) -> None:
        self._raise(3)

    def _raise(self, number: int) -> None:
        dock = self._window.review_docks[number]
        dock.show()
        dock.raise_()

    @Slot()
    def do_look_alikes_first(self) -> None:
        if not self._window.desk.look_alikes_first():
            self._session.notify("info", "Nothing is known to look like a reject yet.")

    @Slot()
    def do_adjudicate(self) -> None:
        desk = self._window.desk
        if desk.adjudicating:
            desk.adjudicate(False)
        elif desk.adjudicate(True):
            self._raise(2)
        else:
            self._session.notify("info", "Reviewers differ on nothing that you may see.")
        self._window.actions_by_id["adjudicate"].setChecked(desk.adjudicating)

    @Slot()
    def do_assign_double(self) -> None:
        if self._window.desk.project is None:
            self._session.notify("info", "Open a project first.")
            return
        where, _, _ = self._window.listed()
        DoubleReviewSheet(self._session, self._window.desk, where, self._window).open()

    @Slot()
    def do_write_certificate(self) -> None:
        project = self._window.desk.project
        if project is None:
            self._session.notify("info", "Open a project first.")
            return
        path, _ = QFileDialog.getSaveFileName(
            self._window,
            "Write the certificate",
            str(project.folder / "certificate.json"),
            "Certificates (*.json)",
        )
        if path:
            write_certificate(project, Path(path), self._session.notify)

    @Slot()
    def do_check_certificate(self) -> None:
        project = self._window.desk.project
        if project is None:
            self._session.notify("info", "Open the project first that the certificate is about.")
            return
        path, _ = QFileDialog.getOpenFileName(
            self._window, "Check a certificate", str(project.folder), "Certificates (*.json)"
        )
        if path:
            check_certificate(project, Path(path), self._session.notify)

    @Slot()
    def do_blind_trial(self) -> None:
        trials = self._window.trials
        if trials.on:
            trials.end()
        elif trials.begin(str(self._window.review_panels.blind.other.currentData())):
            self._raise(3)

    @Slot()
    def do_blind_left(self) -> None:
        self._answer("left")

    @Slot()
    def do_blind_tie(self) -> None:
        self._answer("tie")

    @Slot()
    def do_blind_right(self) -> None:
        self._answer("right")

    def _answer(self, choice: str) -> None:
        if not self._window.trials.answer(choice):
            self._session.notify("info", "No blind comparison is on the screen: Review > Blind comparison.")

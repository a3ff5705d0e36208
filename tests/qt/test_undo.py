"""Undo and redo: the laws of the stack, verdicts taken back through the log, and the jump to where it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from neuface_engine.errors import ProjectError
from neuface_engine.review import EventLog
from neuface_studio.undo import Change, Place, UndoStack
from neuface_studio.widgets.main_window import MainWindow
from neuface_studio.widgets.rename_sheet import RenameSheet

CONTROL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


class Ledger:
    """A number that changes are made to."""

    def __init__(self) -> None:
        self.value = 0
        self.stack = UndoStack()
        self.went: list[Place] = []
        self.stack.went.connect(self.went.append)

    def add(self, amount: int, place: Place | None = None, *, live: bool = False) -> Change:
        return Change(
            f"add {amount}",
            lambda: setattr(self, "value", self.value - amount),
            lambda: setattr(self, "value", self.value + amount),
            place,
            live,
        )


def test_undoing_everything_and_redoing_it_gives_the_same_again() -> None:
    ledger = Ledger()
    for amount in (1, 20, 300):
        assert ledger.stack.do(ledger.add(amount))
    assert ledger.value == 321 and ledger.stack.undo_text == "add 300"
    while ledger.stack.undo_text:
        ledger.stack.undo()
    assert ledger.value == 0 and ledger.stack.redo_text == "add 1"
    while ledger.stack.redo_text:
        ledger.stack.redo()
    assert ledger.value == 321
    assert ledger.stack.redo() is None


def test_something_new_after_an_undo_forgets_what_was_undone() -> None:
    ledger = Ledger()
    ledger.stack.do(ledger.add(1))
    ledger.stack.undo()
    ledger.stack.do(ledger.add(20))
    assert ledger.stack.redo() is None and ledger.value == 20


def test_a_change_that_cannot_be_taken_back_stays_and_says_why() -> None:
    stack, reasons = UndoStack(), []
    stack.failed.connect(reasons.append)

    def fails() -> None:
        raise ProjectError("review.jsonl: disk full; free some space")

    stack.push(Change("note", fails, lambda: None))
    stack.undo()
    assert stack.undo_text == "note" and stack.redo_text == "" and "disk full" in reasons[0]
    assert not stack.do(Change("another", lambda: None, fails)) and stack.undo_text == "note"


def test_a_live_change_elsewhere_waits_until_the_window_is_there() -> None:
    ledger = Ledger()
    here, there = Place(Path("p"), "here"), Place(Path("p"), "there", frame=4)
    ledger.stack.here = lambda: there
    ledger.stack.do(ledger.add(7, there, live=True))
    ledger.stack.here = lambda: here
    ledger.stack.undo()
    assert ledger.value == 7 and ledger.went == [there]
    ledger.stack.here = lambda: replace(there, frame=0)
    ledger.stack.arrived()
    assert ledger.value == 0 and ledger.stack.redo_text == "add 7"


def test_verdicts_are_undone_and_redone_as_events_and_the_menu_names_them(
    ready: MainWindow, qtbot: QtBot
) -> None:
    session = ready.session
    QTest.keyClick(ready, Qt.Key.Key_S)
    qtbot.waitUntil(lambda: session.newest == 1 and session.run_state.can_run, timeout=60_000)
    session.set_frame(4)
    QTest.keyClick(ready, Qt.Key.Key_2)
    assert ready.actions_by_id["undo"].text() == "&Undo reject synthetic"
    session.set_frame(1)
    QTest.keyClick(ready, Qt.Key.Key_Z, CONTROL)
    assert session.judgement is None and session.frame == 4, "the reviewer is taken to what changed"
    QTest.keyClick(ready, Qt.Key.Key_Z, CONTROL | SHIFT)
    assert session.judgement is not None and session.judgement.verdict == "reject"
    logs = [EventLog(path) for path in (session.project_folder / "log").glob("*.jsonl")]
    kinds = [event.kind for log in logs for event in log.events if event.kind in ("verdict", "undo")]
    assert kinds == ["verdict", "undo", "undo"], "nothing is ever erased from the log"


def test_runs_are_renamed_and_it_is_undone(ready: MainWindow, qtbot: QtBot) -> None:
    session = ready.session
    choice = ready.compare_bar.run_choice
    QTest.keyClick(ready, Qt.Key.Key_F2)
    sheet = ready.findChild(RenameSheet)
    sheet.field.setText("by mistake")
    QTest.keyClick(sheet.field, Qt.Key.Key_Escape)
    assert not sheet.isVisible() and choice.itemText(0) == "NeuFace"
    qtbot.waitUntil(lambda: ready.findChild(RenameSheet) is None)
    QTest.keyClick(ready, Qt.Key.Key_F2)
    sheet = ready.findChild(RenameSheet)
    sheet.field.setText("with lids")
    QTest.keyClick(sheet.field, Qt.Key.Key_Return)
    assert choice.itemText(0) == "with lids" and session.undo_stack.undo_text == "rename NeuFace to with lids"
    QTest.keyClick(ready, Qt.Key.Key_Z, CONTROL)
    assert choice.itemText(0) == "NeuFace"
    names, place = session.names, session.place()
    assert "Another run" in names.rename(place, "branch 1", "NeuFace", ["", "branch 1"], session.undo_stack)


def test_a_verdict_of_an_earlier_session_can_still_be_taken_back(
    ready: MainWindow, synthetic: Path, qtbot: QtBot
) -> None:
    session = ready.session
    QTest.keyClick(ready, Qt.Key.Key_S)
    qtbot.waitUntil(lambda: session.newest == 1 and session.run_state.can_run, timeout=60_000)
    QTest.keyClick(ready, Qt.Key.Key_1)
    session.undo_stack.forget(lambda change: True)
    QTest.keyClick(ready, Qt.Key.Key_Z, CONTROL)
    assert session.judgement is None
    QTest.keyClick(ready, Qt.Key.Key_Z, CONTROL | SHIFT)
    assert session.judgement.verdict == "accept"

"""docs/tour.md, word for word: its keys are pressed in its order, and what it says must have happened."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QWidget
from pytestqt.qtbot import QtBot

from neuface_studio import worker
from neuface_studio.model import CompareMode, Footage, RunState
from neuface_studio.widgets.main_window import MainWindow

TOUR = Path(__file__).parents[2] / "docs" / "tour.md"
DO = re.compile(r"\b(press|hold|type) `([^`]+)`", re.IGNORECASE)


def steps() -> list[list[tuple[str, str]]]:
    """What each numbered step of the tour tells the reader to do."""
    text = TOUR.read_text(encoding="utf-8")
    parts = re.split(r"^\d+\. ", text, flags=re.MULTILINE)[1:]
    return [[(verb.lower(), what) for verb, what in DO.findall(part)] for part in parts]


class Reader:
    """Does what the tour says, in the focused widget, as a reader would."""

    def __init__(self, window: MainWindow, qtbot: QtBot) -> None:
        self._window, self._qtbot = window, qtbot

    def _there(self) -> QWidget:
        dialog = next((d for d in self._window.findChildren(QDialog) if d.isVisible()), None)
        root: QWidget = dialog or self._window
        root.activateWindow()
        self._qtbot.waitUntil(root.isActiveWindow)
        focus = QApplication.focusWidget()
        return focus if focus is not None and root.isAncestorOf(focus) else root

    def do(self, verb: str, what: str) -> None:
        if verb == "type":
            QTest.keyClicks(self._there(), what)
            return
        combination = QKeySequence(what)[0]
        action = QTest.keyPress if verb == "hold" else QTest.keyClick
        action(self._there(), combination.key(), combination.keyboardModifiers())


@pytest.fixture
def demo(footage: Footage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small sequence in the demo's place, so that the tour takes seconds; the demo is opened in the same way."""
    sequence = dataclasses.replace(footage.sequence, name="demo")
    small = dataclasses.replace(footage, sequence=sequence, is_demo=True)
    monkeypatch.setattr(
        worker.LoadWorker, "_load", lambda self: small if self._request.path is None else None
    )


def test_the_tour_works_word_for_word(window: MainWindow, demo: None, qtbot: QtBot) -> None:
    session, reader = window.session, Reader(window, qtbot)
    session.set_target(500)
    told = iter(steps())

    def follow(*befores: Callable[[], object]) -> Iterator[tuple[str, str]]:
        for verb, what in next(told):
            reader.do(verb, what)
            yield verb, what

    def rest() -> None:
        qtbot.waitUntil(lambda: session.run_state.can_run, timeout=60_000)

    for _ in follow():
        rest()
    assert session.run_state == RunState.READY and session.footage.is_demo and session.indices == [0]

    seen = []
    for _, what in follow():
        seen.append((what, session.playing, session.layers.detected, session.layers.projected, session.frame))
    assert [entry[1] for entry in seen[:2]] == [True, False]
    assert seen[-1][2] and seen[-1][3] and seen[-1][4] == 0

    for number, _ in enumerate(follow()):
        if number == 0:
            assert session.run_state == RunState.RUNNING
            qtbot.waitUntil(lambda: (session.newest or 0) >= 10, timeout=90_000)
    qtbot.waitUntil(lambda: session.run_state == RunState.PAUSED, timeout=60_000)

    shown = [session.shown_iteration for _ in follow()]
    assert shown == [0, 1, session.newest]

    modes = []
    for verb, what in follow():
        if verb == "hold":
            assert session.comparison.flipped
            QTest.keyRelease(window, QKeySequence(what)[0].key())
            qtbot.waitUntil(lambda: not session.comparison.flipped)
        else:
            modes.append(session.comparison.mode)
    assert modes == [CompareMode.WIPE, CompareMode.OFF]

    assert [session.layers.heat for _ in follow()] == ["vertex", ""]

    views = [(session.solo, session.selected_view) for _ in follow()]
    assert views == [(True, 0), (True, 1), (False, 1)]

    marks = [(session.marks.first, session.marks.last) for _ in follow()]
    assert marks[0] == (0, None) and marks[2] == (0, session.frame) and marks[3] == (None, None)
    assert session.frame == min(10, session.num_frames - 1)

    for _ in follow():
        pass
    assert session.judgement.verdict == "accept" and session.judgement.note == "lips follow"
    assert "saved" in window.status_line._saved.text()
    assert "Accepted" in window.notices.text.full_text()

    standing = [session.judgement for _ in follow()]
    assert standing[0] is None and standing[1].verdict == "accept"

    for number, _ in enumerate(follow()):
        if number == 2:
            qtbot.waitUntil(
                lambda: any(
                    d.isVisible() and d.windowTitle() == "Keyboard shortcuts"
                    for d in window.findChildren(QDialog)
                )
            )
    qtbot.waitUntil(lambda: not any(d.isVisible() for d in window.findChildren(QDialog)))

    frame, newest = session.frame, session.newest
    for number, _ in enumerate(follow()):
        if number == 0:
            assert session.footage is None
    rest()
    qtbot.waitUntil(lambda: session.newest == newest, timeout=60_000)
    assert session.frame == frame and session.judgement.verdict == "accept" and not session.judgement.stale
    assert next(told, None) is None, "a step of the tour is not tested"

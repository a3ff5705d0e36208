"""From one sequence to another and back: nothing is lost, nothing has to be opened or optimised again."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from neuface_studio import worker
from neuface_studio.model import Footage, RunState
from neuface_studio.widgets.main_window import MainWindow

from .conftest import open_and_wait

CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def clips(tmp_path: Path, footage: Footage, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Paths of three clips that open as the synthetic footage under names of their own."""
    paths = [tmp_path / f"clip_{number}" for number in range(3)]
    loads: list[Path] = []

    def load(self: worker.LoadWorker) -> Footage:
        path = self._request.path
        assert path is not None
        loads.append(path)
        sequence = dataclasses.replace(footage.sequence, name=path.name, path=path)
        return dataclasses.replace(footage, sequence=sequence)

    for path in paths:
        path.mkdir()
    monkeypatch.setattr(worker.LoadWorker, "_load", load)
    return paths


def test_a_sequence_comes_back_as_it_was_left(window: MainWindow, clips: list[Path], qtbot: QtBot) -> None:
    session = window.session
    open_and_wait(window, clips[0], qtbot)
    for expected in (1, 2):
        QTest.keyClick(window, Qt.Key.Key_S)
        qtbot.waitUntil(
            lambda expected=expected: session.newest == expected and session.run_state.can_run,
            timeout=60_000,
        )
    QTest.keyClick(window, Qt.Key.Key_BracketLeft)
    session.set_frame(3)
    left = session.place()
    record = session.record()
    open_and_wait(window, clips[1], qtbot)
    assert session.sequence_name == "clip_1" and session.indices == [0]
    window.open_path(clips[0])
    assert session.place() == left and session.record() is record, "at once, and the same"
    QTest.keyClick(window, Qt.Key.Key_S)
    qtbot.waitUntil(lambda: session.newest == 3, timeout=60_000)


def test_a_run_goes_on_in_the_background_and_its_result_is_kept(
    window: MainWindow, clips: list[Path], qtbot: QtBot
) -> None:
    session = window.session
    session.set_target(4)
    open_and_wait(window, clips[0], qtbot)
    folder = session.project_folder
    QTest.keyClick(window, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: (session.newest or 0) >= 1, timeout=60_000)
    with qtbot.waitSignal(window.controller.lot.finished, timeout=60_000):
        window.open_path(clips[1])
    assert (folder / "tracks" / "clip_0.npz").exists()
    qtbot.waitUntil(lambda: session.run_state == RunState.READY, timeout=60_000)
    window.open_path(clips[0])
    qtbot.waitUntil(lambda: session.newest == 4 and session.run_state == RunState.FINISHED, timeout=20_000)


def test_one_run_at_a_time(window: MainWindow, clips: list[Path], qtbot: QtBot) -> None:
    session = window.session
    session.set_target(5000)
    open_and_wait(window, clips[0], qtbot)
    QTest.keyClick(window, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: (session.newest or 0) >= 1, timeout=60_000)
    open_and_wait(window, clips[1], qtbot)
    QTest.keyClick(window, Qt.Key.Key_S)
    assert "clip_0" in window.notices.text.full_text()
    qtbot.waitUntil(lambda: session.newest == 1 and session.run_state.can_run, timeout=60_000)
    window.open_path(clips[0])
    qtbot.waitUntil(lambda: session.run_state == RunState.PAUSED, timeout=20_000)


def test_undo_goes_back_to_the_sequence_where_it_was_done(
    window: MainWindow, clips: list[Path], qtbot: QtBot
) -> None:
    session = window.session
    for clip in clips[:2]:
        open_and_wait(window, clip, qtbot)
        QTest.keyClick(window, Qt.Key.Key_S)
        qtbot.waitUntil(lambda: session.newest == 1 and session.run_state.can_run, timeout=60_000)
        QTest.keyClick(window, Qt.Key.Key_1)
    assert session.sequence_name == "clip_1"
    QTest.keyClick(window, Qt.Key.Key_Z, CONTROL)
    assert session.sequence_name == "clip_1" and session.judgement is None
    QTest.keyClick(window, Qt.Key.Key_Z, CONTROL)
    assert session.sequence_name == "clip_0" and session.judgement is None
    QTest.keyClick(window, Qt.Key.Key_Z, CONTROL | Qt.KeyboardModifier.ShiftModifier)
    assert session.judgement is not None and session.judgement.verdict == "accept"

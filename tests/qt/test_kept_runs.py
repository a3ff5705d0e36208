"""Branches and FLAME fitting are there again at the next start; undoing a repair goes back in the run too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from neuface_engine.optimization.repairs import Moved
from neuface_studio.widgets.main_window import MainWindow
from neuface_studio.worker import keeping

from .conftest import open_and_wait

BRANCH = "branch 1 (from 1)"


def stepped(window: MainWindow, qtbot: QtBot, times: int = 1) -> None:
    session = window.session
    for _ in range(times):
        wanted = session.newest + 1
        window.controller.step_once()
        qtbot.waitUntil(
            lambda wanted=wanted: session.newest == wanted and session.run_state.can_run, timeout=60_000
        )


def shows(window: MainWindow, qtbot: QtBot, run: str) -> None:
    session = window.session
    qtbot.waitUntil(lambda: session.run_name == run and session.run_state.can_run, timeout=60_000)


def with_two_branches(window: MainWindow, footage: Path, qtbot: QtBot) -> Path:
    """The folder of its runs, once the window is closed."""
    open_and_wait(window, footage, qtbot)
    stepped(window, qtbot, 1)
    for run in (BRANCH, "branch 2 (from 1)"):
        window.session.show_run("")
        window.controller.branch({})
        shows(window, qtbot, run)
    folder = window.controller.results.runs_folder
    assert folder is not None
    window.close()
    return folder


def test_runs_and_their_names_are_there_again_and_go_on(
    make_window: Callable[..., MainWindow], synthetic: Path, qtbot: QtBot
) -> None:
    window = make_window()
    window.session.set_target(20)
    open_and_wait(window, synthetic, qtbot)
    stepped(window, qtbot, 2)
    window.session.show_iteration(1)
    window.controller.branch({"temporal_weight": 900.0})
    shows(window, qtbot, BRANCH)
    stepped(window, qtbot)
    session = window.session
    session.names.rename(session.place(), BRANCH, "smooth", session.runs, session.undo_stack)
    window.controller.fit()
    shows(window, qtbot, "FLAME fitting")
    stepped(window, qtbot)
    session.show_run(BRANCH)
    session.show_iteration(1)
    poses = {
        run: session._histories[run].newest().parameters.pose.clone() for run in ("", BRANCH, "FLAME fitting")
    }
    window.close()

    again = make_window()
    again.session.set_target(20)
    open_and_wait(again, synthetic, qtbot)
    session = again.session
    assert session.runs == ["", BRANCH, "FLAME fitting"]
    assert (session.run_name, session.shown_iteration) == (BRANCH, 1), "where the reviewer stopped"
    assert session.names.title(session.place(), BRANCH) == "smooth"
    assert again.controller.settings().temporal_weight == 900
    for run, pose in poses.items():
        torch.testing.assert_close(session._histories[run].newest().parameters.pose, pose)
    assert again.controller.track(2).provenance["config"]["temporal_weight"] == 900
    stepped(again, qtbot)
    assert session.indices == [0, 1, 2, 3] and session.run_name == BRANCH
    session.show_run("FLAME fitting")
    again.controller.restart_run()
    qtbot.waitUntil(lambda: len(session.runs) == 3 and session.run_state.can_run, timeout=60_000)
    assert session.run_name == "" and session.newest == 0, "starting over leaves the branches"


def test_a_damaged_branch_is_one_line_and_the_rest_goes_on(
    make_window: Callable[..., MainWindow], synthetic: Path, qtbot: QtBot
) -> None:
    folder = with_two_branches(make_window(), synthetic, qtbot)
    assert [path.name for path in keeping.saved_runs(folder)] == [
        "state.safetensors",
        "0001.safetensors",
        "0002.safetensors",
    ]
    (folder / "branches" / "0001.safetensors").write_bytes(b"\x08")
    again = make_window()
    said: list[str] = []
    again.session.noticed.connect(lambda notice: said.append(notice.text))
    open_and_wait(again, synthetic, qtbot)
    assert again.session.runs == ["", "branch 2 (from 1)"]
    (line,) = [text for text in said if "left aside" in text]
    assert "0001.safetensors" in line and "\n" not in line


def test_undoing_a_repair_goes_back_to_before_it_and_redoing_to_the_steps_after_it(
    ready: MainWindow, qtbot: QtBot
) -> None:
    session, book = ready.session, ready.controller.repairs
    stepped(ready, qtbot)
    before = session.record(1).parameters.pose.clone()
    assert book.move(Moved(2, "cam_0", 30, 50.0, 60.0))
    stepped(ready, qtbot, 2)
    repaired = session.record(3).parameters.pose.clone()
    QTest.keyClick(ready, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    shows(ready, qtbot, BRANCH)
    assert not book.entries and session.newest == 1
    torch.testing.assert_close(session.record(1).parameters.pose, before)
    shift = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    QTest.keyClick(ready, Qt.Key.Key_Z, shift)
    assert len(book.entries) == 1 and session.run_name == "", "the steps after the repair are still there"
    torch.testing.assert_close(session.record(3).parameters.pose, repaired)


def test_of_too_many_branches_the_results_are_kept(
    make_window: Callable[..., MainWindow], synthetic: Path, qtbot: QtBot
) -> None:
    folder = with_two_branches(make_window(), synthetic, qtbot)
    _, older, newer = keeping.saved_runs(folder)
    keeping.bound([older, newer], limit=newer.stat().st_size)
    assert older.stat().st_size < newer.stat().st_size
    again = make_window()
    open_and_wait(again, synthetic, qtbot)
    session = again.session
    session.show_run(BRANCH)
    assert session.indices == [1] and again.controller.track(1) is not None
    again.controller.step_once()
    qtbot.waitUntil(lambda: again.notices.shown.level == "error", timeout=20_000)
    assert "only iteration 1 is kept" in again.notices.shown.text and session.run_state.can_run

"""Opening, running, stepping, judging, closing and opening again, on the real window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from neuface_studio.session import RunState
from neuface_studio.widgets.main_window import MainWindow

from .conftest import open_and_wait


def press(
    window: MainWindow, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
) -> None:
    QTest.keyClick(window, key, modifier)


def wait_for(qtbot: QtBot, window: MainWindow, iteration: int) -> None:
    qtbot.waitUntil(lambda: (window.session.newest or 0) >= iteration, timeout=60_000)


def pause(qtbot: QtBot, window: MainWindow) -> None:
    if window.session.run_state == RunState.RUNNING:
        window.transport.run_button.click()
    qtbot.waitUntil(lambda: window.session.run_state in (RunState.PAUSED, RunState.FINISHED), timeout=60_000)


def test_the_encoders_meshes_are_shown_before_any_run(ready: MainWindow) -> None:
    assert ready.session.indices == [0]
    assert all(tile.updates for tile in ready.view_grid.tiles)
    assert ready.transport.iteration_label.text().endswith("encoder only")


def test_click_run_step_back_accept_restart_and_the_verdict_is_there(
    ready: MainWindow, synthetic: Path, qtbot: QtBot, make_window: Callable[..., MainWindow]
) -> None:
    session = ready.session
    qtbot.mouseClick(ready.transport.run_button, Qt.MouseButton.LeftButton)
    wait_for(qtbot, ready, 4)
    assert session.shown_iteration == session.newest, "following the newest"
    pause(qtbot, ready)
    newest = session.newest
    press(ready, Qt.Key.Key_BracketLeft)
    press(ready, Qt.Key.Key_BracketLeft)
    assert session.shown_iteration == newest - 2
    qtbot.waitUntil(lambda: not ready.view_grid.busy)
    ready.review_bar.note.setText("lips fine")
    qtbot.mouseClick(ready.review_bar.buttons["accept"], Qt.MouseButton.LeftButton)
    assert session.judgement is not None and session.judgement.verdict == "accept"
    kept = session.record().parameters
    ready.close()

    again = make_window()
    open_and_wait(again, synthetic, qtbot)
    judgement = again.session.judgement
    assert judgement is not None and judgement.verdict == "accept" and judgement.note == "lips fine"
    assert not judgement.stale
    record = again.session.record()
    assert record.index == newest - 2, "the run of the last session, where the reviewer stopped"
    np.testing.assert_array_equal(record.parameters.pose.numpy(), kept.pose.numpy())
    assert again.review_bar.buttons["accept"].isChecked()
    assert again.review_bar.note.text() == "lips fine"
    qtbot.waitUntil(lambda: np.isfinite(again.session.record().nme_percent).all(), timeout=20_000)

    folder = again.session.project_folder
    again.controller.close_footage()
    open_and_wait(again, folder, qtbot)
    assert again.session.footage.sequence.name == "synthetic", "the project folder alone is enough"
    assert again.session.judgement == judgement


def test_a_verdict_is_undone_and_survives_nothing(ready: MainWindow, qtbot: QtBot) -> None:
    press(ready, Qt.Key.Key_S)
    wait_for(qtbot, ready, 1)
    pause(qtbot, ready)
    press(ready, Qt.Key.Key_2)
    assert ready.session.judgement.verdict == "reject"
    press(ready, Qt.Key.Key_3)
    assert ready.session.judgement.verdict == "unsure"
    press(ready, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert ready.session.judgement.verdict == "reject"
    press(ready, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert ready.session.judgement is None


def test_a_verdict_is_out_of_date_when_the_track_changes(ready: MainWindow, qtbot: QtBot) -> None:
    press(ready, Qt.Key.Key_S)
    wait_for(qtbot, ready, 1)
    pause(qtbot, ready)
    press(ready, Qt.Key.Key_1)
    assert not ready.session.judgement.stale
    press(ready, Qt.Key.Key_S)
    wait_for(qtbot, ready, 2)
    qtbot.waitUntil(lambda: ready.session.judgement.stale, timeout=20_000)
    assert "Out of date" in ready.review_bar.standing.full_text()


def test_step_does_exactly_one_iteration(ready: MainWindow, qtbot: QtBot) -> None:
    qtbot.mouseClick(ready.transport.step_button, Qt.MouseButton.LeftButton)
    wait_for(qtbot, ready, 1)
    pause(qtbot, ready)
    qtbot.wait(200)
    assert ready.session.indices == [0, 1]


def test_stepping_back_while_it_runs_stops_following(ready: MainWindow, qtbot: QtBot) -> None:
    ready.session.set_target(500)
    press(ready, Qt.Key.Key_Return)
    wait_for(qtbot, ready, 3)
    press(ready, Qt.Key.Key_BracketLeft, Qt.KeyboardModifier.ShiftModifier)
    assert ready.session.shown_iteration == 0 and not ready.session.follow
    wait_for(qtbot, ready, (ready.session.newest or 0) + 2)
    assert ready.session.shown_iteration == 0
    press(ready, Qt.Key.Key_BracketRight, Qt.KeyboardModifier.ShiftModifier)
    assert ready.session.follow and ready.session.shown_iteration == ready.session.newest
    pause(qtbot, ready)


def test_a_run_ends_at_its_target_and_can_go_on(ready: MainWindow, qtbot: QtBot) -> None:
    ready.controller.set_target(2)
    press(ready, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: ready.session.run_state == RunState.FINISHED, timeout=60_000)
    assert ready.session.newest == 2
    qtbot.waitUntil(lambda: bool(ready.session.final_figures), timeout=60_000)
    ready.controller.set_target(4)
    press(ready, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: ready.session.newest == 4, timeout=60_000)


def test_the_gradient_of_a_past_iteration_is_worked_out_again(ready: MainWindow, qtbot: QtBot) -> None:
    press(ready, Qt.Key.Key_S)
    wait_for(qtbot, ready, 1)
    pause(qtbot, ready)
    assert ready.session.gradients.frame(("", 1), 0) is None
    press(ready, Qt.Key.Key_R)
    qtbot.waitUntil(lambda: ready.session.gradients.frame(("", 1), 0) is not None, timeout=20_000)
    press(ready, Qt.Key.Key_BracketLeft)
    qtbot.waitUntil(lambda: ready.session.gradients.frame(("", 0), 0) is not None, timeout=20_000)
    assert ready.session.gradients.typical_peak(("", 0)) > 0


@pytest.mark.parametrize("views", [1])
def test_one_view_opens_and_runs(
    views: int, window: MainWindow, synthetic: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from neuface_studio import worker

    from .conftest import make_footage

    alone = make_footage(views=views, frames=4)
    monkeypatch.setattr(worker.LoadWorker, "_load", lambda self: alone)
    open_and_wait(window, synthetic, qtbot)
    press(window, Qt.Key.Key_S)
    wait_for(qtbot, window, 1)
    pause(qtbot, window)
    assert len(window.view_grid.tiles) == 1

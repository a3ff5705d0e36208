"""Several runs on one footage: branches with other weights, FLAME fitting, E and M one after the other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

import neuface_engine as nf
from neuface_engine.face_model.rotations import axis_angle_to_matrix, axis_angle_to_quaternion
from neuface_studio.scene.targets import quaternion_to_axis_angle, target_vertices
from neuface_studio.session import RunState
from neuface_studio.widgets.branch_sheet import BranchSheet
from neuface_studio.widgets.main_window import MainWindow


def rested(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: window.session.run_state.can_run, timeout=60_000)


@pytest.fixture
def stepped(ready: MainWindow, qtbot: QtBot) -> MainWindow:
    for wanted in (1, 2, 3):
        QTest.keyClick(ready, Qt.Key.Key_S)
        qtbot.waitUntil(lambda wanted=wanted: ready.session.newest == wanted, timeout=60_000)
        rested(ready, qtbot)
    return ready


def branch(window: MainWindow, qtbot: QtBot, **texts: str) -> None:
    window.actions_by_id["branch"].trigger()
    sheet = window.findChild(BranchSheet)
    for name, text in texts.items():
        sheet.fields[name].setText(text)
    count = len(window.session.runs)
    window.session.show_iteration(window.session.newest)  # meanwhile; the sheet says where the branch begins
    QTest.keyClick(next(reversed(sheet.fields.values())), Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(window.session.runs) == count + 1, timeout=60_000)
    rested(window, qtbot)


def test_a_branch_goes_on_from_the_shown_iteration_with_other_weights(
    stepped: MainWindow, qtbot: QtBot
) -> None:
    session = stepped.session
    original = session.record(3).parameters.pose.clone()
    session.show_iteration(1)
    branch(stepped, qtbot, temporal_weight="900")
    assert session.run_name == "branch 1 (from 1)" and session.indices == [0, 1]
    assert stepped.controller.settings().temporal_weight == 900
    assert not stepped.compare_bar.run_choice.isHidden()
    for wanted in (2, 3):
        QTest.keyClick(stepped, Qt.Key.Key_S)
        qtbot.waitUntil(lambda wanted=wanted: session.newest == wanted, timeout=60_000)
        rested(stepped, qtbot)
    assert (session.record(3).parameters.pose != original).any()
    assert "NeuFace" in session.comparison.choices, "the run left behind can be compared with"
    session.comparison.choose("NeuFace")
    torch.testing.assert_close(session.comparison.reference.parameters.pose, original)
    stepped.compare_bar.run_choice.activated.emit(0)
    assert session.run_name == "" and session.indices == [0, 1, 2, 3]
    assert session.comparison.chosen == "branch 1 (from 1)", "the two have changed places"
    torch.testing.assert_close(session.record().parameters.pose, original)
    QTest.keyClick(stepped, Qt.Key.Key_S)
    qtbot.waitUntil(lambda: session.newest == 4, timeout=60_000)
    rested(stepped, qtbot)
    session.show_run("branch 1 (from 1)")
    assert session.newest == 3, "each run goes on alone"


def test_the_branch_sheet_does_not_outlive_its_run_or_its_footage(stepped: MainWindow, qtbot: QtBot) -> None:
    session = stepped.session
    stepped.actions_by_id["branch"].trigger()
    sheet = next(sheet for sheet in stepped.findChildren(BranchSheet) if sheet.isVisible())
    stepped.controller.restart_run()
    qtbot.waitUntil(lambda: session.newest == 0 and session.run_state.can_run, timeout=60_000)
    QTest.mouseClick(sheet.go_button, Qt.MouseButton.LeftButton)
    assert "started over" in stepped.notices.text.full_text()
    assert session.runs == [""]
    stepped.actions_by_id["branch"].trigger()
    sheet = next(sheet for sheet in stepped.findChildren(BranchSheet) if sheet.isVisible())
    stepped.actions_by_id["close_sequence"].trigger()
    qtbot.waitUntil(lambda: not sheet.isVisible(), timeout=5_000)


def test_a_branch_with_the_same_weights_repeats_the_run(stepped: MainWindow, qtbot: QtBot) -> None:
    session = stepped.session
    expected = session.record(2).parameters.pose.clone()
    session.show_iteration(1)
    branch(stepped, qtbot)
    QTest.keyClick(stepped, Qt.Key.Key_S)
    qtbot.waitUntil(lambda: session.newest == 2, timeout=60_000)
    torch.testing.assert_close(session.record(2).parameters.pose, expected)
    rested(stepped, qtbot)


def test_the_verdict_is_about_the_shown_run(stepped: MainWindow, qtbot: QtBot) -> None:
    session = stepped.session
    session.show_iteration(1)
    branch(stepped, qtbot, temporal_weight="900")
    QTest.keyClick(stepped, Qt.Key.Key_S)
    qtbot.waitUntil(lambda: session.newest == 2, timeout=60_000)
    rested(stepped, qtbot)
    QTest.keyClick(stepped, Qt.Key.Key_1)
    track = nf.FaceTrack.load(stepped.controller.results._book.track_file)
    torch.testing.assert_close(track.parameters.pose, session.record(2).parameters.pose)
    assert not session.judgement.stale


def test_flame_fitting_is_a_second_run(ready: MainWindow, qtbot: QtBot) -> None:
    session = ready.session
    ready.actions_by_id["fit_flame"].trigger()
    qtbot.waitUntil(lambda: session.run_name == "FLAME fitting", timeout=60_000)
    rested(ready, qtbot)
    QTest.keyClick(ready, Qt.Key.Key_S)
    qtbot.waitUntil(lambda: session.newest == 1, timeout=60_000)
    rested(ready, qtbot)
    assert ready.controller.track(1).provenance["method"] == "flame-fitting"
    ready.actions_by_id["fit_flame"].trigger()
    assert session.runs == ["", "FLAME fitting"], "it is shown again, not begun again"


def test_e_shows_the_targets_and_m_steps_towards_them(ready: MainWindow, qtbot: QtBot) -> None:
    session = ready.session
    QTest.keyClick(ready, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier)
    assert session.layers.ghost and session.newest == 0
    qtbot.waitUntil(lambda: ready.view_grid._drawn[0].meshes.ghost is not None and not ready.view_grid.busy)
    QTest.keyClick(ready, Qt.Key.Key_M, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: session.newest == 1, timeout=60_000)
    rested(ready, qtbot)
    assert session.run_state == RunState.PAUSED


def test_the_ghost_is_the_target_of_the_engine(ready: MainWindow) -> None:
    footage, record = ready.session.footage, ready.session.record(0)
    run = ready.controller._optimiser._held[""].run
    targets = run.expectation()
    ghost = torch.from_numpy(target_vertices(footage, record, 2))
    rotation = axis_angle_to_matrix(quaternion_to_axis_angle(targets.orientation[2]))
    turned = torch.einsum("vij,nj->vni", rotation, targets.mesh[2])
    # Up to the place of the root joint, about which the head is turned.
    np.testing.assert_allclose(
        (ghost - ghost.mean(1, keepdim=True)).numpy(),
        (turned - turned.mean(1, keepdim=True)).detach().numpy(),
        atol=2e-5,
    )


def test_quaternions_go_back_to_axis_and_angle() -> None:
    rotation = torch.tensor([[0.0, 0.0, 0.0], [0.3, -0.2, 0.9], [0.0, 3.0, 0.0], [1e-9, 0.0, 0.0]])
    back = quaternion_to_axis_angle(axis_angle_to_quaternion(rotation))
    torch.testing.assert_close(back, rotation, atol=1e-5, rtol=1e-4)

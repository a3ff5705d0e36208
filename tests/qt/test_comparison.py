"""Comparison: flip while a key is held, wipe, side by side; same camera, no empty picture in between."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from neuface_studio.model import CompareMode
from neuface_studio.widgets.flip_key import REPEAT_MS
from neuface_studio.widgets.main_window import MainWindow


@pytest.fixture
def moved(ready: MainWindow, qtbot: QtBot) -> MainWindow:
    """A window that shows an iteration whose meshes differ from the encoder's."""
    for wanted in (1, 2, 3):
        QTest.keyClick(ready, Qt.Key.Key_S)
        qtbot.waitUntil(
            lambda wanted=wanted: ready.session.newest == wanted and ready.session.run_state.can_run,
            timeout=60_000,
        )
    settle(ready, qtbot)
    return ready


def settle(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not window.view_grid.busy, timeout=20_000)


def release_tab(window: MainWindow, qtbot: QtBot) -> None:
    QTest.keyRelease(window, Qt.Key.Key_Tab)
    qtbot.waitUntil(lambda: not window.session.comparison.flipped)


def pictures(window: MainWindow) -> list[np.ndarray]:
    return [tile.picture.image.copy() for tile in window.view_grid.tiles]


def test_holding_tab_shows_the_encoder_and_letting_go_comes_back(moved: MainWindow, qtbot: QtBot) -> None:
    newest = pictures(moved)
    QTest.keyPress(moved, Qt.Key.Key_Tab)
    settle(moved, qtbot)
    assert moved.session.displayed().index == 0
    flipped = pictures(moved)
    release_tab(moved, qtbot)
    settle(moved, qtbot)
    assert moved.session.displayed().index == 3 and moved.session.shown_iteration == 3
    assert all((a != b).any() for a, b in zip(newest, flipped, strict=True))
    for before, after in zip(newest, pictures(moved), strict=True):
        np.testing.assert_array_equal(before, after)
    QTest.keyClick(moved, Qt.Key.Key_BracketLeft, Qt.KeyboardModifier.ShiftModifier)
    settle(moved, qtbot)
    for encoder, held in zip(pictures(moved), flipped, strict=True):
        np.testing.assert_array_equal(encoder, held)


def test_a_key_that_repeats_and_other_keys_do_not_end_the_comparison(moved: MainWindow, qtbot: QtBot) -> None:
    comparison = moved.session.comparison
    changes: list[bool] = []
    comparison.changed.connect(lambda: changes.append(comparison.flipped))
    QTest.keyPress(moved, Qt.Key.Key_Tab)
    for _ in range(5):  # as X11 repeats a key that is a shortcut
        QTest.keyRelease(moved, Qt.Key.Key_Tab)
        QTest.keyPress(moved, Qt.Key.Key_Tab)
    QTest.keyClick(moved, Qt.Key.Key_Home)
    qtbot.wait(2 * REPEAT_MS)
    assert changes == [True]
    release_tab(moved, qtbot)
    assert changes == [True, False]


def test_no_empty_picture_between_two_flips(moved: MainWindow, qtbot: QtBot) -> None:
    darkest: list[float] = []
    moved.renderer.tile_drawn.connect(lambda drawn: darkest.append(float(drawn.shown.image.mean())))
    usual = min(image.mean() for image in pictures(moved))
    for _ in range(4):
        QTest.keyPress(moved, Qt.Key.Key_Tab)
        assert all(tile.picture is not None for tile in moved.view_grid.tiles)
        release_tab(moved, qtbot)
    settle(moved, qtbot)
    assert darkest and min(darkest) > 0.8 * usual


def test_a_wipe_shows_both_and_is_dragged_in_every_tile(moved: MainWindow, qtbot: QtBot) -> None:
    QTest.keyClick(moved, Qt.Key.Key_Backtab, Qt.KeyboardModifier.ShiftModifier)
    if (
        moved.session.comparison.mode == CompareMode.OFF
    ):  # without a window manager Qt names the key otherwise
        moved.actions_by_id["wipe"].trigger()
    settle(moved, qtbot)
    tile = moved.view_grid.tiles[0]
    qtbot.waitUntil(lambda: tile.mode == CompareMode.WIPE)

    def left_and_right(share: float) -> np.ndarray:
        QTest.mousePress(tile, Qt.MouseButton.LeftButton, pos=QPoint(round(share * tile.width()), 60))
        QTest.mouseRelease(tile, Qt.MouseButton.LeftButton, pos=QPoint(round(share * tile.width()), 60))
        image = tile.grab().toImage().convertToFormat(tile.grab().toImage().Format.Format_RGB888)
        return np.array(image.constBits()).reshape(image.height(), image.bytesPerLine())

    first, second = left_and_right(0.95), left_and_right(0.05)
    assert (first != second).mean() > 0.01, "the line was moved over the face"
    assert {t._wipe for t in moved.view_grid.tiles} == {tile._wipe}
    moved.actions_by_id["wipe"].trigger()
    settle(moved, qtbot)
    qtbot.waitUntil(lambda: tile.mode == CompareMode.OFF)


def test_side_by_side_has_one_camera_for_both(moved: MainWindow, qtbot: QtBot) -> None:
    drawn: list = []
    moved.renderer.tile_drawn.connect(drawn.append)
    QTest.keyClick(moved, Qt.Key.Key_B)
    settle(moved, qtbot)
    newest = drawn[-1]
    assert newest.reference is not None
    assert newest.reference.image.shape == newest.shown.image.shape
    assert newest.shown.image.shape[1] <= newest.shown.image.shape[0] * 1.6
    assert (newest.reference.image != newest.shown.image).any()
    np.testing.assert_array_equal(newest.reference.image[:2, :2], newest.shown.image[:2, :2])


def test_any_iteration_can_be_the_comparison(moved: MainWindow, qtbot: QtBot) -> None:
    QTest.keyClick(moved, Qt.Key.Key_BracketLeft)
    QTest.keyClick(moved, Qt.Key.Key_Y)
    assert moved.compare_bar.choice.currentText() == "iteration 2"
    QTest.keyClick(moved, Qt.Key.Key_BracketRight)
    QTest.keyPress(moved, Qt.Key.Key_Tab)
    assert moved.session.displayed().index == 2
    release_tab(moved, qtbot)
    moved.compare_bar.choice.textActivated.emit("encoder")
    assert moved.session.comparison.reference.index == 0


def test_a_track_file_is_a_comparison_and_a_foreign_one_is_refused(
    moved: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    path = tmp_path / "other.npz"
    moved.controller.track(1).save(path)
    commands = next(group for group in moved._commands if hasattr(group, "compare_with"))
    assert commands.compare_with(path)
    assert moved.session.comparison.reference.index == 1
    np.testing.assert_array_equal(
        moved.session.comparison.reference.parameters.pose.numpy(),
        moved.session.record(1).parameters.pose.numpy(),
    )
    path.write_bytes(b"no track")
    assert not commands.compare_with(path)
    assert "other.npz" in moved.notices.text.full_text()
    assert moved.session.comparison.reference.index == 1, "the comparison stays"

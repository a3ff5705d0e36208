"""The palette and the keys: found by words, changed with a warning, kept over a restart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from neuface_studio.command_table import COMMANDS
from neuface_studio.key_presets import PRESETS
from neuface_studio.keys import KeyMap, action_key, default_keys
from neuface_studio.widgets.key_editor import KeyEditor
from neuface_studio.widgets.main_window import MainWindow
from neuface_studio.widgets.palette import ID_ROLE, Palette, score


def opened(window: MainWindow, kind: type) -> object:
    found = window.findChild(kind)
    assert found is not None and found.isVisible()
    return found


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("wipe", "wipe"),
        ("wire", "layer_wireframe"),
        ("branch", "branch"),
        ("first frame", "frame_first"),
        ("encoder start over", "restart_run"),
        ("picture window", "save_screenshot"),
    ],
)
def test_a_few_words_find_the_command(words: str, expected: str) -> None:
    fitting = [(points, entry.id) for entry in COMMANDS if (points := score(words, entry)) is not None]
    assert min(fitting)[1] == expected


def test_the_palette_does_what_was_found(ready: MainWindow, qtbot: QtBot) -> None:
    QTest.keyClick(ready, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    palette = opened(ready, Palette)
    QTest.keyClicks(palette.field, "wire")
    assert palette.rows.currentItem().data(0, ID_ROLE) == "layer_wireframe"
    QTest.keyClick(palette.field, Qt.Key.Key_Return)
    assert ready.session.layers.wireframe
    qtbot.waitUntil(lambda: ready.findChild(Palette) is None)


def test_arrows_move_in_the_palette_and_what_cannot_be_done_is_not(window: MainWindow, qtbot: QtBot) -> None:
    window.actions_by_id["palette"].trigger()
    palette = opened(window, Palette)
    QTest.keyClick(palette.field, Qt.Key.Key_Down)
    assert palette.rows.indexOfTopLevelItem(palette.rows.currentItem()) == 1
    QTest.keyClicks(palette.field, "accept")
    QTest.keyClick(palette.field, Qt.Key.Key_Return)
    assert palette.isVisible(), "nothing is open that could be accepted"
    QTest.keyClicks(palette.field, "xyzzy")
    assert palette.rows.topLevelItem(0).text(0) == "No command has these words."
    QTest.keyClick(palette.field, Qt.Key.Key_Return)
    assert palette.isVisible()
    QTest.keyClick(palette.field, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: window.findChild(Palette) is None)


def test_a_key_is_changed_with_a_warning_and_stays_changed(
    ready: MainWindow, qtbot: QtBot, make_window: Callable[..., MainWindow]
) -> None:
    ready.actions_by_id["change_keys"].trigger()
    editor = opened(ready, KeyEditor)
    editor.choose("layer_mesh")
    editor.edit.setKeySequence(QKeySequence("W"))
    assert "Wireframe" in editor.warning.text() and editor.set_button.text() == "Take it over"
    qtbot.mouseClick(editor.set_button, Qt.MouseButton.LeftButton)
    editor.edit.setKeySequence(QKeySequence("Ctrl+Alt+7"))
    assert editor.warning.text() == "" and editor.set_button.text() == "Set"
    QTest.keyClick(editor, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: ready.findChild(KeyEditor) is None)
    ready.activateWindow()
    QTest.keyClick(ready, Qt.Key.Key_W)
    assert not ready.session.layers.mesh and not ready.session.layers.wireframe
    assert action_key(ready.actions_by_id["layer_wireframe"]) == ""
    assert "[W]" in ready.actions_by_id["layer_mesh"].toolTip()
    again = make_window()
    assert again.keys.keys("layer_mesh") == ("W",) and again.keys.keys("layer_wireframe") == ()
    again.keys.reset()
    assert make_window().keys.keys("layer_mesh") == ("Q",)


@pytest.mark.parametrize("preset", list(PRESETS))
def test_a_set_of_keys_gives_every_key_once_and_loses_nothing_that_is_needed(
    preset: str, tmp_path: Path
) -> None:
    keys = KeyMap(QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat))
    keys.reset(preset)
    everything = [key for entry in COMMANDS for key in keys.keys(entry.id)]
    assert len(everything) == len(set(everything)), sorted(k for k in everything if everything.count(k) > 1)
    for identifier in (
        "toggle_play", "toggle_run", "frame_back", "frame_forward", "iteration_back", "iteration_forward",
        "accept", "reject", "unsure", "sequence_next", "sequence_previous", "edit_note", "undo", "palette",
        "layer_mesh", "layer_detected", "step_once", "view_next", "solo_view", "shuttle_stop", "full_screen",
    ):  # fmt: skip
        assert keys.keys(identifier), f"{identifier} has no key in {preset}"
    keys.reset()
    assert all(keys.keys(entry.id) == default_keys(entry) for entry in COMMANDS)


def test_no_two_commands_ever_share_a_key(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("keys")
    keys = KeyMap(QSettings(str(folder / "s.ini"), QSettings.Format.IniFormat))
    assert keys.bind("accept", "Space") == "toggle_play"
    assert keys.bind("reject", "Space") == "accept"
    assert keys.bind("reject", "Space") is None
    everything = [key for entry in COMMANDS for key in keys.keys(entry.id)]
    assert len(everything) == len(set(everything))


def test_what_cannot_be_done_says_what_to_do_first(window: MainWindow, qtbot: QtBot) -> None:
    accept = window.actions_by_id["accept"]
    assert not accept.isEnabled() and "run at least one iteration first" in accept.toolTip()
    assert "Open footage first." in window.actions_by_id["toggle_play"].toolTip()
    palette = Palette(window.actions_by_id, window)
    qtbot.addWidget(palette)
    palette.field.setText("accept and stay")
    assert "run at least one iteration first" in palette.rows.currentItem().toolTip(0)
    QTest.keyClick(palette.field, Qt.Key.Key_Return)
    assert palette.result() == 0, "it stays, and says why"

"""Repairing by hand in the window: a landmark is dragged, muted, a part excluded; undone, kept, obeyed by the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from neuface_engine.optimization.repairs import Excluded, Moved, Repairs
from neuface_studio.widgets.commands import RepairCommands
from neuface_studio.widgets.main_window import MainWindow

from .conftest import open_and_wait

MOUTH_CORNER = 48


def still(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.wait(30)
    qtbot.waitUntil(lambda: not window.view_grid.busy, timeout=20_000)


def stepped(window: MainWindow, qtbot: QtBot) -> None:
    before = window.session.newest
    window.controller.step_once()
    qtbot.waitUntil(lambda: window.session.newest == before + 1, timeout=60_000)
    qtbot.waitUntil(lambda: window.session.run_state.can_run, timeout=60_000)


def drag(window: MainWindow, qtbot: QtBot, view: int, landmark: int, by: tuple[int, int]) -> None:
    """With the mouse, in a tile."""
    still(window, qtbot)
    tile, drawn = window.view_grid.tiles[view], window.view_grid.drawn(view)
    scale = tile.width() / drawn.shown.image.shape[1]
    start = QPoint(*np.rint(drawn.shown.detected[landmark] * scale).astype(int).tolist())
    end = start + QPoint(*by)
    QTest.mousePress(tile, Qt.MouseButton.LeftButton, pos=start)
    for place in (start + QPoint(by[0] // 2, by[1] // 2), end):
        event = QMouseEvent(
            QEvent.Type.MouseMove,
            QPointF(place),
            tile.mapToGlobal(QPointF(place)),
            Qt.MouseButton.NoButton,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(tile, event)
    QTest.mouseRelease(tile, Qt.MouseButton.LeftButton, pos=end)


def run_of(window: MainWindow) -> object:
    return window.controller._optimiser._held[""].run


def test_a_dragged_landmark_is_where_it_was_let_go_and_the_run_believes_it(
    ready: MainWindow, qtbot: QtBot
) -> None:
    session = ready.session
    before = session.footage.sequence.landmarks.clone()
    loss = session.record().losses["landmark"]
    QTest.keyClick(ready, "M")
    assert session.repairing
    drag(ready, qtbot, 1, MOUTH_CORNER, (14, -10))
    (entry,) = ready.controller.repairs.entries
    assert entry.words.startswith("Landmark 49 (outer lips) moved in cam_1, frame 1")
    after = session.footage.sequence.landmarks
    changed = (after != before).any(-1)
    assert changed[0, 1, MOUTH_CORNER] and int(changed.sum()) == 1
    still(ready, qtbot)
    drawn, tile = ready.view_grid.drawn(1), ready.view_grid.tiles[1]
    shift = drawn.viewport.scale * tile.width() / drawn.shown.image.shape[1]
    moved = (after - before)[0, 1, MOUTH_CORNER].numpy() * 80  # crop units of the 160 px frame
    np.testing.assert_allclose(moved * shift, [14, -10], atol=1.5)
    qtbot.waitUntil(lambda: run_of(ready).sequence is session.footage.sequence, timeout=20_000)
    qtbot.waitUntil(lambda: session.record().losses["landmark"] != loss, timeout=20_000)
    stepped(ready, qtbot)
    assert "moved by hand" in ready.controller.track(1).provenance["detector"]
    QTest.keyClick(ready, "M")
    assert not session.repairing


def test_a_landmark_is_chosen_and_moved_by_keys_alone(ready: MainWindow, qtbot: QtBot) -> None:
    session, book = ready.session, ready.controller.repairs
    before = session.footage.sequence.landmarks.clone()
    QTest.keyClick(ready, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
    assert not book.entries and "Select a landmark first" in ready.notices.text.full_text()
    QTest.keyClick(ready, ".")
    QTest.keyClick(ready, ".")
    QTest.keyClick(ready, ",")
    QTest.keyClick(ready, ",")
    assert session.repairing and session.selected_landmark == 67
    QTest.keyClick(ready, Qt.Key.Key_Down)
    assert session.selected_view == 1
    still(ready, qtbot)
    for _ in range(5):
        QTest.keyClick(ready, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(ready, Qt.Key.Key_Up, Qt.KeyboardModifier.ControlModifier)
    assert not book.entries, "one repair for all keys, not one for each"
    drawn, tile = ready.view_grid.drawn(1), ready.view_grid.tiles[1]
    held = tile._held
    assert held is not None and held[2].startswith("68")
    qtbot.waitUntil(lambda: len(book.entries) == 1, timeout=5_000)
    changed = session.footage.sequence.landmarks - before
    assert int((changed != 0).any(-1).sum()) == 1
    shift = drawn.viewport.scale * tile.width() / drawn.shown.image.shape[1]
    np.testing.assert_allclose(changed[0, 1, 67].numpy() * 80 * shift, [5, -1], atol=0.2)
    QTest.keyClick(ready, Qt.Key.Key_Left, Qt.KeyboardModifier.ControlModifier)
    session.set_frame(1)
    assert len(book.entries) == 2 and "frame 1" in book.entries[1].words, "leaving the frame lets it go there"


def test_playing_stops_where_a_landmark_is_taken_in_hand(ready: MainWindow, qtbot: QtBot) -> None:
    session, book = ready.session, ready.controller.repairs
    QTest.keyClick(ready, ".")
    still(ready, qtbot)
    session.set_playing(True)
    qtbot.waitUntil(lambda: session.frame > 0, timeout=5_000)
    QTest.keyClick(ready, Qt.Key.Key_Up, Qt.KeyboardModifier.ControlModifier)
    assert not session.playing
    ready.view_grid.handling.put_down()
    assert book.entries[-1].data["frame"] == session.frame
    session.set_playing(True)
    drag(ready, qtbot, 1, MOUTH_CORNER, (14, -10))
    assert not session.playing and book.entries[-1].data["frame"] == session.frame


def test_a_nudge_is_kept_when_the_footage_or_the_window_closes_at_once_and_undo_takes_it_back(
    make_window: Callable[..., MainWindow], synthetic: Path, qtbot: QtBot
) -> None:
    def nudge(window: MainWindow, landmark: str) -> None:
        QTest.keyClick(window, landmark)
        still(window, qtbot)
        QTest.keyClick(window, Qt.Key.Key_Up, Qt.KeyboardModifier.ControlModifier)

    window = make_window()
    window.session.set_target(5)
    open_and_wait(window, synthetic, qtbot)
    nudge(window, ".")
    QTest.keyClick(window, Qt.Key.Key_W, Qt.KeyboardModifier.ControlModifier)
    open_and_wait(window, synthetic, qtbot)
    book = window.controller.repairs
    assert [entry.data["landmark"] for entry in book.entries] == [0]
    nudge(window, ",")
    QTest.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert [entry.data["landmark"] for entry in book.entries] == [0], "the nudge, not what was done before it"
    QTest.keyClick(
        window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    )
    assert [entry.data["landmark"] for entry in book.entries] == [0, 67]
    nudge(window, ",")
    window.close()
    again = make_window()
    open_and_wait(again, synthetic, qtbot)
    assert [entry.data["landmark"] for entry in again.controller.repairs.entries] == [0, 67, 66]


def test_undo_and_redo_take_a_repair_back_and_do_it_again(ready: MainWindow, qtbot: QtBot) -> None:
    session, book = ready.session, ready.controller.repairs
    original = session.footage.sequence.landmarks.clone()
    assert book.move(Moved(2, "cam_0", 30, 50.0, 60.0)) and book.mute(36)
    assert ready.repair_panel.list.topLevelItemCount() == 2
    repaired = session.footage.sequence.landmarks.clone()
    QTest.keyClick(ready, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert not book.repairs.muted and len(book.entries) == 1
    QTest.keyClick(ready, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    torch.testing.assert_close(session.footage.sequence.landmarks, original)
    qtbot.waitUntil(lambda: not run_of(ready).config.muted_landmarks, timeout=20_000)
    shift = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    QTest.keyClick(ready, Qt.Key.Key_Z, shift)
    QTest.keyClick(ready, Qt.Key.Key_Z, shift)
    torch.testing.assert_close(session.footage.sequence.landmarks, repaired)
    qtbot.waitUntil(lambda: run_of(ready).config.muted_landmarks == (36,), timeout=20_000)


def test_repairs_are_there_when_the_footage_is_opened_again(
    make_window: Callable[..., MainWindow], synthetic: Path, qtbot: QtBot, tmp_path: Path
) -> None:
    window = make_window()
    window.session.set_target(5)
    open_and_wait(window, synthetic, qtbot)
    assert window.controller.repairs.move(Moved(1, "cam_2", 8, 70.0, 90.0))
    assert window.controller.repairs.exclude(Excluded(0, 1, "cam_0"))
    assert window.controller.repairs.mute(3)
    window.session.undo_stack.undo()
    kept = window.controller.repairs.repairs
    window.close()
    again = make_window()
    open_and_wait(again, synthetic, qtbot)
    assert again.controller.repairs.repairs == kept and len(kept.moved) == 1 and not kept.muted
    assert not again.session.footage.sequence.detected[:2, 0].any()
    commands = next(group for group in again._commands if isinstance(group, RepairCommands))
    assert commands.save(tmp_path / "repairs.json")
    assert Repairs.load(tmp_path / "repairs.json") == kept


def test_the_marked_range_is_excluded_and_nothing_may_be_left_out_altogether(
    ready: MainWindow, qtbot: QtBot
) -> None:
    session, book = ready.session, ready.controller.repairs
    session.marks.set_first(1)
    session.marks.set_last(3)
    session.select_view(1)
    ready.actions_by_id["repair_exclude_here"].trigger()
    assert book.repairs.excluded == (Excluded(1, 3, "cam_1"),)
    ready.actions_by_id["repair_exclude_frames"].trigger()
    qtbot.waitUntil(lambda: run_of(ready).config.excluded_frames == (1, 2, 3), timeout=20_000)
    for view in (0, 1):
        session.select_view(view)
        ready.actions_by_id["repair_exclude_view"].trigger()
    assert len(book.entries) == 4
    session.select_view(2)
    ready.actions_by_id["repair_exclude_view"].trigger()
    assert len(book.entries) == 4 and ready.notices.shown.level == "error", "one view must be left"
    ready.repair_panel.list.topLevelItem(0).setSelected(True)
    qtbot.mouseClick(ready.repair_panel.back, Qt.MouseButton.LeftButton)
    assert book.entries[0].words.startswith("Frames 2 to 4 excluded in all views")
    session.undo_stack.undo()
    assert len(book.entries) == 4, "taking back can itself be undone"


def test_a_click_selects_and_del_mutes(ready: MainWindow, qtbot: QtBot) -> None:
    QTest.keyClick(ready, Qt.Key.Key_Delete)
    assert "Select a landmark" in ready.notices.text.full_text()
    QTest.keyClick(ready, "M")
    drag(ready, qtbot, 0, 30, (0, 0))
    assert ready.session.selected_landmark == 30 and not ready.controller.repairs.entries
    QTest.keyClick(ready, Qt.Key.Key_Delete)
    assert ready.controller.repairs.repairs.muted == (30,)


def test_outside_of_the_mode_nothing_is_moved(ready: MainWindow, qtbot: QtBot) -> None:
    ready.session.set_layers(detected=True)
    drag(ready, qtbot, 1, MOUTH_CORNER, (14, -10))
    assert not ready.controller.repairs.entries

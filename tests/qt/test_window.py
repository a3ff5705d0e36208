"""The window itself: commands, keys, text fields, errors, leaving nothing behind."""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QFontInfo, QGuiApplication, QHelpEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QToolTip
from pytestqt.qtbot import QtBot

from neuface_studio import actions as table
from neuface_studio.explanations import TIP_WIDTH
from neuface_studio.session import RunState
from neuface_studio.widgets.main_window import MainWindow
from neuface_studio.widgets.plots import horizon

from .conftest import open_and_wait


def test_the_start_page_says_what_can_be_opened(window: MainWindow) -> None:
    assert window.pages.currentWidget() is window.start_page
    assert not window.review_bar.isVisible() and not window.transport.isVisible()
    words = " ".join(label.text() for label in window.start_page.findChildren(type(window._title)))
    assert "demo" in words.lower() or "talking head" in words
    assert "folder" in words and "camera" in words


def test_every_command_has_a_function_a_tip_and_a_key_of_its_own(window: MainWindow) -> None:
    keys = [key for entry in table.COMMANDS for key in entry.keys]
    assert len(keys) == len(set(keys)), "two commands share a key"
    for entry in table.COMMANDS:
        assert entry.tip.endswith((".", "?")), entry.id
        assert entry.id in window.actions_by_id
    in_menus = {
        action.objectName()
        for menu in window.menuBar().actions()
        for action in menu.menu().actions()
        if action.objectName()
    }
    assert in_menus == {entry.id for entry in table.COMMANDS}


def test_keys_move_through_time_and_layers(ready: MainWindow, qtbot: QtBot) -> None:
    session = ready.session
    QTest.keyClick(ready, Qt.Key.Key_Right)
    QTest.keyClick(ready, Qt.Key.Key_Right)
    assert session.frame == 2
    QTest.keyClick(ready, Qt.Key.Key_End)
    assert session.frame == session.num_frames - 1
    QTest.keyClick(ready, Qt.Key.Key_Home)
    assert session.frame == 0
    for key, field in ((Qt.Key.Key_Q, "mesh"), (Qt.Key.Key_E, "detected"), (Qt.Key.Key_0, "whole_frame")):
        before = getattr(session.layers, field)
        QTest.keyClick(ready, key)
        assert getattr(session.layers, field) is not before
        assert (
            ready.layer_panel.boxes[
                {"mesh": "layer_mesh", "detected": "layer_detected", "whole_frame": "whole_frame"}[field]
            ].isChecked()
            is not before
        )
    QTest.keyClick(ready, Qt.Key.Key_Space)
    assert session.playing
    qtbot.waitUntil(lambda: session.frame > 0, timeout=10_000)
    QTest.keyClick(ready, Qt.Key.Key_Space)
    assert not session.playing


def test_single_keys_are_dead_while_a_text_field_has_the_focus(ready: MainWindow, qtbot: QtBot) -> None:
    session = ready.session
    QTest.keyClick(ready, Qt.Key.Key_S)
    qtbot.waitUntil(lambda: session.newest == 1 and session.run_state.can_run, timeout=60_000)
    frame, layers = session.frame, session.layers
    for field in (ready.review_bar.note, ready.review_bar.reviewer):
        field.setFocus()
        qtbot.waitUntil(field.hasFocus)
        field.clear()
        QTest.keyClicks(field, "123 qwert 0 s[n]?")
        QTest.keyClick(field, Qt.Key.Key_Home)
        QTest.keyClick(field, Qt.Key.Key_Left)
        assert field.text() == "123 qwert 0 s[n]?"
        QTest.keyClick(field, Qt.Key.Key_Return)
        assert not field.hasFocus()
    assert session.judgement is None
    assert (session.frame, session.layers, session.newest) == (frame, layers, 1)
    assert session.run_state != RunState.RUNNING and not session.playing
    target = ready.transport.target_field
    target.setFocus()
    target.selectAll()
    QTest.keyClicks(target, "35")
    QTest.keyClick(target, Qt.Key.Key_Return)
    assert session.target_iterations == 35 and session.judgement is None
    QTest.keyClick(ready, Qt.Key.Key_1)
    assert session.judgement is not None


def test_missing_faces_are_flagged_in_the_tile_and_on_the_axis(ready: MainWindow, qtbot: QtBot) -> None:
    session = ready.session
    missing = int((~session.footage.sequence.detected).any(dim=1).nonzero()[0])
    session.set_frame(missing)
    qtbot.waitUntil(lambda: not ready.view_grid.busy)
    assert "no face" in ready.view_grid.tiles[-1]._flag and not ready.view_grid.tiles[0]._flag
    mark = ready.transport.frame_slider.runs[0]
    assert (mark.first, mark.last) == (missing, missing) and "no face in" in mark.words


def test_one_view_large_and_back(ready: MainWindow, qtbot: QtBot) -> None:
    first, second = ready.view_grid.tiles[:2]
    small = first.width() * first.height()
    QTest.mouseDClick(first, Qt.MouseButton.LeftButton)
    assert not second.isVisible() and first.width() * first.height() > 1.5 * small
    QTest.keyClick(ready, Qt.Key.Key_V)
    assert second.isVisible()


def test_the_3d_view_draws_heads_and_turns(ready: MainWindow, qtbot: QtBot) -> None:
    view = ready.view3d
    assert view.backend in ("offscreen", "interactor")
    if view.backend == "interactor":
        pytest.skip("hardware GL: the picture is not ours to read")
    qtbot.waitUntil(lambda: view._view._pixels is not None, timeout=20_000)
    before = view._view._pixels.copy()
    assert before.std() > 10
    QTest.mousePress(view._view, Qt.MouseButton.LeftButton, pos=view._view.rect().center())
    QTest.mouseMove(view._view, view._view.rect().center() + QPointF(60, 0).toPoint())
    QTest.mouseRelease(view._view, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not np.array_equal(view._view._pixels, before), timeout=10_000)
    QTest.keyClick(ready, Qt.Key.Key_C)
    assert ready.session.posed_3d


@pytest.mark.parametrize("content", [b"", b"this is no video\n" * 50], ids=["zero bytes", "text renamed"])
def test_a_bad_file_shows_a_line_and_the_window_stays_usable(
    content: bytes, window: MainWindow, synthetic: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    bad = tmp_path / "clip.mp4"
    bad.write_bytes(content)
    window.open_path(bad)
    qtbot.waitUntil(lambda: window.notices.shown is not None, timeout=60_000)
    assert window.notices.shown.level == "error" and "clip.mp4" in window.notices.text.full_text()
    assert window.pages.currentWidget() is window.start_page and window.start_page.currentIndex() == 0
    assert window.isEnabled() and window.findChild(QDialog) is None
    open_and_wait(window, synthetic, qtbot)
    assert window.session.footage is not None


def test_a_missing_path_names_it(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> None:
    window.open_path(tmp_path / "gone")
    qtbot.waitUntil(lambda: window.notices.shown is not None, timeout=60_000)
    assert "gone" in window.notices.text.full_text()


def test_a_dropped_folder_is_opened(
    window: MainWindow, synthetic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path | None] = []
    monkeypatch.setattr(window.controller, "open_path", lambda path, **_: opened.append(path))
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path))])
    drop = QDropEvent(
        QPointF(5, 5),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    window.dropEvent(drop)
    assert opened == [tmp_path]


def test_opening_can_be_cancelled(
    window: MainWindow, synthetic: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    from neuface_studio import worker

    def slow(self: worker.LoadWorker) -> None:
        for step in range(2000):
            self._progress("detect", step, 2000)
            time.sleep(0.01)

    monkeypatch.setattr(worker.LoadWorker, "_load", slow)
    window.open_path(synthetic)
    qtbot.waitUntil(lambda: window.start_page._bar.value() > 0, timeout=20_000)
    qtbot.mouseClick(window.start_page.cancel_button, Qt.MouseButton.LeftButton)
    assert window.start_page.currentIndex() == 0 and not window.controller.opener.loading
    assert window.session.footage is None


def test_opening_running_closing_again_and_again(
    make_window: Callable[..., MainWindow], synthetic: Path, qtbot: QtBot
) -> None:
    for cycle in range(3):
        window = make_window()
        open_and_wait(window, synthetic, qtbot)
        QTest.keyClick(window, Qt.Key.Key_Return)
        qtbot.waitUntil(
            lambda window=window, last=1 + cycle % 2: (window.session.newest or 0) >= last, timeout=60_000
        )
        if cycle == 1:
            window.session.set_playing(True)
        if cycle == 2:
            window.controller.close_footage()
            assert window.pages.currentWidget() is window.start_page
        window.close()
        assert window.controller._optimiser_thread is None


def test_closing_while_it_loads(window: MainWindow, synthetic: Path) -> None:
    window.open_path(synthetic)
    window.close()
    assert not window.controller.opener.loading


def test_a_result_that_comes_after_closing_starts_nothing(window: MainWindow, synthetic: Path) -> None:
    window.open_path(synthetic)
    window.controller.cancel_loading()
    window.controller.opener._on_loaded(object())  # what was queued when the loader was given up
    assert window.controller._optimiser_thread is None and window.session.footage is None


def test_the_sheets_open_and_close(window: MainWindow, qtbot: QtBot) -> None:
    for identifier in ("shortcuts", "explain", "about"):
        window.actions_by_id[identifier].trigger()
        sheet = window.findChild(QDialog)
        assert sheet is not None and sheet.isVisible()
        QTest.keyClick(sheet, Qt.Key.Key_Escape)
        qtbot.waitUntil(lambda: window.findChild(QDialog) is None)


@pytest.mark.parametrize("size", [(1366, 768), (1920, 1200)])
def test_nothing_is_cut_off(size: tuple[int, int], ready: MainWindow, qtbot: QtBot) -> None:
    ready.resize(*size)
    ready.default_layout()
    qtbot.wait(100)
    assert (ready.width(), ready.height()) == size, "the window's minimum is larger than the screen"
    for panel in (
        ready.transport,
        ready.review_bar,
        ready.figures,
        ready.layer_panel,
        ready.view3d,
        ready.plots,
    ):
        hint, have = panel.minimumSizeHint(), panel.size()
        assert have.width() >= hint.width() and have.height() >= hint.height(), type(panel).__name__
        corner = panel.mapTo(ready, panel.rect().bottomRight())
        assert corner.x() <= ready.width() and corner.y() <= ready.height(), type(panel).__name__
    assert ready.view_grid.height() > 0.4 * size[1], "the footage gets the most room"


def test_panels_are_as_they_were_left_unless_the_screen_is_another(
    make_window: Callable[..., MainWindow], synthetic: Path, qtbot: QtBot
) -> None:
    def opened(width: int, height: int) -> MainWindow:
        window = make_window()
        window.resize(width, height)
        open_and_wait(window, synthetic, qtbot)
        qtbot.wait(100)
        return window

    first = opened(1900, 1150)
    first.resizeDocks([first.side_docks[0]], [520], Qt.Orientation.Vertical)
    first.resizeDocks([first.plot_dock], [330], Qt.Orientation.Vertical)
    qtbot.wait(100)
    left = [dock.height() for dock in (*first.side_docks, first.plot_dock)]
    first.close()
    second = opened(1900, 1150)
    assert [dock.height() for dock in (*second.side_docks, second.plot_dock)] == pytest.approx(left, abs=6)
    second.close()
    low = opened(1366, 740)
    assert low.view_grid.height() > 0.36 * low.height(), "the footage gets the most room"
    _, figures, layers = low.side_docks
    assert figures in low.tabifiedDockWidgets(layers)


def test_cv2s_plugin_path_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    from neuface_studio.app import prepare_environment

    monkeypatch.setenv("QT_QPA_PLATFORM_PLUGIN_PATH", "/x/site-packages/cv2/qt/plugins")
    prepare_environment()
    assert "QT_QPA_PLATFORM_PLUGIN_PATH" not in os.environ


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--auto"], "--out"),
        (["clip.mp4", "--demo"], "not both"),
        (["--demo", "--iterations", "0"], "at least 1"),
    ],
)
def test_a_wrong_command_line_is_refused(arguments: list[str], words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "neuface_studio", *arguments], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr


def test_the_on_screen_3d_view_opens_draws_and_closes(
    make_window: Callable[..., MainWindow], synthetic: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    if QGuiApplication.platformName() != "xcb":
        pytest.skip("embedding VTK's own window is tested under X11")
    monkeypatch.setenv("NEUFACE_VIEW3D", "interactor")
    for _ in range(2):
        window = make_window()
        open_and_wait(window, synthetic, qtbot)
        qtbot.waitUntil(lambda window=window: window.view3d._last_drawn > 0, timeout=20_000)
        assert window.view3d.backend == "interactor"
        QTest.keyClick(window, Qt.Key.Key_X)
        window.close()


def test_a_failing_driver_falls_back(
    make_window: Callable[..., MainWindow], synthetic: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from neuface_studio.widgets import view3d

    def broken(*_: object) -> None:
        raise RuntimeError("no GL")

    monkeypatch.setenv("NEUFACE_VIEW3D", "interactor")
    monkeypatch.setattr(view3d, "interactor_view", broken)
    window = make_window()
    open_and_wait(window, synthetic, qtbot)
    assert window.view3d.backend == "offscreen"
    qtbot.waitUntil(lambda: window.view3d._view._pixels is not None, timeout=20_000)


def test_a_driver_that_makes_no_context_is_never_drawn_with(monkeypatch: pytest.MonkeyPatch) -> None:
    from neuface_studio.widgets import view3d_backends

    monkeypatch.setattr(view3d_backends, "gl_renderer", lambda: "")
    monkeypatch.delenv("LIBGL_ALWAYS_SOFTWARE", raising=False)
    for wanted in ("interactor", "offscreen", ""):
        monkeypatch.setenv("NEUFACE_VIEW3D", wanted)
        assert view3d_backends.choose_backend()[0] == "offscreen"


def give_back_freed_memory() -> None:
    """What glibc keeps of freed memory for later goes back to the system: up to 100 MB by chance, and no leak."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


@pytest.mark.skipif(
    sys.platform != "linux", reason="reads /proc; benchmarks/window_cycles.py does it elsewhere"
)
def test_many_windows_leave_no_thread_and_no_memory(
    make_window: Callable[..., MainWindow], synthetic: Path, qtbot: QtBot
) -> None:
    memory, threads = [], []
    for _ in range(6):
        window = make_window()
        open_and_wait(window, synthetic, qtbot)
        newest = window.session.newest
        QTest.keyClick(window, Qt.Key.Key_S)
        qtbot.waitUntil(lambda window=window, newest=newest: window.session.newest > newest, timeout=60_000)
        window.close()
        window.deleteLater()
        QGuiApplication.processEvents()
        gc.collect()
        give_back_freed_memory()
        memory.append(int(Path("/proc/self/statm").read_text().split()[1]))
        threads.append(len(list(Path("/proc/self/task").iterdir())))
    assert threads[-1] <= threads[2]
    assert memory[-1] < 1.05 * memory[2], memory


def test_the_first_window_fits_its_screen_and_the_program_brings_its_font(window: MainWindow) -> None:
    room = window.screen().availableGeometry()
    assert window.width() <= room.width() and window.height() <= room.height()
    assert QFontInfo(window.font()).family() == "Inter"


def test_nothing_covers_the_footage_while_the_mouse_reads_values(ready: MainWindow, qtbot: QtBot) -> None:
    tile = ready.view_grid.tiles[0]

    def point_at(y: int) -> bool:
        place = QPoint(20, y)
        QApplication.sendEvent(tile, QHelpEvent(QEvent.Type.ToolTip, place, tile.mapToGlobal(place)))
        return QToolTip.isVisible()

    assert point_at(12), "the badges say what they are"
    assert all(len(line) <= TIP_WIDTH for line in QToolTip.text().splitlines())
    point_at(tile.height() // 2)
    qtbot.waitUntil(lambda: not QToolTip.isVisible())


@pytest.mark.parametrize(
    ("newest", "target", "end"), [(0, 300, 10), (9, 300, 10), (10, 300, 20), (41, 100, 50), (290, 300, 300)]
)
def test_the_curves_fill_their_plots(newest: int, target: int, end: int) -> None:
    assert horizon(newest, target) == end

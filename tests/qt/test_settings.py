"""What is set stays set, reaches the work, and never removes what is not the program's; assets say what is wrong."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from neuface_studio import preferences
from neuface_studio.preferences import Preferences, Settings, clear_cache, folder_bytes
from neuface_studio.widgets.assets_sheet import AssetsSheet
from neuface_studio.widgets.help_sheets import packages
from neuface_studio.widgets.main_window import MainWindow
from neuface_studio.widgets.settings_sheet import SettingsSheet
from neuface_studio.worker.threads import set_worker_threads, worker_threads

from .conftest import open_and_wait


def store(folder: Path) -> QSettings:
    return QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat)


def test_what_is_set_is_there_at_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEUFACE_CACHE", raising=False)
    monkeypatch.delenv("NEUFACE_CACHE_MB", raising=False)
    settings = Settings(store(tmp_path))
    assert settings.now == Preferences()
    settings.set(device="cpu", threads=3, cache=str(tmp_path / "c"), every_frame=True, text_points=12.0)
    settings.set_weight("temporal_weight", 12.5)
    settings.set_weight("shape_weight", 0.0)
    settings.set_weight("shape_weight", None)
    try:
        again = Settings(store(tmp_path))
        assert again.now == settings.now and again.now.config_changes() == {"temporal_weight": 12.5}
        assert worker_threads() == 3 and os.environ["NEUFACE_CACHE"] == str(tmp_path / "c")
        assert preferences.cache_folder() == tmp_path / "c"
    finally:
        set_worker_threads(0)
        os.environ.pop("NEUFACE_CACHE", None)
        os.environ.pop("NEUFACE_CACHE_MB", None)


def test_a_damaged_settings_file_is_passed_over(tmp_path: Path) -> None:
    damaged = store(tmp_path)
    for name, value in (
        ("threads", "many"),
        ("text_points", "x"),
        ("weights", "nonsense\ttemporal_weight=1\tshape_weight=nan"),
    ):
        damaged.setValue(f"preferences/{name}", value)
    now = Settings(damaged).now
    assert now.threads == 0 and now.text_points == 0.0
    assert now.weights == (("temporal_weight", 1.0),)


def test_the_environment_has_precedence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEUFACE_CACHE", str(tmp_path / "given"))
    Settings(store(tmp_path)).set(cache=str(tmp_path / "chosen"))
    assert preferences.cache_folder() == tmp_path / "given"


def test_clearing_the_cache_takes_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "thumbnails").mkdir()
    ours = [tmp_path / "crops-1.npz", tmp_path / "x.part", tmp_path / "thumbnails" / "a.jpg"]
    others = [tmp_path / "thesis.docx", tmp_path / "thumbnails" / "holiday.png"]
    for path in (*ours, *others):
        path.write_bytes(b"12345")
    assert folder_bytes(tmp_path) == 25 and clear_cache(tmp_path) == 15
    assert not any(path.exists() for path in ours) and all(path.exists() for path in others)


def test_the_settings_reach_the_run_and_the_window(
    window: MainWindow, make_window: Callable[..., MainWindow], synthetic: Path, qtbot: QtBot
) -> None:
    window.actions_by_id["settings"].trigger()
    sheet = window.findChild(SettingsSheet)
    field = sheet.weights["temporal_weight"]
    field.setText("17")
    QTest.keyClick(field, Qt.Key.Key_Return)
    nonsense = sheet.weights["shape_weight"]
    for text in ("lots", "nan", "inf", "-1"):
        nonsense.setText(text)
        QTest.keyClick(nonsense, Qt.Key.Key_Return)
        assert nonsense.text() == "", "what is no weight is not taken"
        assert text in window.notices.text.full_text()
    sheet.iterations.setText("7")
    QTest.keyClick(sheet.iterations, Qt.Key.Key_Return)
    sheet.every_frame.setChecked(True)
    assert window.controller.playback.every_frame and window.actions_by_id["every_frame"].isChecked()
    QTest.keyClick(sheet, Qt.Key.Key_Escape)
    assert window.session.target_iterations == 7
    assert make_window().session.target_iterations == 7, "also at the next start"
    open_and_wait(window, synthetic, qtbot)
    assert window.controller.settings().temporal_weight == 17.0


def test_every_frame_is_shown_in_order_or_time_is_kept(ready: MainWindow, qtbot: QtBot) -> None:
    session, shown = ready.session, []
    session.frame_changed.connect(shown.append)
    ready.preferences.set(every_frame=True)
    QTest.keyClick(ready, Qt.Key.Key_L)
    qtbot.waitUntil(lambda: len(shown) >= 8, timeout=30_000)
    QTest.keyClick(ready, Qt.Key.Key_K)
    count = session.num_frames
    assert all((after - before) % count == 1 for before, after in itertools.pairwise(shown))
    session.set_frame(3)
    shown.clear()
    QTest.keyClick(ready, Qt.Key.Key_J)
    qtbot.waitUntil(lambda: len(shown) >= 3, timeout=30_000)
    QTest.keyClick(ready, Qt.Key.Key_K)
    assert shown[:3] == [2, 1, 0]
    for expected in ("■  Stop −1×", "■  Stop −2×"):
        QTest.keyClick(ready, Qt.Key.Key_J)
        assert ready.transport.play_button.text() == expected
    QTest.keyClick(ready, Qt.Key.Key_K)
    assert ready.transport.play_button.text() == "▶  Play"
    session.marks.set_first(2)
    session.marks.set_last(4)
    session.set_frame(2)
    shown.clear()
    QTest.keyClick(ready, Qt.Key.Key_L)
    qtbot.waitUntil(lambda: len(shown) >= 6, timeout=30_000)
    QTest.keyClick(ready, Qt.Key.Key_K)
    assert set(shown) == {2, 3, 4}, "between the marks"


def test_the_assets_page_lists_what_there_is_and_refuses_a_wrong_file(
    window: MainWindow, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEUFACE_ASSETS", str(tmp_path / "assets"))
    window.actions_by_id["assets"].trigger()
    sheet = window.findChild(AssetsSheet)
    qtbot.waitUntil(lambda: not sheet.busy, timeout=30_000)
    rows = [sheet.rows.topLevelItem(number) for number in range(sheet.rows.topLevelItemCount())]
    states = {row.text(0): row.text(1) for row in rows}
    assert "embedded" in states["Open head"] and "not there" in states["DECA"]
    sheet.rows.setCurrentItem(next(row for row in rows if row.text(0) == "DECA"))
    assert "https://github.com/yfeng95/DECA" in sheet.detail.text() and "licence" in sheet.detail.text()
    wrong = tmp_path / "deca_model.tar"
    wrong.write_bytes(b"this is no checkpoint")
    sheet.add(wrong)
    qtbot.waitUntil(lambda: not sheet.busy, timeout=30_000)
    assert "✕" in sheet.answer.text() and "deca_model.tar" in sheet.answer.text()
    assert not (tmp_path / "assets").exists() or not list((tmp_path / "assets").iterdir())
    QTest.keyClick(sheet, Qt.Key.Key_Escape)


def test_every_package_is_named_with_its_licence() -> None:
    lines = packages().splitlines()[3:]
    assert len(lines) > 10
    assert all(line.count("|") == 4 for line in lines[1:])
    assert any(line.startswith("| numpy |") for line in lines)


def test_window_and_command_line_optimise_equally_long():
    from neuface_engine.optimization import NeuFaceConfig
    from neuface_studio.preferences import Preferences
    from neuface_studio.session import Session

    assert Preferences().iterations == Session().target_iterations == NeuFaceConfig().iterations

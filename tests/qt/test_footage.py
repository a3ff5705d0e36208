"""The window on real detections: the bundled demo, the automatic tour, and footage of people where it is at hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from neuface_studio.session import RunState
from neuface_studio.widgets.main_window import MainWindow

RESTING = (RunState.READY, RunState.PAUSED, RunState.FINISHED)


def open_short(window: MainWindow, path: Path | None, frames: int, qtbot: QtBot) -> None:
    window.controller.open_path(path, max_frames=frames)
    qtbot.waitUntil(lambda: window.session.run_state in RESTING, timeout=180_000)


def test_the_demo_opens_with_seven_views_and_knows_the_true_error(window: MainWindow, qtbot: QtBot) -> None:
    window.session.set_target(2)
    open_short(window, None, 4, qtbot)
    assert len(window.view_grid.tiles) == 7
    QTest.keyClick(window, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(window.session.final_figures), timeout=180_000)
    for name in ("encoder", "neuface"):
        assert 0 < window.session.final_figures[name]["mpve_mm"] < 30
    qtbot.waitUntil(lambda: all(tile.updates for tile in window.view_grid.tiles), timeout=20_000)


def test_the_tour_leaves_pictures_and_metrics(tmp_path: Path) -> None:
    arguments = ["--demo", "--auto", "--out", str(tmp_path / "out"), "--iterations", "3", "--max-frames", "3"]
    done = subprocess.run(
        [sys.executable, "-m", "neuface_studio", *arguments],
        capture_output=True,
        text=True,
        timeout=400,
        env={**os.environ, "LIBGL_ALWAYS_SOFTWARE": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    assert "| encoder | NeuFace |" in done.stdout
    report = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert report["iterations"] == 3 and len(report["views"]) == 7
    assert set(report["metrics"]) == {"encoder", "neuface"}
    for name in ("optimising", "finished"):
        for width, height in ((1920, 1200), (1366, 768)):
            picture = QImage(str(tmp_path / "out" / f"{name}_{width}x{height}.png"))
            assert (picture.width(), picture.height()) == (width, height)


@pytest.mark.slow
def test_real_people_open_run_and_are_judged(shared: Path, window: MainWindow, qtbot: QtBot) -> None:
    open_short(window, shared / "media" / "mv_nersemble_038", 3, qtbot)
    assert len(window.view_grid.tiles) == 3
    QTest.keyClick(window, Qt.Key.Key_S)
    qtbot.waitUntil(
        lambda: window.session.newest == 1 and window.session.run_state in RESTING, timeout=120_000
    )
    QTest.keyClick(window, Qt.Key.Key_1)
    assert window.session.judgement is not None and window.session.judgement.verdict == "accept"


@pytest.mark.parametrize("name", ["audio_only.mp4", "truncated_no_moov.mp4"])
def test_broken_files_are_named(name: str, shared: Path, window: MainWindow, qtbot: QtBot) -> None:
    window.controller.open_path(shared / "media" / "broken" / name)
    qtbot.waitUntil(lambda: window.notices.shown is not None, timeout=60_000)
    assert name in window.notices.text.full_text()
    assert window.session.footage is None and window.isEnabled()

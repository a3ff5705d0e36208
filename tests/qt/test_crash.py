"""The process is killed at any moment: nothing that was said is lost, and the next start is where it stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from neuface_studio import place_file
from neuface_studio.model import RunState
from neuface_studio.undo import Place
from neuface_studio.widgets.main_window import MainWindow

from .conftest import open_and_wait

ROOT = Path(__file__).parents[2]


@contextmanager
def studio(footage: Path, settings: Path, what: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A window's process, and the words that it says when it has come as far as it should; it is killed afterwards."""
    platform = QGuiApplication.platformName()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.qt.studio_process", str(footage), str(settings), what],
        cwd=ROOT,
        env={**os.environ, "QT_QPA_PLATFORM": platform, "NEUFACE_VIEW3D": "offscreen"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process, next(line.split()[1:] for line in process.stdout if line.startswith("SAID"))
    finally:
        process.kill()  # SIGKILL: no handler, no clean-up
        process.wait(timeout=30)
        if process.stdout is not None:
            process.stdout.close()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the project's lock is a POSIX one here")
def test_a_killed_window_loses_no_verdict_and_comes_back_where_it_was(tmp_path: Path) -> None:
    footage, settings = tmp_path / "clip", tmp_path / "settings.ini"
    footage.mkdir()
    with studio(footage, settings, "judge") as (_, said):
        assert said == ["reject", "lips_drift", "False", "3", "2", "3"]
    with studio(footage, settings, "look") as (_, found):
        assert found == said, "verdict, note, frame, iteration and all iterations are there"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to another process there")
def test_ctrl_c_closes_the_window_and_keeps_what_is_finished(tmp_path: Path) -> None:
    footage, settings = tmp_path / "clip", tmp_path / "settings.ini"
    footage.mkdir()
    with studio(footage, settings, "step") as (process, _):
        assert next(process.stdout).startswith("RUNS")
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.stdout.read().split() == ["CLOSED", "True"]
        assert process.wait(timeout=60) == 0
    with studio(footage, settings, "look") as (_, found):
        assert found[3] == "3" and int(found[5]) >= 3, "the frame and all iterations are there"


def test_places_are_kept_by_sequence_and_nonsense_is_not_believed(tmp_path: Path) -> None:
    here = Place(tmp_path, "a", frame=7, view=1, iteration=12)
    place_file.remember(here)
    place_file.remember(Place(tmp_path, "b", frame=2))
    assert place_file.recall(tmp_path, "a") == here
    assert place_file.recall(tmp_path, "b") == Place(tmp_path, "b", frame=2)
    assert place_file.recall(tmp_path, "c") is None
    for nonsense in ("", "[]", '{"places": {"a": [1]}}', '{"places": {"a": ["x", 0, "", null]}}'):
        (tmp_path / place_file.FILE).write_text(nonsense)
        assert place_file.recall(tmp_path, "a") is None


def test_a_session_that_was_not_closed_is_opened_again(
    make_window: Callable[..., MainWindow], synthetic: Path, qtbot: QtBot
) -> None:
    first = make_window()
    assert not first.recover(), "nothing was open"
    open_and_wait(first, synthetic, qtbot)
    first.session.set_frame(2)
    left = first.settings.value("session/open")
    first.close()
    assert not make_window().recover(), "it was closed as it should be"
    again = make_window()
    again.settings.setValue("session/open", left)  # as a process that died would have left it
    assert again.recover()
    qtbot.waitUntil(lambda: again.session.run_state == RunState.READY, timeout=60_000)
    assert again.session.frame == 2

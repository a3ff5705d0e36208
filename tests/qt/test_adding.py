"""Adding footage to the queue: in the background, bit by bit, with a cancel that loses nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from neuface_engine.review import media
from neuface_studio.model import RunState
from neuface_studio.queue_model import NAME
from neuface_studio.widgets.main_window import MainWindow
from neuface_studio.worker import gathering

NUMBER = 12


@pytest.fixture
def takes(tmp_path: Path) -> Path:
    """A folder of sequences, none of which can be opened."""
    for number in range(NUMBER):
        file = tmp_path / "takes" / f"take_{number:02d}" / "front.mp4"
        file.parent.mkdir(parents=True)
        file.write_bytes(b"take %d" % number)
    return tmp_path / "takes"


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each fingerprint takes a while; the names of the threads that took one."""
    threads: list[str] = []
    real = media.Source.of.__func__

    def of(cls: type[media.Source], path: Path, project: Path) -> media.Source:
        threads.append(threading.current_thread().name)
        time.sleep(0.05)
        return real(cls, path, project)

    monkeypatch.setattr(media.Source, "of", classmethod(of))
    monkeypatch.setattr(gathering, "HAND_OVER_S", 0.1)
    return threads


@pytest.fixture
def nothing_opens(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the sequences that were asked for."""
    asked: list[str] = []
    monkeypatch.setattr(
        window.controller, "open_sequence", lambda folder, path, *, name="", **_: asked.append(name)
    )
    return asked


def words(window: MainWindow) -> str:
    return window.notices.text.full_text()


def wait(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not window.adder.busy, timeout=20_000)


def test_the_window_goes_on_while_footage_is_added(
    window: MainWindow, takes: Path, slow_disk: list[str], nothing_opens: list[str], qtbot: QtBot
) -> None:
    gaps, last = [], time.monotonic()

    def tick() -> None:
        nonlocal last
        gaps.append(time.monotonic() - last)
        last = time.monotonic()

    timer = QTimer(window)
    timer.timeout.connect(tick)
    timer.start(5)
    rows: set[int] = set()
    window.queue.changed.connect(lambda: rows.add(window.queue.model.rowCount()))
    tasks: list[object] = []
    window.adder.task_changed.connect(tasks.append)
    window.open_path(takes)
    assert window.adder.busy and window.start_page.currentIndex() == 1, "the start page tells of it"
    wait(window, qtbot)
    timer.stop()
    assert len(slow_disk) == NUMBER and threading.main_thread().name not in slow_disk
    assert max(gaps) < 0.05 * NUMBER, "the disk was never waited for as a whole"
    assert len(gaps) > NUMBER, "the window went on meanwhile"
    assert window.queue.model.rowCount() == NUMBER and len(rows) > 2, "they came in bit by bit"
    assert nothing_opens == ["take_00"], "the first is opened as soon as there is one"
    shares = [task.fraction for task in tasks if task is not None and task.fraction is not None]
    assert shares == sorted(shares) and len(shares) > 2 and tasks[-1] is None
    assert f"{NUMBER} sequences added" in words(window)
    record = window.queue.project.index.sources()["take_03"]
    assert record == media.Source.of(takes / "take_03", window.queue.folder).to_record()


def test_a_cancel_keeps_what_was_added_and_adding_goes_on_from_there(
    window: MainWindow, takes: Path, slow_disk: list[str], nothing_opens: list[str], qtbot: QtBot
) -> None:
    window.add_footage([takes])
    qtbot.waitUntil(lambda: window.queue.model.rowCount() > 0, timeout=10_000)
    row = window.queue_panel.adding
    assert row.isVisible() and "of 12" in row.words.full_text()
    qtbot.mouseClick(row.cancel_button, Qt.MouseButton.LeftButton)
    wait(window, qtbot)
    there = window.queue.model.rowCount()
    assert 0 < there < NUMBER and not row.isVisible()
    assert "cancelled" in words(window) and f"{there} sequence" in words(window)
    window.add_footage([takes])
    wait(window, qtbot)
    assert window.queue.model.rowCount() == NUMBER and len(slow_disk) == NUMBER, "none was read twice"
    assert f"{there} were there already" in words(window)


def test_the_start_pages_cancel_ends_the_search(
    window: MainWindow, takes: Path, slow_disk: list[str], nothing_opens: list[str], qtbot: QtBot
) -> None:
    window.open_path(takes)
    qtbot.mouseClick(window.start_page.cancel_button, Qt.MouseButton.LeftButton)
    wait(window, qtbot)
    assert window.start_page.currentIndex() == 0 and nothing_opens == []
    assert window.queue.model.rowCount() == 0 and "Nothing was added" in words(window)


def test_what_is_opened_meanwhile_is_not_taken_away(
    window: MainWindow, takes: Path, slow_disk: list[str], synthetic: Path, qtbot: QtBot
) -> None:
    window.open_path(takes)
    window.open_path(synthetic)
    wait(window, qtbot)
    qtbot.waitUntil(lambda: window.session.run_state == RunState.READY, timeout=60_000)
    assert window.session.sequence_name == "synthetic"
    window.add_footage([takes])
    wait(window, qtbot)
    assert window.session.sequence_name == "synthetic" and window.session.run_state == RunState.READY
    assert window.queue.model.rowCount() == 1 + NUMBER, "they came to the open project"


def test_two_folders_one_after_the_other(
    window: MainWindow, takes: Path, slow_disk: list[str], nothing_opens: list[str], qtbot: QtBot
) -> None:
    halves = sorted(takes.iterdir())
    window.add_footage(halves[:6])
    window.add_footage([*halves[6:], halves[0]])
    wait(window, qtbot)
    assert window.queue.model.rowCount() == NUMBER
    assert nothing_opens == ["take_00"]


def test_names_that_are_taken(
    window: MainWindow, tmp_path: Path, nothing_opens: list[str], qtbot: QtBot
) -> None:
    for folder in ("monday", "tuesday"):
        file = tmp_path / folder / "a smile" / "front.mp4"
        file.parent.mkdir(parents=True)
        file.write_bytes(folder.encode())
    window.add_footage([tmp_path / "monday" / "a smile", tmp_path / "tuesday" / "a smile"])
    wait(window, qtbot)
    window.add_footage([tmp_path / "monday"])
    wait(window, qtbot)
    sources = window.queue.project.sources()
    assert {name: sources[name].path.split("/")[-2] for name in sources} == {
        "a_smile": "monday",
        "a_smile-2": "tuesday",
    }


def test_what_cannot_be_read_is_named(
    window: MainWindow, takes: Path, nothing_opens: list[str], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.add_footage([takes / "gone"])
    wait(window, qtbot)
    assert str(takes / "gone") in words(window) and "cannot be read" in words(window)
    empty = takes / "empty"
    empty.mkdir()
    window.add_footage([empty])
    wait(window, qtbot)
    assert f"{empty}: no video" in words(window)
    real = gathering.FootageSearch._content

    def content(self: gathering.FootageSearch, folder: Path) -> object:
        if folder.name == "take_05":
            self.unreadable[folder] = "Permission denied"
            return [], False, False
        return real(self, folder)

    monkeypatch.setattr(gathering.FootageSearch, "_content", content)
    window.add_footage([takes])
    wait(window, qtbot)
    assert window.queue.model.rowCount() == NUMBER - 1
    assert "take_05: cannot be read (Permission denied)" in words(window)


def test_a_fault_while_searching_is_one_line(
    window: MainWindow, takes: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_: object) -> Callable[[], None]:
        raise ValueError("odd")

    monkeypatch.setattr(gathering.FootageSearch, "sequences_under", fault)
    window.add_footage([takes])
    wait(window, qtbot)
    assert "odd" in words(window) and str(takes) in words(window)
    assert window.start_page.currentIndex() == 0


def test_the_window_closes_while_footage_is_added(
    window: MainWindow, takes: Path, slow_disk: list[str], qtbot: QtBot
) -> None:
    window.open_path(takes)
    qtbot.waitUntil(lambda: len(slow_disk) > 0, timeout=10_000)
    window.close()
    assert not window.adder.busy
    before = len(slow_disk)
    qtbot.wait(150)
    assert len(slow_disk) == before


def test_a_selection_stays_on_its_sequence_when_others_come_in_before_it(
    window: MainWindow, takes: Path, nothing_opens: list[str], qtbot: QtBot
) -> None:
    model, table = window.queue.model, window.queue_panel.table
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal, window)
    window.add_footage(sorted(takes.iterdir())[6:])
    wait(window, qtbot)
    qtbot.waitUntil(lambda: model.data(model.index(2, NAME)) == "take_08", timeout=5_000)
    window.queue_panel.select(2)
    window.add_footage([takes])
    wait(window, qtbot)
    assert model.rowCount() == NUMBER
    assert table.currentIndex().row() == 8
    assert [index.row() for index in table.selectionModel().selectedRows()] == [8]

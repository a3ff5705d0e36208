"""The queue: what it lists, filters and sorts by, going through it, adding to it, and optimising all of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QPushButton, QTableView
from pytestqt.qtbot import QtBot

from neuface_engine.errors import MediaError
from neuface_engine.review import Project
from neuface_studio import theme, worker
from neuface_studio.footage_folders import FootageSearch, free_name, plain_name
from neuface_studio.model import RunState, Task
from neuface_studio.queue_filter import Wanted, parse
from neuface_studio.queue_index import QueueIndex
from neuface_studio.queue_model import COLUMNS, NAME, PAGE, STATE, STATES, QueueModel
from neuface_studio.widgets.main_window import MainWindow
from neuface_studio.widgets.queue_names import NameDelegate
from neuface_studio.worker import batching

from .test_switching import clips

__all__ = ["clips"]


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project of 300 sequences, every tenth of them flagged."""
    with Project.create(tmp_path_factory.mktemp("crowd")) as project:
        names = [f"clip_{number:03d}" for number in range(300)]
        project.add_sequences({"name": name, "source": f"/gone/{name}.mp4"} for name in names)
        project.record_many(
            (name, {"cvd_mm": 0.01 * place}, ("jitter",) if place % 10 == 0 else (), place % 7)
            for place, name in enumerate(names)
        )
        yield project


@pytest.fixture
def model(crowd: Project, qtbot: QtBot) -> Iterator[QueueModel]:
    model = QueueModel()
    model.set_index(QueueIndex(crowd, lambda: "ann"), Wanted())
    yield model
    model.stop()


def texts(model: QueueModel, column: int, rows: int) -> list[str]:
    return [model.row(number).name if column == NAME else "" for number in range(rows)]


def test_the_model_keeps_qts_rules(model: QueueModel, qtbot: QtBot) -> None:
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    assert model.rowCount() == 300 and model.columnCount() == len(COLUMNS)
    model.set_wanted(Wanted(flag="jitter"))
    assert model.rowCount() == 30
    assert model.rowCount(model.index(0, 0)) == 0 and not model.data(QModelIndex())


def test_rows_out_of_sight_are_not_read_and_those_in_sight_come_later(
    model: QueueModel, crowd: Project, qtbot: QtBot
) -> None:
    cell = model.index(PAGE + 3, NAME)
    assert model.data(cell) == "…"
    with qtbot.waitSignal(model.dataChanged, timeout=5000):
        pass
    assert model.data(cell) == f"clip_{PAGE + 3:03d}"
    assert set(model._pages) == {1}


def test_what_is_odd_stands_under_the_name(model: QueueModel, qtbot: QtBot) -> None:
    table = QTableView()
    qtbot.addWidget(table)
    table.setModel(model)
    table.setItemDelegateForColumn(NAME, NameDelegate(table))
    table.setColumnWidth(NAME, 200)
    table.verticalHeader().setDefaultSectionSize(40)
    table.resize(500, 300)
    table.show()
    qtbot.waitUntil(lambda: model.data(model.index(1, NAME)) == "clip_001")

    def amber(row: int) -> int:
        place = table.visualRect(model.index(row, NAME))
        pixels = table.viewport().grab(place).toImage()
        wanted = QColor(theme.AMBER).hue()
        colours = [pixels.pixelColor(x, y) for x in range(pixels.width()) for y in range(pixels.height())]
        return sum(c.saturation() > 120 and abs(c.hue() - wanted) < 12 for c in colours)

    assert amber(0) > 20 and amber(1) == 0, "clip_000 is flagged, clip_001 is not"


def test_a_header_sorts_both_ways(model: QueueModel) -> None:
    suspicion = len(COLUMNS) - 1
    model.sort(suspicion, Qt.SortOrder.DescendingOrder)
    assert model.row(0).suspicion == 6
    model.sort(suspicion, Qt.SortOrder.AscendingOrder)
    assert model.row(0).suspicion == 0
    model.sort(3, Qt.SortOrder.DescendingOrder)
    assert model.row(0).name == "clip_299"
    for column in range(len(COLUMNS)):
        model.sort(column)
        assert model.row(0) is not None, COLUMNS[column].title


@pytest.mark.parametrize(
    ("typed", "count"),
    [
        ("clip_29", 10),
        ("flag:jitter", 30),
        ("cvd>2.5", 50),
        ("cvd>1 cvd<2", 101),
        ("state:new suspicion>5.5", 42),
        ("state:accepted", 0),
        ("CLIP_00 flag:jitter", 1),
    ],
)
def test_a_filter_in_words(typed: str, count: int, model: QueueModel) -> None:
    wanted, problem = parse(typed)
    assert not problem
    model.set_wanted(wanted)
    assert model.rowCount() == count


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("foo:bar", "no condition"),
        ("is:flagged", "is:disputed"),
        ("cvd>x", "number"),
        ("foo>1", "no column"),
        ("state:odd", "no state"),
    ],
)
def test_what_is_not_understood_is_said(typed: str, words: str) -> None:
    assert words in parse(typed)[1]


def test_a_state_is_a_sign_and_a_word_never_a_colour_alone(model: QueueModel) -> None:
    model.row(0)
    words = model.data(model.index(0, STATE))
    assert "new" in words and words[0] == "○"
    model.errors["clip_000"] = "clip_000.mp4: empty (zero bytes); copy it again"
    assert "failed" in model.data(model.index(0, STATE))
    assert "zero bytes" in model.data(model.index(0, 2)), "the reason stands in the row"
    model.errors["clip_000"] = "/a/long/way/clip_000/front.mp4: empty (zero bytes); copy it again"
    assert model.data(model.index(0, 2)).startswith("front.mp4: empty"), (
        "not where it lies: the tip says that"
    )
    assert model.data(model.index(0, 2), Qt.ItemDataRole.ToolTipRole).startswith("/a/long/way")


def test_which_sequences_lie_under_a_folder(tmp_path: Path) -> None:
    for name in ("a/left.mp4", "a/right.mp4", "b/c/one.mov", "d/img/0.png", "d/img/1.png", "e/readme.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    search = FootageSearch()
    found = dict(search.sequences_under(tmp_path))
    assert found == {"a": tmp_path / "a", "b_c": tmp_path / "b" / "c", "d": tmp_path / "d"}
    assert search.is_collection(tmp_path) and search.is_collection(tmp_path / "b")
    assert not any(search.is_collection(tmp_path / name) for name in ("a", "d", "e", "a/left.mp4", "gone"))
    assert dict(search.sequences_under(tmp_path / "a" / "left.mp4")) == {"left": tmp_path / "a" / "left.mp4"}
    taken = {"a", "a-2"}
    assert [free_name(name, taken.__contains__) for name in ("a", "b")] == ["a-3", "b"]
    assert [plain_name(name) for name in ("a b/c", "/")] == ["a_b_c", "sequence"]


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_lead_neither_round_in_circles_nor_to_the_same_footage_twice(tmp_path: Path) -> None:
    top = tmp_path / "all"
    (top / "a").mkdir(parents=True)
    (top / "a" / "front.mp4").write_bytes(b"x")
    (tmp_path / "other.mp4").write_bytes(b"x")
    (top / "again").symlink_to(top / "a")
    (top / "b").mkdir()
    (top / "b" / "up").symlink_to(tmp_path)
    (top / "b" / "round").symlink_to(top / "b")
    assert dict(FootageSearch().sequences_under(top)) == {"a": top / "a"}
    deep = top / "b" / "1" / "2" / "3"
    (top / "z" / "clip").mkdir(parents=True)
    (top / "z" / "clip" / "front.mp4").write_bytes(b"x")
    deep.mkdir(parents=True)
    (deep / "z").symlink_to(top / "z")
    found = dict(FootageSearch().sequences_under(top))
    assert top / "z" / "clip" in found.values(), "not lost to a link too deep to follow"


def fill(window: MainWindow, clips: list[Path], qtbot: QtBot) -> None:
    """Drop the clips on the queue, and wait for the first to be open."""
    for clip in clips:
        (clip / "front.mp4").write_bytes(b"not looked at")
    window.add_footage(clips)
    qtbot.waitUntil(lambda: window.session.run_state == RunState.READY, timeout=60_000)
    qtbot.waitUntil(lambda: not window.view_grid.busy, timeout=10_000)
    qtbot.waitUntil(lambda: not window.adder.busy, timeout=10_000)


def test_states_are_read_in_full_and_no_figure_outlives_what_it_is_of(window: MainWindow) -> None:
    table = window.queue_panel.table
    wide = table.fontMetrics().horizontalAdvance
    assert all(wide(f"{look.sign}  {look.word}") < table.columnWidth(STATE) for look in STATES.values())
    plot = window.plots.cvd
    plot.set_curves({"0": "front"}, [theme.ACCENT])
    plot.set_data(np.arange(2.0), {"0": np.array([3.0, 2.0])}, 2)
    plot.set_cursor(1)
    assert plot.read_outs() == ["2"]
    plot.set_cursor(None)
    assert plot.read_outs() == [""]


def test_adding_listing_and_going_through(window: MainWindow, clips: list[Path], qtbot: QtBot) -> None:
    session, table = window.session, window.queue_panel.table
    fill(window, clips, qtbot)
    assert window.queue_dock.isVisible() and window.queue.model.rowCount() == 3
    assert session.sequence_name == "clip_0"
    QTest.keyClick(window, Qt.Key.Key_PageDown)
    qtbot.waitUntil(lambda: session.sequence_name == "clip_1", timeout=60_000)
    qtbot.waitUntil(lambda: session.run_state == RunState.READY, timeout=60_000)
    QTest.keyClick(window, Qt.Key.Key_PageUp)
    assert session.sequence_name == "clip_0", "at once: it was put aside"
    QTest.keyClick(window, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(table.hasFocus)
    frame, running = session.frame, session.run_state
    QTest.keyClick(table, Qt.Key.Key_Down)
    QTest.keyClick(table, Qt.Key.Key_Down)
    QTest.keyClick(table, Qt.Key.Key_Return)
    assert (session.frame, running) == (frame, RunState.READY), "the table keeps its keys for itself"
    qtbot.waitUntil(lambda: session.sequence_name == "clip_2", timeout=60_000)
    QTest.keyClick(table, Qt.Key.Key_Escape)
    assert not table.hasFocus()
    window.add_footage(clips)
    qtbot.waitUntil(lambda: not window.adder.busy, timeout=10_000)
    assert window.queue.model.rowCount() == 3, "what is there is not added again"
    assert "there already" in window.notices.text.full_text() and session.sequence_name == "clip_2"
    QTest.keyClick(window, Qt.Key.Key_W, Qt.KeyboardModifier.ControlModifier)
    assert session.footage is None
    window.add_footage(clips)
    qtbot.waitUntil(lambda: session.sequence_name == "clip_2", timeout=60_000)  # where nothing is open, go on
    qtbot.waitUntil(lambda: session.run_state.can_run, timeout=60_000)
    field = window.queue_panel.filter
    QTest.keyClick(window, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(field, "clip_1")
    qtbot.waitUntil(lambda: window.queue.model.rowCount() == 1, timeout=5000)


def test_optimising_all_goes_on_after_a_bad_file(
    window: MainWindow, clips: list[Path], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    import neuface_engine as nf

    real = nf.load_sequence

    def load(path: Path, **options: object) -> object:
        if path.name == "clip_1":
            return real(path / "front.mp4")
        request = worker.LoadRequest(path)
        return worker.LoadWorker._load(worker.LoadWorker(request)).sequence

    fill(window, clips, qtbot)
    encoder = window.session.footage.encoder
    monkeypatch.setattr(nf, "load_sequence", load)
    monkeypatch.setattr(nf, "load_encoder", lambda name: encoder)
    monkeypatch.setattr(batching, "TOLD_AFTER", 0.0)
    window.preferences.set(iterations=2)
    tasks: list[Task | None] = []
    window.queue.task_changed.connect(tasks.append)
    window.actions_by_id["optimise_all"].trigger()
    qtbot.waitUntil(lambda: not window.queue.busy, timeout=90_000)
    told = {task.label: task.detail for task in tasks if task is not None}
    assert told["clip_2: iteration 2 of 2"].endswith("left"), "already while none is done"
    index = window.queue.project.index
    assert index.row("clip_2").state == "tracked" and index.row("clip_2").measures["nme_percent"] > 0
    assert index.row("clip_1").state == "new" and "front.mp4" in window.queue.model.errors["clip_1"]
    shares = [task.fraction for task in tasks if task is not None]
    assert shares == sorted(shares) and shares[-1] > 0.9 and tasks[-1] is None
    assert "1 failed" in window.notices.text.full_text()


def test_what_was_put_aside_shows_the_track_that_the_batch_made(
    window: MainWindow, clips: list[Path], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import neuface_engine as nf

    def load(path: Path, **options: object) -> object:
        return worker.LoadWorker._load(worker.LoadWorker(worker.LoadRequest(path))).sequence

    session = window.session
    fill(window, clips, qtbot)
    encoder = session.footage.encoder
    monkeypatch.setattr(nf, "load_sequence", load)
    monkeypatch.setattr(nf, "load_encoder", lambda name: encoder)
    window.preferences.set(iterations=2)
    QTest.keyClick(window, Qt.Key.Key_PageDown)
    qtbot.waitUntil(lambda: session.sequence_name == "clip_1", timeout=60_000)
    qtbot.waitUntil(lambda: session.run_state == RunState.READY, timeout=60_000)
    window.actions_by_id["optimise_all"].trigger()
    qtbot.waitUntil(lambda: not window.queue.busy, timeout=90_000)
    QTest.keyClick(window, Qt.Key.Key_PageUp)
    qtbot.waitUntil(lambda: session.newest == 2 and session.record().saved, timeout=60_000)
    assert session.sequence_name == "clip_0"
    assert window.actions_by_id["accept"].isEnabled()
    copy = tmp_path / "copy.npz"
    files = next(group for group in window._commands if hasattr(group, "export_track"))
    assert files.export_track(copy) and len(nf.FaceTrack.load(copy).frame_indices) == session.num_frames
    qtbot.waitUntil(lambda: session.run_state == RunState.READY, timeout=60_000)
    QTest.keyClick(window, "B")
    qtbot.waitUntil(lambda: session.comparison.reference is not None, timeout=60_000)
    assert session.record().saved, "to be compared with the encoder, it is still what is shown"


def test_a_sequence_that_cannot_be_opened_does_not_stop_the_way_through_the_queue(
    window: MainWindow, clips: list[Path], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    opens = worker.LoadWorker._load

    def load(self: worker.LoadWorker) -> object:
        if self._request.path.name == "clip_1":
            raise MediaError(f"{self._request.path}: no face found")
        return opens(self)

    monkeypatch.setattr(worker.LoadWorker, "_load", load)
    session = window.session
    fill(window, clips, qtbot)
    QTest.keyClick(window, Qt.Key.Key_PageDown)
    qtbot.waitUntil(lambda: "clip_1" in window.queue.model.errors, timeout=60_000)
    QTest.keyClick(window, Qt.Key.Key_PageDown)
    qtbot.waitUntil(lambda: session.sequence_name == "clip_2", timeout=60_000)
    qtbot.waitUntil(lambda: session.run_state == RunState.READY, timeout=60_000)
    QTest.keyClick(window, Qt.Key.Key_PageUp)
    qtbot.waitUntil(lambda: session.footage is None and not window.controller.opener.loading, timeout=60_000)
    QTest.keyClick(window, Qt.Key.Key_PageUp)
    qtbot.waitUntil(lambda: session.sequence_name == "clip_0", timeout=60_000)


def test_what_is_said_before_the_verdict_waits_for_it(
    window: MainWindow, clips: list[Path], qtbot: QtBot
) -> None:
    session, bar = window.session, window.review_bar
    fill(window, clips, qtbot)
    bar.note.setFocus()
    QTest.keyClicks(bar.note, "lips drift")
    reason = bar.reasons.chosen
    window.actions_by_id["reason_jitter"].trigger()
    assert reason() == ("jitter",)
    window.view_grid.setFocus()
    QTest.keyClick(window, Qt.Key.Key_PageDown)
    qtbot.waitUntil(lambda: session.sequence_name == "clip_1", timeout=60_000)
    qtbot.waitUntil(lambda: session.run_state == RunState.READY, timeout=60_000)
    assert bar.note.text() == "" and reason() == ()
    QTest.keyClick(window, Qt.Key.Key_PageUp)
    qtbot.waitUntil(lambda: session.sequence_name == "clip_0", timeout=60_000)
    assert bar.note.text() == "lips drift" and reason() == ("jitter",)


def test_opened_before_leads_back_to_the_queue_it_was_opened_in(
    window: MainWindow, clips: list[Path], qtbot: QtBot, tmp_path: Path
) -> None:
    folder = tmp_path / "projects" / "lab"
    window.open_project(folder)
    fill(window, clips, qtbot)
    QTest.keyClick(window, Qt.Key.Key_W, Qt.KeyboardModifier.ControlModifier)
    (button,) = window.start_page.findChildren(QPushButton, "recent")
    assert "clip_0" in button.text() and folder.name in button.text()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.session.sequence_name == "clip_0", timeout=60_000)
    assert window.session.project_folder == folder and window.queue.model.rowCount() == 3


def test_a_batch_can_be_cancelled_while_it_loads(
    window: MainWindow, clips: list[Path], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    import neuface_engine as nf

    def load(path: Path, *, progress: Callable[[str, int, int], None], **options: object) -> object:
        while True:  # until what it reports to has it end
            progress("decode", 1, 2)
            time.sleep(0.01)

    fill(window, clips, qtbot)
    encoder = window.session.footage.encoder
    monkeypatch.setattr(nf, "load_sequence", load)
    monkeypatch.setattr(nf, "load_encoder", lambda name: encoder)
    window.actions_by_id["optimise_all"].trigger()
    qtbot.waitUntil(lambda: window.queue.model.running == "clip_1", timeout=60_000)
    assert window.queue.busy
    qtbot.mouseClick(window.queue_panel.cancel_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not window.queue.busy, timeout=60_000)
    assert (
        "Cancelled: 0 sequences optimised. clip_0 is open and was left out."
        in window.notices.text.full_text()
    )
    assert not window.queue_panel.bar.isVisible()


def test_a_cancelled_batch_begins_nothing_more(
    tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    import neuface_engine as nf

    def load(path: Path, **options: object) -> object:
        batch.cancel()
        raise MediaError(f"{path}: no face found")

    monkeypatch.setattr(nf, "load_sequence", load)
    items = tuple(batching.BatchItem(name, tmp_path / name, tmp_path / "track.npz") for name in "ab")
    batch = batching.BatchWorker(batching.BatchPlan(items))
    begun: list[str] = []
    batch.began.connect(begun.append)
    batch.run()
    assert begun == ["a"]


def test_a_broken_sequence_says_why_in_its_row(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> None:
    bad = tmp_path / "many" / "bad.mp4"
    bad.parent.mkdir()
    bad.write_bytes(b"")
    window.add_footage([bad])
    qtbot.waitUntil(lambda: "bad" in window.queue.model.errors, timeout=60_000)
    assert "zero bytes" in window.queue.model.errors["bad"]
    assert window.queue_dock.isVisible()

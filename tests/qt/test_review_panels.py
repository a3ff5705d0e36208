"""Reviewing with the keyboard alone: flags that jump, reasons, notes, what was watched, what is proven."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

import neuface_engine as nf
from neuface_engine.review import Project
from neuface_engine.review.flags import raise_flags, suspicion
from neuface_engine.review.proof import Plan, draw_audit
from neuface_studio import worker
from neuface_studio.comparison import ENCODER
from neuface_studio.model import CompareMode, Footage, Notice
from neuface_studio.widgets.main_window import MainWindow
from neuface_studio.widgets.notices import NoticeLine
from neuface_studio.widgets.review_notes import NoteSheet

from .conftest import make_footage

SHIFT, ALT, CONTROL = (
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
    Qt.KeyboardModifier.ControlModifier,
)


@pytest.fixture(scope="module")
def tiny() -> Footage:
    return make_footage(views=1, frames=3)


@pytest.fixture(scope="module")
def track(tiny: Footage) -> nf.FaceTrack:
    """The head of the tiny footage as it is."""
    parameters = nf.FaceParameters.neutral(3, 1, scale=7.0)
    pose = parameters.pose.clone()
    pose[:, :, 1] = torch.tensor([0.0, 0.05, 0.1])[:, None]
    pose[:, :, 3] = torch.tensor([0.0, 0.1, 0.2])[:, None]
    provenance = {
        "head": {"name": "open", "fingerprint": tiny.head.fingerprint},
        "method": "neuface",
        "iterations": 150,
        "config": None,
    }
    return nf.FaceTrack.from_sequence(
        tiny.sequence, parameters.replace(pose=pose), head=tiny.head, provenance=provenance
    )


@pytest.fixture
def project_of(
    tmp_path: Path, tiny: Footage, track: nf.FaceTrack, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], Path]:
    """Makes a project of so many sequences that share one footage and are tracked; every seventh is flagged."""

    def make(count: int) -> Path:
        source = tmp_path / "shared.mp4"
        source.touch()

        def load(self: worker.LoadWorker) -> Footage:
            assert self._request.path == source
            return dataclasses.replace(tiny, sequence=dataclasses.replace(tiny.sequence, path=source))

        monkeypatch.setattr(worker.LoadWorker, "_load", load)
        folder = tmp_path / "project"
        with Project.create(folder) as project:
            track.save(tmp_path / "one.npz")
            data = (tmp_path / "one.npz").read_bytes()
            names = [f"clip {number:03d}" for number in range(count)]
            project.add_sequences({"name": name, "source": str(source)} for name in names)
            measured = nf.metrics.measures(track, tiny.sequence)
            random = np.random.default_rng(0)
            for number, name in enumerate(names):
                path = project.track_file(name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
                measures = {**measured, "cvd_mm": 2.0 + float(random.random())}
                if number % 7 == 0:
                    measures["lip_aperture_ratio"] = 0.31
                flags = raise_flags(measures)
                project.record_measures(name, measures, [flag.name for flag in flags], suspicion(flags))
        return folder

    return make


def opened(window: MainWindow, folder: Path, qtbot: QtBot, name: str) -> None:
    window.open_path(folder)
    if window.session.sequence_name != name:
        window.desk.going.open_name(name)
    arrived(window, qtbot, name)


def arrived(window: MainWindow, qtbot: QtBot, name: str) -> None:
    qtbot.waitUntil(
        lambda: window.session.sequence_name == name and window.session.newest is not None, timeout=20_000
    )


CLIPS = int(os.environ.get("NEUFACE_TEST_CLIPS", "50"))
"""Of a review by keys; 200 take 40 s where nothing else runs."""


@pytest.mark.slow
def test_many_clips_are_judged_with_the_keyboard_alone(
    window: MainWindow, project_of: Callable[[int], Path], qtbot: QtBot
) -> None:
    folder, session = project_of(CLIPS), window.session
    opened(window, folder, qtbot, "clip 000")
    keys = {"accept": Qt.Key.Key_1, "reject": Qt.Key.Key_2, "unsure": Qt.Key.Key_3}
    given = list(islice(cycle(keys), CLIPS))
    for number, verdict in enumerate(given):
        arrived(window, qtbot, f"clip {number:03d}")
        QTest.keyClick(window, keys[verdict])
    assert window.desk.project.index.states() == Counter(given)
    assert session.sequence_name == f"clip {CLIPS - 1:03d}" and "last one" in window.notices.text.full_text()
    QTest.keyClick(window, Qt.Key.Key_Z, CONTROL)
    qtbot.waitUntil(lambda: window.desk.project.index.states().get("tracked") == 1)


def test_shift_stays_and_what_is_judged_is_passed_over(
    window: MainWindow, project_of: Callable[[int], Path], qtbot: QtBot
) -> None:
    opened(window, project_of(4), qtbot, "clip 000")
    QTest.keyClick(window, Qt.Key.Key_1, SHIFT)
    assert window.session.sequence_name == "clip 000"
    assert window.session.judgement is not None and window.session.judgement.verdict == "accept"
    window.desk.going.open_name("clip 002")
    arrived(window, qtbot, "clip 002")
    QTest.keyClick(window, Qt.Key.Key_2)
    arrived(window, qtbot, "clip 003")
    QTest.keyClick(window, Qt.Key.Key_PageDown, CONTROL)
    arrived(window, qtbot, "clip 001")
    assert window.session.judgement is None


def test_reasons_by_key_are_kept_with_the_verdict_and_shown_again(
    window: MainWindow, project_of: Callable[[int], Path], qtbot: QtBot
) -> None:
    opened(window, project_of(2), qtbot, "clip 000")
    QTest.keyClick(window, Qt.Key.Key_4, ALT)
    QTest.keyClick(window, Qt.Key.Key_5, ALT)
    assert window.review_bar.reasons.chosen() == ("frozen_face", "lips")
    QTest.keyClick(window, Qt.Key.Key_2)
    arrived(window, qtbot, "clip 001")
    assert window.review_bar.reasons.chosen() == (), "the next clip begins without"
    verdict = window.desk.project.verdict("clip 000")
    assert verdict.verdict == "reject" and verdict.reasons == ("frozen_face", "lips")
    window.desk.going.open_name("clip 000")
    arrived(window, qtbot, "clip 000")
    assert window.review_bar.reasons.chosen() == ("frozen_face", "lips")
    QTest.keyClick(window, Qt.Key.Key_5, ALT)  # after the verdict: it is given again without this reason
    assert window.desk.project.verdict("clip 000").reasons == ("frozen_face",)


def test_flags_are_in_words_and_a_key_goes_to_the_worst_place(
    window: MainWindow, project_of: Callable[[int], Path], qtbot: QtBot, track: nf.FaceTrack
) -> None:
    folder = project_of(2)
    pose = track.parameters.pose.clone()
    pose[2, 0, 1] += 0.9
    with Project.open(folder) as project:
        dataclasses.replace(track, parameters=track.parameters.replace(pose=pose)).save(
            project.track_file("clip 001")
        )
    opened(window, folder, qtbot, "clip 000")
    rows = window.review_panels.flags.rows
    assert rows.topLevelItem(0).text(0).startswith("▲ the lips move 0.31 as much as the landmarks")
    qtbot.waitUntil(lambda: not window.desk.flagger.busy, timeout=20_000)
    assert rows.topLevelItemCount() == 0, "measured anew, its own track is sound"
    assert window.desk.project.index.row("clip 000").flags == ()
    window.desk.going.open_name("clip 001")
    arrived(window, qtbot, "clip 001")
    qtbot.waitUntil(lambda: bool(window.desk.flagger.places), timeout=20_000)
    names = {flag.name for flag in window.desk.flagger.flags}
    assert {"jump", "off the face"} <= names and names == set(window.desk.project.index.row("clip 001").flags)
    assert window.session.frame == 0
    QTest.keyClick(window, Qt.Key.Key_D)
    assert window.session.frame == 2


def test_a_note_on_a_range_is_written_gone_to_and_taken_back(
    window: MainWindow, project_of: Callable[[int], Path], qtbot: QtBot
) -> None:
    opened(window, project_of(2), qtbot, "clip 000")
    session = window.session
    session.marks.set_first(1)
    session.marks.set_last(2)
    QTest.keyClick(window, Qt.Key.Key_N)
    sheet = window.findChild(NoteSheet)
    QTest.keyClicks(sheet.text, "lips late")
    next(box for box in sheet.regions if box.text() == "lips").setChecked(True)
    QTest.keyClick(sheet.text, Qt.Key.Key_Return)
    (note,) = window.desk.project.notes("clip 000")
    assert (note.frames, note.views, note.regions, note.text) == ((1, 2), (), ("lips",), "lips late")
    rows = window.review_panels.notes.rows
    assert rows.topLevelItem(0).text(0) == "frames 2-3, lips"
    session.marks.clear()
    rows.itemActivated.emit(rows.topLevelItem(0), 0)
    assert session.frame == 1 and session.marks.frames == (1, 2)
    QTest.keyClick(window, Qt.Key.Key_Z, CONTROL)
    assert window.desk.project.notes("clip 000") == [] and rows.topLevelItemCount() == 0
    QTest.keyClick(window, Qt.Key.Key_Z, CONTROL | SHIFT)
    assert len(window.desk.project.notes("clip 000")) == 1


def test_what_was_watched_is_shown_kept_and_goes_into_the_verdict(
    window: MainWindow, project_of: Callable[[int], Path], qtbot: QtBot
) -> None:
    opened(window, project_of(2), qtbot, "clip 000")
    desk = window.desk
    qtbot.waitUntil(lambda: desk.watcher.coverage.frames > 0, timeout=10_000)
    words = window.review_bar.watched.full_text()
    assert "watched 33 %" in words and "views" not in words, "there is one only"
    for expected in (2, 3):
        QTest.keyClick(window, Qt.Key.Key_D, SHIFT)
        qtbot.waitUntil(
            lambda expected=expected: round(3 * desk.watcher.coverage.frames) == expected, timeout=10_000
        )
    desk.watcher.coverage.seconds = 3.0
    assert desk.watcher.sufficient
    QTest.keyClick(window, Qt.Key.Key_1)
    arrived(window, qtbot, "clip 001")
    verdict = desk.project.verdict("clip 000")
    assert verdict.coverage["sufficient"] and verdict.coverage["frames"] == 1.0
    assert desk.project.index.row("clip 000").watched
    shown = desk.project.index.events("shown", sequence="clip 000")
    assert shown and shown[-1].frames == {"cam_0": ((0, 2),)}
    QTest.keyClick(window, Qt.Key.Key_1)  # hardly looked at: kept, but told
    assert "too little was watched" in window.notices.text.full_text()
    assert not desk.project.index.row("clip 001").watched
    QTest.keyClick(window, Qt.Key.Key_Z, CONTROL)
    assert window.notices.text.full_text() == "Undone: accept clip 001."
    window.notices.dismiss()
    assert window.notices.shown is None, "what was said about the verdict went with it"


def test_a_newer_line_about_the_same_takes_the_place_of_the_older(qtbot: QtBot) -> None:
    over = QWidget()
    qtbot.addWidget(over)
    line = NoticeLine(over)
    line.show_notice(Notice("warning", "too little of a was watched", "a"))
    line.show_notice(Notice("error", "the disk is full"))
    line.show_notice(Notice("warning", "too little of b was watched", "b"))
    line.show_notice(Notice("good", "a is rejected", "a"))
    told = []
    line.withdraw("c")
    while line.shown is not None:
        told.append(line.shown.text)
        line.dismiss()
    assert told == ["a is rejected", "too little of b was watched", "the disk is full"]
    line.show_notice(Notice("warning", "too little of a was watched", "a"))
    line.show_notice(Notice("info", "undone"))
    line.withdraw("a")
    assert line.shown.text == "undone"
    line.dismiss()
    assert line.shown is None


def test_a_planted_failure_looks_like_a_clip_and_is_judged_apart(
    window: MainWindow, project_of: Callable[[int], Path], qtbot: QtBot, track: nf.FaceTrack
) -> None:
    folder = project_of(20)
    with Project.open(folder) as project:
        before = project.track_file("clip 000").read_bytes()
        audit = draw_audit(project, reviewer="ann", plan=Plan(limit=0.9, target=0.1, plants=32))
    opened(window, folder, qtbot, "clip 000")
    desk = window.desk
    QTest.keyClick(window, Qt.Key.Key_PageDown, CONTROL)
    qtbot.waitUntil(lambda: window.session.newest is not None and desk.planted.is_shown, timeout=20_000)
    assert desk.planted.practising and len(audit.practice) == 16
    shown = window.session.record()
    assert (
        not torch.equal(shown.parameters.pose, track.parameters.pose)
        or not torch.equal(shown.parameters.shape, track.parameters.shape)
        or not torch.equal(shown.parameters.expression, track.parameters.expression)
        or not torch.equal(shown.parameters.camera, track.parameters.camera)
    )
    assert window.session.judgement is None
    QTest.keyClick(window, Qt.Key.Key_2, SHIFT)
    assert (
        "Practice: " in window.notices.text.full_text() and "you caught it" in window.notices.text.full_text()
    )
    (event,) = desk.project.index.events("plant_judged")
    assert event.data["practice"] and event.data["verdict"] == "reject"
    assert desk.project.verdicts() == {}, "never on the sequence it was planted in"
    QTest.keyClick(window, Qt.Key.Key_PageDown, CONTROL)
    qtbot.waitUntil(lambda: desk.going.current.plant.id != event.data["plant"], timeout=20_000)
    window.desk.going.open_name("clip 000")
    arrived(window, qtbot, "clip 000")
    qtbot.waitUntil(lambda: window.session.record() is not None and not desk.planted.is_shown, timeout=20_000)
    assert torch.equal(window.session.record().parameters.pose, track.parameters.pose)
    assert desk.project.track_file("clip 000").read_bytes() == before


def test_order_look_alikes_histogram_and_proof_are_shown(
    window: MainWindow, project_of: Callable[[int], Path], qtbot: QtBot
) -> None:
    opened(window, project_of(30), qtbot, "clip 001")
    panels, going = window.review_panels, window.desk.going
    QTest.keyClick(window, Qt.Key.Key_Q, CONTROL | SHIFT)
    panels.order.orders.setCurrentIndex(panels.order.orders.findData("suspicion"))
    panels.order.orders.activated.emit(0)
    going.go_on()
    qtbot.waitUntil(lambda: window.session.sequence_name in {f"clip {i:03d}" for i in range(0, 30, 7)})
    panels.order.orders.setCurrentIndex(panels.order.orders.findData("learned"))
    panels.order.orders.activated.emit(0)
    assert "Not enough to learn from" in panels.order.message.full_text()
    first = window.session.sequence_name
    QTest.keyClick(window, Qt.Key.Key_2)
    qtbot.waitUntil(lambda: window.session.sequence_name != first)
    assert panels.alike.rows.topLevelItemCount() == 8 and window.desk.alike_to == first
    nearest = panels.alike.rows.topLevelItem(0).text(0)
    QTest.keyClick(window, Qt.Key.Key_J, CONTROL)
    arrived(window, qtbot, nearest)

    panels.histogram.measures.setCurrentIndex(panels.histogram.measures.findData("cvd_mm"))
    panels.histogram.measures.activated.emit(0)
    assert sum(panels.histogram.histogram.counts) == 30
    panels.histogram.bars.choose(0, 9)
    low, high = panels.histogram.histogram.brushed(0, 9)
    inside = [r for r in window.desk.project.index.rows() if low <= r.measures["cvd_mm"] <= high]
    assert window.queue.model.rowCount() == len(inside) > 0
    QTest.keyClick(panels.histogram.bars, Qt.Key.Key_Escape)
    assert window.queue.model.rowCount() == 30

    QTest.keyClick(window, Qt.Key.Key_E, CONTROL | SHIFT)
    assert panels.proof.headline.text().startswith("No audit is drawn")
    panels.proof.limit.setCurrentIndex(panels.proof.limit.findData(0.1))
    panels.proof.draw.click()
    assert panels.proof.headline.text().startswith("So far proven: at most")
    assert not panels.proof.form.isVisible()


def test_a_blind_comparison_shows_two_sides_without_names(
    window: MainWindow, project_of: Callable[[int], Path], qtbot: QtBot
) -> None:
    opened(window, project_of(2), qtbot, "clip 000")
    trials, comparison = window.trials, window.session.comparison
    window.actions_by_id["blind_trial"].trigger()
    for number in range(2):
        qtbot.waitUntil(lambda: trials.ready, timeout=30_000)
        assert comparison.mode == CompareMode.SIDE and not window.figures.isVisible()
        left, right = comparison.reference, window.session.displayed()
        assert (left.title, right.title) == ("left", "right")
        made_by = {trials.trial.left: left.index, trials.trial.right: right.index}
        assert made_by == {name: 0 if name == ENCODER else 150 for name in made_by}
        assert np.isnan(comparison.reference.nme_percent).all()
        QTest.keyClick(window, Qt.Key.Key_4 if number else Qt.Key.Key_6)
    assert not trials.on and comparison.mode == CompareMode.OFF and window.figures.isVisibleTo(window)
    (result,) = trials.results().values()
    assert result.wins_a + result.wins_b + result.same_left + result.same_right == 2 and result.left == 0
    assert window.session.displayed().title.startswith("saved result")


def test_a_page_that_comes_to_the_front_is_read_anew(
    window: MainWindow, project_of: Callable[[int], Path], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(window, project_of(2), qtbot, "clip 000")
    panels, read = window.review_panels, []
    for panel, method in (
        (panels.order, "show_order"),
        (panels.verdicts, "show_verdicts"),
        (panels.disputes, "show_disputes"),
        (panels.proof, "show_proof"),
    ):
        monkeypatch.setattr(panel, method, lambda method=method: read.append(method))
    for page, methods in (
        ("show_order", {"show_order"}),
        ("show_reviewers", {"show_verdicts", "show_disputes"}),
        ("show_proof", {"show_proof"}),
        ("show_reviewers", {"show_verdicts", "show_disputes"}),
    ):
        read.clear()
        window.actions_by_id[page].trigger()
        qtbot.waitUntil(lambda methods=methods: methods <= set(read))
        assert set(read) == methods, page

"""Views and frames: the matrix is the engine's, what got worse is found, a click goes there, running comes first."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

import neuface_engine as nf
from neuface_studio.analyst import got_worse
from neuface_studio.widgets.frames_panel import FRAME_ROLE, VIEW_ROLE
from neuface_studio.widgets.main_window import MainWindow
from neuface_studio.worker import Analysis


def analysis(weights: dict[str, float] | None = None, **parts: np.ndarray) -> Analysis:
    empty = np.zeros((1, 1))
    return Analysis(("", 0, False), empty, empty, empty, parts, weights or dict.fromkeys(parts, 1.0), {})


def analysed(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: window.analyst.shown is not None and not window.analyst.busy, timeout=30_000)


@pytest.fixture
def stepped(ready: MainWindow, qtbot: QtBot) -> MainWindow:
    QTest.keyClick(ready, Qt.Key.Key_S)
    qtbot.waitUntil(lambda: ready.session.newest == 1 and ready.session.run_state.can_run, timeout=60_000)
    analysed(ready, qtbot)
    return ready


def test_the_matrix_is_that_of_the_engine(stepped: MainWindow) -> None:
    track = stepped.controller.track(1)
    expected = nf.metrics.cross_view_distance(track.vertices(space="canonical"), track.detected.float())
    np.testing.assert_allclose(stepped.frames_panel.matrix.values, expected.matrix_mm, rtol=1e-4)
    per_view = stepped.session.record().cvd_mm
    off_diagonal = np.nanmean(stepped.frames_panel.matrix.values, axis=1)
    np.testing.assert_allclose(off_diagonal, per_view, rtol=1e-3)


def test_the_loss_of_the_pictures_adds_up_to_that_of_the_run(stepped: MainWindow) -> None:
    shown = stepped.analyst.shown
    losses = stepped.session.record().losses
    valid = np.isfinite(shown.loss())
    for term, name in (("landmarks", "landmark"), ("motion", "temporal"), ("views", "multiview")):
        assert shown.terms()[term][valid].mean() == pytest.approx(losses[name], rel=0.05), term
    assert not valid.all(), "a picture without a face has no loss"


def test_what_got_worse_is_found_with_its_term_worst_first() -> None:
    ones, gap = np.array([[1.0, 1.0], [1.0, np.nan]]), np.array([[0.0, 0.0], [0.0, np.nan]])
    before = analysis(landmarks=ones, views=gap)
    landmarks, views = np.array([[1.5, 0.5], [1.0, 1.0]]), np.array([[0.0, 0.0], [2.0, 8.0]])
    now = analysis(landmarks=landmarks, views=views)
    found = got_worse(before, now)
    assert [(w.frame, w.view, w.term) for w in found] == [(1, 0, "views"), (0, 0, "landmarks")]
    assert got_worse(before, before) == []
    assert len(got_worse(before, now, limit=1)) == 1


def test_what_got_worse_is_judged_by_the_weights_of_the_shown_run() -> None:
    before = analysis(landmarks=np.array([[1.0]]), views=np.array([[0.0]]))
    parts = {"landmarks": np.array([[0.5]]), "views": np.array([[1.0]])}
    assert got_worse(before, analysis({"landmarks": 10.0, "views": 1.0}, **parts)) == []
    (found,) = got_worse(before, analysis({"landmarks": 1.0, "views": 10.0}, **parts))
    assert (found.term, found.before, found.now) == ("views", 1.0, 10.5)


def test_a_click_goes_to_the_picture_and_to_the_worst_frame_of_a_pair(
    stepped: MainWindow, qtbot: QtBot
) -> None:
    panel, session = stepped.frames_panel, stepped.session
    stepped.frames_dock.raise_()
    assert len(panel.worse.findItems("*", Qt.MatchFlag.MatchWildcard)) == len(stepped.analyst.worse())
    QTest.keyClick(stepped, Qt.Key.Key_Y)  # the comparison is this iteration: nothing can be worse
    assert panel.worse.topLevelItemCount() == 0 and "the same" in panel._worse_state.text()
    session.comparison.choose("encoder")
    if panel.worse.topLevelItemCount():
        item = panel.worse.topLevelItem(0)
        panel.worse.itemClicked.emit(item, 0)
        assert (session.frame, session.selected_view) == (item.data(0, FRAME_ROLE), item.data(0, VIEW_ROLE))
    centre = panel.matrix._cell(1, 0).center()
    QTest.mouseClick(
        panel.matrix, Qt.MouseButton.LeftButton, pos=QPoint(round(centre.x()), round(centre.y()))
    )
    assert session.selected_view == 1
    assert session.frame == int(np.nanargmax(stepped.analyst.shown.pairs_mm[:, 1, 0]))


def test_nothing_is_analysed_while_the_optimiser_runs(ready: MainWindow, qtbot: QtBot) -> None:
    ready.session.set_target(400)
    QTest.keyClick(ready, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: (ready.session.newest or 0) >= 2, timeout=60_000)
    assert not ready.analyst.busy and ready.analyst.shown is None
    QTest.keyClick(ready, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: ready.session.run_state.can_run, timeout=60_000)
    analysed(ready, qtbot)

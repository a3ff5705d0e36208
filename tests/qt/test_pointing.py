"""Pointing at the picture names the landmark or the vertex under the mouse."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from neuface_studio.model import CompareMode
from neuface_studio.scene import pointing
from neuface_studio.scene.overlay import TilePicture
from neuface_studio.session import Footage
from neuface_studio.widgets.main_window import MainWindow


def test_a_landmark_is_named_with_its_error() -> None:
    detected = np.stack([np.arange(68) * 10.0, np.zeros(68)], axis=1)
    projected = detected + np.array([3.0, 4.0])
    found = pointing.nearest_landmark(361.0, 1.0, detected, projected, px_per_tile_px=2.0)
    assert found == pointing.Landmark(36, "right eye", "detected", 10.0)
    assert pointing.nearest_landmark(361.0, 30.0, detected, projected) is None
    assert pointing.nearest_landmark(361.0, 1.0, None, None) is None
    assert pointing.nearest_landmark(361.0, 1.0, detected, None).apart_px is None


def test_the_surface_in_front_is_found_and_what_turns_away_is_not() -> None:
    points = np.array([[10, 10, 0], [10, 11, 100], [12, 10, 100], [10, 10, 300]], float)
    normals = np.array([[0, 0, 1], [0, 0, 1], [0, 0, 1], [0, 0, -1]], float)
    assert pointing.nearest_vertex(10, 10, points, normals, reach=8) == 1
    assert pointing.nearest_vertex(60, 60, points, normals, reach=8) is None


@pytest.mark.parametrize(
    ("number", "name"), [(0, "contour"), (19, "right brow"), (30, "nose"), (66, "inner lips")]
)
def test_every_landmark_has_a_part(number: int, name: str) -> None:
    assert pointing.landmark_name(number) == name
    assert [pointing.landmark_name(n) for n in range(68)]


def test_a_vertex_has_the_smallest_region_it_lies_in(footage: Footage) -> None:
    regions = pointing.Regions(footage)
    inside = footage.head.regions
    vertex = int((inside["upper_lip"] & ~inside["mouth_inside"]).nonzero()[0])
    assert regions.name(vertex) == "upper lip"


def test_the_window_reads_out_what_lies_under_the_mouse(ready: MainWindow, qtbot: QtBot) -> None:
    tile, bar = ready.view_grid.tiles[0], ready.compare_bar
    drawn = ready.view_grid._drawn[0]
    nose = drawn.viewport.to_tile(drawn.meshes.projected[0])[30] * tile.width() / drawn.shown.image.shape[1]
    place = QPoint(round(float(nose[0])), round(float(nose[1])))
    QTest.mouseMove(tile, place)
    qtbot.waitUntil(lambda: "vertex" in bar.read_out.full_text())
    assert "nose" in bar.read_out.full_text() and bar.read_out.full_text().startswith("cam_0")
    QTest.keyClick(ready, Qt.Key.Key_T)
    qtbot.waitUntil(lambda: not ready.view_grid.busy)
    QTest.mouseMove(tile, place + QPoint(1, 0))
    qtbot.waitUntil(lambda: "landmark 31 of 68, nose (projected)" in bar.read_out.full_text())
    session = ready.session
    ready.controller.toggle_run()
    qtbot.waitUntil(lambda: session.newest == 20 and session.run_state.can_run, timeout=60_000)

    def error() -> float:
        found = re.search(r"landmark 31 .* mesh ([\d.]+) px", bar.read_out.full_text())
        return float(found[1]) if found else np.inf

    def points(picture: TilePicture) -> float:
        apart = picture.projected[30] - picture.detected[30]
        return float(np.hypot(*apart)) / ready.view_grid._drawn[0].viewport.scale

    session.set_layers(detected=True, projected=True)
    session.comparison.set_mode(CompareMode.SIDE)
    qtbot.waitUntil(lambda: ready.view_grid._drawn[0].reference is not None and not ready.view_grid.busy)
    drawn = ready.view_grid._drawn[0]
    at = drawn.shown.detected[30] * (tile.width() / 2) / drawn.shown.image.shape[1]
    for left, picture in ((0, drawn.reference), (tile.width() / 2, drawn.shown)):
        QTest.mouseMove(tile, QPoint(round(float(at[0]) + left), round(float(at[1]))))
        qtbot.waitUntil(lambda picture=picture: abs(error() - points(picture)) < 0.06, timeout=5_000)
    assert abs(points(drawn.reference) - points(drawn.shown)) > 0.1, "the two differ"
    session.comparison.set_mode(CompareMode.OFF)
    tile.left.emit()
    assert "Point at" in bar.read_out.full_text()

"""The drawing thread: the window's thread never draws a mesh, the newest wish wins, a fault is said and not fatal."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from neuface_studio.scene import overlay, renderer
from neuface_studio.scene.camera import OrbitCamera, fit, side_by_side
from neuface_studio.scene.heads_picture import HeadsPainter
from neuface_studio.widgets.main_window import MainWindow


def test_no_mesh_is_drawn_or_decoded_in_the_windows_thread(
    ready: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[str] = set()
    for owner, name in (
        (overlay.TilePainter, "paint"),
        (renderer.MeshDecoder, "decode"),
        (renderer.MeshDecoder, "heads"),
        (HeadsPainter, "draw"),
    ):

        def noted(
            self: object, *args: object, real: object = getattr(owner, name), **options: object
        ) -> object:
            seen.add("window" if threading.current_thread() is threading.main_thread() else "drawing thread")
            return real(self, *args, **options)  # type: ignore[operator]

        monkeypatch.setattr(owner, name, noted)
    for frame in (1, 2, 3):
        ready.session.set_frame(frame)
        qtbot.waitUntil(lambda: not ready.view_grid.busy)
    qtbot.wait(100)
    assert seen == {"drawing thread"}


def test_the_newest_of_many_wishes_is_drawn(ready: MainWindow, qtbot: QtBot) -> None:
    frames: list[int] = []
    ready.renderer.tile_drawn.connect(lambda drawn: frames.append(drawn.request.frame))
    for frame in (1, 2, 3, 4, 5):
        ready.session.set_frame(frame)
    qtbot.waitUntil(lambda: not ready.view_grid.busy)
    assert frames[-1] == 5
    assert len(frames) <= 3 * len(ready.view_grid.tiles), "wishes that were overtaken are not drawn"


def test_a_fault_while_drawing_is_said_and_the_window_goes_on(
    ready: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no ink")

    monkeypatch.setattr(overlay.TilePainter, "paint", broken)
    ready.session.set_frame(1)
    qtbot.waitUntil(lambda: ready.notices.shown is not None)
    assert "no ink" in ready.notices.text.full_text()
    monkeypatch.undo()
    updates = ready.view_grid.tiles[0].updates
    ready.session.set_frame(2)
    qtbot.waitUntil(lambda: ready.view_grid.tiles[0].updates > updates)


def test_turning_goes_the_way_of_the_mouse_and_zoom_makes_larger() -> None:
    points = np.array([[0.0, 0.0, 0.1], [0.1, 0.0, 0.0], [0.0, 0.1, 0.0], [-0.1, -0.1, -0.1]], np.float32)
    front = OrbitCamera(framing=fit(points, 200, 200))
    nose = front.project(points, 200, 200)[0]
    turned = front.turned(20, 0).project(points, 200, 200)[0]
    raised = front.turned(0, 20).project(points, 200, 200)[0]
    assert turned[0] > nose[0] + 5, "dragging to the right takes the nose to the right"
    assert raised[1] > nose[1] + 5, "dragging down takes the nose down"
    spread = np.ptp(front.project(points, 200, 200)[:, 0])
    assert np.ptp(front.zoomed(1.5).project(points, 200, 200)[:, 0]) == pytest.approx(1.5 * spread, rel=1e-4)
    np.testing.assert_allclose(front.turned(360, 0).rotation, front.rotation, atol=1e-6)


def test_everything_is_in_the_picture_and_side_by_side_heads_do_not_touch() -> None:
    head = np.random.default_rng(0).normal(0, 0.05, (4, 500, 3)).clip(-0.1, 0.1).astype(np.float32)
    for size in ((300, 200), (200, 500)):
        placed = side_by_side(head, *size)
        seen = OrbitCamera().project(placed, *size)
        assert (seen[..., :2] >= 0).all() and (seen[..., :2] <= size).all()
        boxes = [(h[:, :2].min(axis=0), h[:, :2].max(axis=0)) for h in placed]
        for first in range(4):
            for second in range(first):
                apart = (boxes[first][0] > boxes[second][1]) | (boxes[first][1] < boxes[second][0])
                assert apart.any()


def test_the_nearer_head_hides_the_farther_one() -> None:
    painter = HeadsPainter(np.array([[0, 1, 2]], np.int32), 3)
    triangle = np.array([[-1, -1, 0], [1, -1, 0], [0, 1, 0]], np.float32)
    normals = np.tile(np.array([0, 0, 1], np.float32), (2, 3, 1))
    both = np.stack([triangle, triangle + np.array([0, 0, 0.1], np.float32)])
    image = painter.draw(both, normals, ["#FF0000", "#0000FF"], OrbitCamera(), 60, 60)
    red, _, blue = image[30, 30].tolist()
    assert blue > 100 and red == 0
    from_behind = painter.draw(both, normals, ["#FF0000", "#0000FF"], OrbitCamera(yaw=180), 60, 60)
    assert (from_behind == from_behind[0, 0]).all(), "the inside of a surface is not drawn"


def test_dragging_in_the_3d_view_turns_the_camera(ready: MainWindow, qtbot: QtBot) -> None:
    view = ready.view3d
    if view.backend != "offscreen":
        pytest.skip("VTK turns its own camera")
    qtbot.waitUntil(lambda: view._view._pixels is not None)
    view._view.look(40, 10)
    qtbot.waitUntil(lambda: view._view.camera.framing is not None)
    assert (view._view.camera.yaw, view._view.camera.pitch) == (40, 10)
    QTest.keyClick(ready, "X")
    assert (view._view.camera.yaw, view._view.camera.pitch) == (0, 0)

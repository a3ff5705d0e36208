"""Slit scans, the aligned overlay, turned meshes, and the 3D view's directions, values and fallback."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from neuface_engine.face_model.rotations import axis_angle_to_matrix
from neuface_studio.scene.camera import OrbitCamera, direction_of
from neuface_studio.scene.decoding import MeshDecoder
from neuface_studio.scene.paper_pictures import YAWS
from neuface_studio.scene.slit_scan import REGIONS, ROWS, SlitRequest, SlitScan, SlitScanner, column_of
from neuface_studio.session import Footage
from neuface_studio.widgets.main_window import MainWindow


def scanned(window: MainWindow, qtbot: QtBot) -> SlitScan:
    qtbot.wait(150)
    qtbot.waitUntil(
        lambda: not window.slit_panel.busy and window.slit_panel.rows.scan is not None, timeout=30_000
    )
    return window.slit_panel.rows.scan


def test_a_column_is_cut_where_it_should_be() -> None:
    frame = np.zeros((100, 60, 3), np.uint8)
    frame[:, 20] = 200
    frame[40:50, 20] = 90
    column = column_of(frame, np.array([20.5, 45.0], np.float32), 18.0)
    assert column.shape == (ROWS, 3)
    dark = np.flatnonzero(column[:, 0] < 120)
    middle = (dark.mean() + 0.5) * 36 / ROWS + 27
    assert middle == pytest.approx(45, abs=0.3) and len(dark) * 36 / ROWS == pytest.approx(10, abs=1)
    assert (column_of(frame, np.array([40.5, 45.0], np.float32), 18.0) == 0).all()


def test_a_mesh_that_follows_the_face_draws_the_wave_of_the_landmarks(footage: Footage) -> None:
    from dataclasses import replace

    import torch

    import neuface_engine as nf
    from neuface_studio.model import IterationRecord

    truth = nf.FaceParameters.neutral(6, 3, scale=7.0)
    time = torch.linspace(0, 1, 6)[:, None]
    truth.pose[..., 1] = 0.25 * (torch.arange(3) - 1.0) + 0.1 * time
    truth.pose[..., 3] = 0.2 * time
    nothing = np.zeros(3)
    record = IterationRecord(0, truth, {}, nothing, nothing, nothing, 0.0)
    scanner = SlitScanner(footage, MeshDecoder(footage))
    for region in REGIONS:
        *_, scan = scanner.steps(SlitRequest(record, 1, region))
        assert scan.whole and scan.video.shape == scan.mesh.shape == (ROWS, 6, 3)
        np.testing.assert_allclose(scan.projected_rows, scan.detected_rows, atol=0.2), region
    *_, chin = scanner.steps(SlitRequest(record, 1, "chin"))
    assert chin.detected_rows[0, -1] > chin.detected_rows[0, 0] + 1, "the mouth opens: the chin goes down"
    shaken = truth.replace(
        camera=truth.camera + torch.tensor([0, 0, 0.02]) * (-1.0) ** torch.arange(6)[:, None, None]
    )
    *_, rough = scanner.steps(SlitRequest(replace(record, parameters=shaken), 1, "chin"))
    jumps = [np.abs(np.diff(s.projected_rows - s.detected_rows, n=2)).mean() for s in (chin, rough)]
    assert jumps[1] > 5 * jumps[0] + 1


def test_the_roughest_frames_are_found_beside_frames_without_a_face() -> None:
    rows = np.tile(np.linspace(10, 30, 40, dtype=np.float32), (2, 1))
    projected = rows.copy()
    projected[:, 25:31] += np.array([2, -2, 2, -2, 2, -2])
    projected[:, 5] = np.nan
    nothing = np.zeros((ROWS, 40, 3), np.uint8)
    scan = SlitScan(None, 40, nothing, nothing, np.zeros((ROWS, 40)), rows, projected, 0.5)  # type: ignore[arg-type]
    first, last, shake = scan.roughest()
    assert 24 <= first <= 26 and last == first + 6 and shake == pytest.approx(3.3, abs=0.1)
    gone = SlitScan(None, 40, nothing, nothing, np.zeros((ROWS, 40)), rows, rows * np.nan, 0.5)  # type: ignore[arg-type]
    assert gone.roughest() is None


def test_a_scan_follows_region_and_iteration_and_a_click_goes_to_its_frame(
    ready: MainWindow, qtbot: QtBot
) -> None:
    ready.slit_dock.raise_()
    first = scanned(ready, qtbot)
    assert first.whole and first.request.region == "lips"
    ready.slit_panel.region.setCurrentIndex(list(REGIONS).index("chin"))
    assert scanned(ready, qtbot).request.region == "chin"
    ready.session.select_view(2)
    assert scanned(ready, qtbot).request.view == 2
    ready.controller.step_once()
    qtbot.waitUntil(lambda: ready.session.newest == 1, timeout=60_000)
    assert scanned(ready, qtbot).request.record.index == 1
    rows = ready.slit_panel.rows
    place = rows.place_of(1)
    spot = QPoint(
        round(place.left() + place.width() * 4.5 / ready.session.num_frames), round(place.center().y())
    )
    QTest.mouseClick(rows, Qt.MouseButton.LeftButton, pos=spot)
    assert ready.session.frame == 4


def test_nothing_is_scanned_or_turned_while_the_panels_are_hidden(ready: MainWindow, qtbot: QtBot) -> None:
    asked: list[str] = []
    real = ready.renderer._ask
    ready.renderer._ask = lambda kind, request: asked.append(kind) or real(kind, request)  # type: ignore[method-assign]
    ready.plot_dock.raise_()
    ready.side_docks[0].raise_()
    qtbot.wait(50)
    asked.clear()
    ready.session.set_frame(2)
    qtbot.waitUntil(lambda: not ready.view_grid.busy)
    qtbot.wait(200)
    assert "tiles" in asked and not {"slit", "paper"} & set(asked)


def test_overlay_and_turned_meshes_show_the_comparison_too(ready: MainWindow, qtbot: QtBot) -> None:
    panel = ready.paper_panel
    ready.controller.step_once()
    qtbot.waitUntil(lambda: ready.session.newest == 1, timeout=60_000)
    ready.paper_dock.raise_()
    qtbot.waitUntil(lambda: panel.canvas.picture is not None and not panel.busy, timeout=20_000)
    qtbot.waitUntil(lambda: len(panel.canvas.picture.cells) == 2, timeout=20_000)
    captions = [cell[-1] for cell in panel.canvas.picture.cells]
    assert captions == ["encoder only", "iteration 1"]
    qtbot.mouseClick(panel.buttons["turned"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(panel.canvas.picture.cells) == 2 * len(YAWS), timeout=20_000)
    image = panel.canvas.picture.image
    for left, top, width, height, _ in panel.canvas.picture.cells:
        assert image[top : top + height, left : left + width].std() > 5, "a head in every cell"


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (40, 0), (-75, 20), (10, -35)])
def test_the_direction_of_a_camera_is_found_from_the_head_that_it_sees(yaw: float, pitch: float) -> None:
    found = direction_of(OrbitCamera(yaw, pitch).rotation)
    assert found == pytest.approx((yaw, pitch), abs=1e-3)


def test_the_3d_view_looks_from_left_right_and_each_camera(ready: MainWindow, qtbot: QtBot) -> None:
    view = ready.view3d
    if view.backend != "offscreen":
        pytest.skip("VTK has its own camera")
    ready.actions_by_id["view3d_left"].trigger()
    left = view._view.camera.yaw
    ready.actions_by_id["view3d_right"].trigger()
    assert left == -view._view.camera.yaw != 0
    ready.session.select_view(2)
    ready.actions_by_id["view3d_camera"].trigger()
    rotation = axis_angle_to_matrix(ready.session.record().parameters.pose[0, 2, :3]).numpy()
    np.testing.assert_allclose(view._view.camera.rotation[2], rotation[2], atol=1e-3)
    assert [action.text() for action in view._camera_actions] == [f"As camera cam_{v}" for v in range(3)]


def test_values_in_3d_are_those_of_the_heat_map_and_a_picture_can_be_saved(
    ready: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    drawn = []
    ready.renderer.heads_drawn.connect(drawn.append)
    ready.actions_by_id["layer_cross"].trigger()
    ready.actions_by_id["view3d_values"].trigger()
    qtbot.waitUntil(lambda: bool(drawn) and drawn[-1].painted is not None, timeout=20_000)
    assert drawn[-1].painted.shape == drawn[-1].vertices.shape and drawn[-1].request.views == (0,)
    ready.actions_by_id["view3d_values"].trigger()
    ready.actions_by_id["view3d_wireframe"].trigger()
    qtbot.waitUntil(lambda: drawn[-1].painted is None and drawn[-1].request.wireframe, timeout=20_000)
    assert ready.view3d.save_picture(tmp_path / "heads.png") and (tmp_path / "heads.png").stat().st_size > 500
    assert not ready.view3d.save_picture(tmp_path / "nowhere" / "heads.png")


def test_a_driver_that_fails_while_drawing_is_replaced_and_said(
    make_window: object, synthetic: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from neuface_studio.widgets import view3d
    from neuface_studio.widgets.view3d_backends import PictureView

    from .conftest import open_and_wait

    class Broken(PictureView):
        def show_heads(self, drawn: object) -> None:
            raise RuntimeError("context lost")

    monkeypatch.setenv("NEUFACE_VIEW3D", "interactor")
    monkeypatch.setattr(view3d, "interactor_view", lambda parent, *_: Broken(parent))
    window = make_window()  # type: ignore[operator]
    assert "graphics card" in window.view3d.choice.full_text()
    said: list[str] = []
    window.session.noticed.connect(lambda notice: said.append(notice.text))
    open_and_wait(window, synthetic, qtbot)
    qtbot.waitUntil(lambda: window.view3d.backend == "offscreen", timeout=20_000)
    qtbot.waitUntil(lambda: window.view3d._view._pixels is not None, timeout=20_000)
    assert any("driver failed" in text for text in said)
    assert "processor" in window.view3d.choice.full_text()

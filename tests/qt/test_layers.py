"""Layers and heat maps: what they show, on which scale, alone or together; groups put to neutral."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

import neuface_engine as nf
from neuface_engine import raster
from neuface_studio.layers import HEATS, LAYERS, Layers, number_text
from neuface_studio.maps import PixelMap
from neuface_studio.muting import GROUPS, neutralised
from neuface_studio.scene.heat import farthest_view
from neuface_studio.session import RunState
from neuface_studio.widgets.main_window import MainWindow


def stepped(window: MainWindow, qtbot: QtBot, steps: int = 1) -> None:
    for _ in range(steps):
        before = window.session.newest
        window.controller.step_once()
        qtbot.waitUntil(lambda before=before: window.session.newest == before + 1, timeout=60_000)
        qtbot.waitUntil(lambda: window.session.run_state.can_run, timeout=60_000)


def drawn(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.wait(20)
    qtbot.waitUntil(lambda: not window.view_grid.busy, timeout=20_000)


def test_a_solo_shows_one_layer_and_gives_the_others_back() -> None:
    layers = Layers(mesh=True, detected=True, heat="cross")
    for layer in LAYERS:
        alone = layers.soloed(layer).drawn
        assert [name for name in LAYERS if alone.shows(name)] == [layer]
    assert layers.soloed("ghost").soloed("ghost").drawn == layers
    assert not layers.soloed("ghost").toggled("mesh").solo, "switching another layer ends the solo"
    assert layers.soloed("ghost").toggled("whole_frame").solo == "ghost"


def test_one_heat_map_takes_the_place_of_another() -> None:
    layers = Layers().toggled("vertex").toggled("update")
    assert [kind for kind in HEATS if layers.shows(kind)] == ["update"]
    assert not layers.toggled("update").heat


def test_the_farthest_other_view_counts_only_where_both_see_the_point() -> None:
    meshes = np.zeros((3, 4, 3), np.float32)
    meshes[1, :, 0] = 0.001
    meshes[2, :, 1] = 0.005
    seen = np.ones((3, 4), bool)
    seen[2, 1] = seen[0, 2] = False
    seen[:2, 3] = False
    distance, partner = farthest_view(meshes, seen)
    np.testing.assert_allclose(distance[0, :2], [0.005, 0.001], rtol=1e-5)
    assert partner[0].tolist() == [2, 1, -1, -1]
    assert np.isnan(distance[0, 2]) and np.isnan(distance[:, 3]).all(), "one view alone cannot disagree"
    common = distance == distance
    for view, vertex in zip(*np.nonzero(common), strict=True):
        assert distance[partner[view, vertex], vertex] >= distance[view, vertex], "the other one sees it too"


def test_heat_maps_rise_in_brightness_so_that_all_eyes_read_them_alike() -> None:
    for heat in HEATS.values():
        table = raster.colormap(heat.colormap).astype(float)
        brightness = table @ [0.2126, 0.7152, 0.0722]
        assert (np.diff(brightness[::16]) > 0).all(), heat.colormap


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (0.5, "0.5"), (2e-5, "2e-5"), (1.25e-7, "1.2e-7")])
def test_numbers_on_a_colour_bar_are_short(value: float, text: str) -> None:
    assert number_text(value) == text


def test_a_map_over_the_pixels_keeps_what_is_weak() -> None:
    gradient = np.zeros((1, 50, 50), np.float32)
    gradient[0, 0, :25] = np.linspace(0.04, 1, 25)
    pixels = PixelMap.of_pixels(3, gradient)
    levels = pixels.levels[0, 0, :25].astype(int)
    assert pixels.peak >= 0.9 and (np.diff(levels) >= 0).all() and levels[0] > 40


def test_neutral_groups_are_neutral_and_the_others_untouched() -> None:
    torch.manual_seed(0)
    made = nf.FaceParameters.neutral(4, 2).map(lambda t: t + torch.randn_like(t))
    for group in GROUPS:
        neutral = neutralised(made, [group])
        torch.testing.assert_close(neutralised(neutral, [group]).pose, neutral.pose)
        changed = {
            "rotation": bool((neutral.pose[..., :3] != made.pose[..., :3]).any()),
            "jaw": bool((neutral.pose[..., 3:] != made.pose[..., 3:]).any()),
            "expression": bool((neutral.expression != made.expression).any()),
            "shape": bool((neutral.shape != made.shape).any()),
            "camera": bool((neutral.camera != made.camera).any()),
        }
        assert [name for name, different in changed.items() if different] == [group]
    assert (neutralised(made, ["camera"]).camera.std(dim=0) < 1e-6).all(), "one camera a view, at rest"
    assert not neutralised(made, ["shape", "jaw"]).pose[..., 3:].any()


def test_each_heat_map_has_its_scale_and_costs_nothing_when_off(
    ready: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from neuface_studio.scene import heat, renderer

    asked: list[str] = []
    real = heat.heat_frame

    def noted(decoder: object, footage: object, wish: object, *rest: object) -> object:
        if wish is not None:
            asked.append(wish.kind)  # type: ignore[attr-defined]
        return real(decoder, footage, wish, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(renderer, "heat_frame", noted)
    stepped(ready, qtbot)
    drawn(ready, qtbot)
    assert not asked and ready.session.pixels.get(("", 1), 0) is None
    for key, kind in (("U", "update"), ("H", "cross"), ("R", "vertex"), ("A", "pixel")):
        QTest.keyClick(ready, key)
        qtbot.waitUntil(lambda kind=kind: ready.view_grid.scale[0] == kind and ready.view_grid.scale[1] > 0)
        bar = ready.layer_panel.colour_bar
        assert bar.kind == kind and bar.value_at(1.0) and HEATS[kind].unit in bar.caption()
    assert set(asked) == {"update", "cross", "vertex", "pixel"}
    ready.session.show_iteration(0)
    drawn(ready, qtbot)
    QTest.keyClick(ready, "U")
    qtbot.waitUntil(lambda: ready.view_grid.scale == ("update", 0.0))
    assert "no step" in ready.layer_panel.colour_bar.caption()


def test_flame_fitting_shows_dots_as_it_sees_no_pixels(ready: MainWindow, qtbot: QtBot) -> None:
    QTest.keyClick(ready, "A")
    qtbot.waitUntil(lambda: ready.session.pixels.get(("", 0), 0) is not None, timeout=30_000)
    assert ready.session.pixels.get(("", 0), 0).levels.shape[0] == ready.session.num_views
    ready.actions_by_id["fit_flame"].trigger()
    qtbot.waitUntil(lambda: ready.session.pixels.get(("FLAME fitting", 0), 0) is not None, timeout=60_000)
    dots = ready.session.pixels.get(("FLAME fitting", 0), 0)
    assert dots.levels is None and dots.strength.shape == dots.points.shape[:2] and dots.peak > 0
    qtbot.waitUntil(lambda: ready.view_grid.scale == ("dots", dots.peak), timeout=20_000)
    assert "∂j" in ready.layer_panel.colour_bar.caption()


def test_pointing_at_the_cross_view_map_names_the_two_cameras(ready: MainWindow, qtbot: QtBot) -> None:
    stepped(ready, qtbot)
    QTest.keyClick(ready, "H")
    qtbot.waitUntil(lambda: ready.view_grid.scale[0] == "cross")
    drawn(ready, qtbot)
    tile = ready.view_grid.tiles[1]
    QTest.mouseClick(tile, Qt.MouseButton.LeftButton, pos=QPoint(tile.width() // 2, tile.height() // 2))
    text = ready.notices.text.full_text()
    assert "cam_1" in text and "disagree" in text and "mm" in text
    assert "cam_0" in text or "cam_2" in text


def test_muting_is_said_changes_the_picture_and_not_the_result(ready: MainWindow, qtbot: QtBot) -> None:
    session = ready.session
    before = session.record().parameters.pose.clone()
    image = ready.view_grid.tiles[0].picture.image.copy()
    ready.actions_by_id["mute_rotation"].trigger()
    qtbot.waitUntil(lambda: not np.array_equal(ready.view_grid.tiles[0].picture.image, image))
    drawn(ready, qtbot)
    assert "rotation" in ready.layer_panel.muted_sign.text() and not ready.layer_panel.muted_sign.isHidden()
    assert "MUTED" in ready.view_grid.tiles[0].flag
    torch.testing.assert_close(session.record().parameters.pose, before)
    ready.actions_by_id["mute_all_but_jaw"].trigger()
    assert session.muted == frozenset(GROUPS) - {"jaw"}
    ready.actions_by_id["mute_none"].trigger()
    qtbot.waitUntil(lambda: np.array_equal(ready.view_grid.tiles[0].picture.image, image))
    assert ready.layer_panel.muted_sign.isHidden() and not ready.view_grid.tiles[0].flag


def test_opacity_and_solo_are_for_each_layer(ready: MainWindow, qtbot: QtBot) -> None:
    panel, session = ready.layer_panel, ready.session
    panel.opacities["mesh"].setValue(20)
    assert session.layers.opacity_of("mesh") == pytest.approx(0.2)
    assert session.layers.opacity_of("ghost") == Layers().opacity_of("ghost")
    QTest.keyClick(ready, "W", Qt.KeyboardModifier.ShiftModifier)
    assert session.layers.solo == "wireframe" and panel.solos["wireframe"].isChecked()
    drawn(ready, qtbot)
    assert (
        ready.view_grid._drawn[0].request.layers.wireframe
        and not ready.view_grid._drawn[0].request.layers.mesh
    )
    assert session.run_state == RunState.READY


def test_in_a_low_window_the_scale_of_a_heat_map_comes_into_sight(ready: MainWindow, qtbot: QtBot) -> None:
    ready.resize(1366, 768)
    ready.default_layout()
    drawn(ready, qtbot)
    bar = ready.layer_panel.colour_bar
    assert not bar.isVisible()
    QTest.keyClick(ready, "H")
    qtbot.waitUntil(lambda: bar.visibleRegion().boundingRect().height() == bar.height(), timeout=5_000)

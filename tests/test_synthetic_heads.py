"""The renderer of the build tools paints a person, where the head is, and nothing else."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neuface_engine import resources

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

from synthetic_heads import HeadStyle, Orthographic, Perspective, SyntheticRenderer

SIZE = 256
CAMERA = Orthographic(SIZE / 0.27, SIZE / 2, SIZE / 2)
PLAIN = HeadStyle(torso=False, background=((0.0, 1.0, 0.0), (0.0, 1.0, 0.0)))


@pytest.fixture(scope="module")
def renderer() -> SyntheticRenderer:
    return SyntheticRenderer(resources.path("open_head.npz"))


@pytest.fixture(scope="module")
def portrait(renderer: SyntheticRenderer) -> np.ndarray:
    return renderer.render(renderer.surface.template, CAMERA, PLAIN)


def colour_at(renderer: SyntheticRenderer, picture: np.ndarray, *points: int | tuple[int, int]) -> np.ndarray:
    """Mean colour of the 3 x 3 pixels around MediaPipe points, or midway between two of them."""
    landmarks = renderer.landmarks(renderer.surface.template)
    places = np.stack([landmarks[np.atleast_1d(point)].mean(axis=0) for point in points])
    pixels = CAMERA.project(places)[:, :2].astype(int)
    patches = [picture[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3) for x, y in pixels]
    return np.concatenate(patches).mean(axis=0)


def test_features_have_their_colours(renderer: SyntheticRenderer, portrait: np.ndarray) -> None:
    skin = colour_at(renderer, portrait, 50, 280, 151)
    lips = colour_at(renderer, portrait, 17, 84, 314)
    brow = colour_at(renderer, portrait, (105, 52), (334, 282), (66, 65), (296, 295))
    iris = colour_at(renderer, portrait, 468, 473)
    assert skin[0] > skin[1] > skin[2] > 60
    assert (lips[0] - lips[1]) / lips.sum() > 1.2 * (skin[0] - skin[1]) / skin.sum()
    assert brow.mean() < 0.8 * skin.mean()
    assert iris.mean() < 0.5 * skin.mean()


def test_the_two_halves_of_a_face_lit_from_the_front_match(renderer: SyntheticRenderer) -> None:
    front = replace(PLAIN.lights[0], direction=(0.0, 0.0, 1.0))
    style = replace(PLAIN, lights=(front,), shadows=False)
    picture = renderer.render(renderer.surface.template, CAMERA, style).astype(int)
    assert np.abs(picture - picture[:, ::-1]).mean() < 6


def test_background_is_left_alone(portrait: np.ndarray) -> None:
    green = (np.abs(portrait.astype(int) - [0, 255, 0]) < 4).all(axis=-1)
    assert 0.2 < green.mean() < 0.8
    assert green[:20, :20].all()
    assert green[-20:, -20:].all()


def test_same_seed_same_picture(renderer: SyntheticRenderer) -> None:
    style = HeadStyle.random(np.random.default_rng(4))
    first = renderer.render(renderer.surface.template, CAMERA, style)
    assert np.array_equal(first, renderer.render(renderer.surface.template, CAMERA, style))
    other = HeadStyle.random(np.random.default_rng(5))
    assert np.abs(first.astype(int) - renderer.render(renderer.surface.template, CAMERA, other)).mean() > 10


def test_a_far_pinhole_sees_what_weak_perspective_sees(
    renderer: SyntheticRenderer, portrait: np.ndarray
) -> None:
    far = Perspective(CAMERA.scale * 100.0, CAMERA.x, CAMERA.y, 100.0)
    seen = renderer.render(renderer.surface.template, far, PLAIN).astype(int)
    assert np.abs(seen - portrait).mean() < 1.0


def test_an_open_mouth_is_dark_inside_and_shows_teeth(renderer: SyntheticRenderer) -> None:
    torch = pytest.importorskip("torch")
    import neuface_engine as nf

    head = nf.FaceModel.load("open")
    parameters = nf.FaceParameters.neutral()
    pose = parameters.pose.clone()
    pose[3] = 0.35
    with torch.no_grad():
        posed = head(parameters.replace(pose=pose)).vertices.numpy()
    picture = renderer.render(posed, CAMERA, PLAIN)
    upper, lower = CAMERA.project(renderer.landmarks(posed)[[13, 14]])[:, :2].astype(int)
    column = picture[upper[1] + 2 : lower[1] - 2, upper[0] - 2 : upper[0] + 3].mean(axis=(1, 2))
    assert len(column) > 12
    assert column.min() < 60
    assert column.max() > 1.8 * column.min()


@pytest.mark.parametrize("yaw_deg", [-80, 180])
def test_any_side_can_be_drawn(renderer: SyntheticRenderer, yaw_deg: float) -> None:
    a = np.radians(yaw_deg)
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]], np.float32)
    picture = renderer.render(renderer.surface.template @ turn.T, CAMERA, PLAIN)
    assert not (picture == [0, 255, 0]).all(axis=-1).all()


def test_a_picture_takes_a_fraction_of_a_second(renderer: SyntheticRenderer) -> None:
    renderer.render(renderer.surface.template, CAMERA, PLAIN)
    started = time.thread_time()
    for _ in range(3):
        renderer.render(renderer.surface.template, CAMERA, PLAIN)
    assert (time.thread_time() - started) / 3 < 0.25

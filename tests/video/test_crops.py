"""Laws of the crop transforms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from neuface_engine.video import crops

centres = st.floats(-500, 3000)
sides = st.floats(2, 2000)


def boxes(x: float, y: float, side: float) -> NDArray[np.float64]:
    return np.array([[x, y, side]])


@given(centres, centres, sides, st.floats(1, 3))
def test_the_box_fills_the_crop_up_to_the_scale(x: float, y: float, side: float, scale: float) -> None:
    transform = crops.crop_transforms(boxes(x, y, side), crop_size=256, crop_scale=scale)
    corners = np.array([[[x - side / 2, y - side / 2], [x + side / 2, y + side / 2]]])
    inside = crops.normalise(crops.apply(transform, corners), 256)
    np.testing.assert_allclose(inside, np.array([[[-1, -1], [1, 1]]]) / scale, atol=1e-6)


@given(centres, centres, sides)
def test_there_and_back_is_where_one_was(x: float, y: float, side: float) -> None:
    transform = crops.crop_transforms(boxes(x, y, side), crop_size=256, crop_scale=1.5)
    points = np.array([[[0.0, 0.0, 1.0], [x, y, -3.0], [640.5, 360.5, 12.0]]])
    back = crops.apply(crops.invert(transform), crops.apply(transform, points))
    np.testing.assert_allclose(back, points, atol=1e-6)
    units = crops.normalise(crops.apply(transform, points), 256)
    np.testing.assert_allclose(crops.denormalise(units, 256), crops.apply(transform, points), atol=1e-6)


def test_depth_is_scaled_as_x_and_y_are() -> None:
    transform = crops.crop_transforms(boxes(100, 100, 50), crop_size=256, crop_scale=2)
    moved = crops.apply(transform, np.array([[[100.0, 100.0, 0.0], [110.0, 100.0, 10.0]]]))
    assert moved[0, 1, 2] == pytest.approx(moved[0, 1, 0] - moved[0, 0, 0])


@pytest.mark.parametrize("scale", [0.2, 0.4, 0.5, 1.0, 1.7, 4.0])
def test_pixels_go_where_the_transform_says(scale: float) -> None:
    """A disc warped lies where its centre is mapped, at any reduction, to a twentieth of a crop pixel."""
    rows, columns = np.mgrid[:400, :600] + 0.5
    x, y, radius = 311.3, 187.8, 25.0
    distance = np.hypot(columns - x, rows - y)
    soft = np.clip(radius - distance, 0, 1) * 255
    frame = np.repeat(soft[..., None], 3, -1).astype(np.uint8)
    side = 256 / scale
    transform = crops.crop_transforms(boxes(x + 4, y - 3, side), crop_size=256, crop_scale=1.0)
    crop = crops.warp(frame, transform[0], 256)[..., 0].astype(float)
    found = (np.mgrid[:256, :256] + 0.5).reshape(2, -1) @ crop.reshape(-1) / crop.sum()
    expected = crops.apply(transform, np.array([[[x, y]]]))[0, 0]
    np.testing.assert_allclose(found[::-1], expected, atol=0.05)


def test_outside_of_the_frame_a_crop_is_black() -> None:
    frame = np.full((50, 50, 3), 200, np.uint8)
    transform = crops.crop_transforms(boxes(0, 0, 50), crop_size=64, crop_scale=1.0)
    crop = crops.warp(frame, transform[0], 64)
    assert crop[:30, :30].max() == 0
    assert crop[40:60, 40:60].min() == 200


@settings(max_examples=30)
@given(st.lists(st.booleans(), min_size=1, max_size=20))
def test_gaps_are_bridged_linearly_and_known_values_stay(present: list[bool]) -> None:
    known = np.array(present)
    line = np.stack([np.arange(len(known)) * 2.0, 5 - np.arange(len(known))], -1)
    filled = crops.fill_gaps(np.where(known[:, None], line, 1e9), known)
    if not known.any():
        assert not filled.any()
        return
    first, last = np.flatnonzero(known)[[0, -1]]
    np.testing.assert_allclose(filled[first : last + 1], line[first : last + 1], atol=1e-12)
    np.testing.assert_allclose(filled[:first], np.broadcast_to(line[first], filled[:first].shape))


def test_smoothing_leaves_a_still_box_alone_and_calms_a_shaking_one() -> None:
    still = np.tile([50.0, 60.0, 70.0], (30, 1))
    present = np.ones(30, bool)
    np.testing.assert_allclose(crops.smooth_boxes(still, present, sigma_frames=5), still)
    shaking = still + np.random.default_rng(0).normal(0, 3, still.shape)
    assert crops.smooth_boxes(shaking, present, sigma_frames=5).std() < still.std() + 1
    assert np.diff(crops.smooth_boxes(shaking, present, sigma_frames=5), axis=0).std() < 0.5


@pytest.mark.parametrize("turns", range(4))
def test_a_face_on_its_side_stands_upright_in_its_crop(turns: int) -> None:
    upright = np.random.default_rng(0).uniform(-1, 1, (1, 68, 2))
    upright[:, 36:42], upright[:, 42:48] = [-5, 0], [5, 0.4]
    frame = upright
    for _ in range(turns):  # clockwise on the screen, y down
        frame = np.stack([-frame[..., 1], frame[..., 0]], -1)
    assert crops.quarter_turns(frame) == turns
    transform = crops.crop_transforms(
        crops.landmark_boxes(frame), crop_size=256, crop_scale=1.5, turns=crops.quarter_turns(frame)
    )
    straight = crops.crop_transforms(crops.landmark_boxes(upright), crop_size=256, crop_scale=1.5)
    np.testing.assert_allclose(crops.apply(transform, frame), crops.apply(straight, upright), atol=1e-9)
    np.testing.assert_allclose(
        crops.apply(crops.invert(transform), crops.apply(transform, frame)), frame, atol=1e-9
    )


def test_a_box_of_no_extent_gives_a_finite_transform() -> None:
    transform = crops.crop_transforms(boxes(10, 10, 0), crop_size=256, crop_scale=1.5)
    assert np.isfinite(transform).all()
    assert np.isfinite(crops.invert(transform)).all()

"""NME by both lengths, and which of them a crop gets."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from neuface_engine import metrics


def points(frames=1, views=1):
    """A box of 1 x 1 around eye corners 0.5 apart."""
    detected = torch.full((frames, views, 68, 2), 0.5)
    detected[:, :, 0], detected[:, :, 1] = 0.0, 1.0
    detected[:, :, 36], detected[:, :, 45] = torch.tensor([0.25, 0.5]), torch.tensor([0.75, 0.5])
    return detected


def turned(*degrees):
    rotation = torch.zeros(1, len(degrees), 3)
    rotation[0, :, 1] = torch.deg2rad(torch.tensor(degrees))
    return rotation


def test_it_is_a_percentage_of_the_box_and_of_the_eyes():
    detected = points()
    moved, valid = detected + torch.tensor([0.03, 0.04]), torch.ones(1, 1)
    assert metrics.landmark_error(moved, detected, valid) == pytest.approx([5], rel=1e-3)
    both = metrics.landmark_errors(moved, detected, valid, turned(0.0))
    assert both.box_percent[0, 0] == pytest.approx(5, rel=1e-3)
    assert both.interocular_percent[0, 0] == pytest.approx(10, rel=1e-3)
    assert both.points_percent.shape == (1, 1, 68)
    assert both.parts_percent()["lips"][0, 0] == pytest.approx(5, rel=1e-3)


def test_beyond_forty_degrees_to_either_side_the_box_is_taken():
    detected = points(views=4)
    errors = metrics.landmark_errors(
        detected + torch.tensor([0.03, 0.04]), detected, torch.ones(1, 4), turned(-41.0, -39.0, 39.0, 41.0)
    )
    assert errors.side_view.tolist() == [[True, False, False, True]]
    assert errors.percent[0] == pytest.approx([5, 10, 10, 5], rel=1e-3)


def test_both_are_the_same_in_any_place_and_size_and_when_the_picture_is_turned():
    detected = torch.rand(5, 2, 68, 2)
    projected = detected + 0.01 * torch.randn(5, 2, 68, 2)
    valid, rotation = torch.ones(5, 2), torch.zeros(5, 2, 3)
    before = metrics.landmark_errors(projected, detected, valid, rotation)
    quarter = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    after = metrics.landmark_errors(3 * projected @ quarter + 1, 3 * detected @ quarter + 1, valid, rotation)
    np.testing.assert_allclose(after.box_percent, before.box_percent, rtol=1e-3)
    np.testing.assert_allclose(after.interocular_percent, before.interocular_percent, rtol=1e-3)


def test_the_mean_of_a_view_is_that_of_its_crops_with_a_face():
    detected = torch.rand(5, 2, 68, 2)
    projected = detected + 0.01 * torch.randn(5, 2, 68, 2)
    valid = torch.ones(5, 2)
    valid[1, 0] = 0
    projected[1, 0] = float("nan")
    by_crop = metrics.landmark_errors(projected, detected, valid, torch.zeros(5, 2, 3)).box_percent
    assert math.isnan(by_crop[1, 0])
    np.testing.assert_allclose(
        metrics.landmark_error(projected, detected, valid), np.nanmean(by_crop, 0), rtol=1e-5
    )


def test_no_face_no_figure_and_eyes_in_one_point_no_percentage_of_them():
    detected = points()
    assert np.isnan(metrics.landmark_error(detected, detected, torch.zeros(1, 1))).all()
    assert np.isnan(metrics.landmark_error(detected[:0], detected[:0], torch.zeros(0, 1))).all()
    detected[:, :, 36] = detected[:, :, 45]
    errors = metrics.landmark_errors(detected + 0.1, detected, torch.ones(1, 1), turned(0.0))
    assert math.isnan(errors.interocular_percent[0, 0])
    assert math.isfinite(errors.box_percent[0, 0])


def test_yaw_is_positive_to_the_subjects_left_and_blind_to_a_roll_of_the_picture():
    from neuface_engine import rotations as R

    yaw = R.axis_angle_to_matrix(torch.tensor([0.0, math.radians(30), 0.0]))
    for roll in (0, 45, 90, 180):
        rolled = R.axis_angle_to_matrix(torch.tensor([0.0, 0.0, math.radians(roll)])) @ yaw
        assert metrics.yaw_deg(R.matrix_to_axis_angle(rolled)) == pytest.approx(30, abs=0.01)

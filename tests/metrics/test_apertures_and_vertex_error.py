"""The alarm for frozen faces, and the error against ground truth."""

from __future__ import annotations

import math

import pytest
import torch

from neuface_engine import metrics
from neuface_engine import rotations as R


def talking(frames=30):
    detected = torch.zeros(frames, 1, 68, 2)
    for _, lower in metrics.LIPS:
        detected[:, 0, lower, 1] = 0.1 + 0.1 * torch.sin(torch.linspace(0, 6, frames))
    return detected


def test_a_constant_mean_face_trips_the_aperture_alarm():
    detected, valid = talking(), torch.ones(30, 1)
    assert metrics.aperture_ratio(detected, detected, valid, metrics.LIPS) == pytest.approx(1)
    assert metrics.aperture_ratio(detected * 0.5, detected, valid, metrics.LIPS) == pytest.approx(
        0.5, rel=1e-3
    )
    frozen = detected[:1].expand(30, -1, -1, -1)
    assert metrics.aperture_ratio(frozen, detected, valid, metrics.LIPS) == pytest.approx(0, abs=1e-5)
    assert math.isnan(metrics.aperture_ratio(frozen, frozen, valid, metrics.LIPS))


def test_the_ratio_does_not_change_when_the_lips_are_always_a_little_more_open():
    detected, valid = talking(), torch.ones(30, 1)
    wider = detected.clone()
    for _, lower in metrics.LIPS:
        wider[:, 0, lower, 1] += 0.05
    assert metrics.aperture_ratio(wider, detected, valid, metrics.LIPS) == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("frames", [0, 1])
def test_an_opening_that_cannot_change_has_no_ratio(frames):
    detected = talking(30)[:frames]
    assert math.isnan(metrics.aperture_ratio(detected, detected, torch.ones(frames, 1), metrics.LIPS))
    assert math.isnan(metrics.aperture_ratio(talking(), talking(), torch.zeros(30, 1), metrics.LIPS))


def test_an_opening_is_the_mean_distance_of_its_pairs():
    points = torch.zeros(68, 3)
    for number, (_, lower) in enumerate(metrics.LIPS):
        points[lower, 1] = number + 1.0
    assert metrics.opening(points, metrics.LIPS) == pytest.approx(2)


def test_vertex_error_is_zero_for_equal_meshes_the_length_of_a_shift_and_sees_a_turn(meshes):
    m, valid = meshes(views=1), torch.ones(6, 1)
    assert metrics.vertex_error_mm(m, m, valid) == 0
    shifted = m + torch.tensor([0.001, -0.002, 0.002])
    assert metrics.vertex_error_mm(shifted, m, valid) == pytest.approx(3, rel=1e-3)
    turned = m @ R.axis_angle_to_matrix(torch.tensor([0.0, 0.1, 0.0])).T
    assert metrics.vertex_error_mm(turned, m, valid) > 1


def test_vertex_error_leaves_out_crops_without_a_face(meshes):
    m = meshes(views=2)
    wrong, valid = m.clone(), torch.ones(6, 2)
    wrong[3, 1], valid[3, 1] = float("nan"), 0
    assert metrics.vertex_error_mm(wrong, m, valid) == 0
    assert math.isnan(metrics.vertex_error_mm(m, m, torch.zeros(6, 2)))

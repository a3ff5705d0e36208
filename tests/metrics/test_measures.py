"""Laws of the metrics."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from neuface_engine import metrics
from neuface_engine import rotations as R


def meshes(frames=6, views=3, vertices=40, seed=0):
    return torch.randn(frames, views, vertices, 3, generator=torch.Generator().manual_seed(seed)) * 0.05


def everywhere(x):
    return torch.ones(x.shape[:2])


def test_cvd_of_equal_meshes_is_zero_and_of_a_shift_is_its_l1_length():
    one = meshes(views=1)
    same = one.expand(-1, 3, -1, -1).clone()
    assert metrics.cross_view_distance(same, everywhere(same)).mean_mm() == pytest.approx(0, abs=1e-5)
    same[:, 1] += torch.tensor([0.001, -0.002, 0.003])
    distance = metrics.cross_view_distance(same, everywhere(same))
    assert distance.matrix_mm[0, 1] == pytest.approx(6, rel=1e-3)
    assert distance.matrix_mm[0, 2] == pytest.approx(0, abs=1e-4)
    assert distance.per_view_mm() == pytest.approx([3, 6, 3], rel=1e-3)


def test_cvd_does_not_change_under_a_motion_common_to_all_views():
    m = meshes()
    before = metrics.cross_view_distance(m, everywhere(m)).mean_mm()
    shift = torch.randn(6, 1, 1, 3)
    assert metrics.cross_view_distance(m + shift, everywhere(m)).mean_mm() == pytest.approx(before, rel=1e-3)


def test_cvd_of_one_view_does_not_exist_and_crops_without_face_do_not_count():
    m = meshes(views=1)
    assert math.isnan(metrics.cross_view_distance(m, everywhere(m)).mean_mm())
    m = meshes(views=2)
    m[2:, 1] += 100
    valid = everywhere(m)
    valid[2:, 1] = 0
    assert metrics.cross_view_distance(m, valid).mean_mm() < 1000


def test_msi_falls_when_noise_is_added_and_ignores_uniform_motion():
    time = torch.arange(30.0)[:, None, None, None]
    steady = torch.zeros(30, 1, 10, 3) + time * torch.tensor([0.001, 0.0, 0.002])
    jitter = torch.randn(30, 1, 10, 3) * 1e-3
    scores = [float(metrics.motion_stability(steady + k * jitter, torch.ones(30, 1))[0]) for k in (0, 0.5, 1)]
    assert scores[0] == pytest.approx(1000, rel=0.01)  # the floor of the variance
    assert scores[0] > scores[1] > scores[2]
    assert scores[1] == pytest.approx(4 * scores[2], rel=0.05)


def test_msi_has_the_unit_it_claims():
    a = torch.zeros(40, 1, 1, 3)
    a[::2, 0, 0, 0] = 0.001  # x jumps by 1 mm every frame: a = +-2 mm, variance 4
    assert metrics.motion_stability(a, torch.ones(40, 1))[0] == pytest.approx(1 / 4, rel=0.02)


def test_nme_is_a_percentage_of_the_box():
    detected = torch.zeros(1, 1, 68, 2)
    detected[0, 0, 1] = torch.tensor([1.0, 1.0])
    moved = detected + torch.tensor([0.03, 0.04])
    assert metrics.landmark_error(moved, detected, torch.ones(1, 1)) == pytest.approx([5], rel=1e-3)
    assert np.isnan(metrics.landmark_error(moved, detected, torch.zeros(1, 1))).all()


def test_a_constant_mean_face_trips_the_aperture_alarm():
    time = torch.linspace(0, 6, 30)
    detected = torch.zeros(30, 1, 68, 2)
    for _, lower in metrics.LIPS:
        detected[:, 0, lower, 1] = 0.1 + 0.1 * torch.sin(time)
    valid = torch.ones(30, 1)
    assert metrics.aperture_ratio(detected, detected, valid, metrics.LIPS) == pytest.approx(1)
    assert metrics.aperture_ratio(detected * 0.5, detected, valid, metrics.LIPS) == pytest.approx(
        0.5, rel=1e-3
    )
    frozen = detected[:1].expand(30, -1, -1, -1)
    assert metrics.aperture_ratio(frozen, detected, valid, metrics.LIPS) == pytest.approx(0, abs=1e-5)
    assert math.isnan(metrics.aperture_ratio(frozen, frozen, valid, metrics.LIPS))


def test_vertex_error_sees_a_rotation():
    m = meshes(views=1)
    turned = m @ R.axis_angle_to_matrix(torch.tensor([0.0, 0.1, 0.0])).T
    assert metrics.vertex_error_mm(m, m, everywhere(m)) == 0
    assert metrics.vertex_error_mm(turned, m, everywhere(m)) > 1

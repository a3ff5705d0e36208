"""MSI: units, the floor, what leaves it alone, and the windowed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from neuface_engine import metrics
from neuface_engine import rotations as R


def steady(frames=30, views=1, points=10):
    time = torch.arange(float(frames))[:, None, None, None]
    start = torch.randn(1, views, points, 3) * 0.05
    return start + time * torch.tensor([0.001, 0.0, 0.002])


def test_it_has_the_unit_it_claims():
    a = torch.zeros(40, 1, 1, 3)
    a[::2, 0, 0, 0] = 0.001  # x jumps by 1 mm every frame: a = +-2 mm, variance 4
    assert metrics.motion_stability(a, torch.ones(40, 1))[0] == pytest.approx(1 / 4, rel=0.02)


def test_uniform_motion_meets_the_floor_and_noise_lowers_it_with_its_square():
    still, jitter = steady(), torch.randn(30, 1, 10, 3) * 1e-3
    scores = [float(metrics.motion_stability(still + k * jitter, torch.ones(30, 1))[0]) for k in (0, 0.5, 1)]
    assert scores[0] == pytest.approx(1000, rel=0.01)
    assert scores[0] > scores[1] > scores[2]
    assert scores[1] == pytest.approx(4 * scores[2], rel=0.05)


def test_a_shift_a_turn_and_a_uniform_motion_change_nothing():
    jittered = steady() + torch.randn(30, 1, 10, 3) * 1e-3
    valid = torch.ones(30, 1)
    turn = R.axis_angle_to_matrix(torch.tensor([0.3, -0.8, 1.0]))
    moved = jittered @ turn.T + torch.tensor([0.1, 0.2, -0.1]) + steady(points=1)
    assert metrics.motion_stability(moved, valid) == pytest.approx(
        metrics.motion_stability(jittered, valid), rel=1e-3
    )


def test_the_mean_over_points_is_that_of_the_single_ones_and_so_are_regions():
    jittered = steady(views=2) + torch.randn(30, 2, 10, 3) * 1e-3 * torch.arange(1, 11)[:, None]
    valid = torch.ones(30, 2)
    single = metrics.point_stability(jittered, valid)
    assert single.shape == (2, 10)
    np.testing.assert_allclose(single.mean(1), metrics.motion_stability(jittered, valid), rtol=1e-5)
    regions = {"quiet": torch.arange(10) < 3, "loud": torch.arange(10) >= 7, "empty": torch.arange(10) > 99}
    of_regions = metrics.region_stability(single, regions)
    assert of_regions.keys() == {"quiet", "loud"}
    assert (of_regions["quiet"] > of_regions["loud"]).all()
    np.testing.assert_allclose(of_regions["loud"], single[:, 7:].mean(1))


def test_one_point_that_stands_still_rules_the_mean_and_not_the_median():
    jittered = steady() + torch.randn(30, 1, 10, 3) * 1e-3
    jittered[:, :, 0] = 0
    summary = metrics.stability_summary(metrics.point_stability(jittered, torch.ones(30, 1)))
    assert summary["mean"] > 90
    assert summary["median"] < 1


def test_a_frame_without_a_face_takes_its_neighbours_out_but_spoils_nothing():
    jittered = steady() + torch.randn(30, 1, 10, 3) * 1e-3
    valid = torch.ones(30, 1)
    valid[0] = valid[29] = 0
    expected = metrics.motion_stability(jittered[1:29], torch.ones(28, 1))
    jittered[0] = jittered[29] = float("nan")
    assert metrics.motion_stability(jittered, valid) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("frames", "views"), [(0, 2), (1, 1), (2, 1), (3, 1), (4, 0)])
def test_too_short_a_view_has_none(frames, views):
    points, valid = torch.rand(frames, views, 68, 3), torch.ones(frames, views)
    for result in (metrics.motion_stability(points, valid), metrics.windowed_stability(points, valid)):
        assert result.shape == (views,)
        assert np.isnan(result).all()
    assert metrics.point_stability(points, valid).shape == (views, 68)


def test_a_view_without_a_face_has_none_beside_one_that_has():
    points, valid = torch.rand(30, 2, 68, 3), torch.ones(30, 2)
    valid[:, 0] = 0
    for measure in (metrics.motion_stability, metrics.windowed_stability):
        assert np.isfinite(measure(points, valid)).tolist() == [False, True]


# --- StableFace's form ------------------------------------------------------------------------------------------


def face(frames=40, views=1):
    points = torch.rand(1, views, 68, 2, generator=torch.Generator().manual_seed(2)).repeat(frames, 1, 1, 1)
    points[:, :, 48], points[:, :, 54] = torch.tensor([0.0, 0.0]), torch.tensor([1.0, 0.0])
    return points


def test_the_windowed_index_of_a_still_face_is_two_and_falls_with_noise():
    noise = torch.randn(40, 1, 68, 2, generator=torch.Generator().manual_seed(3)) * 0.01
    valid = torch.ones(40, 1)
    scores = [float(metrics.windowed_stability(face() + k * noise, valid)[0]) for k in (0, 1, 2)]
    assert scores[0] == pytest.approx(2)
    assert scores[0] > scores[1] > scores[2] > 0


def test_the_windowed_index_by_hand():
    points = face()
    points[::2, :, 0, 0] += 1 / 64  # one of 68 points jumps by 1 px of 64, in x alone: a = +-2, variance 4
    expected = (2 * (2 * 68 - 1) + 1 / 4.5) / (2 * 68)
    assert metrics.windowed_stability(points, torch.ones(40, 1))[0] == pytest.approx(expected, rel=1e-5)


def test_the_windowed_index_knows_neither_the_size_of_the_face_nor_the_place():
    noisy = face() + torch.randn(40, 1, 68, 2) * 0.01
    valid = torch.ones(40, 1)
    assert metrics.windowed_stability(7 * noisy + 100, valid) == pytest.approx(
        metrics.windowed_stability(noisy, valid), rel=1e-3
    )


def test_only_windows_in_which_every_frame_shows_a_face_count():
    points, valid = face(26), torch.ones(26, 1)  # 24 accelerations: windows from 0, 6, 12
    points[:4:2, :, 0] += 5  # a mess in the first window only
    messy = metrics.windowed_stability(points, valid)[0]
    valid[0] = 0
    assert metrics.windowed_stability(points, valid)[0] > messy
    valid[13] = 0  # in all of them
    assert np.isnan(metrics.windowed_stability(points, valid)).all()

"""Identity drift in millimetres, and how usual the coefficients are."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from neuface_engine import metrics


def shapes(head, frames=8, views=3):
    return (
        torch.randn(head.n_shape, generator=torch.Generator().manual_seed(0))
        .expand(frames, views, -1)
        .clone()
    )


def test_one_shape_everywhere_does_not_drift(head):
    drift = metrics.identity_drift(head, shapes(head), torch.ones(8, 3))
    for figures in (drift.over_time_mm, drift.trend_mm, drift.across_views_mm, drift.by_crop_mm):
        np.testing.assert_allclose(figures, 0, atol=2e-4)
    np.testing.assert_allclose(drift.over_time_sd, 0, atol=1e-6)


def test_a_difference_between_views_is_not_one_over_time_and_the_other_way_round(head):
    valid = torch.ones(8, 2)
    of_views = shapes(head, views=2)
    of_views[:, 1, 0] += 2
    drift = metrics.identity_drift(head, of_views, valid)
    assert drift.across_views_mm == pytest.approx([drift.across_views_mm[0]] * 2, rel=1e-3)
    assert drift.across_views_mm[0] > 1
    assert drift.across_views_sd == pytest.approx([math.sqrt(1 / head.n_shape)] * 2, rel=1e-4)
    np.testing.assert_allclose(drift.over_time_mm, 0, atol=2e-4)

    of_time = shapes(head, views=2)
    of_time[::2, :, 0] += 2
    drift = metrics.identity_drift(head, of_time, valid)
    assert (drift.over_time_mm > 1).all()
    assert drift.over_time_sd == pytest.approx([math.sqrt(1 / head.n_shape)] * 2, rel=1e-4)
    np.testing.assert_allclose(drift.across_views_mm, 0, atol=2e-4)


def test_a_slow_drift_is_a_trend_of_the_distance_between_its_ends(head):
    shape = shapes(head, views=1)
    shape[:, 0, 0] += torch.linspace(-1, 1, 8)
    ends = torch.zeros(2, 1, head.n_shape) + shapes(head, 1, 1)
    ends[:, 0, 0] += torch.tensor([-1.0, 1.0])[:, None][:, 0]
    drift = metrics.identity_drift(head, shape, torch.ones(8, 1))
    apart = 2 * metrics.identity_drift(head, ends, torch.ones(2, 1)).over_time_mm
    assert drift.trend_mm == pytest.approx(apart, rel=1e-3)
    # A wobble of the same spread has no trend.
    wobble = shapes(head, views=1)
    wobble[:, 0, 0] += torch.tensor([1.0, -1, -1, 1, 1, -1, -1, 1])
    assert metrics.identity_drift(head, wobble, torch.ones(8, 1)).trend_mm[0] < 0.1 * drift.trend_mm[0]


def test_drift_is_in_proportion_to_the_wandering_and_the_order_of_views_is_of_no_matter(head):
    noise = torch.randn(8, 3, head.n_shape, generator=torch.Generator().manual_seed(5))
    valid = torch.ones(8, 3)
    one, two = (metrics.identity_drift(head, shapes(head) + k * noise, valid) for k in (0.1, 0.2))
    np.testing.assert_allclose(two.over_time_mm, 2 * one.over_time_mm, rtol=1e-3)
    np.testing.assert_allclose(two.across_views_mm, 2 * one.across_views_mm, rtol=1e-3)
    order = [2, 0, 1]
    other = metrics.identity_drift(head, (shapes(head) + 0.1 * noise)[:, order], valid)
    np.testing.assert_allclose(other.across_views_mm, one.across_views_mm[order], rtol=1e-4)


def test_a_region_is_measured_alone(head):
    shape = shapes(head)
    shape[::2, :, 0] += 1
    valid, region = torch.ones(8, 3), head.regions["nose"]
    whole, nose, rest = (
        metrics.identity_drift(head, shape, valid, region=part).over_time_mm[0]
        for part in (None, region, ~region)
    )
    share = float(region.float().mean())
    assert whole == pytest.approx(share * nose + (1 - share) * rest, rel=1e-4)
    assert nose != pytest.approx(rest, rel=1e-2)


def test_crops_without_a_face_do_not_count(head):
    shape, valid = shapes(head), torch.ones(8, 3)
    shape[2, 1], valid[2, 1] = float("nan"), 0
    drift = metrics.identity_drift(head, shape, valid)
    np.testing.assert_allclose(drift.over_time_mm, 0, atol=2e-4)
    assert np.isnan(drift.by_crop_mm).sum() == 1
    valid[:, 0] = 0
    assert np.isfinite(metrics.identity_drift(head, shape, valid).across_views_mm).tolist() == [
        False,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("frames", "views", "valid", "over_time", "trend", "across"),
    [
        (1, 1, 1, True, False, False),
        (1, 2, 1, True, False, True),
        (4, 1, 1, True, True, False),
        (4, 2, 0, *[False] * 3),
    ],
)
def test_what_does_not_exist_is_nan(head, frames, views, valid, over_time, trend, across):
    drift = metrics.identity_drift(
        head, shapes(head, frames, views), torch.full((frames, views), float(valid))
    )
    assert np.isfinite(drift.over_time_mm).all() == over_time
    assert np.isfinite(drift.trend_mm).all() == trend
    assert np.isfinite(drift.across_views_mm).all() == across


# --- plausibility -----------------------------------------------------------------------------------------------


def test_coefficients_by_hand():
    values = torch.tensor([[[3.0, 0, 0, 0]], [[0, -4.0, 0, 0]], [[99.0, 99, 99, 99]]])
    figures = metrics.coefficient_figures(values, torch.tensor([[1], [1], [0]]))
    np.testing.assert_allclose(figures.per_component_rms, [math.sqrt(4.5), math.sqrt(8), 0, 0], rtol=1e-6)
    assert figures.norm == pytest.approx(3.5)
    assert figures.rms == pytest.approx(math.sqrt(25 / 8))
    assert (figures.largest, figures.largest_component) == (4.0, 1)
    assert figures.extreme_share == pytest.approx(1 / 8)


def test_people_drawn_from_the_model_are_about_average_and_twice_their_shape_is_not():
    people = torch.randn(2000, 1, 100, generator=torch.Generator().manual_seed(0))
    valid = torch.ones(2000, 1)
    usual, caricature, mean_face = (metrics.coefficient_figures(k * people, valid) for k in (1, 2, 0))
    assert usual.rms == pytest.approx(1, rel=0.02)
    assert usual.norm_percentile == pytest.approx(50, abs=2)
    assert caricature.norm_percentile > 99.9
    assert caricature.extreme_share > 10 * usual.extreme_share
    assert mean_face.norm_percentile == 0


def test_no_face_no_coefficients():
    figures = metrics.coefficient_figures(torch.ones(3, 2, 5), torch.zeros(3, 2))
    assert math.isnan(figures.rms)
    assert figures.per_component_rms.shape == (5,)
    assert figures.largest_component is None

"""Dense or sparse, on distributions that can be counted."""

from __future__ import annotations

import math

import pytest
import torch

from neuface_engine.optimization.spread import Spread, gini, share_holding


def test_even_and_single():
    even, single = torch.ones(1000), torch.eye(1000)[3]
    assert float(gini(even)) == pytest.approx(0, abs=1e-12)
    assert float(gini(single)) == pytest.approx(0.999)
    assert float(share_holding(even)) == pytest.approx(0.9)
    assert float(share_holding(single)) == pytest.approx(0.001)


def test_counted_by_hand():
    # The sixteen differences of pairs add up to 20: G = 20 / (2 * 4 * 10).
    assert float(gini(torch.tensor([1.0, 2.0, 3.0, 4.0]))) == pytest.approx(0.25)
    assert float(share_holding(torch.tensor([4.0, 1.0, 3.0, 2.0]))) == pytest.approx(0.75)
    assert float(share_holding(torch.tensor([8.0, 1.0, 1.0, 0.0]), mass=0.5)) == pytest.approx(0.25)


def test_neither_order_nor_unit_matters():
    values = torch.rand(200) ** 3
    other = 1e-6 * values[torch.randperm(200)]
    assert torch.allclose(gini(values), gini(other))
    assert torch.allclose(share_holding(values), share_holding(other))


def test_moving_mass_from_weak_to_strong_is_sparser():
    values = torch.rand(100).sort().values
    moved = values.clone()
    moved[-1] += moved[:40].sum()
    moved[:40] = 0
    assert gini(moved) > gini(values)
    assert share_holding(moved) < share_holding(values)


def test_maps_without_mass_or_validity_are_left_out():
    maps = torch.stack([torch.ones(10), torch.zeros(10), torch.eye(10)[0]])
    assert Spread.of(maps).share == pytest.approx((0.9 + 0.1) / 2)
    assert Spread.of(maps, torch.tensor([True, True, False])).share == pytest.approx(0.9)
    nothing = Spread.of(torch.zeros(2, 3, 10))
    assert math.isnan(nothing.gini)
    assert math.isnan(nothing.share)

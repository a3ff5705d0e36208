"""Group laws of rotations, and gradients where formulas like to divide by zero."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neuface_engine.face_model import rotations as R

vectors = st.lists(st.floats(-3, 3, width=32), min_size=3, max_size=3).map(
    lambda v: torch.tensor(v, dtype=torch.float64)
)


@given(vectors)
@settings(max_examples=60, deadline=None)
def test_all_representations_agree(axis_angle):
    matrix = R.axis_angle_to_matrix(axis_angle)
    quaternion = R.axis_angle_to_quaternion(axis_angle)
    assert torch.allclose(matrix @ matrix.T, torch.eye(3, dtype=torch.float64), atol=1e-12)
    assert torch.det(matrix) == pytest.approx(1)
    assert torch.allclose(R.quaternion_to_matrix(quaternion), matrix, atol=1e-12)
    assert torch.allclose(R.quaternion_to_matrix(R.matrix_to_quaternion(matrix)), matrix, atol=1e-9)
    assert torch.allclose(R.axis_angle_to_matrix(R.matrix_to_axis_angle(matrix)), matrix, atol=1e-9)


@pytest.mark.parametrize("angle", [0.0, 1e-8, 1e-4, math.pi / 2, math.pi - 1e-6])
def test_axis_angle_survives_the_round_trip(angle):
    axis_angle = torch.tensor([0.6, 0.0, 0.8], dtype=torch.float64) * angle
    back = R.quaternion_to_axis_angle(R.axis_angle_to_quaternion(axis_angle))
    assert torch.allclose(back, axis_angle, atol=1e-7)


@pytest.mark.parametrize("function", [R.axis_angle_to_matrix, R.axis_angle_to_quaternion])
def test_gradient_is_right_and_finite_at_zero(function):
    zero = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    function(zero).sum().backward()
    assert torch.isfinite(zero.grad).all()
    point = torch.tensor([0.3, -0.2, 0.9], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(function, point)


def test_neighbours_agree_in_sign_after_align_signs():
    q = R.axis_angle_to_quaternion(torch.randn(20, 3, 3))
    flipped = q * torch.where(torch.rand(20, 3, 1) < 0.5, -1.0, 1.0)
    aligned = R.align_signs(flipped)
    assert ((aligned[1:] * aligned[:-1]).sum(-1) >= 0).all()
    assert torch.allclose(R.quaternion_to_matrix(aligned), R.quaternion_to_matrix(q), atol=1e-6)


def test_geodesic_angle_is_the_angle_between():
    a = R.axis_angle_to_matrix(torch.tensor([0.2, 0.1, -0.4], dtype=torch.float64))
    b = a @ R.axis_angle_to_matrix(torch.tensor([0.0, 0.7, 0.0], dtype=torch.float64))
    assert R.geodesic_angle(a, b) == pytest.approx(0.7)

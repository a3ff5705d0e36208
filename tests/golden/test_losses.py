"""The three losses and the merged target of the released code, with their gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from neuface_engine import rotations as R
from neuface_engine.optimization import losses, targets
from neuface_engine.optimization.variant import RELEASED


def relative(found, known):
    """Largest difference in units of the largest known entry."""
    return float(np.abs(found.detach().numpy() - known).max() / max(np.abs(known).max(), 1e-12))


@pytest.mark.parametrize(
    ("loss", "grad", "visibility"),
    [
        ("loss", "grad", "all"),
        ("loss_vis", "grad_vis", "partial"),
        ("loss_weighted", "grad_weighted", "weighted"),
    ],
)
def test_landmark_loss(golden, loss, grad, visibility):
    known = golden.arrays("loss_lmk")
    truth = torch.from_numpy(known["gt_partial_vis" if visibility == "partial" else "gt"])
    weight = truth[..., 2] * (torch.from_numpy(known["lmk_weights"]) if visibility == "weighted" else 1)
    predicted = torch.from_numpy(known["pred"]).requires_grad_()
    value = RELEASED.landmark_loss(predicted[None], truth[None, ..., :2], weight[None])
    value.backward()
    assert relative(value, known[loss]) < 1e-6
    assert relative(predicted.grad, known[grad]) < 1e-6


def test_landmark_loss_takes_the_visibility_of_crops_too():
    predicted, truth = torch.randn(3, 2, 68, 2), torch.randn(3, 2, 68, 2)
    valid = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    by_crop = losses.landmark_loss_per_coordinate(predicted, truth, valid)
    assert by_crop == losses.landmark_loss_per_coordinate(predicted, truth, valid[..., None].expand(3, 2, 68))
    assert by_crop == pytest.approx(float(losses.landmark_loss(predicted, truth, valid)) / 2)


@pytest.mark.parametrize(
    ("dtype", "suffix", "tolerance"), [(torch.float32, "", 2e-5), (torch.float64, "_f64", 1e-7)]
)
@pytest.mark.parametrize("case", ["T20V7", "T20V1", "T5V7", "T4V7"])
def test_temporal_loss(golden, case, dtype, suffix, tolerance):
    known = golden.arrays("loss_temporal")
    frames, views = known[f"{case}_q"].shape[:2]
    axis_angle = torch.from_numpy(known[f"{case}_aa"]).to(dtype).requires_grad_()
    quaternion = R.axis_angle_to_quaternion(axis_angle).unflatten(0, (frames, views))
    valid = torch.ones(frames, views, dtype=dtype)
    smoothed = targets.smoothed_orientation(
        quaternion, 4, valid, sign_care=RELEASED.sign_care, ends=RELEASED.ends
    )
    value = RELEASED.temporal_loss(quaternion, smoothed, valid)
    value.backward()
    assert np.abs(quaternion.detach().numpy() - known[f"{case}_q"]).max() < 3e-7
    assert np.abs(smoothed.detach().numpy() - known[f"{case}_qhat"]).max() < 3e-7
    assert relative(value, known[f"{case}_loss{suffix}"]) < tolerance
    assert relative(axis_angle.grad, known[f"{case}_grad{suffix}"]) < tolerance


def meshes(golden, dtype):
    known = golden.arrays("loss_spatial")
    canonical, posed = (
        torch.from_numpy(known[f"verts_{k}"]).to(dtype).unflatten(0, (2, 7)).requires_grad_()
        for k in ("canonical", "posed")
    )
    return known, canonical, posed, torch.from_numpy(golden.triangles())


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 5e-5), (torch.float64, 5e-7)])
def test_multiview_loss_and_its_gradient_through_the_target(golden, dtype, tolerance):
    """A few of 210,966 coordinates lie within float32's rounding of the target, where the sign of L1 is chance."""
    known, canonical, posed, triangles = meshes(golden, dtype)
    valid = torch.ones(2, 7, dtype=dtype)
    confidence = targets.facing_confidence(posed, triangles, valid)
    merged = targets.merged_mesh(canonical, confidence, aligned=RELEASED.aligned)
    value = RELEASED.multiview_loss(canonical, merged, valid)
    value.backward()
    assert np.abs(confidence.detach().numpy() - known["weights"]).max() < 2e-6
    assert np.abs(merged.detach().numpy() - known["merged"]).max() < 1e-7
    exact = dtype == torch.float64
    assert relative(value, known["loss_f64" if exact else "loss"]) < tolerance
    for tensor, name in ((canonical, "grad_verts"), (posed, "grad_posed")):
        gradient = tensor.grad.flatten(0, 1).numpy()
        target = known[f"{name}_f64_s7"] if exact else known[name]
        off = np.abs((gradient[:, ::7] if exact else gradient) - target) > tolerance * np.abs(target).max()
        assert off.mean() <= (0 if exact else 1e-4), name


def test_normals(golden):
    from neuface_engine.face_model.normals import vertex_normals

    known, _, posed, triangles = meshes(golden, torch.float32)
    assert (
        np.abs(vertex_normals(posed[0, :2], triangles)[0].detach().numpy() - known["normals"][0]).max() < 1e-6
    )


def test_one_view_agrees_with_itself(golden):
    known, canonical, posed, triangles = meshes(golden, torch.float32)
    confidence = targets.facing_confidence(posed[:, :1], triangles, torch.ones(2, 1))
    merged = targets.merged_mesh(canonical[:, :1], confidence, aligned=False)
    assert RELEASED.multiview_loss(canonical[:, :1], merged, torch.ones(2, 1)) == known["loss_one_view"] == 0

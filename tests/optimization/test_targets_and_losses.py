"""E-step targets and losses: their laws."""

from __future__ import annotations

import pytest
import torch

from neuface_engine import rotations as R
from neuface_engine.optimization import losses, targets


def smooth_quaternions(frames=20, views=2):
    angle = torch.linspace(0, 1, frames)[:, None, None] * torch.tensor([0.1, 1.0, 0.3])
    return R.axis_angle_to_quaternion(angle.expand(frames, views, 3))


def test_orientation_target_is_blind_to_the_sign_of_a_quaternion():
    q = smooth_quaternions()
    flips = torch.where(torch.rand(q.shape[:2]) < 0.5, -1.0, 1.0)[..., None]
    valid = torch.ones(q.shape[:2])
    plain, flipped = (targets.smoothed_orientation(x, 5, valid) for x in (q, q * flips))
    assert torch.allclose(plain * flips, flipped, atol=1e-6)
    assert torch.allclose(plain.norm(dim=-1), torch.ones(q.shape[:2]))


def test_orientation_target_of_a_constant_is_itself_up_to_the_ends():
    q = smooth_quaternions()[:1].expand(9, -1, -1)
    assert torch.allclose(targets.smoothed_orientation(q, 5, torch.ones(9, 2)), q, atol=1e-6)


def test_frames_without_a_face_leave_the_orientation_target_alone():
    q = smooth_quaternions()
    spoilt, valid = q.clone(), torch.ones(20, 2)
    spoilt[7, 0], valid[7, 0] = torch.tensor([0.0, 0.0, 0.0, 1.0]), 0
    target = targets.smoothed_orientation(spoilt, 5, valid)
    assert (target[6, 0] - q[6, 0]).norm() < 0.02


def test_no_orientation_target_reaches_across_a_cut():
    q, valid = smooth_quaternions(), torch.ones(20, 2)
    whole, cut = (
        targets.smoothed_orientation(q, 5, valid),
        targets.smoothed_orientation(q, 5, valid, cuts=(8,)),
    )
    alone = targets.smoothed_orientation(q[8:], 5, valid[8:])
    assert torch.equal(cut[8:], alone)
    assert torch.equal(cut[:6], whole[:6]) and not torch.equal(cut[6:10], whole[6:10])


def test_jitter_is_smoothed():
    q = smooth_quaternions()
    noisy = torch.nn.functional.normalize(q + 0.02 * torch.randn_like(q), dim=-1)
    target = targets.smoothed_orientation(noisy, 5, torch.ones(20, 2))
    assert (target - q).norm(dim=-1).mean() < 0.7 * (noisy - q).norm(dim=-1).mean()


def turning(frames: int, degrees: tuple[float, float, float]) -> torch.Tensor:
    """[frames, 1, 4]: a head that nods and turns, one swing in 25 frames."""
    swing = torch.sin(torch.arange(frames) * (2 * torch.pi / 25))[:, None, None]
    return R.axis_angle_to_quaternion(swing * torch.deg2rad(torch.tensor(degrees)))


def test_a_turning_head_is_its_own_target_but_not_its_own_mean():
    q, valid = turning(50, (8.0, 12.0, 4.0)), torch.ones(50, 1)
    average, parabola = (
        (targets.smoothed_orientation(q, 7, valid, order=order) - q).norm(dim=-1).mean() for order in (0, 2)
    )
    assert parabola < 0.03 * average


def test_a_constant_acceleration_passes_also_at_the_ends_and_beside_frames_without_a_face():
    time = torch.linspace(-1, 1, 20)[:, None, None]
    q = torch.nn.functional.pad(0.02 * time + 0.03 * time**2, (0, 2)) + torch.tensor([[[1.0, 0.0, 0.0]]])
    q = torch.nn.functional.pad(q, (0, 1))
    valid = torch.ones(20, 1)
    valid[6:8] = 0
    target = targets.smoothed_orientation(q, 7, valid, order=2)
    expected = torch.nn.functional.normalize(q, dim=-1)
    assert torch.allclose(target[valid > 0], expected[valid > 0], atol=1e-4)


def test_a_window_with_too_few_faces_for_its_polynomial_still_has_a_target():
    q, valid = smooth_quaternions(), torch.zeros(20, 2)
    valid[3, 0] = valid[15, 0] = valid[16, 0] = 1
    target = targets.smoothed_orientation(q, 7, valid, order=2)
    assert torch.allclose(target.norm(dim=-1), torch.ones(20, 2), atol=1e-5)
    assert torch.allclose(target[valid > 0], q[valid > 0], atol=1e-3)


@pytest.mark.parametrize("order", [0, 2])
def test_jitter_is_smoothed_whatever_the_order(order):
    torch.manual_seed(0)
    q = turning(60, (2.0, 3.0, 1.0))
    noisy = torch.nn.functional.normalize(q + 0.02 * torch.randn_like(q), dim=-1)
    target = targets.smoothed_orientation(noisy, 7, torch.ones(60, 1), order=order)
    assert (target - q).norm(dim=-1).mean() < 0.75 * (noisy - q).norm(dim=-1).mean()


def test_merged_mesh_undoes_a_rigid_disagreement_of_the_views():
    mesh = torch.randn(1, 1, 60, 3)
    turned = mesh @ R.axis_angle_to_matrix(torch.tensor([0.02, -0.03, 0.01])).T + 0.01
    views = torch.cat([mesh, turned], 1)
    merged = targets.merged_mesh(views, torch.ones(1, 2, 60))
    back = targets.rigid_align(merged, mesh[:, 0], torch.ones(1, 60))
    assert (back - mesh[:, 0]).abs().max() < 2e-3  # plain averaging would leave the mesh sheared by 0.01


def test_merged_mesh_believes_the_view_that_sees():
    views = torch.zeros(1, 2, 50, 3) + torch.randn(1, 1, 50, 3)
    views[0, 1, :10] += 0.1
    visibility = torch.ones(1, 2, 50)
    visibility[0, 1, :10] = 0
    merged = targets.merged_mesh(views, visibility)
    assert (merged - views[:, 0]).abs().max() < 0.02
    unseen = targets.merged_mesh(views, torch.zeros(1, 2, 50))
    assert torch.isfinite(unseen).all()


def test_rigid_align_is_exact_on_rigid_motions_and_never_mirrors():
    source = torch.randn(4, 30, 3)
    target = source @ R.axis_angle_to_matrix(torch.randn(4, 3)).transpose(-1, -2) + torch.randn(4, 1, 3)
    assert torch.allclose(targets.rigid_align(source, target, torch.ones(4, 30)), target, atol=1e-4)
    mirrored = source * torch.tensor([-1.0, 1.0, 1.0])
    assert (targets.rigid_align(source, mirrored, torch.ones(4, 30)) - mirrored).abs().max() > 0.1


@pytest.mark.parametrize("loss", [losses.landmark_loss, losses.temporal_loss])
def test_losses_vanish_at_their_targets_and_ignore_invalid_crops(loss):
    x = torch.randn(5, 2, 4, 2) if loss is losses.landmark_loss else torch.randn(5, 2, 4)
    valid = torch.ones(5, 2)
    assert loss(x, x, valid) == 0
    y = x.clone()
    y[0, 0] += 1
    assert loss(x, y, valid) > 0
    valid[0, 0] = 0
    assert loss(x, y, valid) == 0


def test_losses_have_the_values_of_the_equations():
    valid = torch.ones(1, 1)
    assert losses.landmark_loss(
        torch.zeros(1, 1, 2, 2), torch.full((1, 1, 2, 2), 0.5), valid
    ) == pytest.approx(1.0)
    q = torch.tensor([1.0, 0.0, 0.0, 0.0]).view(1, 1, 4)
    assert losses.temporal_loss(q, torch.tensor([0.6, 0.8, 0, 0]).view(1, 1, 4), valid) == pytest.approx(
        0.8**0.5, abs=2e-4
    )
    assert losses.multiview_loss(torch.zeros(1, 1, 7, 3), torch.ones(1, 7, 3), valid) == pytest.approx(3)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_few_frames_are_not_pulled_about_by_the_rounding_of_their_smoothed_orientation(frames):
    q = torch.nn.functional.normalize(torch.randn(frames, 2, 4) * 0.1 + torch.tensor([1.0, 0, 0, 0]), dim=-1)
    valid = torch.ones(frames, 2)
    q.requires_grad_()
    target = targets.smoothed_orientation(q.detach(), 7, valid, order=2)
    losses.temporal_loss(q, target, valid).backward()
    assert q.grad.norm() < 0.05, "that of a motion which is not smooth is about 1"


def test_aperture_loss_sees_openings_and_nothing_else():
    detected, valid = torch.randn(3, 2, 68, 2), torch.ones(3, 2)
    assert losses.aperture_loss(detected + torch.tensor([0.2, -0.1]), detected, valid) < 1e-6
    elsewhere, closed = detected.clone(), detected.clone()
    elsewhere[..., :37, :] += 1
    closed[..., 37, 1] += 0.7
    assert losses.aperture_loss(elsewhere, detected, valid) == 0
    assert losses.aperture_loss(closed, detected, valid) == pytest.approx(0.7 / 7, rel=1e-5)

"""The E-step: latent targets qhat and Mhat from the current predictions, without gradient."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from neuface_engine.face_model.rotations import align_signs


@dataclass(frozen=True)
class Targets:
    """orientation qhat [F, V, 4], unit quaternions; mesh Mhat [F, N, 3], canonical, metres (None with one view)."""

    orientation: Tensor
    mesh: Tensor | None


@torch.no_grad()
def smoothed_orientation(quaternions: Tensor, window: int, valid: Tensor) -> Tensor:
    """qhat: centred moving average over `window` frames of each view, renormalised (E-step of the paper).

    quaternions [F, V, 4] in any sign, valid [F, V] bool: frames without a face are left out of the average.
    At the ends the window holds the frames there are. Returns [F, V, 4] in the sign of `quaternions`.
    """
    q = align_signs(quaternions)
    weight = valid.to(q.dtype)[..., None]
    total = _moving_sum(q * weight, window)
    mean = torch.where(_moving_sum(weight, window) > 0, total, q)
    mean = F.normalize(mean, dim=-1)
    return torch.where((mean * quaternions).sum(-1, keepdim=True) < 0, -mean, mean)


def _moving_sum(x: Tensor, window: int) -> Tensor:
    """Centred sum over dim 0 of [F, V, C], zeros outside."""
    flat = x.flatten(1).T[:, None]  # [V*C, 1, F]
    kernel = torch.ones(1, 1, window, dtype=x.dtype, device=x.device)
    return F.conv1d(flat, kernel, padding=window // 2)[:, 0].T.reshape(x.shape)


@torch.no_grad()
def merged_mesh(meshes: Tensor, visibility: Tensor) -> Tensor:
    """Mhat: the views' canonical meshes, rigidly aligned, averaged per vertex by visibility (E-step of the paper).

    meshes [F, V, N, 3], visibility [F, V, N] >= 0 -> [F, N, 3]. A vertex that no view sees keeps the plain mean.
    """
    seen = visibility.sum(1, keepdim=True)
    weight = torch.where(seen > 1e-6, visibility / seen.clamp_min(1e-6), 1 / meshes.shape[1])
    merged = torch.einsum("fvn,fvnc->fnc", weight, meshes)
    aligned = rigid_align(meshes, merged[:, None].expand_as(meshes), visibility + 1e-3)
    return torch.einsum("fvn,fvnc->fnc", weight, aligned)


def rigid_align(source: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Move `source` [..., N, 3] onto `target` by the rotation and translation of least weighted squares (Kabsch)."""
    weight = (weight / weight.sum(-1, keepdim=True))[..., None]
    source_centre = (weight * source).sum(-2, keepdim=True)
    target_centre = (weight * target).sum(-2, keepdim=True)
    covariance = ((source - source_centre) * weight).transpose(-1, -2) @ (target - target_centre)
    u, _, vt = torch.linalg.svd(covariance)
    handedness = torch.linalg.det(u @ vt).sign()
    u = torch.cat([u[..., :2], u[..., 2:] * handedness[..., None, None]], dim=-1)
    return (source - source_centre) @ (u @ vt) + target_centre

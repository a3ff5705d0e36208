"""The E-step: latent targets qhat and Mhat from the current predictions.

These are plain functions of their arguments; that no gradient flows through a target (EM) is the caller's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from neuface_engine.face_model.normals import vertex_normals
from neuface_engine.face_model.rotations import align_signs
from neuface_engine.video.face_crops import shots

FACING_COSINE, BEHIND, TEMPERATURE = 0.28, -0.08, 0.1
"""The released code's limits: cosine, metres, temperature of the softmax over the views."""


@dataclass(frozen=True)
class Targets:
    """orientation qhat [F, V, 4], unit quaternions; mesh Mhat [F, N, 3], canonical, metres (None with one view).
    Where the views' pixels are compared: appearance [F, V, K, 2] that each view should have of the places of
    `photometric.Surface`, and seen [F, V, K], how much it has to say of them."""

    orientation: Tensor
    mesh: Tensor | None
    appearance: Tensor | None = None
    seen: Tensor | None = None


def smoothed_orientation(
    quaternions: Tensor,
    window: int,
    valid: Tensor,
    *,
    order: int = 0,
    sign_care: bool = True,
    ends: Literal["shorten", "keep"] = "shorten",
    cuts: tuple[int, ...] = (),
) -> Tensor:
    """qhat: what each view's quaternions are over `window` frames around a frame, renormalised (E-step of the paper).

    quaternions [F, V, 4], valid [F, V] bool: frames without a face are left out. `order` is the degree of the
    polynomial in time that is fitted in the window and read off at the frame (Savitzky and Golay 1964): 0 is the moving
    average of the paper, which only a head that holds still leaves as it is; 2 leaves every motion of constant
    acceleration. An odd window is centred, an even one reaches one frame further back than ahead. Where it is not whole
    it holds the frames there are, or qhat is q itself (`ends`). With `sign_care` neighbours are first brought into one
    hemisphere: q and -q are one rotation. No window reaches across `cuts`, the first frames of new shots. Returns
    [F, V, 4], with `sign_care` in the sign of `quaternions`.
    """
    if cuts:
        return torch.cat(
            [
                smoothed_orientation(
                    quaternions[a:b], window, valid[a:b], order=order, sign_care=sign_care, ends=ends
                )
                for a, b in shots(len(quaternions), cuts)
            ]
        )
    q = align_signs(quaternions) if sign_care else quaternions
    weight = valid.to(q.dtype)[..., None]
    mean = torch.where(_moving_sum(weight, window) > 0, _moving_sum(q * weight, window), q)
    if order > 0:  # without a face the frame would be extrapolated to: the mean does less harm there
        mean = torch.where(weight > 0, _local_polynomial(q, weight, window, order), mean)
    mean = F.normalize(mean, dim=-1)
    if ends == "keep":
        frame = torch.arange(len(q), device=q.device)
        whole = (frame >= window // 2) & (frame < len(q) - window // 2)
        mean = torch.where(whole[:, None, None], mean, q)
    if not sign_care:
        return mean
    return torch.where((mean * quaternions).sum(-1, keepdim=True) < 0, -mean, mean)


RIDGE = 1e-9
"""Of the normal equations: keeps slope and curvature small where a window has too few frames to tell them."""


def _local_polynomial(x: Tensor, weight: Tensor, window: int, order: int) -> Tensor:
    """The polynomials of degree `order` that fit x [F, V, C] best around each frame, at that frame.

    weight [F, V, 1] >= 0; least squares over the window of `_moving_sum`, in double precision: what a polynomial passes
    through must not look jagged.
    """
    device, kind = x.device, x.dtype
    if x.device.type == "mps":  # has no such precision
        x, weight = x.cpu(), weight.cpu()
    x, weight = x.double(), weight.double()
    moments = torch.cat([_moving_sum(weight, window, power) for power in range(2 * order + 1)], -1)
    right = torch.stack([_moving_sum(x * weight, window, power) for power in range(order + 1)], -2)
    normal = moments.unfold(-1, order + 1, 1)  # [F, V, order + 1, order + 1]: entry i, j is moment i + j
    ridge = torch.full_like(normal[0, 0, 0], RIDGE)
    return torch.linalg.solve(normal + torch.diag(ridge), right)[..., 0, :].to(device, kind)


def _moving_sum(x: Tensor, window: int, power: int = 0) -> Tensor:
    """Sum over frames t - window // 2 to t + (window - 1) // 2 of dim 0 of [F, V, C], zeros outside, each weighted by
    the `power` of its distance from t in half windows."""
    flat = x.flatten(1).T[:, None]  # [V*C, 1, F]
    steps = torch.arange(window, dtype=x.dtype, device=x.device) - window // 2
    kernel = (steps / max(window // 2, 1)) ** power
    return F.conv1d(flat, kernel[None, None], padding=window // 2)[:, 0, : len(x)].T.reshape(x.shape)


def merged_mesh(meshes: Tensor, visibility: Tensor, *, aligned: bool = True) -> Tensor:
    """Mhat: the views' canonical meshes, rigidly aligned, averaged per vertex by visibility (E-step of the paper).

    meshes [F, V, N, 3], visibility [F, V, N] >= 0 -> [F, N, 3]. A vertex that no view sees keeps the plain mean of the
    views that see any: one without a face, or left out, has no say (of all, where none sees any).
    """
    seen = visibility.sum(1, keepdim=True)
    takes_part = (visibility.sum(-1, keepdim=True) > 0).to(meshes.dtype)
    takes_part = torch.where(takes_part.sum(1, keepdim=True) > 0, takes_part, 1.0)
    plain = takes_part / takes_part.sum(1, keepdim=True)
    weight = torch.where(seen > 1e-6, visibility / seen.clamp_min(1e-6), plain)
    merged = torch.einsum("fvn,fvnc->fnc", weight, meshes)
    if not aligned:
        return merged
    moved = rigid_align(meshes, merged[:, None].expand_as(meshes), visibility + 1e-3)
    return torch.einsum("fvn,fvnc->fnc", weight, moved)


def facing_confidence(meshes: Tensor, faces: Tensor, valid: Tensor) -> Tensor:
    """Weight of each view in a vertex's merged position as the released code has it, [F, V, N], sum over views 1.

    meshes [F, V, N, 3] posed, metres; valid [F, V]. A softmax at temperature 0.1 of the cosine to the viewing
    direction; views in which it is below 0.28, or the vertex lies more than 8 cm behind the origin, take no part.
    Nothing is asked about occlusion; a vertex that takes no part in any view gets equal weights.
    """
    cosine = vertex_normals(meshes, faces)[..., 2]
    seen = (cosine >= FACING_COSINE) & (meshes[..., 2] >= BEHIND) & (valid[..., None] > 0)
    return torch.softmax(torch.where(seen, cosine, -100.0) / TEMPERATURE, dim=1)


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

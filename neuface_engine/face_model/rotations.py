"""Rotations as axis-angle [..., 3], unit quaternions (w, x, y, z) [..., 4] and matrices [..., 3, 3]; radians.

All functions are differentiable everywhere, also at the zero rotation, and keep dtype and device.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def axis_angle_to_quaternion(axis_angle: Tensor) -> Tensor:
    """[..., 3] -> [..., 4]: (cos(t/2), sin(t/2) * axis)."""
    angle = torch.linalg.vector_norm(axis_angle, dim=-1, keepdim=True)
    half_sinc = 0.5 * torch.sinc(angle / (2 * math.pi))  # sin(t/2) / t
    return torch.cat([torch.cos(angle / 2), half_sinc * axis_angle], dim=-1)


def axis_angle_to_matrix(axis_angle: Tensor) -> Tensor:
    """Rodrigues' formula, [..., 3] -> [..., 3, 3]."""
    angle = torch.linalg.vector_norm(axis_angle, dim=-1, keepdim=True)[..., None]
    k = skew(axis_angle)
    a = torch.sinc(angle / math.pi)  # sin(t) / t
    b = 0.5 * torch.sinc(angle / (2 * math.pi)) ** 2  # (1 - cos(t)) / t^2
    return torch.eye(3, dtype=k.dtype, device=k.device) + a * k + b * (k @ k)


def skew(vector: Tensor) -> Tensor:
    """Cross-product matrix, [..., 3] -> [..., 3, 3]."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))


def quaternion_to_axis_angle(quaternion: Tensor) -> Tensor:
    """[..., 4] -> [..., 3], angle in [0, pi] (q and -q give the same)."""
    q = torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    sine = torch.linalg.vector_norm(q[..., 1:], dim=-1, keepdim=True)
    angle = 2 * torch.atan2(sine, q[..., :1])
    small = sine < 1e-6
    scale = torch.where(small, 2 / q[..., :1].clamp_min(0.5), angle / torch.where(small, 1.0, sine))
    return scale * q[..., 1:]


def quaternion_to_matrix(quaternion: Tensor) -> Tensor:
    """Unit quaternion [..., 4] -> [..., 3, 3]."""
    w, v = quaternion[..., :1, None], quaternion[..., 1:]
    k = skew(v)
    return torch.eye(3, dtype=k.dtype, device=k.device) + 2 * w * k + 2 * (k @ k)


def matrix_to_quaternion(matrix: Tensor) -> Tensor:
    """[..., 3, 3] -> [..., 4], w >= 0; of the four equivalent formulas the best-conditioned one is taken."""
    m = matrix
    trace = m.diagonal(dim1=-2, dim2=-1).sum(-1)
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    yz, zx, xy = m[..., 2, 1], m[..., 0, 2], m[..., 1, 0]
    zy, xz, yx = m[..., 1, 2], m[..., 2, 0], m[..., 0, 1]
    candidates = torch.stack(  # row i: the quaternion times 4 q_i
        [
            torch.stack([1 + trace, yz - zy, zx - xz, xy - yx], -1),
            torch.stack([yz - zy, 1 + 2 * xx - trace, xy + yx, zx + xz], -1),
            torch.stack([zx - xz, xy + yx, 1 + 2 * yy - trace, yz + zy], -1),
            torch.stack([xy - yx, zx + xz, yz + zy, 1 + 2 * zz - trace], -1),
        ],
        -2,
    )
    best = candidates.diagonal(dim1=-2, dim2=-1).argmax(-1, keepdim=True)
    q = candidates.gather(-2, best[..., None].expand(*best.shape, 4)).squeeze(-2)
    q = F.normalize(q, dim=-1)
    return torch.where(q[..., :1] < 0, -q, q)


def matrix_to_axis_angle(matrix: Tensor) -> Tensor:
    """[..., 3, 3] -> [..., 3]."""
    return quaternion_to_axis_angle(matrix_to_quaternion(matrix))


def align_signs(quaternions: Tensor, *, dim: int = 0) -> Tensor:
    """Flip signs along `dim` so that neighbours lie in one hemisphere: q and -q are one rotation."""
    q = quaternions.movedim(dim, 0)
    agrees = (q[1:] * q[:-1]).sum(-1, keepdim=True) >= 0
    flips = torch.cumprod(torch.where(agrees, 1.0, -1.0).to(q.dtype), dim=0)
    return torch.cat([q[:1], q[1:] * flips]).movedim(0, dim)


def geodesic_angle(a: Tensor, b: Tensor) -> Tensor:
    """Angle between rotation matrices [..., 3, 3], in radians [...]."""
    q = matrix_to_quaternion(a.transpose(-1, -2) @ b)
    return 2 * torch.atan2(torch.linalg.vector_norm(q[..., 1:], dim=-1), q[..., 0])

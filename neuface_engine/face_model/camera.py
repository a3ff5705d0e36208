"""The weak-perspective camera pi of the paper, in crop coordinates [-1, 1] with y down."""

from __future__ import annotations

import torch
from torch import Tensor


def project(points: Tensor, camera: Tensor) -> Tensor:
    """pi(J, p): s * (x + tx, y + ty), then y negated (as in DECA).

    points [..., N, 3] in metres, camera [..., 3] = (s, tx, ty) -> [..., N, 2].
    """
    return project_depth(points, camera)[..., :2]


def project_depth(points: Tensor, camera: Tensor) -> Tensor:
    """As `project`, with s * z as the third coordinate (larger is nearer to the camera): [..., N, 3]."""
    scale, shift = camera[..., None, :1], camera[..., None, 1:]
    xy = (points[..., :2] + shift) * torch.tensor([1.0, -1.0], dtype=points.dtype, device=points.device)
    return scale * torch.cat([xy, points[..., 2:]], dim=-1)

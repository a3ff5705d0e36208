"""The weak-perspective camera pi of the paper, in crop coordinates [-1, 1] with y down."""

from __future__ import annotations

import torch
from torch import Tensor

from neuface_engine.arguments import expect


def project(points: Tensor, camera: Tensor) -> Tensor:
    """pi(J, p): s * (x + tx, y + ty), then y negated (as in DECA).

    points [..., N, 3] in metres, camera [..., 3] = (s, tx, ty) -> [..., N, 2]; leading dimensions are broadcast.
    Raises ValueError where the shapes do not fit.
    """
    return project_depth(points, camera)[..., :2]


def project_depth(points: Tensor, camera: Tensor) -> Tensor:
    """As `project`, with s * z as the third coordinate (larger is nearer to the camera): [..., N, 3]."""
    expect(points, Tensor, "points", "a torch tensor")
    expect(camera, Tensor, "camera", "a torch tensor")
    if not _fit(points.shape, camera.shape):
        raise ValueError(
            f"points are {list(points.shape)} and camera is {list(camera.shape)}; expected [..., N, 3] and [..., 3]"
        )
    scale, shift = camera[..., None, :1], camera[..., None, 1:]
    xy = (points[..., :2] + shift) * torch.tensor([1.0, -1.0], dtype=points.dtype, device=points.device)
    depth = points[..., 2:].expand(*xy.shape[:-1], 1)
    return scale * torch.cat([xy, depth], dim=-1)


def _fit(points: torch.Size, camera: torch.Size) -> bool:
    if len(points) < 2 or points[-1] != 3 or camera[-1:] != (3,):
        return False
    leading = zip(reversed(points[:-2]), reversed(camera[:-1]), strict=False)
    return all(a == b or 1 in (a, b) for a, b in leading)

"""The numbers by which a track is judged, each with its definition and unit (paper section 4, Table 2).

All take [frame, view, ...] and leave out crops where no face was found (`valid` [F, V], 0 or 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MM = 1000.0
VARIANCE_FLOOR = 1e-3  # mm^2 / frame^4: keeps a motionless point from counting as infinitely stable
LIPS = ((61, 67), (62, 66), (63, 65))  # inner lip pairs of the 68, upper and lower
LIDS = ((37, 41), (38, 40), (43, 47), (44, 46))


@dataclass(frozen=True)
class CrossViewDistance:
    """matrix_mm [V, V]: mean distance between the meshes of two views, NaN on the diagonal and where unknown."""

    matrix_mm: NDArray[np.float64]

    def mean_mm(self) -> float:
        """CVD over all view pairs; NaN with fewer than two views."""
        return _nanmean(self.matrix_mm)

    def per_view_mm(self) -> NDArray[np.float64]:
        """[V]: a view's mean distance to the others (Fig. S3)."""
        return np.array([_nanmean(row) for row in self.matrix_mm])


@torch.no_grad()
def cross_view_distance(meshes: Tensor, valid: Tensor) -> CrossViewDistance:
    """CVD: |dx| + |dy| + |dz| between corresponding vertices of two views' canonical meshes of one frame, in mm.

    meshes [F, V, N, 3] in metres without head orientation; mean over vertices, then over the frames in which both
    views show a face. No further alignment is made: what a view gets wrong in size or place counts.
    """
    views = meshes.shape[1]
    matrix = np.full((views, views), np.nan)
    for i in range(views):
        for j in range(i + 1, views):
            both = (valid[:, i] * valid[:, j]) > 0
            if both.any():
                distance = (meshes[:, i] - meshes[:, j]).abs().sum(-1).mean(-1)[both].mean()
                matrix[i, j] = matrix[j, i] = float(distance) * MM
    return CrossViewDistance(matrix)


@torch.no_grad()
def motion_stability(points: Tensor, valid: Tensor) -> NDArray[np.float64]:
    """MSI_3D per view [V]: mean over points of 1 / variance of a, a = the second difference in time.

    points [F, V, K, 3] in metres (68 landmarks: MSI^L, all vertices: MSI^V), head orientation included.
    Variance over time summed over x, y, z, in mm^2 / frame^4, at least 1e-3; the unit is its inverse, so figures
    compare only at equal frame rates. NaN for a view without three frames in a row.
    """
    result = np.full(points.shape[1], np.nan)
    if len(points) < 3:
        return result
    acceleration = (points[2:] - 2 * points[1:-1] + points[:-2]) * MM
    whole = (valid[2:] * valid[1:-1] * valid[:-2]) > 0
    for view in range(points.shape[1]):
        a = acceleration[whole[:, view], view]
        if len(a) >= 2:
            variance = a.var(0, unbiased=False).sum(-1).clamp_min(VARIANCE_FLOOR)
            result[view] = float((1 / variance).mean())
    return result


@torch.no_grad()
def landmark_error(projected: Tensor, detected: Tensor, valid: Tensor) -> NDArray[np.float64]:
    """NME per view [V]: mean distance of the 68 projected to the detected landmarks, in percent of sqrt(w * h).

    Both [F, V, 68, 2]; w, h: sides of the box of the detected landmarks, which is defined at any yaw (the distance
    of the eye corners is not).
    """
    box = (detected.amax(-2) - detected.amin(-2)).clamp_min(1e-6).prod(-1).sqrt()
    error = 100 * torch.linalg.vector_norm(projected - detected, dim=-1).mean(-1) / box
    total = (error * valid).sum(0) / valid.sum(0)  # NaN for a view without a face
    return total.double().cpu().numpy()


@torch.no_grad()
def aperture_ratio(
    projected: Tensor, detected: Tensor, valid: Tensor, pairs: tuple[tuple[int, int], ...]
) -> float:
    """Does the mesh open its lips (lids) as much as the landmarks do? 1 = as much, 0 = frozen.

    Standard deviation over time of the opening (mean distance of `pairs`, 2D, crop units) of the mesh divided by
    that of the landmarks; variances are pooled over the views. NaN where the landmarks do not move.
    """
    upper, lower = [list(side) for side in zip(*pairs, strict=True)]

    def opening(points: Tensor) -> Tensor:
        return torch.linalg.vector_norm(points[..., upper, :] - points[..., lower, :], dim=-1).mean(-1)

    mesh, landmarks = opening(projected), opening(detected)
    spread = [
        (mesh[use, view].var(unbiased=False), landmarks[use, view].var(unbiased=False))
        for view in range(valid.shape[1])
        if (use := valid[:, view] > 0).sum() > 1
    ]
    if not spread:
        return float("nan")
    of_mesh, of_landmarks = (float(sum(column)) for column in zip(*spread, strict=True))
    return float((of_mesh / of_landmarks) ** 0.5) if of_landmarks > 1e-10 else float("nan")


@torch.no_grad()
def vertex_error_mm(predicted: Tensor, truth: Tensor, valid: Tensor) -> float:
    """MPVE: mean distance to the true mesh in mm, canonical meshes [F, V, N, 3], no alignment."""
    error = torch.linalg.vector_norm(predicted - truth, dim=-1).mean(-1) * MM
    return float((error * valid).sum() / valid.sum())


def _nanmean(values: NDArray[np.float64]) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")

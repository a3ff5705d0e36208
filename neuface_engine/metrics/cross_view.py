"""CVD: do the views agree on one mesh? (Paper section 4, Table 2 and Fig. S3.)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuface_engine.face_model.rotations import axis_angle_to_matrix
from neuface_engine.metrics.averages import MM, nan_mean, ratio, to_numpy
from neuface_engine.raster import viewing_confidence

Norm = Literal["l1", "euclidean"]


@dataclass(frozen=True)
class CrossViewDistance:
    """Mean distance between the meshes of two views in mm; NaN on the diagonal and where it does not exist.

    matrix_mm [V, V]: over all frames in which both views show a face; by_frame_mm [F, V, V]: frame by frame.
    """

    matrix_mm: NDArray[np.float64]
    by_frame_mm: NDArray[np.float64]

    def mean_mm(self) -> float:
        """CVD over all view pairs; NaN with fewer than two views."""
        return nan_mean(self.matrix_mm)

    def per_view_mm(self) -> NDArray[np.float64]:
        """[V]: a view's mean distance to the others (Fig. S3)."""
        return np.array([nan_mean(row) for row in self.matrix_mm])

    def per_view_and_frame_mm(self) -> NDArray[np.float64]:
        """[F, V]: the same, frame by frame."""
        known = np.isfinite(self.by_frame_mm)
        return ratio(np.where(known, self.by_frame_mm, 0.0).sum(-1), known.sum(-1))


@torch.no_grad()
def cross_view_distance(
    meshes: Tensor, valid: Tensor, *, norm: Norm = "l1", visibility: Tensor | None = None
) -> CrossViewDistance:
    """CVD: distance between corresponding vertices of two views' canonical meshes of one frame, in mm.

    meshes [F, V, N, 3] in metres without head orientation, valid [F, V] (0 or 1); mean over vertices, then over the
    frames in which both views show a face. No further alignment is made: what a view gets wrong in size or place
    counts. norm "l1" is the paper's: |dx| + |dy| + |dz|, summed over the axes and not averaged; "euclidean" is the
    distance a ruler gives, 0.58 to 1 times as large.
    visibility [F, V, N] >= 0 weighs a vertex by the product of its confidences in the two views: what only one of them
    sees does not count, and a pair that sees nothing in common has no figure.
    """
    frames, views = meshes.shape[:2]
    pairs = [(i, j) for i in range(views) for j in range(i + 1, views)]
    totals, weights = [], []
    for i, j in pairs:  # one pair at a time: all at once would hold V / 2 copies of every mesh
        difference = meshes[:, i] - meshes[:, j]
        distance = difference.abs().sum(-1) if norm == "l1" else torch.linalg.vector_norm(difference, dim=-1)
        both = (valid[:, i] * valid[:, j]) > 0
        if visibility is None:
            total, weight = distance.mean(-1), both.to(distance)
        else:
            common = visibility[:, i] * visibility[:, j]
            total, weight = (common * distance).sum(-1), common.sum(-1) * both
        totals.append(torch.where(both, total, 0.0))  # a crop without a face may hold anything
        weights.append(weight)
    matrix, by_frame = np.full((views, views), np.nan), np.full((frames, views, views), np.nan)
    if pairs:
        total_of, weight_of = to_numpy(torch.stack(totals)), to_numpy(torch.stack(weights))  # [pair, F]
        i, j = np.array(pairs).T
        by_frame[:, i, j] = by_frame[:, j, i] = ratio(total_of, weight_of).T * MM
        matrix[i, j] = matrix[j, i] = ratio(total_of.sum(1), weight_of.sum(1)) * MM
    return CrossViewDistance(matrix, by_frame)


@torch.no_grad()
def vertex_confidence(canonical: Tensor, head_rotation: Tensor, faces: Tensor) -> Tensor:
    """How well each view sees each vertex [F, V, N]: cosine of its normal to the view, 0 where it is hidden.

    The E-step's confidence. canonical [F, V, N, 3] metres, head_rotation [F, V, 3] axis-angle in the camera's axes,
    faces [T, 3].
    """
    posed = canonical @ axis_angle_to_matrix(head_rotation).transpose(-1, -2)
    return torch.from_numpy(viewing_confidence(posed.cpu().numpy(), faces.cpu().numpy())).to(canonical)

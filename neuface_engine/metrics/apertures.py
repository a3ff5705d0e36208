"""Do the lips and lids of the mesh open as those of the face do? A frozen face has perfect CVD and MSI."""

from __future__ import annotations

import torch
from torch import Tensor

Pairs = tuple[tuple[int, int], ...]


def opening(points: Tensor, pairs: Pairs) -> Tensor:
    """[...]: mean distance of the pairs' upper to their lower points [..., 68, C], in the unit of the points."""
    upper, lower = (list(side) for side in zip(*pairs, strict=True))
    return torch.linalg.vector_norm(points[..., upper, :] - points[..., lower, :], dim=-1).mean(-1)


@torch.no_grad()
def aperture_ratio(projected: Tensor, detected: Tensor, valid: Tensor, pairs: Pairs) -> float:
    """Does the mesh open its lips (lids) as much as the landmarks do? 1 = as much, 0 = frozen.

    Standard deviation over time of the opening (mean distance of `pairs`, 2D, crop units) of the mesh divided by
    that of the landmarks; variances are pooled over the views. NaN where the landmarks do not move.
    """
    mesh, landmarks = opening(projected, pairs), opening(detected, pairs)
    spread = [
        (mesh[use, view].var(unbiased=False), landmarks[use, view].var(unbiased=False))
        for view in range(valid.shape[1])
        if (use := valid[:, view] > 0).sum() > 1
    ]
    if not spread:
        return float("nan")
    of_mesh, of_landmarks = (float(sum(column)) for column in zip(*spread, strict=True))
    return float((of_mesh / of_landmarks) ** 0.5) if of_landmarks > 1e-10 else float("nan")

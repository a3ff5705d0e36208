"""Identity drift: one person has one shape. How much does the shape of the track wander?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuface_engine.face_model import FaceModel, FaceParameters
from neuface_engine.metrics.averages import MM, masked_mean, to_numpy


@dataclass(frozen=True)
class IdentityDrift:
    """All of the neutral face (no expression, jaw shut); NaN where it does not exist.

    over_time_mm [V]     mean distance of a view's neutral vertices to their mean over time
    trend_mm [V]         how far they move from the first to the last frame along the straight line of best fit
    across_views_mm [V]  mean distance of a view's mean neutral face to the mean of the views
    by_crop_mm [F, V]    mean distance of a crop's neutral face to the mean of the views
    over_time_sd [V], across_views_sd [V]: the same of the coefficients, rms over components
    """

    over_time_mm: NDArray[np.float64]
    trend_mm: NDArray[np.float64]
    across_views_mm: NDArray[np.float64]
    by_crop_mm: NDArray[np.float64]
    over_time_sd: NDArray[np.float64]
    across_views_sd: NDArray[np.float64]


@torch.no_grad()
def identity_drift(
    head: FaceModel, shape: Tensor, valid: Tensor, *, region: Tensor | None = None
) -> IdentityDrift:
    """Of shape coefficients [F, V, n] and valid [F, V]; `region`: bool [N], the vertices that count (default: all)."""
    use = valid > 0
    weight = use.to(shape)[..., None]
    shape = torch.where(use[..., None], shape, 0.0)
    count = weight.sum(0)  # [V, 1]
    of_view = (shape * weight).sum(0) / count  # [V, n]; NaN for a view without a face
    present = use.any(0)
    of_all = of_view[present].mean(0)
    time = torch.arange(len(shape), dtype=shape.dtype, device=shape.device)[:, None, None]
    time = (time - (time * weight).sum(0) / count) * weight
    slope = (time * shape).sum(0) / time.square().sum(0)  # NaN for a view of one frame
    span = slope * max(len(shape) - 1, 0)

    def neutral(beta: Tensor) -> Tensor:
        parameters = FaceParameters.neutral(
            *beta.shape[:-1], n_shape=head.n_shape, n_expression=head.n_expression
        )
        vertices = head.canonical_vertices(parameters.to(beta).replace(shape=beta))
        return vertices if region is None else vertices[..., region, :]

    def apart(a: Tensor, b: Tensor) -> NDArray[np.float64]:
        return to_numpy(torch.linalg.vector_norm(a - b, dim=-1).mean(-1)) * MM

    meshes, mean_of_view, mean_of_all = neutral(shape), neutral(of_view), neutral(of_all)
    known, several = use.cpu().numpy(), int(present.sum()) > 1
    across = apart(mean_of_view, mean_of_all)
    across_sd = to_numpy((of_view - of_all).square().mean(-1).sqrt())
    deviation = torch.where(use[..., None], shape - of_view, 0.0)
    return IdentityDrift(
        over_time_mm=masked_mean(apart(meshes, mean_of_view), known),
        trend_mm=apart(neutral(of_view + span / 2), neutral(of_view - span / 2)),
        across_views_mm=across if several else np.full_like(across, np.nan),
        by_crop_mm=np.where(known, apart(meshes, mean_of_all), np.nan),
        over_time_sd=to_numpy((deviation.square().sum(0) / count).mean(-1).sqrt()),
        across_views_sd=across_sd if several else np.full_like(across_sd, np.nan),
    )

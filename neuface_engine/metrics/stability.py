"""MSI: does the mesh jitter? (Paper section 4, Table 2; the windowed form: Ling et al., StableFace, 2022.)"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuface_engine.metrics.averages import MM, masked_mean, nan_mean, nan_median, to_numpy

VARIANCE_FLOOR = 1e-3  # mm^2 / frame^4: keeps a motionless point from counting as infinitely stable
MOUTH_CORNERS = (48, 54)
WINDOW, STRIDE, BIAS, MOUTH_PX = 12, 6, 0.5, 64.0  # StableFace's; the mouth is a quarter of 256 px


@torch.no_grad()
def motion_stability(points: Tensor, valid: Tensor) -> NDArray[np.float64]:
    """MSI_3D per view [V]: mean over points of 1 / variance of a, a = the second difference in time.

    points [F, V, K, 3] in metres (68 landmarks: MSI^L, all vertices: MSI^V), head orientation included.
    Variance over time summed over x, y, z, in mm^2 / frame^4, at least 1e-3, so that no point counts more than 1000;
    the unit is its inverse, so figures compare only at equal frame rates. NaN for a view without two accelerations,
    that is without two runs of three frames in a row that show a face.
    """
    return to_numpy(_stability(points, valid).mean(-1))


@torch.no_grad()
def point_stability(points: Tensor, valid: Tensor) -> NDArray[np.float64]:
    """[V, K]: the terms of the mean in `motion_stability`, 1 / variance of each point's acceleration."""
    return to_numpy(_stability(points, valid))


def region_stability(
    per_point: NDArray[np.float64], regions: Mapping[str, Tensor]
) -> dict[str, NDArray[np.float64]]:
    """MSI per view [V] of each region: `per_point` [V, N] of `point_stability`, regions {name: bool [N]}.

    To remove the head's pose give it canonical vertices: what is left is the jitter of shape, jaw and expression.
    """
    return {
        name: per_point[:, mask.cpu().numpy()].mean(1) for name, mask in regions.items() if bool(mask.any())
    }


def stability_summary(per_point: NDArray[np.float64]) -> dict[str, float]:
    """Mean and median over points [V, K], each averaged over views. The few stillest points rule the mean."""
    return {
        "mean": nan_mean(per_point.mean(1)),
        "median": nan_mean(np.array([nan_median(view) for view in per_point])),
    }


@torch.no_grad()
def windowed_stability(points: Tensor, valid: Tensor) -> NDArray[np.float64]:
    """StableFace's MSI per view [V]: mean over windows, points and axes of 1 / (variance + 0.5), from 0 to 2.

    points [F, V, 68, C], 2D or 3D in any unit: each view is scaled so that its mouth is 64 px wide on average.
    Windows of 12 accelerations, every 6th; only whole ones in which every frame shows a face (theirs may be cut
    short at the end, where a variance of one sample is 0 and the index 2). NaN where there is none: under 14 frames.
    """
    result = torch.full((points.shape[1],), torch.nan, dtype=points.dtype, device=points.device)
    if len(points) < WINDOW + 2:
        return to_numpy(result)
    use = (valid > 0)[..., None, None]
    points = torch.where(use, points, 0.0)
    left, right = (points[:, :, corner] for corner in MOUTH_CORNERS)
    width = torch.linalg.vector_norm(left - right, dim=-1).sum(0) / use[..., 0, 0].sum(0)
    acceleration, whole = _acceleration(points * (MOUTH_PX / width[:, None, None]), valid)
    variance = acceleration.unfold(0, WINDOW, STRIDE).var(-1, unbiased=False)  # [window, V, 68, C]
    usable = whole.unfold(0, WINDOW, STRIDE).all(-1)
    index = (1 / (variance + BIAS)).mean((-1, -2))
    return masked_mean(to_numpy(index), usable.cpu().numpy())


def _stability(points: Tensor, valid: Tensor) -> Tensor:
    """[V, K]: 1 / variance of the acceleration, mm and frames; NaN rows for views without two accelerations."""
    if len(points) < 3:
        return points.new_full(points.shape[1:3], torch.nan)
    acceleration, whole = _acceleration(points * MM, valid)
    use = whole[..., None, None]
    count = use.sum(0)
    mean = torch.where(use, acceleration, 0.0).sum(0) / count
    variance = torch.where(use, acceleration - mean, 0.0).square().sum(0).sum(-1) / count[..., 0]
    return torch.where(count[..., 0] >= 2, 1 / variance.clamp_min(VARIANCE_FLOOR), torch.nan)


def _acceleration(points: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Second difference [F - 2, V, K, C], and where its three frames all show a face [F - 2, V]."""
    whole = (valid[2:] * valid[1:-1] * valid[:-2]) > 0
    return points[2:] - 2 * points[1:-1] + points[:-2], whole

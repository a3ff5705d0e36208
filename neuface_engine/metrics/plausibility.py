"""Plausibility: is this a face that the model thinks of as a face?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import gammainc
from torch import Tensor

from neuface_engine.metrics.averages import to_numpy

EXTREME = 3.0


@dataclass(frozen=True)
class CoefficientFigures:
    """Of the coefficients of all crops with a face; NaN where there is none.

    Identity counts in standard deviations of the model. So does expression in FLAME; in the open head its units
    are named, 0 = rest and 3 = fully active.

    per_component_rms [n]  root mean square of each component over the crops
    rms, norm              over all; mean 2-norm of a crop
    norm_percentile        share of the model's own people with a smaller norm, 0..100: near 100 is out of distribution,
                           near 0 is what a strong prior gives. Supposes a standard normal, so it is for identity
    largest                the largest |coefficient|, in `largest_component`
    extreme_share          share of coefficients beyond 3
    """

    per_component_rms: NDArray[np.float64]
    rms: float
    norm: float
    norm_percentile: float
    largest: float
    largest_component: int | None
    extreme_share: float


@torch.no_grad()
def coefficient_figures(coefficients: Tensor, valid: Tensor) -> CoefficientFigures:
    """Of shape or expression [F, V, n]; crops where `valid` [F, V] is 0 do not count."""
    values = to_numpy(coefficients[valid > 0])  # [crop, n]
    if not values.size:
        nan = float("nan")
        return CoefficientFigures(np.full(coefficients.shape[-1], nan), nan, nan, nan, nan, None, nan)
    squares = np.square(values)
    worst = np.abs(values).max(0)
    return CoefficientFigures(
        per_component_rms=np.sqrt(squares.mean(0)),
        rms=float(np.sqrt(squares.mean())),
        norm=float(np.sqrt(squares.sum(1)).mean()),
        norm_percentile=float(100 * gammainc(values.shape[1] / 2, squares.sum(1) / 2).mean()),
        largest=float(worst.max()),
        largest_component=int(worst.argmax()),
        extreme_share=float((np.abs(values) > EXTREME).mean()),
    )

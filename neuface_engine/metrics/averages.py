"""Means that know what is missing. NaN stands for a figure that does not exist."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

MM = 1000.0


def nan_mean(values: NDArray[np.float64]) -> float:
    """Mean of the finite values; NaN where there is none (and no warning)."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def nan_median(values: NDArray[np.float64]) -> float:
    """Median of the finite values; NaN where there is none (and no warning)."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")


def masked_mean(values: NDArray[np.float64], mask: NDArray[np.bool_], axis: int = 0) -> NDArray[np.float64]:
    """Mean along `axis` over the entries where `mask`; NaN where there is none. What is masked may be anything."""
    return ratio(np.where(mask, values, 0.0).sum(axis), mask.sum(axis))


def ratio(numerator: NDArray, denominator: NDArray) -> NDArray[np.float64]:
    """numerator / denominator, NaN where the denominator is 0."""
    some = denominator > 0
    return np.where(some, numerator / np.where(some, denominator, 1), np.nan)


def to_numpy(tensor: Tensor) -> NDArray[np.float64]:
    return tensor.detach().cpu().double().numpy()  # in this order: Apple GPUs have no doubles


def jsonable(value: Any) -> Any:
    """Nested dicts and lists with None for what is NaN or infinite, which JSON has not."""
    if isinstance(value, dict):
        return {key: jsonable(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [jsonable(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

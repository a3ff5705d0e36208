"""What else looks like this one: the nearest sequences in (residual, parameter) space, offered after a reject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuface_engine.review.flags import number

SPREAD_OF_NORMAL = 1.349  # interquartile range of a standard normal
FURTHEST = 6.0  # standard deviations: one wild figure must not decide alone
PREFIXES = ("residual_", "parameter_")
ALSO = (
    "nme_percent",
    "cvd_mm",
    "lip_aperture_ratio",
    "lid_aperture_ratio",
    "shape_rms_sd",
    "identity_drift_mm",
)


@dataclass(frozen=True)
class Neighbour:
    """A sequence and its distance: root mean square over the dimensions, in robust standard deviations."""

    name: str
    distance: float


def nearest(
    name: str, names: Sequence[str], measures: Sequence[Mapping[str, float | None]], *, count: int = 10
) -> list[Neighbour]:
    """The `count` sequences most like `name`, the nearest first; empty where it, or nothing else, is measured.

    Dimensions: landmark residuals by region and the figures of the mesh, mean shape, expression and angles; each
    minus its median and divided by its interquartile range over the project (as standard deviations, cut at 6), so
    that no unit counts more. What is not known of a sequence counts as the median.
    """
    if name not in names:
        return []
    space = embed(measures)
    if not space.shape[1]:
        return []
    own = names.index(name) if isinstance(names, (list, tuple)) else list(names).index(name)
    distance = np.sqrt(np.mean((space - space[own]) ** 2, axis=1))
    order = [i for i in np.argsort(distance, kind="stable").tolist() if i != own]
    return [Neighbour(names[i], float(distance[i])) for i in order[:count]]


def embed(measures: Sequence[Mapping[str, float | None]]) -> NDArray[np.float64]:
    """[sequence, dimension]: the space of `nearest`; dimensions in which all are alike are left out."""
    keys = sorted({key for row in measures for key in row if key.startswith(PREFIXES) or key in ALSO})
    values = np.array([[number(row, key) for key in keys] for row in measures], float)
    values = values.reshape(len(measures), len(keys))
    columns = []
    for column in values.T:
        known = column[np.isfinite(column)]
        if known.size < 2:
            continue
        low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
        scale = (high - low) / SPREAD_OF_NORMAL or float(known.std())
        if scale > 0:
            columns.append(np.clip(np.nan_to_num((column - middle) / scale), -FURTHEST, FURTHEST))
    return np.stack(columns, 1) if columns else np.zeros((len(measures), 0))

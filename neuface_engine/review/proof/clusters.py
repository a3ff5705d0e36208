"""Clips of one person are alike: how many independent clips a sample is worth.

Kish, "Survey Sampling", 1965: the design effect is 1 + (m - 1) ICC for m clips each; with unequal numbers m_i the mean
over clips takes the place of m, sum(m_i^2) / sum(m_i). The share of a *list* that fails is bounded by random draws from
that list whatever its clusters; what the clusters cost concerns people who are not in it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

DEFAULT_ICC = 0.2


def design_effect(clips_each: Sequence[int], icc: float = DEFAULT_ICC) -> float:
    """By how much correlation within people inflates the sample needed: 2.8 for 10 clips each at an ICC of 0.2."""
    m = np.asarray(clips_each, np.float64)
    if not len(m) or m.sum() == 0:
        return 1.0
    return float(1 + ((m**2).sum() / m.sum() - 1) * icc)


def effective_sample(clips_each: Sequence[int], icc: float = DEFAULT_ICC) -> float:
    """The number of independent clips that these clips are worth."""
    return float(np.sum(clips_each)) / design_effect(clips_each, icc)


def intraclass_correlation(failed: ArrayLike, identity: Sequence[str]) -> float:
    """One-way ANOVA estimate of the ICC of outcomes [n] within identities [n]; NaN where nobody has two clips or
    nothing varies. Negative estimates, which mean none, become 0."""
    y = np.asarray(failed, np.float64)
    names, group = np.unique(np.asarray(identity), return_inverse=True)
    n, k = len(y), len(names)
    if n <= k or k < 2 or y.var() == 0:
        return float("nan")
    size = np.bincount(group)
    means = np.bincount(group, weights=y) / size
    between = float((size * (means - y.mean()) ** 2).sum() / (k - 1))
    within = float(((y - means[group]) ** 2).sum() / (n - k))
    typical = float((n - (size**2).sum() / n) / (k - 1))
    return max(0.0, (between - within) / (between + (typical - 1) * within))

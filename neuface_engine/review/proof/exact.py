"""Exact bounds on a failure rate after a fixed number of draws: Clopper-Pearson, and its finite-population twin.

`failures` of `draws` random draws failed. Every bound is one-sided: with the given confidence the truth is at most (at
least) what is returned, whatever it is. A hypothesis is refused where its risk is *below* 1 - confidence, not at it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.stats import beta, binom, hypergeom, norm

TIE = 1 - 1e-9
"""Rounding must not decide where a risk equals alpha exactly."""


def binomial_upper(failures: int, draws: int, confidence: float = 0.95) -> float:
    """Largest rate that `failures` of `draws` independent draws do not refute (Clopper & Pearson, 1934)."""
    if failures >= draws:
        return 1.0
    return float(beta.ppf(confidence, failures + 1, draws - failures))


def binomial_lower(successes: int, draws: int, confidence: float = 0.95) -> float:
    """Smallest rate that `successes` of `draws` independent draws do not refute."""
    return 1.0 - binomial_upper(draws - successes, draws, confidence) if draws else 0.0


def hypergeometric_upper(
    failures: int, draws: int, population: int, confidence: float = 0.95, *, sensitivity: float = 1.0
) -> int:
    """Largest number of failures in a list of `population` that the draws without replacement do not refute.

    sensitivity   chance that a failure that is drawn is seen; the draws then tell of fewer failures than there are
    """
    if failures > draws or draws > population:
        raise ValueError(f"{failures} failures of {draws} draws from {population}")
    most = population - (draws - failures if sensitivity >= 1 else 0)
    return largest(
        failures,
        most,
        lambda failing: (
            seen_at_most(failures, draws, population, failing, sensitivity) >= TIE * (1 - confidence)
        ),
    )


def largest(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The largest number from `low` to `high` for which something holds that, once lost, is lost for all above.

    Steps double from below: the answer is far nearer to `low` than to `high`.
    """
    step = 1
    while low < high:
        probe = min(low + step, high)
        if not holds(probe):
            high = probe - 1
            break
        low, step = probe, 2 * step
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low


def seen_at_most(failures: int, draws: int, population: int, failing: int, sensitivity: float = 1.0) -> float:
    """P(at most `failures` are seen) when `failing` of the `population` fail."""
    law = hypergeom(population, failing, draws)
    if sensitivity >= 1:
        return float(law.cdf(failures))
    drawn = np.arange(max(0, draws + failing - population), min(draws, failing) + 1)
    return float(np.sum(law.pmf(drawn) * binom.cdf(failures, drawn, sensitivity)))


def allowed_failing(limit: float, population: int) -> int:
    """The most failures that a list of `population` may hold for its rate to be below `limit`."""
    return max(math.ceil(limit * population * TIE) - 1, 0)


def wilson(successes: float, trials: float, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided score interval of a share (Wilson, 1927); (0, 1) without trials."""
    if trials <= 0:
        return 0.0, 1.0
    z = float(norm.ppf(0.5 + confidence / 2))
    share = successes / trials
    centre = share + z * z / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def clopper_pearson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided exact interval of a share; (0, 1) without trials."""
    if trials <= 0:
        return 0.0, 1.0
    side = 0.5 + confidence / 2
    return binomial_lower(successes, trials, side), binomial_upper(successes, trials, side)

"""Bounds that hold at every moment of a growing sample: a bet against each rate, whose winnings refute it.

Against the rate p we bet that the true one is `ratio` p. A clean draw multiplies the stake by (1 - ratio p) / (1 - p),
a failure by `ratio`. Where the rate is p or more the stake is a non-negative supermartingale: that it ever reaches
1 / alpha has a chance of at most alpha (Ville, 1939). p is refuted then, and stays so, however long one goes on and
whyever one stops. For a list drawn without replacement, p is the share of failures among what is left of it, which
a hypothesis on their number gives exactly (as in Waudby-Smith & Ramdas, 2020).

Outcomes come in the order of the draw, True = failure. What is not judged yet goes in as a failure: that only makes
the stake smaller.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuface_engine.review.proof.exact import binomial_upper, largest

Floats = NDArray[np.float64]
RATIO = 0.2
"""0.02 % against 0.1 %."""


def log_stake(failures: ArrayLike, draws: ArrayLike, rate: ArrayLike, ratio: float = RATIO) -> Floats:
    """ln of the stake against `rate` after independent draws; arguments broadcast."""
    failed, p = np.asarray(failures, np.float64), np.asarray(rate, np.float64)
    clean = np.asarray(draws, np.float64) - failed
    return np.asarray(failed * math.log(ratio) + clean * (np.log1p(-ratio * p) - np.log1p(-p)))


def draws_to_accept(
    failures: int, *, limit: float = 0.001, confidence: float = 0.95, ratio: float = RATIO
) -> int:
    """Draws, with `failures` among them, after which the bet against `limit` is won."""
    a_clean_draw = math.log1p(-ratio * limit) - math.log1p(-limit)
    clean = (-math.log(1 - confidence) - failures * math.log(ratio)) / a_clean_draw
    return math.ceil(clean - 1e-9) + failures


def anytime_upper(
    outcomes: ArrayLike, confidence: float = 0.95, *, ratios: Sequence[float] = (RATIO,)
) -> Floats:
    """[n]: the rate proven after each of n independent draws; it never rises. Several ratios share the stake."""
    failed = np.asarray(outcomes, bool)
    draws = np.arange(1, len(failed) + 1)
    k = np.cumsum(failed)
    low, high = np.zeros(len(failed)), np.ones(len(failed))
    for _ in range(60):
        p = (low + high) / 2
        stakes = [log_stake(k, draws, np.minimum(p, 1 - 1e-15), ratio) for ratio in ratios]
        won = np.logaddexp.reduce(stakes, axis=0) - math.log(len(ratios)) >= -math.log(1 - confidence)
        low, high = np.where(won, low, p), np.where(won, p, high)
    high[k == draws] = 1.0
    return np.minimum.accumulate(high) if len(high) else high


def log_stakes_of_list(outcomes: ArrayLike, population: int, failing: int, ratio: float = RATIO) -> Floats:
    """[..., n]: ln of the stake, after each draw, against "`failing` of the `population` fail"; +inf = impossible.

    More failures than `failing` do not refute it here: some may stand for what is not judged.
    """
    failed = np.asarray(outcomes, bool)
    draws = failed.shape[-1]
    if draws > population:
        raise ValueError(f"{draws} draws from a list of {population}")
    found_before = np.cumsum(failed, axis=-1) - failed
    share = np.maximum(failing - found_before, 0) / (population - np.arange(draws))
    with np.errstate(divide="ignore", invalid="ignore"):
        clean = np.log1p(-ratio * share) - np.log1p(-share)
    # A clean draw where only failures were left refutes for good.
    clean = np.where(share >= 1, np.inf, clean)
    return np.asarray(np.cumsum(np.where(failed, math.log(ratio), clean), axis=-1))


def anytime_upper_of_list(
    outcomes: ArrayLike, population: int, confidence: float = 0.95, *, ratio: float = RATIO
) -> int:
    """The most failures in a list of `population` that the draws so far, without replacement, have not refuted."""
    failed = np.asarray(outcomes, bool)
    if not len(failed):
        return population
    needed = -math.log(1 - confidence) - 1e-12
    return largest(
        0,
        population,
        lambda failing: bool(log_stakes_of_list(failed, population, failing, ratio).max() < needed),
    )


def spent_upper(outcomes: ArrayLike, confidence: float = 0.95, *, first: int = 64) -> float:
    """A rate proven at every moment where the draws are no longer independent: exact bounds at 64, 128, 256, ... draws.

    The j-th of them may err with a chance of (1 - confidence) / (j (j + 1)); together that is at most 1 - confidence.
    """
    failed = np.asarray(outcomes, bool)
    best, draws, j = 1.0, first, 1
    while draws <= len(failed):
        spent = (1 - confidence) / (j * (j + 1))
        best = min(best, binomial_upper(int(failed[:draws].sum()), draws, 1 - spent))
        draws, j = 2 * draws, j + 1
    return best

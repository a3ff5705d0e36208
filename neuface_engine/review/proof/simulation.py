"""Repeated campaigns with known failures: how often does each bound hold? Vectorised and seeded.

Every function returns the share of campaigns in which the bound was right, which is to be at least the confidence it
claims. docs/proof.md has the table; benchmarks/campaign.py makes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from neuface_engine.review.proof.betting import (
    RATIO,
    log_stake,
    log_stakes_of_list,
    spent_upper,
)
from neuface_engine.review.proof.bounds import bound_at_the_end, bound_so_far
from neuface_engine.review.proof.draw import Item, balance, draw_order
from neuface_engine.review.proof.exact import binomial_upper, hypergeometric_upper
from neuface_engine.review.proof.plans import Plan

Bools = NDArray[np.bool_]


def clopper_pearson_holds(rate: float, draws: int, confidence: float, repeats: int, seed: int) -> float:
    """The exact bound after independent draws."""
    failures = np.random.default_rng(seed).binomial(draws, rate, repeats)
    return _share(failures, lambda k: binomial_upper(k, draws, confidence) >= rate)


def hypergeometric_holds(
    failing: int, population: int, draws: int, confidence: float, repeats: int, seed: int
) -> float:
    """The exact bound after draws from a list without replacement."""
    rng = np.random.default_rng(seed)
    failures = rng.hypergeometric(failing, population - failing, draws, repeats)
    return _share(failures, lambda k: hypergeometric_upper(k, draws, population, confidence) >= failing)


def folded_holds(plan: Plan, rate: float, sensitivity: float, repeats: int, seed: int) -> float:
    """The exact bound of a fixed plan with plants, where reviewers see only a share of the failures."""
    rng = np.random.default_rng(seed)
    if plan.population is None:
        drawn = rng.binomial(plan.draws, rate, repeats)
        truth = rate
    else:
        failing = round(rate * plan.population)
        drawn = rng.hypergeometric(failing, plan.population - failing, plan.draws, repeats)
        truth = failing / plan.population
    seen, caught = rng.binomial(drawn, sensitivity), rng.binomial(plan.plants, sensitivity, repeats)
    right = 0
    pairs, times = np.unique(np.stack([seen, caught], axis=1), axis=0, return_counts=True)
    for (k, hits), number in zip(pairs, times, strict=True):
        outcomes = [True] * int(k) + [False] * (plan.draws - int(k))
        plants = [True] * int(hits) + [False] * (plan.plants - int(hits))
        right += int(number) * (bound_at_the_end(plan, outcomes, plants).rate >= truth - 1e-12)
    return right / repeats


def betting_holds(
    rate: float, confidence: float, repeats: int, seed: int, *, ratio: float = RATIO, failures: int = 200
) -> float:
    """The bet against the true rate is never won, at no moment until `failures` failures have come.

    Between failures the stake only grows, so the moments before each failure are those that count.
    """
    rng = np.random.default_rng(seed)
    clean = np.cumsum(rng.geometric(rate, (repeats, failures)) - 1, axis=1)
    before = np.arange(failures)
    stakes = log_stake(before, clean + before, rate, ratio)
    return float(np.mean(stakes.max(axis=1) < -math.log(1 - confidence)))


def betting_on_list_holds(
    failing: int, population: int, confidence: float, repeats: int, seed: int, *, ratio: float = RATIO
) -> float:
    """The bet against the true number of failures of a list is never won, down to its last sequence."""
    outcomes = shuffled(failing, population, repeats, np.random.default_rng(seed))
    stakes = log_stakes_of_list(outcomes, population, failing, ratio)
    return float(np.mean(stakes.max(axis=1) < -math.log(1 - confidence)))


def spending_holds(rate: float, draws: int, confidence: float, repeats: int, seed: int) -> float:
    """The exact bounds at doubling draws all hold."""
    outcomes = np.random.default_rng(seed).random((repeats, draws)) < rate
    return float(np.mean([spent_upper(row, confidence) >= rate for row in outcomes]))


def rounds_hold(clips: Sequence[int], failing: Bools, draws: int, confidence: float, repeats: int) -> float:
    """The bound for rounds over identities: `clips` of each person, `failing` [sum of clips] of the whole list."""
    people = np.repeat(np.arange(len(clips)), clips)
    items = [Item(f"{number}", "", f"{who}") for number, who in enumerate(people)]
    plan = Plan(
        order="identity",
        draws=draws,
        population=len(items),
        balance=balance(items, draws),
        confidence=confidence,
    )
    right = 0
    for campaign in range(repeats):
        order = draw_order(items, f"campaign {campaign}", "identity")[:draws]
        outcomes = [bool(failing[int(item.name)]) for item in order]
        right += bound_at_the_end(plan, outcomes, []).rate >= failing.mean() - 1e-12
    return right / repeats


def folded_at_any_time_holds(
    plan: Plan, failing: int, sensitivity: float, repeats: int, seed: int, *, looks: int = 12
) -> float:
    """The running bound of a bet on a list, with plants among the draws, at every one of `looks` looks."""
    assert plan.population is not None
    rng = np.random.default_rng(seed)
    outcomes = shuffled(failing, plan.population, repeats, rng)
    outcomes &= rng.random(outcomes.shape) < sensitivity
    caught = rng.random((repeats, plan.plants)) < sensitivity
    moments = np.linspace(0.1, 1, looks)
    right = 0
    for row, hits in zip(outcomes, caught, strict=True):
        bounds = [
            bound_so_far(plan, list(row[: int(m * len(row))]), list(hits[: int(m * len(hits))]))
            for m in moments
        ]
        right += all(bound.failing is not None and bound.failing >= failing for bound in bounds)
    return right / repeats


def shuffled(failing: int, population: int, repeats: int, rng: np.random.Generator) -> Bools:
    """[repeats, population]: lists with `failing` failures, each in a random order."""
    outcomes = np.zeros((repeats, population), bool)
    outcomes[:, :failing] = True
    return rng.permuted(outcomes, axis=1)


def _share(failures: NDArray[np.int64], right: Callable[[int], bool]) -> float:
    values, times = np.unique(failures, return_counts=True)
    return float(sum(t for k, t in zip(values, times, strict=True) if right(int(k))) / times.sum())

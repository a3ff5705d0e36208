"""What a plan's draws prove, at every moment and at the end, with the reviewers' sensitivity folded in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import binom

from neuface_engine.review.proof.betting import anytime_upper, anytime_upper_of_list, spent_upper
from neuface_engine.review.proof.exact import (
    allowed_failing,
    binomial_lower,
    binomial_upper,
    hypergeometric_upper,
    largest,
)
from neuface_engine.review.proof.plans import Plan

_PLANT_RATIOS = (0.2, 0.5, 0.8)


@dataclass(frozen=True)
class Bound:
    """rate          the failure rate is at most this (with the plan's confidence)
    failing        the same as a number of sequences of the list; None where the plan is not about a list
    sensitivity    the least share of failures that the reviewers see, as folded in; 1 = taken for granted
    passes         the plan's limit is proven
    method         the bound's name
    """

    rate: float
    failing: int | None
    sensitivity: float
    passes: bool
    method: str


def bound_at_the_end(plan: Plan, outcomes: Sequence[bool], caught: Sequence[bool]) -> Bound:
    """Of a fixed plan, exact: outcomes of all its draws, and its plants; what is not judged failed (was missed)."""
    alpha = plan.alpha / (2 if plan.plants else 1)
    missing = max(plan.plants - len(caught), 0)
    sensitivity = binomial_lower(sum(caught), len(caught) + missing, 1 - alpha) if plan.plants else 1.0
    draws = max(plan.draws, len(outcomes))
    failures = sum(outcomes) + draws - len(outcomes)
    if plan.population is not None and plan.order == "sequence":
        most = hypergeometric_upper(failures, draws, plan.population, 1 - alpha, sensitivity=sensitivity)
        return _of_list(plan, most, sensitivity, "hypergeometric")
    rate = binomial_upper(failures, draws, 1 - alpha)
    return _of_rate(plan, rate, sensitivity, "Clopper-Pearson")


def bound_so_far(plan: Plan, outcomes: Sequence[bool], caught: Sequence[bool], *, found: int = 0) -> Bound:
    """Valid at every moment, for either kind of plan: outcomes and plants in the order of the draw, so far.

    found   failures that are known for sure: a list has at least these
    """
    alpha = plan.alpha / (2 if plan.plants else 1)
    sensitivity = 1.0
    if plan.plants:
        missed = anytime_upper([not c for c in caught], 1 - alpha, ratios=_PLANT_RATIOS)
        sensitivity = 1 - float(missed[-1]) if len(missed) else 0.0
    if plan.order == "identity":
        return _of_rate(plan, spent_upper(outcomes, 1 - alpha), sensitivity, "exact bounds at doubling draws")
    if plan.population is None:
        rates = anytime_upper(outcomes, 1 - alpha, ratios=(plan.ratio,))
        return _of_rate(plan, float(rates[-1]) if len(rates) else 1.0, sensitivity, "betting")
    if not plan.plants:
        most = max(found, anytime_upper_of_list(outcomes, plan.population, 1 - alpha, ratio=plan.ratio))
        return _of_list(plan, most, sensitivity, "betting on a list")
    # First the failures that would be seen, then those that there are: half of the risk for each.
    seen = anytime_upper_of_list(outcomes, plan.population, 1 - alpha / 2, ratio=plan.ratio)
    most = _behind(max(seen, found), plan.population, sensitivity, alpha / 2)
    return _of_list(plan, most, sensitivity, "betting on a list")


def _behind(seen: int, population: int, sensitivity: float, alpha: float) -> int:
    """Largest number of failures of which `seen` or fewer would be seen with a chance of at least alpha."""
    return largest(seen, population, lambda failing: bool(binom.cdf(seen, failing, sensitivity) >= alpha))


def _of_list(plan: Plan, most: int, sensitivity: float, method: str) -> Bound:
    assert plan.population is not None
    rate = most / plan.population if plan.population else 1.0
    passes = most <= allowed_failing(plan.limit, plan.population)
    return Bound(rate, most, sensitivity, passes, method)


def _of_rate(plan: Plan, rate: float, sensitivity: float, method: str) -> Bound:
    folded = sensitivity * plan.balance
    rate = min(1.0, rate / folded) if folded > 0 else 1.0
    return Bound(rate, None, sensitivity, rate < plan.limit, method)

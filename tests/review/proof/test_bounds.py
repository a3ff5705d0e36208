"""Every bound holds as often as it claims: simulated campaigns with known failures, and exact sums where they exist."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, hypergeom

from neuface_engine.review.proof import Plan, bound_at_the_end, bound_so_far, sized
from neuface_engine.review.proof import simulation as simulate
from neuface_engine.review.proof.betting import (
    anytime_upper,
    anytime_upper_of_list,
    draws_to_accept,
    log_stakes_of_list,
    spent_upper,
)
from neuface_engine.review.proof.exact import binomial_upper, hypergeometric_upper, seen_at_most

REPEATS = 4000


def holds(share: float, confidence: float = 0.95, repeats: int = REPEATS) -> bool:
    """At least the confidence claimed, but for what chance takes away from so many campaigns."""
    return share >= confidence - 3 * math.sqrt(confidence * (1 - confidence) / repeats)


@pytest.mark.parametrize("rate", [0.0005, 0.001, 0.002, 0.02])
@pytest.mark.parametrize("draws", [300, 2995, 7752])
def test_clopper_pearson(rate: float, draws: int) -> None:
    assert holds(simulate.clopper_pearson_holds(rate, draws, 0.95, REPEATS, seed=1))
    failures = np.arange(draws + 1)
    right = np.array([binomial_upper(int(k), draws) >= rate for k in failures[:200]])
    wrong = binom.pmf(failures[:200], draws, rate)[~right].sum()
    assert wrong <= 0.05 + 1e-9


@pytest.mark.parametrize(("failing", "population", "draws"), [(1, 500, 476), (5, 5000, 2254), (12, 400, 90)])
def test_hypergeometric(failing: int, population: int, draws: int) -> None:
    assert holds(simulate.hypergeometric_holds(failing, population, draws, 0.95, REPEATS, seed=2))
    law = hypergeom(population, failing, draws)
    wrong = sum(
        float(law.pmf(k)) for k in range(failing + 1) if hypergeometric_upper(k, draws, population) < failing
    )
    assert wrong <= 0.05 + 1e-9


@pytest.mark.parametrize("sensitivity", [0.99, 0.9, 0.6])
@pytest.mark.parametrize("population", [None, 800])
def test_sensitivity_folded_in(sensitivity: float, population: int | None) -> None:
    plan = Plan(draws=400, plants=60, population=population)
    assert holds(simulate.folded_holds(plan, 0.01, sensitivity, 250, seed=3), repeats=250)


def test_folding_is_needed() -> None:
    """Without it, reviewers who see 60 % of the failures would break the promise."""
    plan = Plan(draws=2000, plants=0)
    assert simulate.folded_holds(plan, 0.002, 0.6, 1000, seed=3) < 0.9


def test_the_bet_is_falsely_won_in_at_most_5_percent_at_exactly_the_limit() -> None:
    false_acceptance = 1 - simulate.betting_holds(0.001, 0.95, 20000, seed=4)
    assert false_acceptance == pytest.approx(0.05, abs=0.005)
    # The same without chance: the number of failures when the n-th clean draw is made, kept while the bet goes on.
    clean_needed = np.array([draws_to_accept(k) - k for k in range(60)])
    alive, won = np.zeros(60), 0.0
    alive[0] = 1.0
    stay = 0.001 ** np.arange(60) * 0.999  # failures between two clean draws: geometric
    for start, stop in zip(np.r_[0, clean_needed[:-1]], clean_needed, strict=True):
        steps = int(stop - start)
        added = binom.pmf(np.arange(60), steps, 0.001) if steps == 1 else _negative_binomial(steps, stay)
        alive = np.convolve(alive, added)[:60]
        reached = np.arange(60) <= np.searchsorted(clean_needed, stop)
        won += alive[reached].sum()
        alive[reached] = 0.0
    assert won <= 0.05
    assert won == pytest.approx(false_acceptance, abs=0.006)


def _negative_binomial(steps: int, one: np.ndarray) -> np.ndarray:
    from scipy.stats import nbinom

    return nbinom.pmf(np.arange(len(one)), steps, 0.999)


@pytest.mark.parametrize(("failing", "population"), [(1, 500), (5, 1000), (40, 800), (3, 60)])
def test_the_bet_on_a_list(failing: int, population: int) -> None:
    repeats = 2000
    assert holds(simulate.betting_on_list_holds(failing, population, 0.95, repeats, seed=5), repeats=repeats)


def test_the_stake_on_a_list_is_a_fair_game() -> None:
    """Summed over all orders of a small list the stake is 1 after every draw: no bet can do better."""
    from itertools import permutations

    orders = np.array(sorted(set(permutations([True] * 2 + [False] * 6))))
    stakes = np.exp(log_stakes_of_list(orders, 8, 2))
    assert np.allclose(stakes[:, :6].mean(0), 1.0)


def test_the_bound_of_a_list_is_that_of_a_search_through_all_numbers() -> None:
    rng = np.random.default_rng(6)
    for _ in range(20):
        outcomes = rng.random(rng.integers(1, 60)) < 0.1
        stakes = [log_stakes_of_list(outcomes, 80, d).max() for d in range(81)]
        open_still = [d for d, stake in enumerate(stakes) if stake < math.log(20)]
        assert anytime_upper_of_list(outcomes, 80) == max(open_still)


def test_what_is_proven_is_never_taken_back_and_unjudged_draws_only_weaken_it() -> None:
    rng = np.random.default_rng(7)
    outcomes = rng.random(600) < 0.01
    proven = anytime_upper(outcomes)
    assert (np.diff(proven) <= 0).all()
    for hidden in rng.integers(0, 600, 10):
        other = outcomes.copy()
        other[hidden] = True
        assert (anytime_upper(other) >= proven - 1e-12).all()
        assert anytime_upper_of_list(other, 700) >= anytime_upper_of_list(outcomes, 700)


def test_bounds_that_spend_their_risk() -> None:
    assert holds(simulate.spending_holds(0.01, 2000, 0.95, 300, seed=8), repeats=300)
    assert spent_upper([False] * 63) == 1.0
    assert spent_upper([False] * 2048) < 0.006


def test_rounds_over_people_whose_failures_come_together() -> None:
    even = np.zeros(200, bool)
    even[:10] = True  # one person's ten clips
    assert holds(simulate.rounds_hold([10] * 20, even, 40, 0.95, 150), repeats=150)
    uneven = np.zeros(160, bool)
    uneven[-20:] = True  # the person with most clips
    assert holds(simulate.rounds_hold([2] * 30 + [20] * 5, uneven, 50, 0.95, 150), repeats=150)


def test_the_running_bound_with_plants_holds_at_every_look() -> None:
    plan = Plan(kind="betting", limit=0.05, target=0.01, population=200, draws=200, plants=40)
    assert holds(simulate.folded_at_any_time_holds(plan, 12, 0.85, 25, seed=9, looks=4), repeats=25)


@pytest.mark.parametrize("population", [None, 3000])
@pytest.mark.parametrize("plants", [0, 200])
def test_a_fixed_plan_passes_with_as_many_failures_as_it_allows_and_no_more(
    population: int | None, plants: int
) -> None:
    plan = sized(Plan(limit=0.01, target=0.002, population=population, plants=plants))
    for failures, passes in ((plan.allowed, True), (plan.allowed + 1, False)):
        outcomes = [True] * failures + [False] * (plan.draws - failures)
        assert bound_at_the_end(plan, outcomes, [True] * plants).passes is passes


def test_what_is_not_judged_at_the_end_failed_and_plants_not_judged_were_missed() -> None:
    plan = Plan(draws=1000, plants=50)
    outcomes = [False] * 998
    assert bound_at_the_end(plan, outcomes, [True] * 48) == bound_at_the_end(
        plan, [*outcomes, True, True], [True] * 48 + [False] * 2
    )


def test_a_list_has_at_least_the_failures_that_were_found() -> None:
    plan = Plan(kind="betting", limit=0.1, target=0.02, population=100, draws=100)
    outcomes = [False] * 80 + [True] * 20
    assert bound_so_far(plan, outcomes, [], found=20).failing >= 20


def test_thinned_draws_are_those_of_a_direct_sum() -> None:
    population, failing, draws, sensitivity = 60, 7, 25, 0.8
    direct = sum(
        hypergeom.pmf(j, population, failing, draws) * binom.pmf(i, j, sensitivity)
        for j in range(failing + 1)
        for i in range(min(j, 2) + 1)
    )
    assert seen_at_most(2, draws, population, failing, sensitivity) == pytest.approx(direct)

"""How many draws a plan needs; figures known beforehand, and laws."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest

from neuface_engine.errors import ConfigError
from neuface_engine.review.proof import (
    Item,
    Plan,
    binomial_upper,
    design_effect,
    effective_sample,
    hypergeometric_upper,
    intraclass_correlation,
    passing_power,
    required_draws,
    sized,
    wilson,
)
from neuface_engine.review.proof.audit import settled
from neuface_engine.review.proof.betting import anytime_upper, draws_to_accept


@pytest.mark.parametrize(("allowed", "draws"), [(0, 2995), (1, 4742), (2, 6294), (3, 7752)])
def test_fixed_plans_for_a_tenth_of_a_percent(allowed: int, draws: int) -> None:
    assert required_draws(allowed) == draws
    risk = sum(  # in whole numbers: P(at most `allowed` of `draws`) at exactly 0.1 %
        Fraction(comb(draws, k) * 999 ** (draws - k), 1000**draws) for k in range(allowed + 1)
    )
    assert risk < Fraction(1, 20)


def test_a_list_of_500_needs_476() -> None:
    assert required_draws(0, population=500) == 476
    assert hypergeometric_upper(0, 476, 500) == 0
    assert hypergeometric_upper(0, 475, 500) == 1  # the risk is 5 % exactly, which is not below 5 %


def test_sensitivity_is_paid_for_in_draws() -> None:
    assert required_draws(0, plants=100) == 3826
    assert required_draws(0, plants=1000) < 3826


def test_the_bet_takes_3743_clean_draws_and_2012_for_each_failure() -> None:
    assert draws_to_accept(0) == 3743
    assert draws_to_accept(1) - draws_to_accept(0) == 2012
    assert [draws_to_accept(k + 1) - draws_to_accept(k) for k in range(4)] == [2012, 2011, 2012, 2011]
    assert anytime_upper([False] * 3742)[-1] > 0.001 > anytime_upper([False] * 3743)[-1]
    with_one = [True] + [False] * 5754
    assert anytime_upper(with_one[:-1])[-1] > 0.001 > anytime_upper(with_one)[-1]


def test_three_failures_are_allowed_by_default_because_a_good_set_then_passes() -> None:
    plan = sized(Plan())
    assert (plan.allowed, plan.draws) == (3, 7752)
    assert passing_power(3, 7752) == pytest.approx(0.93, abs=0.005)
    assert passing_power(0, 2995) == pytest.approx(0.55, abs=0.005)


def test_a_small_list_needs_no_more_failures_allowed_than_it_may_hold() -> None:
    assert sized(Plan(population=500)).allowed == 0
    plan = sized(Plan(population=5000))
    assert plan.allowed == 1
    assert passing_power(plan.allowed, plan.draws, population=5000) == 1.0


def test_a_list_too_small_for_its_reviewers_is_refused() -> None:
    with pytest.raises(ConfigError, match="too few"):
        sized(Plan(population=500, plants=20))


@pytest.mark.parametrize("draws", [10, 100, 3000])
@pytest.mark.parametrize("failures", [0, 1, 5])
def test_a_list_is_never_harder_than_what_makes_it(failures: int, draws: int) -> None:
    assert hypergeometric_upper(failures, draws, 10**5) / 10**5 <= binomial_upper(failures, draws) + 1e-5


def test_ten_clips_each_cost_2_8_times_the_sample() -> None:
    assert design_effect([10] * 50, 0.2) == pytest.approx(2.8)
    assert effective_sample([10] * 50, 0.2) == pytest.approx(500 / 2.8)
    assert design_effect([1] * 50, 0.2) == 1


def test_the_icc_is_1_where_people_are_all_alike_and_0_where_they_are_not() -> None:
    people = [f"{i}" for i in range(20) for _ in range(5)]
    assert intraclass_correlation([i < 4 for i in range(20) for _ in range(5)], people) == pytest.approx(1)
    assert intraclass_correlation([j == 0 for _ in range(20) for j in range(5)], people) == 0


def test_wilson_of_a_known_case() -> None:
    low, high = wilson(8, 10)
    assert (low, high) == (pytest.approx(0.4902, abs=5e-5), pytest.approx(0.9433, abs=5e-5))


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": 0.0001},
        {"confidence": 0.5},
        {"kind": "bayes"},
        {"kind": "betting", "order": "identity"},
        {"severities": (5,)},
        {"draws": -1},
    ],
)
def test_a_plan_that_means_nothing_is_refused(wrong: dict) -> None:
    with pytest.raises(ConfigError, match="plan"):
        Plan(**wrong)


def test_a_plan_survives_its_json() -> None:
    plan = sized(Plan(population=5000, plants=100, severities=(2, 3)))
    assert Plan.from_json(plan.to_json()) == plan
    with pytest.raises(ConfigError, match="draw the audit anew"):
        Plan.from_json({**plan.to_json(), "luck": 1})


def test_one_clip_of_each_person_first_only_where_it_costs_nothing() -> None:
    def items(clips: list[int]) -> list[Item]:
        return [Item(f"{who}-{n}", "", f"{who}") for who, count in enumerate(clips) for n in range(count)]

    plan = Plan(limit=0.01, target=0.002)
    even, uneven = items([4] * 2000), items([1] * 1000 + [30] * 100)
    assert settled(plan, even).order == "identity"
    assert settled(plan, even).balance == 1
    assert settled(plan, uneven).order == "sequence"
    asked = settled(Plan(limit=0.2, target=0.04), uneven, order="identity")
    assert asked.order == "identity"
    assert asked.balance < 0.2
    assert asked.draws > settled(Plan(limit=0.2, target=0.04), uneven).draws

"""Agreement of two reviewers against published and hand-worked figures."""

from __future__ import annotations

import math

import numpy as np
import pytest

from neuface_engine.review import Adjudication, Undo
from neuface_engine.review.proof import agreement, gwet_ac1, specific_agreement

from .conftest import says
from .test_bounds import holds


def table(both: int, first: int, second: int, neither: int) -> np.ndarray:
    """[n, 2]: what two reviewers named."""
    rows = [(True, True)] * both + [(True, False)] * first + [(False, True)] * second
    return np.array(rows + [(False, False)] * neither)


def counts(named: np.ndarray) -> np.ndarray:
    yes = named.sum(1)
    return np.stack([yes, 2 - yes], axis=1)


def test_ac1_of_a_published_table() -> None:
    """118 yes-yes, 5 and 2 that differ, 0 no-no: kappa is -0.02, AC1 0.94 (Gwet, 2008)."""
    share = gwet_ac1(counts(table(118, 5, 2, 0)))
    assert share.value == pytest.approx(0.9408, abs=5e-5)
    assert 0.89 < share.low < share.value < share.high < 0.99


def test_specific_agreement_is_two_a_over_two_a_b_c() -> None:
    named = table(8, 3, 1, 88)
    assert specific_agreement(named).value == pytest.approx(16 / 20)
    assert specific_agreement(~named).value == pytest.approx(176 / 180)
    assert math.isnan(specific_agreement(table(0, 0, 0, 50)).value)


def test_perfect_agreement_is_1_and_its_interval_says_how_little_it_may_mean() -> None:
    few, many = specific_agreement(table(3, 0, 0, 50)), specific_agreement(table(300, 0, 0, 50))
    assert few.value == many.value == 1
    assert few.low < 0.5 < 0.98 < many.low


def test_agreement_by_chance_alone_is_near_0() -> None:
    rng = np.random.default_rng(1)
    assert abs(gwet_ac1(counts(rng.random((4000, 2)) < 0.5)).value) < 0.05


def test_the_intervals_cover() -> None:
    rng = np.random.default_rng(2)
    p = np.array([0.08, 0.03, 0.02, 0.87])  # both, first, second, neither
    truth = 2 * p[0] / (2 * p[0] + p[1] + p[2])
    prevalence = p[0] + (p[1] + p[2]) / 2
    chance = 2 * prevalence * (1 - prevalence)
    ac1 = (p[0] + p[3] - chance) / (1 - chance)
    right = np.zeros((300, 2))
    for row, (a, b, c, d) in zip(right, rng.multinomial(250, p, size=300), strict=True):
        named = table(a, b, c, d)
        specific, gwet = specific_agreement(named), gwet_ac1(counts(named))
        row[:] = specific.low <= truth <= specific.high, gwet.low <= ac1 <= gwet.high
    assert holds(right[:, 0].mean(), repeats=300)
    assert holds(right[:, 1].mean(), confidence=0.94, repeats=300)  # an approximation for large samples


def test_it_is_read_from_the_log(items) -> None:
    one, two, three, four = items[:4]
    mistaken = says(four, "reject", "bert")
    events = [
        *(says(item) for item in (one, two, three, four)),
        says(one, "accept", "bert"),
        says(two, "reject", "bert"),
        says(three, "unsure", "bert"),
        mistaken,
        Undo(mistaken.id, "bert"),
        Adjudication(three.name, "accept", three.track_hash, "carol"),
    ]
    found = agreement(events)
    assert found.tracks == 3
    assert found.on_failures.value == 0
    assert found.on_clean.value == pytest.approx(2 / 4)
    assert [(d.sequence, d.settled) for d in found.disagreements] == [(two.name, ""), (three.name, "accept")]
    assert dict(found.disagreements[0].verdicts) == {"anna": "accept", "bert": "reject"}


def test_verdicts_on_other_bytes_are_no_double_review(items) -> None:
    from dataclasses import replace

    one = items[0]
    assert agreement([says(one), says(replace(one, track_hash="x"), "reject", "bert")]).tracks == 0


def test_unsure_against_reject_is_no_disagreement_on_failure(items) -> None:
    found = agreement([says(items[0], "reject"), says(items[0], "unsure", "bert")])
    assert not found.disagreements
    assert found.on_failures.value == 1
    assert found.ac1_words.value < found.ac1.value

"""Blind A/B: the sides are random, twins unmask who does not look, and the win rate has its interval."""

from __future__ import annotations

import numpy as np
import pytest

from neuface_engine.errors import ConfigError, ProjectError
from neuface_engine.review.proof import ab_results, draw_ab, draw_trials, judge_trial, open_trials, wilson
from neuface_engine.review.proof.blind import compare

NAMES = [f"{i}" for i in range(450)]


def test_every_sequence_once_and_ten_percent_twins() -> None:
    trials = draw_trials(NAMES, "neuface", "encoder", "seed")
    assert sorted(t.sequence for t in trials if not t.same) == sorted(NAMES)
    assert len(trials) == 500
    assert sum(t.same for t in trials) == 50
    assert len({t.id for t in trials}) == 500
    lefts = sum(t.left == "neuface" for t in trials if not t.same)
    assert 180 < lefts < 270
    assert {t.left for t in trials if t.same} == {"neuface", "encoder"}
    assert trials == draw_trials(NAMES, "neuface", "encoder", "seed")
    assert not all(t.same for t in trials[-50:])


def test_the_win_rate_is_over_the_trials_that_showed_a_difference() -> None:
    trials = draw_trials(NAMES, "a", "b", "seed")
    real = [t for t in trials if not t.same]
    choices = {t.id: "left" if t.left == "a" else "right" for t in real[:300]}
    choices |= {t.id: "left" if t.left == "b" else "right" for t in real[300:400]}
    choices |= {t.id: "tie" for t in real[400:]}
    result = compare(trials, choices, "a", "b")
    assert (result.wins_a, result.wins_b, result.ties) == (300, 100, 50)
    assert result.rate == 0.75
    assert result.interval == wilson(300, 400)
    assert result.p_value < 1e-6
    assert result.left == 50
    assert compare(trials, choices, "b", "a").rate == 0.25


def test_who_always_says_left_is_found_out_and_who_looks_is_not() -> None:
    trials = draw_trials(NAMES, "a", "b", "seed")
    lazy = compare(trials, {t.id: "left" for t in trials}, "a", "b")
    assert not lazy.sound
    assert lazy.same_left == 50
    assert lazy.same_interval[0] > 0.5
    rng = np.random.default_rng(0)
    honest = {
        t.id: ("left" if t.left == "a" else "right")
        if not t.same
        else str(rng.choice(["left", "right", "tie"]))
        for t in trials
    }
    result = compare(trials, honest, "a", "b")
    assert result.sound
    assert result.rate == 1.0


def test_the_wilson_interval_covers() -> None:
    wins = np.random.default_rng(1).binomial(200, 0.6, 2000)
    right = [low <= 0.6 <= high for low, high in (wilson(int(k), 200) for k in wins)]
    assert 0.93 < np.mean(right) < 0.97


def test_trials_and_choices_are_on_record(project) -> None:
    assert ab_results(project) == {}
    trials = draw_ab(project, "neuface", "encoder", reviewer="anna", names=NAMES[:9], seed="s")
    assert open_trials(project, "anna") == trials
    for trial in trials[:4]:
        judge_trial(project, trial, "left", "anna")
    judge_trial(project, trials[0], "right", "bert")
    assert open_trials(project, "anna") == trials[4:]
    results = ab_results(project)
    assert set(results) == {"anna", "bert"}
    assert results["anna"].choices == 4
    with pytest.raises(ValueError, match="none of"):
        judge_trial(project, trials[0], "up", "anna")


def test_a_comparison_that_means_nothing_is_refused(project) -> None:
    with pytest.raises(ProjectError, match="no sequences"):
        draw_ab(project, "a", "b", reviewer="anna")
    with pytest.raises(ConfigError, match="itself"):
        draw_ab(project, "a", "a", reviewer="anna", names=["x"])

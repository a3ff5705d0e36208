"""Flags: a number beyond its limit is said in words with both; limits are fixed, the project's, or the reviewer's."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from neuface_engine.errors import ConfigError
from neuface_engine.review.flags import number, quantity, raise_flags, suspicion
from neuface_engine.review.thresholds import CHECKS, Thresholds

CLEAN = {
    "no_face_share": 0.0, "unfitted_share": 0.0, "cuts": 0.0, "views_lag_frames": 0.0, "lip_aperture_ratio": 0.97,
    "lid_aperture_ratio": 0.9, "shape_rms_sd": 0.4, "identity_drift_mm": 0.5, "identity_across_views_mm": 0.6,
    "jump_percent": 2.0, "nme_percent": 2.0, "cvd_mm": 2.0, "msi_landmark": 0.3, "residual_lips_percent": 2.0,
}  # fmt: skip


def test_a_clean_track_raises_none_and_every_check_can_be_raised() -> None:
    assert raise_flags(CLEAN) == ()
    for check in CHECKS:
        bad = check.limit * 1.5 + 1 if check.side == "above" else check.limit / 2
        (flag,) = raise_flags({**CLEAN, check.measure: bad})
        assert flag.name == check.name and flag.value == bad and flag.threshold == check.limit


def test_a_flag_is_said_in_words_with_the_number_and_the_limit() -> None:
    (flag,) = raise_flags({**CLEAN, "lip_aperture_ratio": 0.314})
    assert flag.text == "the lips move 0.314 as much as the landmarks; flagged below 0.5"
    (flag,) = raise_flags({**CLEAN, "no_face_share": 0.2})
    assert flag.text == "no face is found in 20 % of the pictures; flagged above 10 %"
    (flag,) = raise_flags({**CLEAN, "views_lag_frames": 3.0})
    assert "3 frames behind" in flag.text
    assert quantity(float("nan"), "mm") == "–" and quantity(1.0, "frames") == "1 frame"


def test_at_the_limit_there_is_no_flag_and_what_is_not_known_is_not_flagged() -> None:
    for check in CHECKS:
        assert not check.beyond(check.limit, check.limit)
    assert raise_flags({check.measure: math.nan for check in CHECKS}) == ()
    assert raise_flags({check.measure: None for check in CHECKS}) == ()
    assert raise_flags({}) == () and math.isnan(number({}, "nme_percent"))


def test_the_gravest_comes_first_and_suspicion_grows_with_the_number() -> None:
    flags = raise_flags({**CLEAN, "nme_percent": 6.0, "lip_aperture_ratio": 0.05})
    assert [flag.name for flag in flags] == ["frozen lips", "off the face"]
    scores = [suspicion(raise_flags({**CLEAN, "nme_percent": value})) for value in (4, 5.1, 7, 12, 1e9)]
    assert scores == sorted(scores) and scores[0] == 0 and scores[1] >= 1 and scores[-1] == 4


def test_a_project_sets_its_own_limits_once_it_is_large_enough() -> None:
    random = np.random.default_rng(0)
    rows = [{"cvd_mm": value} for value in np.exp(random.normal(math.log(2), 0.1, 200))]
    limit = next(check for check in CHECKS if check.name == "views disagree")
    fitted = Thresholds.default().fitted(rows)
    assert 2.5 < fitted.limit(limit) < 3.5 and fitted.origin(limit) == "project"
    flagged = [bool(raise_flags(row, fitted)) for row in rows]
    assert np.mean(flagged) <= 0.02, "the fence of a sound project leaves its own tracks alone"
    assert raise_flags({"cvd_mm": 5.0}, fitted) and not raise_flags({"cvd_mm": 5.0})
    assert Thresholds.default().fitted(rows[:19]).origin(limit) == "default"
    bad = Thresholds.default().fitted([{"cvd_mm": 30.0}] * 50)
    assert bad.limit(limit) == limit.limit, "a project in which all is bad does not make it good"
    frozen = next(check for check in CHECKS if check.name == "frozen lips")
    assert fitted.limit(frozen) == 0.5, "the frozen-face alarm is fixed"


def test_limits_are_kept_as_settings() -> None:
    assert Thresholds.of({}) == Thresholds.default()
    wanted = Thresholds.default().changed("frozen lips", 0.7).switched("shaky", False)
    wanted = wanted.fitted([{"cvd_mm": 2.0 + 0.01 * i} for i in range(40)])
    kept = Thresholds.of(json.loads(json.dumps(wanted.to_settings())))
    assert kept == wanted
    assert raise_flags({"lip_aperture_ratio": 0.6, "msi_landmark": 1e-6}, kept)[0].name == "frozen lips"
    assert not raise_flags({"msi_landmark": 1e-6}, kept)
    assert kept.changed("frozen lips", None).switched("shaky", True).limits == {}


def test_bad_limits_are_refused_in_one_line() -> None:
    with pytest.raises(ConfigError, match="no check is called 'nose'"):
        Thresholds.default().changed("nose", 1.0)
    with pytest.raises(ConfigError, match="give a number"):
        Thresholds.default().changed("shaky", math.inf)
    for settings in ({"limits": 3}, {"limits": {"shaky": "much"}}, {"off": 7}):
        with pytest.raises(ConfigError, match="correct the settings"):
            Thresholds.of(settings)

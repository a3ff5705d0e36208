"""A verdict counts only for a clip that was watched."""

from __future__ import annotations

import pytest

from neuface_engine.errors import ConfigError
from neuface_engine.review import Coverage, CoverageRule, Shown
from neuface_engine.review.coverage import of_events


def watched(frames: int = 100, seconds: float = 0.1) -> Coverage:
    coverage = Coverage(100, ("left", "right"))
    for frame in range(frames):
        coverage.show(frame, ("left", "right"), seconds)
    return coverage


def test_all_frames_all_views_and_time_are_enough() -> None:
    assert watched().sufficient()
    assert watched().lacking() == ""


def test_95_of_100_frames_are_enough_and_94_are_not() -> None:
    assert watched(95).sufficient()
    assert not watched(94).sufficient()
    assert watched(94).lacking() == "94 % of the frames shown, 95 % needed"
    assert watched(94).missing_frames == [(94, 99)]


def test_every_view_must_be_seen_once() -> None:
    coverage = Coverage(100, ("left", "right"))
    for frame in range(100):
        coverage.show(frame, ("left",), 0.1)
    assert coverage.missing_views == ("right",)
    assert not coverage.sufficient()
    coverage.show(50, ("right",))
    assert coverage.sufficient()


def test_a_glance_is_not_enough() -> None:
    assert not watched(seconds=0.001).sufficient()
    assert watched(seconds=0.001).lacking() == "looked at for 0.1 s, 2 s needed"
    assert watched(seconds=0.001).sufficient(CoverageRule(seconds=0))


def test_what_is_shown_in_parts_adds_up_and_does_not_count_twice() -> None:
    parts = [
        Shown("001", "h", "anna", {"left": ((0, 49),)}, 100, ("left", "right"), 1.5),
        Shown("001", "h", "anna", {"left": ((40, 69),), "right": ((60, 99),)}, 100, ("left", "right"), 1.5),
    ]
    coverage = of_events(parts)
    assert coverage is not None
    assert coverage.frames == 1.0
    assert coverage.seconds == 3.0
    assert coverage.sufficient()
    assert of_events(parts[:1]).frames == 0.5
    assert of_events([]) is None


def test_its_ranges_written_down_and_read_again_are_the_same_coverage() -> None:
    coverage = Coverage(40, ("left", "right"))
    for frame in (0, 1, 2, 10, 39):
        coverage.show(frame, ("right",), 0.5)
    event = Shown("001", "h", "anna", coverage.ranges(), 40, ("left", "right"), coverage.seconds)
    assert event.frames == {"right": ((0, 2), (10, 10), (39, 39))}
    again = of_events([event])
    assert (again.frames, again.seconds, again.missing_views) == (coverage.frames, 2.5, ("left",))


def test_frames_outside_the_clip_show_nothing() -> None:
    coverage = Coverage(10, ("left",))
    coverage.show(10, ("left",), 1.0)
    coverage.show(-1, ("left",), 1.0)
    assert coverage.frames == 0
    assert Coverage(0, ()).frames == 0


@pytest.mark.parametrize("settings", [{"frames": 1.5}, {"frames": "x"}, {"seconds": -1}, {"seconds": None}])
def test_settings_that_mean_nothing_are_named(settings: dict) -> None:
    with pytest.raises(ConfigError, match="coverage"):
        CoverageRule.of(settings)

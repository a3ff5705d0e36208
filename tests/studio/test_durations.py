"""Time left is told once enough is done, and anew for every piece of work."""

from __future__ import annotations

import pytest

from neuface_studio.durations import TimeLeft, duration


@pytest.mark.parametrize(("seconds", "words"), [(3.4, "3 s"), (89, "89 s"), (150, "2 min"), (7200, "2.0 h")])
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_what_is_left_follows_from_what_was_done() -> None:
    now = [100.0]
    left = TimeLeft(lambda: now[0])
    assert left.words("decode", 0.0) == "0 %"
    now[0] += 1
    assert left.words("decode", 0.1) == "10 %"
    now[0] += 4
    assert left.words("decode", 0.5) == "50 %, 5 s left"
    assert left.words("detect", 0.5) == "50 %", "another piece of work has a time of its own"
    now[0] += 10
    assert left.words("detect", 0.75) == "75 %, 10 s left"
    assert left.words("detect", None) == ""

"""Coverage that a reviewer states where no window measured it: which frames, which views, for how long."""

from __future__ import annotations

import math
from collections.abc import Sequence

from neuface_engine.errors import ConfigError
from neuface_engine.review.coverage import Coverage
from neuface_engine.review.outline import Outline

ALL = "all"
_GRACE_S = (
    1.0  # clocks are read to the second by people, and the clip is there a moment before it is recorded
)


def stated(
    clip: Outline,
    words: str,
    *,
    views: Sequence[str] = (),
    seconds: float | None = None,
    handed_s: float | None = None,
) -> Coverage:
    """What the reviewer says was watched.

    words       "all", or ranges of frames, counted from 0, both ends included: "0-99,140"
    views       those that were watched; empty = all
    seconds     for how long; default: as long as these frames last when they are played once
    handed_s    seconds since the clip was handed out; nobody watched it for longer than that
    Raises ConfigError for frames and views that the clip has not, and for more time than has passed.
    """
    unknown = [view for view in views if view not in clip.views]
    if unknown:
        raise ConfigError(f"view {unknown[0]!r}: the clip has {', '.join(clip.views)}; name some of these")
    ranges = [(0, clip.frames - 1)] if words.strip().lower() == ALL else _ranges(words)
    beyond = [last for _, last in ranges if last >= clip.frames]
    if beyond:
        raise ConfigError(
            f"frame {beyond[0]}: the clip has {clip.frames} frames, 0 to {clip.frames - 1}; correct the ranges"
        )
    coverage = Coverage(clip.frames, clip.views, basis="stated", handed_s=handed_s)
    for first, last in ranges:
        for frame in range(first, last + 1):
            coverage.show(frame, views or clip.views)
    coverage.seconds = coverage.frames * clip.seconds if seconds is None else seconds
    if not math.isfinite(coverage.seconds) or coverage.seconds < 0:
        raise ConfigError(f"{seconds} seconds: give a number that is not negative")
    if handed_s is not None and coverage.seconds > handed_s + _GRACE_S:
        raise ConfigError(
            f"{coverage.seconds:.1f} s: the clip was handed out {handed_s:.1f} s ago; say how long it was really "
            "looked at (--seconds)"
        )
    return coverage


def _ranges(words: str) -> list[tuple[int, int]]:
    found = []
    for part in words.split(","):
        first, dash, last = part.strip().partition("-")
        try:
            ends = int(first), int(last if dash else first)
            if not 0 <= ends[0] <= ends[1]:
                raise ValueError
        except ValueError:
            raise ConfigError(
                f"{words!r}: write all, or ranges of frames counted from 0 such as 0-99,140"
            ) from None
        found.append(ends)
    return found

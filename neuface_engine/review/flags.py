"""Flags in words: which of a track's numbers are beyond their limits, and by how much."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from neuface_engine.review.thresholds import Check, Thresholds

MOST = 4.0  # the most that one flag counts, however far beyond its limit the number is


@dataclass(frozen=True)
class Flag:
    """One finding. `text` says it in a sentence with the number and the limit; `measure` is the key of its places."""

    name: str
    value: float
    threshold: float
    unit: str
    text: str
    measure: str

    @property
    def severity(self) -> float:
        """1 at the limit, one more for every doubling beyond it, at most 4."""
        return min(MOST, 1.0 + _doublings(self.value, self.threshold))


def raise_flags(
    measures: Mapping[str, float | None], thresholds: Thresholds | None = None
) -> tuple[Flag, ...]:
    """The flags of a track's measures (`neuface_engine.metrics.measures`), the gravest first.

    A number that does not exist (missing, None or NaN) raises none.
    """
    thresholds = thresholds or Thresholds.default()
    flags = []
    for check in thresholds.checks():
        value, limit = number(measures, check.measure), thresholds.limit(check)
        if check.beyond(value, limit):
            flags.append(
                Flag(check.name, value, limit, check.unit, sentence(check, value, limit), check.measure)
            )
    return tuple(sorted(flags, key=lambda flag: -flag.severity))


def suspicion(flags: Iterable[Flag]) -> float:
    """One number to order by: the sum of the severities; 0 = nothing was flagged."""
    return float(sum(flag.severity for flag in flags))


def sentence(check: Check, value: float, limit: float) -> str:
    """The finding of a check in words."""
    return check.text.format(value=quantity(value, check.unit), limit=quantity(limit, check.unit))


def quantity(value: float, unit: str) -> str:
    """A number with its unit, three digits: "0.31", "12 %", "3 frames"."""
    if not math.isfinite(value):
        return "–"
    if unit == "share":
        return f"{100 * value:.3g} %"
    text = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    if unit == "frames":
        return f"{text} frame" if value == 1 else f"{text} frames"
    return f"{text} {unit}" if unit else text


def number(measures: Mapping[str, float | None], name: str) -> float:
    """A measure, NaN where it is missing or None."""
    value = measures.get(name)
    return math.nan if value is None else float(value)


def _doublings(value: float, limit: float) -> float:
    """How often the value doubles the limit's distance from nothing; a limit of 0 counts from 1."""
    if limit <= 0 or value <= 0:
        return MOST if value <= 0 < limit else math.log2(1 + abs(value - limit))
    return abs(math.log2(value / limit))

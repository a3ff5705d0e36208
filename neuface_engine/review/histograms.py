"""How a measure is spread over the project, and the sequences between two of its values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from neuface_engine.review.flags import number
from neuface_engine.review.thresholds import CHECKS, Check, Thresholds

BINS = 40
TAIL = 0.995  # what is beyond this quantile goes into the last bin, so that one wild track does not flatten the rest


@dataclass(frozen=True)
class Histogram:
    """Of `measure` over the sequences that have it: `edges` [n + 1] rising, `counts` [n].

    lowest, highest     of all values; the first and last bin hold what is beyond the edges
    unknown             sequences without the figure
    limit, side         of the check on this measure, where there is one
    sampled, of         the counts are of so many sequences, drawn at random from so many; 0 where they are of all
    """

    measure: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    lowest: float
    highest: float
    unknown: int
    limit: float | None = None
    side: str = ""
    sampled: int = 0
    of: int = 0

    def brushed(self, first: int, last: int) -> tuple[float, float]:
        """The range of values of the bins first..last: low <= value <= high; open where a bin holds the tail."""
        low = -math.inf if first <= 0 else self.edges[first]
        high = math.inf if last >= len(self.counts) - 1 else self.edges[last + 1]
        return low, high


def histogram(
    measure: str,
    rows: Iterable[Mapping[str, float | None]],
    *,
    bins: int = BINS,
    thresholds: Thresholds | None = None,
) -> Histogram:
    """Bins of equal width between the 0.5 % and the 99.5 % quantile. No value at all: no bins."""
    values = np.array([number(row, measure) for row in rows], float)
    known = values[np.isfinite(values)]
    check = check_of(measure)
    limit = None if check is None else (thresholds or Thresholds.default()).limit(check)
    side = "" if check is None else check.side
    unknown = len(values) - len(known)
    if not known.size:
        return Histogram(measure, (), (), math.nan, math.nan, unknown, limit, side)
    low, high = (float(q) for q in np.quantile(known, [1 - TAIL, TAIL]))
    if high - low < 1e-12:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, bins + 1)
    counts = np.histogram(np.clip(known, low, high), edges)[0]
    shown = tuple(edges.tolist()), tuple(counts.tolist())
    return Histogram(measure, *shown, float(known.min()), float(known.max()), unknown, limit, side)


def check_of(measure: str) -> Check | None:
    """The check that looks at a measure, or None."""
    return next((check for check in CHECKS if check.measure == measure), None)

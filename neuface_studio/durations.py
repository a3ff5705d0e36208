"""How long things take, as a person says it, and how long they still take."""

from __future__ import annotations

import time
from collections.abc import Callable

TOLD_AFTER = 2.0  # s: before that a guess would jump about


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class TimeLeft:
    """How long a piece of work still takes, by how long its done part took; it starts anew with every label."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._label: str | None = None
        self._began = self._from = 0.0

    def words(self, label: str, fraction: float | None) -> str:
        """ "38 %, 12 s left"; without the time while too little is done, and nothing where the amount is not known."""
        now = self._clock()
        if label != self._label or fraction is None or fraction < self._from:
            self._label, self._began, self._from = label, now, fraction or 0.0
        if fraction is None:
            return ""
        done, spent = fraction - self._from, now - self._began
        share = f"{100 * fraction:.0f} %"
        if done <= 0 or spent < TOLD_AFTER:
            return share
        return f"{share}, {duration(spent / done * (1 - fraction))} left"

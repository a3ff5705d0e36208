"""What the window's drawing costs the optimiser."""

from __future__ import annotations

import numpy as np

STILL_EVERY = 16  # one iteration in so many is run with the window still, to measure what drawing costs


class ViewerCost:
    """How much slower iterations are while the window draws than while it is still."""

    def __init__(self) -> None:
        self._watched: list[float] = []
        self._still: list[float] = []

    def add(self, seconds: float, still: bool) -> None:
        samples = self._still if still else self._watched
        samples.append(seconds)
        del samples[:-40]

    @property
    def percent(self) -> float | None:
        if len(self._still) < 2 or len(self._watched) < 6:
            return None
        return max(0.0, 100.0 * (float(np.median(self._watched)) / float(np.median(self._still)) - 1.0))

    @staticmethod
    def due(iteration: int) -> bool:
        """Whether the iteration after this one is to be run with the window still."""
        return iteration % STILL_EVERY == STILL_EVERY - 1

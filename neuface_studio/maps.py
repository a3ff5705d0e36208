"""Values per vertex of past iterations, kept small."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

MapKey = tuple[str, int]
"""Name of the run, index of the iteration."""

GRADIENT_BUDGET_BYTES = 256 * 2**20


@dataclass(frozen=True)
class PackedMap:
    """A value per vertex of every frame and view in one byte each: ``levels`` uint8 [F, V, N], 255 = ``peak``."""

    levels: np.ndarray
    peak: float

    def frame(self, frame: int) -> np.ndarray:
        """The values [V, N] of one frame."""
        return np.square(self.levels[frame].astype(np.float32) / 255) * np.float32(self.peak)


def pack_map(values: np.ndarray) -> PackedMap:
    """Non-negative ``values`` [F, V, N]; a square root spends the levels on the small ones, where structure is."""
    peak = float(values.max(initial=0.0))
    scaled = np.sqrt(values / peak) if peak > 0 else np.zeros_like(values)
    return PackedMap((scaled * 255 + 0.5).astype(np.uint8), peak)


@dataclass(frozen=True)
class PixelMap:
    """What of the image drives the next step, of one frame and one state.

    Where the losses see the pixels: ``levels`` uint8 [V, S, S] over the crops, 255 sqrt(value / ``peak``). Where they
    see landmarks only (FLAME fitting): ``strength`` [V, K] at ``points`` [V, K, 2] in crop units.
    """

    frame: int
    peak: float
    levels: np.ndarray | None = None
    strength: np.ndarray | None = None
    points: np.ndarray | None = None

    @classmethod
    def of_pixels(cls, frame: int, gradient: np.ndarray) -> PixelMap:
        """From |dL/dI| [V, S, S]; the peak is what all but a thousandth of the pixels stay below."""
        peak = rounded_up(float(np.quantile(gradient, 0.999)))
        scaled = np.clip(gradient / peak, 0.0, 1.0) if peak > 0 else np.zeros_like(gradient)
        return cls(frame, peak, levels=(np.sqrt(scaled) * 255 + 0.5).astype(np.uint8))

    @classmethod
    def of_landmarks(cls, frame: int, strength: np.ndarray, points: np.ndarray) -> PixelMap:
        """From |dL/dj| [V, K]."""
        return cls(frame, rounded_up(float(strength.max(initial=0.0))), strength=strength, points=points)


class PixelStore:
    """The pixel maps that were worked out, the newest few."""

    def __init__(self, limit: int = 60) -> None:
        self._limit = limit
        self._maps: dict[tuple[MapKey, int], PixelMap] = {}

    def put(self, key: MapKey, pixels: PixelMap) -> None:
        self._maps[key, pixels.frame] = pixels
        while len(self._maps) > self._limit:
            self._maps.pop(next(iter(self._maps)))

    def get(self, key: MapKey, frame: int) -> PixelMap | None:
        return self._maps.get((key, frame))

    def clear(self) -> None:
        self._maps.clear()


class GradientStore:
    """|dL/dM| of past iterations, one byte a vertex, the oldest thinned out when over the budget."""

    def __init__(self, budget_bytes: int = GRADIENT_BUDGET_BYTES) -> None:
        self._budget = budget_bytes
        self._maps: dict[MapKey, PackedMap] = {}

    def put(self, key: MapKey, gradient: PackedMap) -> None:
        """Keep the map of an iteration (loss per metre)."""
        self._maps[key] = gradient
        while self.nbytes > self._budget and len(self._maps) > 2:
            keys = sorted(self._maps)
            del self._maps[min(keys[1:-1], key=lambda key: key[1] % 2 == 0)]

    def get(self, key: MapKey) -> PackedMap | None:
        """The whole map, or None if it was not kept."""
        return self._maps.get(key)

    def frame(self, key: MapKey, frame: int) -> np.ndarray | None:
        """Gradient [V, N] of one frame in loss per metre, or None if it was not kept."""
        entry = self._maps.get(key)
        if entry is None:
            return None
        return entry.frame(frame)

    def typical_peak(self, key: MapKey) -> float:
        """The 99.5th percentile over all frames, views and vertices of an iteration; 0.0 if unknown."""
        entry = self._maps.get(key)
        if entry is None or entry.peak <= 0:
            return 0.0
        levels, peak = entry.levels, entry.peak
        counts = np.cumsum(np.bincount(levels.ravel()[:: max(1, levels.size // 200_000)], minlength=256))
        level = int(np.searchsorted(counts, 0.995 * counts[-1]))
        return float(peak * (max(level, 1) / 255) ** 2)

    @property
    def nbytes(self) -> int:
        return sum(entry.levels.nbytes for entry in self._maps.values())

    def clear(self) -> None:
        self._maps.clear()


def rounded_up(value: float) -> float:
    """The next of 1, 2, 5 times a power of ten: a scale that changes seldom and reads well."""
    if value <= 0 or not math.isfinite(value):
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1.0, 2.0, 5.0, 10.0) if step * power >= value * 0.999)

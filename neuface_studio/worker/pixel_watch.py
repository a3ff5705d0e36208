"""Which map over the pixels is wanted, which one was made last, and when the next may be."""

from __future__ import annotations

import time
from typing import Any

from neuface_studio.maps import PixelMap
from neuface_studio.worker.held_run import HeldRun

SHARE = 0.1  # of the optimiser's time, at most, goes into maps over the pixels while it runs


class PixelWatch:
    """Keeps the map of one frame up to date, of the newest iteration."""

    def __init__(self) -> None:
        self.frame: int | None = None  # the frame whose map is wanted
        self._made: tuple[str, int, int] | None = None  # run, iteration and frame of the last one
        self._after = 0.0  # s on the clock: not before

    def due(self, held: HeldRun) -> bool:
        """Whether a map is wanted and not there yet."""
        return self._wanted(held) not in (None, self._made)

    @property
    def rested(self) -> bool:
        """Whether a running optimisation may spend time on the next one."""
        return time.perf_counter() > self._after

    def forget(self) -> None:
        """What was made is out of date."""
        self._made = None

    def give_up(self, held: HeldRun) -> None:
        """The map that is wanted cannot be made."""
        self._made = self._wanted(held)

    def make(self, held: HeldRun) -> PixelMap | None:
        """What the next step of the newest state sees of the frame; None where nothing is due."""
        frame = self.frame
        if frame is None or not self.due(held):
            return None
        self._made = self._wanted(held)  # also where it fails: not tried for ever
        started = time.perf_counter()
        pixels = pixel_map(held.run, frame)
        took = time.perf_counter() - started
        self._after = time.perf_counter() + took * (1 / SHARE - 1)
        return pixels

    def _wanted(self, held: HeldRun) -> tuple[str, int, int] | None:
        return None if self.frame is None else (held.name, held.last, self.frame)


def pixel_map(run: Any, frame: int) -> PixelMap:
    """|dL/dI| of a frame's crops; of FLAME fitting, which does not look at pixels, the landmarks' pull."""
    from neuface_engine.optimization import gradient_maps

    if run.method == "flame-fitting":
        strength = gradient_maps.landmark_gradient(run)[frame].numpy()
        return PixelMap.of_landmarks(frame, strength, gradient_maps.detected_points(run)[frame].numpy())
    crops = [(frame, view) for view in range(len(run.sequence.views))]
    return PixelMap.of_pixels(frame, gradient_maps.pixel_gradient(run, crops).numpy())

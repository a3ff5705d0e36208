"""Cuts: where the picture changes from one frame to the next as a whole, and the face has to be sought anew."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_SIDE = 32
_MIN_CHANGE = 0.045
"""Mean change of a 32 x 32 picture, of 1, below which there is no cut."""
_TIMES_USUAL = 8.0
"""A cut changes the picture this many times more than the frames around it do."""
_AROUND = 4


class CutFinder:
    """Fed with the frames of one view in order; `cuts()` are the frames at which a new shot begins."""

    def __init__(self) -> None:
        self._before: NDArray[np.float32] | None = None
        self._changes: list[float] = []

    def add(self, frame: NDArray[np.uint8]) -> None:
        small = cv2.resize(frame, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
        if self._before is not None:
            self._changes.append(float(np.abs(small - self._before).mean()))
        self._before = small

    def cuts(self) -> tuple[int, ...]:
        return find_cuts(np.asarray(self._changes))


def find_cuts(changes: NDArray[np.floating]) -> tuple[int, ...]:
    """The frames that begin a shot, of changes [F - 1] between neighbouring frames (0..1).

    A cut is a large change, and large beside what is usual before it and after it (medians): a quick pan changes
    many frames, a cut one.
    """
    found = []
    for k in np.flatnonzero(np.asarray(changes) > _MIN_CHANGE).tolist():
        sides = [changes[max(0, k - _AROUND) : k], changes[k + 1 : k + 1 + _AROUND]]
        usual = max((float(np.median(side)) for side in sides if len(side)), default=0.0)
        if changes[k] > _TIMES_USUAL * usual:
            found.append(k + 1)
    return tuple(found)


def cuts_between(cuts: tuple[int, ...], frames: NDArray[np.integer]) -> tuple[int, ...]:
    """The positions in `frames` [F] (increasing numbers) at which a shot begins."""
    places = np.searchsorted(np.asarray(frames), np.asarray(cuts, np.int64))
    return tuple(sorted({int(p) for p in places if 0 < p < len(frames)}))

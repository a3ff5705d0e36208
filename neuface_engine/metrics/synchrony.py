"""Are the views of one moment of one moment? The mouth opens at the same time in all of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuface_engine.landmarks.topology import LIPS
from neuface_engine.metrics.apertures import opening
from neuface_engine.metrics.averages import to_numpy
from neuface_engine.metrics.landmark_error import landmark_box

MAX_LAG = 12
MIN_CORRELATION = 0.5
MIN_GAIN = 0.05
MIN_FRAMES = 8
MIN_MOTION = 0.004  # of the landmark box: a mouth that opens less says nothing about time
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Synchrony:
    """lag_frames [V, V]: by how many frames the second view (column) is behind the first (row); NaN = not known.

    correlation [V, V]: of their mouth openings at that lag. per_view_frames [V]: how far a view is behind the view that
    most others are in time with; NaN where no pair of it is known. Which of two views is late cannot be told: then the
    first is the clock.
    """

    lag_frames: Floats
    correlation: Floats
    per_view_frames: Floats

    @property
    def largest_frames(self) -> float:
        """The largest |lag| of a view; NaN where nothing is known."""
        known = self.per_view_frames[np.isfinite(self.per_view_frames)]
        return float(np.abs(known).max()) if known.size else float("nan")


@torch.no_grad()
def synchrony(detected: Tensor, valid: Tensor, *, max_lag: int = MAX_LAG) -> Synchrony:
    """From the detected landmarks [F, V, 68, 2] and valid [F, V]: the lag at which two views' mouths agree best.

    The opening (inner lips, in lengths of the landmark box) of each pair of views is correlated (Pearson, over the
    frames in which both show a face, at least 8) at every shift of up to `max_lag` frames and a third of the clip.
    A shift other than 0 counts only where its correlation is at least 0.5 and 0.05 above that of no shift; a pair
    whose mouths hardly move, or agree nowhere, is not known.
    """
    known = valid.cpu().numpy() > 0
    curves = to_numpy(opening(detected, LIPS) / landmark_box(detected))
    curves = np.where(known, curves, np.nan)
    views, furthest = curves.shape[1], min(max_lag, len(curves) // 3)
    lag, best = np.full((views, views), np.nan), np.full((views, views), np.nan)
    np.fill_diagonal(lag, 0.0)
    for i in range(views):
        for j in range(i + 1, views):
            lag[i, j], best[i, j] = _lag(curves[:, i], curves[:, j], furthest)
            lag[j, i], best[j, i] = -lag[i, j], best[i, j]
    return Synchrony(lag, best, _per_view(lag))


def _lag(first: Floats, second: Floats, furthest: int) -> tuple[float, float]:
    shifts = range(-furthest, furthest + 1)
    scores = np.array([_correlation(*_shifted(first, second, shift)) for shift in shifts])
    if not np.isfinite(scores).any():
        return float("nan"), float("nan")
    place = int(np.nanargmax(scores))
    together = scores[furthest]
    if scores[place] < MIN_CORRELATION:
        return float("nan"), float(scores[place])
    if np.isfinite(together) and together >= MIN_CORRELATION and scores[place] < together + MIN_GAIN:
        return 0.0, float(together)
    return float(place - furthest), float(scores[place])


def _shifted(first: Floats, second: Floats, shift: int) -> tuple[Floats, Floats]:
    """The overlapping parts when `second` is behind by `shift` frames."""
    if shift >= 0:
        return first[: len(first) - shift], second[shift:]
    return first[-shift:], second[:shift]


def _correlation(a: Floats, b: Floats) -> float:
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < MIN_FRAMES:
        return float("nan")
    a, b = a[both] - a[both].mean(), b[both] - b[both].mean()
    size = float(np.sqrt(np.mean(a * a)) * np.sqrt(np.mean(b * b)))
    return float(np.mean(a * b)) / size if size > MIN_MOTION**2 else float("nan")


def _per_view(lag: Floats) -> Floats:
    """How far each view is behind the clock: the view that most others are in time with (the first of equals)."""
    known = np.isfinite(lag)
    in_time = (lag == 0).sum(1) + known.sum(1) / (len(lag) + 1)
    clock = int(np.argmax(in_time))
    return np.where(known.sum(1) > 1, lag[clock], np.nan)

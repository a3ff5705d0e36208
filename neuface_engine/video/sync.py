"""Views in step: which frame of each view belongs to which moment, by number, by time stamp, or by the mouth.

Cameras that were started by hand lag behind each other. Where the mouth opens and closes, every view shows the same
curve; the shift between two curves is the shift between two recordings (`mouth_offsets`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from neuface_engine.landmarks.topology import LIPS
from neuface_engine.video.crops import fill_gaps

Floats = NDArray[np.float64]
Sync = Literal["index", "timestamp", "mouth"]
SYNCS: tuple[Sync, ...] = ("index", "timestamp", "mouth")
MAX_OFFSET_SECONDS = 1.0
MIN_CORRELATION = 0.6
"""Of two mouth curves, below which their shift is not believed."""
MIN_GAIN = 0.05
"""By how much the correlation has to be better than without a shift."""
_MIN_OVERLAP_SECONDS = 1.0
_SMOOTHING_FRAMES = 1.0
_NOSE_BRIDGE, _NOSE_BASE = 27, 33


def resampled(timestamps: Sequence[float], fps: float) -> NDArray[np.int64]:
    """For the moments 0, 1/fps, 2/fps, ... of a view, the number of the frame nearest in time.

    timestamps: seconds from the first frame, increasing; where they are not, frames are taken by number.
    """
    times = np.asarray(timestamps, np.float64)
    if len(times) < 2 or not np.all(np.diff(times) > 0):
        return np.arange(len(times), dtype=np.int64)
    half_a_frame = float(np.median(np.diff(times))) / 2
    count = int(np.floor((times[-1] + half_a_frame) * fps - 1e-6)) + 1
    moments = np.arange(count) / fps
    right = np.clip(np.searchsorted(times, moments), 1, len(times) - 1)
    nearer_left = moments - times[right - 1] <= times[right] - moments
    return np.where(nearer_left, right - 1, right).astype(np.int64)


def mouth_opening(landmarks: NDArray[np.floating], present: NDArray[np.bool_]) -> Floats:
    """The opening of the inner lips [F] in units of the nose, of landmarks [F, 68, 2]; gaps interpolated."""
    points = np.asarray(landmarks, np.float64)[..., :2]
    gaps = [np.linalg.norm(points[:, upper] - points[:, lower], axis=-1) for upper, lower in LIPS]
    nose = np.linalg.norm(points[:, _NOSE_BRIDGE] - points[:, _NOSE_BASE], axis=-1)
    opening = np.mean(gaps, axis=0) / np.maximum(nose, 1e-9)
    return fill_gaps(opening, present)


@dataclass(frozen=True)
class Offsets:
    """late[v]: how many frames view v begins after the one that begins first (0 or more); correlation[v]: of its
    mouth's curve with the other views' at that shift, and unshifted[v] without any shift; NaN where the mouth says
    nothing."""

    late: NDArray[np.int64]
    correlation: Floats
    unshifted: Floats

    @property
    def believed(self) -> NDArray[np.bool_]:
        """Which views' offsets rest on curves that fit."""
        return np.asarray(self.correlation >= MIN_CORRELATION)

    @property
    def out_of_step(self) -> bool:
        """Whether the views fit clearly better when shifted."""
        moved = self.believed & (self.correlation > self.unshifted + MIN_GAIN)
        return bool(self.late.any() and moved.any())


def mouth_offsets(curves: Sequence[Floats], fps: float) -> Offsets:
    """How many frames each view is late, from its curve of the mouth's opening [F_v], all at `fps`.

    Every pair of views gives a shift and how well the curves fit at it; the offsets explain the shifts of the pairs
    that fit, weighted by how well (least squares). A view that fits no other one keeps 0.
    """
    count = len(curves)
    shifts = np.zeros((count, count))
    fit = np.full((count, count), np.nan)
    plain = np.full((count, count), np.nan)
    for a in range(count):
        for b in range(a + 1, count):
            shift, best, none = _shift(curves[a], curves[b], fps)
            shifts[a, b], shifts[b, a] = shift, -shift
            fit[a, b] = fit[b, a] = best
            plain[a, b] = plain[b, a] = none
    weight = np.where(np.nan_to_num(fit, nan=-1.0) >= MIN_CORRELATION, np.nan_to_num(fit) ** 2, 0.0)
    # late_b - late_a = shift_ab, sum late = 0: normal equations of the graph of believed pairs
    laplacian = np.diag(weight.sum(1)) - weight
    solved = np.linalg.pinv(laplacian) @ -(weight * shifts).sum(1)
    known = weight.any(1)
    late = np.where(known, np.rint(solved - (solved[known].min() if known.any() else 0.0)), 0)
    safe = np.where(np.isnan(fit), -np.inf, fit)
    best_partner = safe.argmax(1)
    rows = np.arange(count)
    return Offsets(late.astype(np.int64), fit[rows, best_partner], plain[rows, best_partner])


def _shift(a: Floats, b: Floats, fps: float) -> tuple[int, float, float]:
    """The frames by which b is late (b[k] shows what a[k + shift] shows), the correlation there and at 0."""
    a, b = _prepared(a), _prepared(b)
    longest = round(MAX_OFFSET_SECONDS * fps)
    least = max(3, round(min(_MIN_OVERLAP_SECONDS * fps, 0.5 * min(len(a), len(b)))))
    scores = {}
    for shift in range(-longest, longest + 1):
        first = a[shift:] if shift >= 0 else a
        second = b if shift >= 0 else b[-shift:]
        overlap = min(len(first), len(second))
        if overlap >= least:
            scores[shift] = _correlation(first[:overlap], second[:overlap])
    known = {shift: score for shift, score in scores.items() if np.isfinite(score)}
    if not known:
        return 0, float("nan"), float("nan")
    best = max(known, key=lambda shift: (known[shift], -abs(shift)))
    return best, known[best], known.get(0, float("nan"))


def _prepared(curve: Floats) -> Floats:
    """The change of the opening, a little smoothed: sharper in time than the opening itself."""
    if len(curve) < 3:
        return np.zeros(len(curve))
    return np.asarray(gaussian_filter1d(curve, _SMOOTHING_FRAMES, order=1, mode="nearest"))


def _correlation(a: Floats, b: Floats) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum() / size) if size > 1e-9 else float("nan")


def shifted(frames: Sequence[NDArray[np.int64]], late: NDArray[np.int64]) -> NDArray[np.int64]:
    """view_frames [F, V]: the common moments of views whose frame numbers are `frames[v]`, view v being late[v] late.

    A view that began late shows at its first frame what the others show later: their first frames are left out.
    """
    skip = int(late.max()) - late
    count = min(len(numbers) - int(s) for numbers, s in zip(frames, skip, strict=True))
    return np.stack(
        [numbers[int(s) : int(s) + max(count, 0)] for numbers, s in zip(frames, skip, strict=True)], 1
    )

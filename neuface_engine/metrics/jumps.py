"""Sudden jumps: from one frame to the next the mesh moves as it does nowhere around."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
REACH = 2


def jump_percent(points: Floats, size: Floats, known: NDArray[np.bool_]) -> Floats:
    """[F, V]: how much farther the points moved since the frame before than around it, in percent of the face's size.

    points [F, V, K, 3] in any unit and size [F, V] of the face in the same one; known [F, V]. The step of a frame is
    the mean over points of |x(t) - x(t-1)|; from it the median of the two steps before and after is taken, so that a
    head that turns fast, but for several frames, does not jump. Never below 0; NaN in the first frame and where this
    frame or the one before shows no face.
    """
    frames = len(points)
    result = np.full(known.shape, np.nan)
    if frames < 2:
        return result
    step = np.linalg.norm(np.diff(points, axis=0), axis=-1).mean(-1)  # [F - 1, V]
    step = 100 * step / np.maximum((size[1:] + size[:-1]) / 2, 1e-9)
    both = known[1:] & known[:-1]
    step = np.where(both, step, np.nan)
    padded = np.pad(step, ((REACH, REACH), (0, 0)), constant_values=np.nan)
    around = np.stack([padded[REACH + d : REACH + d + frames - 1] for d in (-2, -1, 1, 2)])
    known_around = np.isfinite(around).any(0)
    usual = np.where(known_around, np.nanmedian(np.where(known_around, around, 0.0), 0), 0.0)
    result[1:] = np.where(both, np.maximum(step - usual, 0.0), np.nan)
    return result

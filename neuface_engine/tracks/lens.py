"""Pinhole cameras of a track: of trackers that do not use the paper's weak perspective."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Lens:
    """A pinhole camera for each frame and view, [F, V, ...].

    A posed point p (metres; x right, y up, z towards the camera) lies at c = p + shift in the axes of the camera,
    which stands at the origin and looks along -z; it is seen at (cx + fx c_x / -c_z, cy - fy c_y / -c_z) pixels of the
    video frame (y down; the top-left pixel's centre is at 0.5, 0.5).

    focal [F, V, 2] px, centre [F, V, 2] px, shift [F, V, 3] metres.
    """

    focal: Floats
    centre: Floats
    shift: Floats

    def pixels(self, points: ArrayLike) -> Floats:
        """Posed points [F, V, N, 3] -> frame pixels [F, V, N, 3]: x, y, depth (px at the head, larger is nearer)."""
        seen = np.asarray(points, np.float64) + self.shift[..., None, :]
        distance = np.maximum(-seen[..., 2], 1e-6)
        flat = seen[..., :2] * np.array([1.0, -1.0]) / distance[..., None]
        xy = self.centre[..., None, :] + self.focal[..., None, :] * flat
        scale = self.focal[..., 0] / np.maximum(-self.shift[..., 2], 1e-6)
        depth = seen[..., 2] * scale[..., None]
        return np.concatenate([xy, depth[..., None]], axis=-1)

    def __getitem__(self, index: Any) -> Lens:
        return Lens(self.focal[index], self.centre[index], self.shift[index])

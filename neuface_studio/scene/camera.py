"""The camera of the 3D view: turns around the heads and keeps them in the picture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

HALF_ANGLE_DEG = 10.0
STEEPEST_DEG = 88.0
GAP_M = (0.23, 0.31)  # m between heads that stand side by side: across, down


@dataclass(frozen=True)
class Framing:
    """What the camera looks at: ``centre`` (m) and the ``distance`` (m) from which all of it is in the picture."""

    centre: tuple[float, float, float]
    distance: float


@dataclass(frozen=True)
class OrbitCamera:
    """Angles in degrees: ``yaw`` to the subject's left, ``pitch`` upwards; ``zoom`` > 1 is closer.

    ``framing`` None means: fit to what is drawn next.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    zoom: float = 1.0
    framing: Framing | None = None

    def turned(self, yaw: float, pitch: float) -> OrbitCamera:
        steep = min(max(self.pitch + pitch, -STEEPEST_DEG), STEEPEST_DEG)
        return replace(self, yaw=(self.yaw + yaw + 180.0) % 360.0 - 180.0, pitch=steep)

    def zoomed(self, factor: float) -> OrbitCamera:
        return replace(self, zoom=min(max(self.zoom * factor, 0.2), 20.0))

    @property
    def rotation(self) -> Floats:
        """[3, 3]: world -> camera axes (x right, y up, z to the viewer)."""
        yaw, pitch = np.radians(self.yaw), np.radians(self.pitch)
        about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
        about_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
        return np.asarray(about_x @ about_y, dtype=np.float32)

    def project(self, points: Floats, width: int, height: int) -> Floats:
        """Points [..., 3] (m) -> px of a ``width`` x ``height`` picture and a depth, larger = nearer."""
        framing = self.framing or fit(points, width, height)
        seen = (points - np.asarray(framing.centre, dtype=np.float32)) @ self.rotation.T
        away = framing.distance - seen[..., 2]
        scale = self.zoom * height / 2 / np.tan(np.radians(HALF_ANGLE_DEG)) / np.maximum(away, 1e-3)
        out = np.empty_like(seen)
        out[..., 0] = width / 2 + seen[..., 0] * scale
        out[..., 1] = height / 2 - seen[..., 1] * scale
        # The inverse of the distance grows linearly over the picture, as the z-buffer needs it.
        out[..., 2] = 1.0 / np.maximum(away, 1e-3)
        return out


def direction_of(rotation: NDArray[np.floating]) -> tuple[float, float]:
    """(yaw, pitch) in degrees from which a head is seen that a camera sees turned by ``rotation`` [3, 3]."""
    x, y, z = (float(value) for value in rotation[2])
    pitch = float(np.degrees(np.arcsin(np.clip(y, -1.0, 1.0))))
    return float(np.degrees(np.arctan2(-x, z))), min(max(pitch, -STEEPEST_DEG), STEEPEST_DEG)


def fit(points: NDArray[np.floating], width: int, height: int) -> Framing:
    """The framing from which all points [..., 3] (m) are in a picture of this shape, seen from the front."""
    flat = points.reshape(-1, 3)
    low, high = flat.min(axis=0), flat.max(axis=0)
    centre, size = (low + high) / 2, high - low
    needed = max(float(size[1]), float(size[0]) * height / max(1, width))
    distance = 0.53 * needed / np.tan(np.radians(HALF_ANGLE_DEG)) + float(size[2]) / 2
    return Framing((float(centre[0]), float(centre[1]), float(centre[2])), float(distance))


def side_by_side(vertices: Floats, width: int, height: int) -> Floats:
    """Heads [V, N, 3] moved apart into rows, with the columns that show them largest in the picture."""
    count = len(vertices)
    sizes = {
        columns: min(width / (columns * GAP_M[0]), height / (-(-count // columns) * GAP_M[1]))
        for columns in range(1, max(1, count) + 1)
    }
    columns = max(sizes, key=lambda number: (sizes[number], -number))
    places = np.arange(count)
    shift = np.zeros((count, 1, 3), dtype=np.float32)
    shift[:, 0, 0] = (places % columns) * GAP_M[0]
    shift[:, 0, 1] = -(places // columns) * GAP_M[1]
    return vertices + shift

"""What lies under the mouse: the nearest landmark, or the vertex of the seen surface, with its region."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuface_studio.model import Footage

LANDMARK_REACH = 7.0  # px on the screen
VERTEX_REACH = 14.0
# iBUG's 68 points, left and right being the subject's own.
PARTS = (
    ("contour", range(17)),
    ("right brow", range(17, 22)),
    ("left brow", range(22, 27)),
    ("nose", range(27, 36)),
    ("right eye", range(36, 42)),
    ("left eye", range(42, 48)),
    ("outer lips", range(48, 60)),
    ("inner lips", range(60, 68)),
)


@dataclass(frozen=True)
class Landmark:
    """One of the 68 points; ``apart_px`` is how far its projection lies from the detection, px of the video."""

    number: int
    name: str
    kind: str  # "detected" or "projected"
    apart_px: float | None


@dataclass(frozen=True)
class Vertex:
    """A vertex of the head; ``value`` is what the heat map shows there, in words, or None; ``other`` the view that is
    farthest away there."""

    number: int
    region: str
    value: str | None
    other: str = ""


def landmark_name(number: int) -> str:
    """Where a landmark (0..67) lies on the face."""
    return next(name for name, points in PARTS if number in points)


def nearest_landmark(
    x: float,
    y: float,
    detected: NDArray[np.floating] | None,
    projected: NDArray[np.floating] | None,
    reach: float = LANDMARK_REACH,
    px_per_tile_px: float = 1.0,
) -> Landmark | None:
    """The drawn landmark within ``reach`` of (x, y); positions [68, 2] in the same px, or None where not drawn."""
    best, found = reach, None
    for kind, points in (("detected", detected), ("projected", projected)):
        if points is None:
            continue
        distance = np.hypot(points[:, 0] - x, points[:, 1] - y)
        number = int(distance.argmin())
        if distance[number] <= best:
            best, found = float(distance[number]), (number, kind)
    if found is None:
        return None
    number, kind = found
    apart = None
    if detected is not None and projected is not None:
        apart = float(np.hypot(*(detected[number] - projected[number]))) * px_per_tile_px
    return Landmark(number, landmark_name(number), kind, apart)


def nearest_vertex(
    x: float,
    y: float,
    points: NDArray[np.floating],
    normals: NDArray[np.floating],
    reach: float = VERTEX_REACH,
) -> int | None:
    """The vertex under (x, y) of the surface that is seen there; points [N, 3] with a depth (larger = nearer)."""
    distance = np.hypot(points[:, 0] - x, points[:, 1] - y)
    near = np.flatnonzero((distance <= reach) & (normals[:, 2] > 0))
    if not len(near):
        return None
    # Of the few around the mouse those of the front-most surface: an ear may lie before the neck.
    front = near[points[near, 2] >= points[near, 2].max() - 2.5 * reach]
    return int(front[distance[front].argmin()])


class Regions:
    """Names of the head's regions by vertex: the smallest region that holds it."""

    def __init__(self, footage: Footage) -> None:
        masks = {name: mask.cpu().numpy() for name, mask in footage.head.regions.items()}
        self._names = np.full(footage.head.num_vertices, "head", dtype=object)
        for name in sorted(masks, key=lambda key: -int(masks[key].sum())):
            self._names[masks[name]] = name.replace("_", " ")

    def name(self, vertex: int) -> str:
        return str(self._names[vertex]) if vertex < len(self._names) else "mesh"


def words(landmark: Landmark | None, vertex: Vertex | None, view: str) -> str:
    """What the window says of the point under the mouse; empty where there is nothing."""
    if landmark is not None:
        text = f"{view}: landmark {landmark.number + 1} of 68, {landmark.name} ({landmark.kind})"
        if landmark.apart_px is not None:
            text += f", mesh {landmark.apart_px:.1f} px from the detection"
        return text
    if vertex is not None:
        text = f"{view}: vertex {vertex.number}, {vertex.region}"
        if vertex.value is not None:
            text += f", {vertex.value}"
        if vertex.other:
            text += f": {view} and {vertex.other} disagree"
        return text
    return ""

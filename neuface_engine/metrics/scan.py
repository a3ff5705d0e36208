"""Scan-to-mesh distance: how far is the mesh from the true surface? Needs no common topology.

NoW's protocol (Sanyal et al., "Learning to regress 3D face shape and expression from an image without 3D supervision",
2019) in an implementation of our own: crop the scan to a sphere around the face, lay the mesh upon it, take the
unsigned distance from every vertex of the scan to the surface of the mesh.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations, product
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from neuface_engine.face_model.rotations import axis_angle_to_matrix
from neuface_engine.metrics.averages import MM, nan_mean, nan_median
from neuface_engine.metrics.closest_point import Surface

Alignment = Literal["none", "rigid", "similarity"]
Floats = NDArray[np.float64]
NOW_POINTS = (36, 39, 42, 45, 33, 48, 54)  # of the 68: eye corners, base of the nose, mouth corners
FIT_POINTS = 4000
ROBUST_START, ROBUST_END = 0.01, 0.002  # metres; residuals beyond it pull ever less
_STARTS = np.array(  # the 24 turns of a cube
    [
        matrix
        for axes in permutations(range(3))
        for signs in product((1, -1), repeat=3)
        if np.linalg.det(matrix := np.eye(3)[list(axes)] * np.array(signs)[:, None]) > 0
    ]
)


@dataclass(frozen=True)
class Similarity:
    """x -> scale * rotation x + translation, metres."""

    scale: float
    rotation: Floats
    translation: Floats

    def __call__(self, points: Floats) -> Floats:
        return self.scale * points @ self.rotation.T + self.translation

    def inverse(self) -> Similarity:
        rotation = self.rotation.T
        return Similarity(1 / self.scale, rotation, -(rotation @ self.translation) / self.scale)


IDENTITY = Similarity(1.0, np.eye(3), np.zeros(3))


@dataclass(frozen=True)
class ScanDistance:
    """distances_mm [P]: of the scan's points inside the sphere, in the scan's own size; `placed`: mesh -> scan."""

    distances_mm: Floats
    placed: Similarity

    @property
    def mean_mm(self) -> float:
        return nan_mean(self.distances_mm)

    @property
    def median_mm(self) -> float:
        return nan_median(self.distances_mm)


def scan_distance(
    scan: ArrayLike,
    vertices: ArrayLike,
    faces: ArrayLike,
    mesh_landmarks: ArrayLike,
    *,
    align: Alignment = "rigid",
    scan_landmarks: ArrayLike | None = None,
    start: Similarity | None = None,
) -> ScanDistance:
    """Distance of the points of a scan to the surface of a mesh.

    scan [P, 3], vertices [N, 3], mesh_landmarks [68, 3] in metres, faces [T, 3]. The mesh is moved, the scan stays:
    "rigid" turns and shifts, "similarity" also scales (a face seen by one camera has no size of its own), "none"
    takes both as they are. The search begins at `start`, or at scan_landmarks [7, 51 or 68, 3], or else in all 24
    quarter turns, which suits a scan of a head or a face but not one with shoulders. Then the robust (soft 1-norm)
    sum of the distances themselves is minimised.

    The sphere stands on scan_landmarks where given, else on the mesh's: then two methods are measured on slightly
    different parts of the scan. A scan of which no point lies in the sphere gives NaN.
    """
    points = np.asarray(scan, np.float64)
    marks = np.asarray(mesh_landmarks, np.float64)
    surface = Surface(vertices, faces)
    picked = None if scan_landmarks is None else np.asarray(scan_landmarks, np.float64)
    scaled = align == "similarity"
    if align == "none":
        placed = IDENTITY
    elif start is not None:
        placed = start
    elif picked is not None:
        placed = procrustes(_matching(marks, len(picked)), picked, scaled=scaled)
    else:
        placed = _search_start(points, surface, np.asarray(vertices, np.float64), marks)
    if align != "none":
        for robust in (ROBUST_START, ROBUST_END):
            inside = _thinned(points[_in_sphere(points, picked, placed(marks))], FIT_POINTS)
            if len(inside) >= 4:
                placed, _ = refine(inside, surface, placed, scaled=scaled, robust=robust)
    inside = points[_in_sphere(points, picked, placed(marks))]
    back = placed.inverse()
    return ScanDistance(surface.closest(back(inside)).distance * placed.scale * MM, placed)


def face_sphere(landmarks: Floats) -> tuple[Floats, float]:
    """Centre [3] and radius of NoW's sphere around a face, from its 7, 51 or 68 landmarks."""
    outer_right, inner_right, inner_left, outer_left, nose = _matching(landmarks, 7)[:5]
    bridge = (inner_right + inner_left) / 2
    half = (np.linalg.norm(outer_right - outer_left) + np.linalg.norm(bridge - nose)) / 2
    return nose + 0.3 * (bridge - nose), 1.4 * float(half)


def procrustes(source: Floats, target: Floats, *, scaled: bool) -> Similarity:
    """The motion (and scale) of source [K, 3] onto target [K, 3] of least squares (Umeyama, 1991)."""
    from_centre, to_centre = source.mean(0), target.mean(0)
    a, b = source - from_centre, target - to_centre
    u, singular, vt = np.linalg.svd(b.T @ a)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    scale = float((singular * sign).sum() / np.square(a).sum()) if scaled else 1.0
    return Similarity(scale, rotation, to_centre - scale * rotation @ from_centre)


def refine(
    points: Floats, surface: Surface, start: Similarity, *, scaled: bool, robust: float, steps: int = 40
) -> tuple[Similarity, float]:
    """Minimises sum 2 c^2 (sqrt(1 + (d/c)^2) - 1), d = distance of points [P, 3] to the moved surface, c = `robust`.

    Levenberg and Marquardt's method on the distances themselves: their gradient is the direction to the nearest point,
    so that points slide along the surface freely. Returns the new placement mesh -> scan, and the mean cost [m^2].
    """
    centre = points.mean(0)
    centred = points - centre
    inverse = start.inverse()  # the unknowns: scan -> mesh, x' = k Q x + q about the centre of the points
    k, Q, q = inverse.scale, inverse.rotation, inverse(centre[None])[0]
    damping = 1e-4

    def look(k: float, Q: Floats, q: Floats) -> tuple[Floats, Floats, Floats, float]:
        arm = k * centred @ Q.T
        nearest = surface.closest(arm + q)
        away = arm + q - nearest.point
        direction = away / np.maximum(nearest.distance, 1e-12)[:, None]
        residual = nearest.distance / k
        cost = 2 * robust**2 * (np.sqrt(1 + (residual / robust) ** 2) - 1)
        return arm, direction, residual, float(cost.mean())

    arm, direction, residual, cost = look(k, Q, q)
    for _ in range(steps):
        # d residual / d (turn, shift, log k); the turn multiplies Q from the left.
        columns = [np.cross(arm, direction) / k, direction / k]
        if scaled:
            columns.append(((direction * arm).sum(1) / k - residual)[:, None])
        jacobian = np.concatenate(columns, axis=1)
        weight = 1 / np.sqrt(1 + (residual / robust) ** 2)
        normal = jacobian.T @ (weight[:, None] * jacobian)
        gradient = jacobian.T @ (weight * residual)
        improved = False
        while damping < 1e6 and not improved:
            step = np.linalg.solve(normal + damping * np.diag(normal.diagonal() + 1e-12), -gradient)
            turned = axis_angle_to_matrix(torch.from_numpy(step[:3])).numpy() @ Q
            sized = k * float(np.exp(np.clip(step[6], -0.1, 0.1))) if scaled else k
            new = look(sized, turned, q + step[3:6])
            improved = new[3] < cost
            damping = max(damping / 4, 1e-9) if improved else damping * 8
        if not improved:
            break
        gained = cost - new[3]
        k, Q, q = sized, turned, q + step[3:6]
        arm, direction, residual, cost = new
        if gained < 1e-6 * cost:
            break
    found = Similarity(k, Q, q - k * Q @ centre)
    return found.inverse(), cost


def _search_start(points: Floats, surface: Surface, vertices: Floats, marks: Floats) -> Similarity:
    """The best of 24 turns and three anchors: the scan may be a whole head or only a face, in any axes."""
    anchor = points.mean(0)
    centres = (vertices.mean(0), marks.mean(0), (vertices.mean(0) + marks.mean(0)) / 2)
    places = [Similarity(1.0, turn, anchor - turn @ centre) for turn, centre in product(_STARTS, centres)]
    for number, steps, kept in ((100, 5, 8), (400, 12, 1)):
        few = _thinned(points, number)
        found = [
            refine(few, surface, place, scaled=False, robust=ROBUST_START, steps=steps) for place in places
        ]
        places = [place for place, _ in sorted(found, key=lambda pair: pair[1])[:kept]]
    return places[0]


def _in_sphere(points: Floats, picked: Floats | None, marks: Floats) -> NDArray[np.bool_]:
    centre, radius = face_sphere(marks if picked is None else picked)
    return np.linalg.norm(points - centre, axis=1) <= radius


def _matching(landmarks: Floats, number: int) -> Floats:
    """`number` (7, 51 or 68) of the landmarks [7, 51 or 68, 3]."""
    if number == len(landmarks):
        return landmarks
    if number == 51:
        return landmarks[-51:]
    return landmarks[np.array(NOW_POINTS) - (68 - len(landmarks))]


def _thinned(points: Floats, number: int) -> Floats:
    """At most about `number` of the points, evenly through their order."""
    return points[:: max(1, len(points) // number)]

"""The nearest point of a triangle mesh, exactly: a balanced tree of boxes, searched nearest box first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

_LEAF = 4  # triangles a leaf holds at most
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Closest:
    """Of each of P points: distance [P], the nearest surface point [P, 3], and the triangle [P] it lies on."""

    distance: Floats
    point: Floats
    triangle: NDArray[np.int64]


class Surface:
    """A mesh that can be asked for its nearest points: vertices [N, 3] in any unit, faces [T, 3].

    Raises ValueError for a mesh without triangles or with vertices that are not finite.
    """

    def __init__(self, vertices: ArrayLike, faces: ArrayLike) -> None:
        corners = np.asarray(vertices, np.float64)[np.asarray(faces, np.int64)]  # [T, 3, 3]
        if not len(corners) or not np.isfinite(corners).all():
            raise ValueError("a surface needs at least one triangle, and finite vertices")
        self._levels = max(0, int(np.ceil(np.log2(len(corners) / _LEAF))))
        leaves = 2**self._levels
        size = -(-len(corners) // leaves)
        order = np.minimum(np.arange(leaves * size), len(corners) - 1)[
            None
        ]  # the last one repeated as filling
        centres = corners.mean(1)
        for _ in range(self._levels):  # halve every box across its longest side
            inside = centres[order]
            longest = np.ptp(inside, axis=1).argmax(-1)
            along = np.take_along_axis(inside, longest[:, None, None], axis=2)[..., 0]
            order = np.take_along_axis(order, along.argsort(1, kind="stable"), axis=1)
            order = order.reshape(2 * len(order), -1)
        self._order = np.ascontiguousarray(order)  # [leaf, size]
        self._corners = np.ascontiguousarray(corners)
        self._low, self._high = np.empty((2 * leaves, 3)), np.empty((2 * leaves, 3))
        low, high = corners.min(1)[order].min(1), corners.max(1)[order].max(1)
        while True:  # node n has the children 2n and 2n + 1; the root is 1
            self._low[len(low) : 2 * len(low)], self._high[len(low) : 2 * len(low)] = low, high
            if len(low) == 1:
                break
            low, high = low.reshape(-1, 2, 3).min(1), high.reshape(-1, 2, 3).max(1)

    def closest(self, points: ArrayLike) -> Closest:
        """Of points [P, 3]; NaN and triangle -1 for a point that is not finite."""
        queries = np.ascontiguousarray(points, dtype=np.float64).reshape(-1, 3)
        nearest = np.full_like(queries, np.nan)
        squared = np.full(len(queries), np.nan)
        triangle = np.full(len(queries), -1, np.int64)
        _search(
            queries,
            self._corners,
            self._order,
            self._low,
            self._high,
            self._levels,
            nearest,
            squared,
            triangle,
        )
        return Closest(np.sqrt(squared), nearest, triangle)


@njit(nogil=True, cache=True, error_model="numpy")
def _search(queries, corners, order, low, high, levels, nearest, squared, triangle):  # type: ignore[no-untyped-def]
    leaves = 1 << levels
    stack = np.empty(levels + 2, np.int64)
    bounds = np.empty(levels + 2)
    candidate = np.empty(3)
    for q in range(len(queries)):
        p = queries[q]
        if not (np.isfinite(p[0]) and np.isfinite(p[1]) and np.isfinite(p[2])):
            continue
        best = np.inf
        stack[0], bounds[0], top = 1, _box_distance(p, low[1], high[1]), 1
        while top > 0:
            top -= 1
            node = stack[top]
            if bounds[top] >= best:
                continue
            if node >= leaves:
                for t in order[node - leaves]:
                    d = _triangle_distance(p, corners[t, 0], corners[t, 1], corners[t, 2], candidate)
                    if d < best:
                        best = d
                        triangle[q] = t
                        nearest[q] = candidate
                continue
            near, far = 2 * node, 2 * node + 1
            to_near, to_far = _box_distance(p, low[near], high[near]), _box_distance(p, low[far], high[far])
            if to_far < to_near:
                near, far, to_near, to_far = far, near, to_far, to_near
            stack[top], bounds[top] = far, to_far
            stack[top + 1], bounds[top + 1] = near, to_near
            top += 2
        squared[q] = best


@njit(nogil=True, cache=True, error_model="numpy")
def _box_distance(p, low, high):  # type: ignore[no-untyped-def]
    """Squared distance to a box."""
    total = 0.0
    for c in range(3):
        outside = max(low[c] - p[c], 0.0, p[c] - high[c])
        total += outside * outside
    return total


@njit(nogil=True, cache=True, error_model="numpy")
def _triangle_distance(p, a, b, c, out):  # type: ignore[no-untyped-def]
    """Squared distance to a triangle, its nearest point in `out`.

    The foot of the perpendicular where it falls inside, else the nearest of the three sides: right for triangles of no
    area too.
    """
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    wx, wy, wz = p[0] - a[0], p[1] - a[1], p[2] - a[2]
    nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    area = nx * nx + ny * ny + nz * nz
    if area > 0.0:
        # Barycentric coordinates of the foot: triple products with the normal.
        beta = ((wy * vz - wz * vy) * nx + (wz * vx - wx * vz) * ny + (wx * vy - wy * vx) * nz) / area
        gamma = ((uy * wz - uz * wy) * nx + (uz * wx - ux * wz) * ny + (ux * wy - uy * wx) * nz) / area
        if beta >= 0.0 and gamma >= 0.0 and beta + gamma <= 1.0:
            out[0] = a[0] + beta * ux + gamma * vx
            out[1] = a[1] + beta * uy + gamma * vy
            out[2] = a[2] + beta * uz + gamma * vz
            return (p[0] - out[0]) ** 2 + (p[1] - out[1]) ** 2 + (p[2] - out[2]) ** 2
    best = np.inf
    for side in range(3):
        if side == 0:
            s, e = a, b
        elif side == 1:
            s, e = b, c
        else:
            s, e = c, a
        dx, dy, dz = e[0] - s[0], e[1] - s[1], e[2] - s[2]
        length = dx * dx + dy * dy + dz * dz
        along = 0.0
        if length > 0.0:
            along = ((p[0] - s[0]) * dx + (p[1] - s[1]) * dy + (p[2] - s[2]) * dz) / length
            along = min(max(along, 0.0), 1.0)
        x, y, z = s[0] + along * dx, s[1] + along * dy, s[2] + along * dz
        d = (p[0] - x) ** 2 + (p[1] - y) ** 2 + (p[2] - z) ** 2
        if d < best:
            best = d
            out[0], out[1], out[2] = x, y, z
    return best

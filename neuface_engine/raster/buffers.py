"""Checking of meshes and reuse of z-buffers; ``rasterize`` is the public entry."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import kernels


@dataclass(frozen=True)
class Buffers:
    """What each pixel sees of a mesh.

    triangle: int32 [H, W], index into ``faces``, -1 where there is none.
    barycentric: float32 [H, W, 3], weights of the triangle's vertices at the pixel's centre, 0 where there is none.
    depth: float32 [H, W], larger = nearer, -inf where there is none.
    """

    triangle: NDArray[np.int32]
    barycentric: NDArray[np.float32]
    depth: NDArray[np.float32]

    @property
    def mask(self) -> NDArray[np.bool_]:
        """bool [H, W]: the pixel is covered."""
        return self.triangle >= 0

    def interpolate(self, faces: ArrayLike, attribute: ArrayLike) -> NDArray[np.float32]:
        """Per-vertex values [V, ...] at every pixel: float32 [H, W, ...], 0 where there is no mesh."""
        values = np.asarray(attribute, dtype=np.float32)
        corners = np.asarray(faces)[np.maximum(self.triangle, 0)]
        weights = self.barycentric.reshape(*self.barycentric.shape, *(1,) * (values.ndim - 1))
        result: NDArray[np.float32] = (values[corners] * weights).sum(axis=2)
        return result


def empty_buffers(height: int, width: int) -> Buffers:
    """Uninitialised buffers of a size [px]."""
    if height < 1 or width < 1:
        raise ValueError(f"an image needs at least one pixel, not {height} x {width}")
    return Buffers(
        np.empty((height, width), np.int32),
        np.empty((height, width, 3), np.float32),
        np.empty((height, width), np.float32),
    )


_workspace = threading.local()


def thread_buffers(height: int, width: int) -> Buffers:
    """Buffers of this thread, reused while the size stays the same."""
    kept: Buffers | None = getattr(_workspace, "buffers", None)
    if kept is None or kept.depth.shape != (height, width):
        kept = empty_buffers(height, width)
        _workspace.buffers = kept
    return kept


def checked_faces(faces: ArrayLike, vertex_count: int) -> NDArray[np.int32]:
    """faces as contiguous int32 [T, 3]; ValueError where they do not fit ``vertex_count`` vertices."""
    checked = np.ascontiguousarray(faces, dtype=np.int32)
    if checked.ndim != 2 or checked.shape[1] != 3:
        raise ValueError(f"faces must be [T, 3], not {list(checked.shape)}")
    if checked.size and (checked.min() < 0 or checked.max() >= vertex_count):
        raise ValueError(f"faces name vertices outside 0..{vertex_count - 1}")
    return checked


def checked_points(points: ArrayLike) -> NDArray[np.float32]:
    """points as contiguous float32 [..., V, 3]; ValueError otherwise."""
    checked = np.ascontiguousarray(points, dtype=np.float32)
    if checked.ndim < 2 or checked.shape[-1] != 3:
        raise ValueError(f"points must be [..., V, 3], not {list(checked.shape)}")
    return checked


def checked_mesh(points: ArrayLike, faces: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """One mesh, points [V, 3] and faces [T, 3], ready for the kernels; ValueError otherwise."""
    checked = checked_points(points)
    if checked.ndim != 2:
        raise ValueError(f"points must be one mesh [V, 3], not {list(checked.shape)}")
    return checked, checked_faces(faces, len(checked))


def rasterize(
    points: ArrayLike,
    faces: ArrayLike,
    height: int,
    width: int,
    *,
    cull: bool = True,
    out: Buffers | None = None,
) -> Buffers:
    """Draw a mesh into a z-buffer.

    points: [V, 3] = x px, y px (the first pixel's centre is at 0.5, 0.5; y down), depth in any linear unit,
        larger = nearer.
    faces: int [T, 3], counter-clockwise seen from outside; ``cull`` leaves out those seen from inside.
    out: buffers of the same size to write into, to save the allocation.

    Points that are not finite, or farther than 32,768 px from the origin, drop their triangles.
    """
    mesh, triangles = checked_mesh(points, faces)
    buffers = empty_buffers(height, width) if out is None else out
    if buffers.depth.shape != (height, width):
        raise ValueError(f"out is {list(buffers.depth.shape)}, not [{height}, {width}]")
    buffers.barycentric.fill(0.0)
    kernels.fill(mesh, triangles, cull, False, buffers.triangle, buffers.barycentric, buffers.depth)
    return buffers

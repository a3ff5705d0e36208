"""Normals of vertices, and which of them a camera sees."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import kernels
from .buffers import checked_faces, checked_points


def vertex_normals(vertices: ArrayLike, faces: ArrayLike) -> NDArray[np.float32]:
    """Unit normals, area-weighted over the triangles around a vertex.

    vertices: [..., V, 3] with y up (FLAME's frame). faces: int [T, 3]. Returns float32 [..., V, 3]; zero for a vertex
    without a usable triangle.
    """
    points = checked_points(vertices)
    triangles = checked_faces(faces, points.shape[-2])
    normals = np.empty_like(points)
    batch = (-1, *points.shape[-2:])
    kernels.batch_normals(points.reshape(batch), triangles, normals.reshape(batch))
    return normals


def vertex_visibility(
    points: ArrayLike,
    faces: ArrayLike,
    *,
    resolution: int = 128,
    bias: float = 0.01,
    minimum_facing: float = 0.0,
    threads: int | None = None,
) -> NDArray[np.bool_]:
    """Which vertices are seen: turned to the viewer and hidden behind no other part of the mesh.

    points: [..., V, 3] = x, y (down), depth (larger = nearer), all three in one unit (pixels or crop coordinates; the
        mesh is scaled to the z-buffer, so that the unit does not matter).
    faces: int [T, 3], counter-clockwise seen from outside.
    resolution: side of the z-buffer [px]. minimum_facing: smallest cosine between normal and view.
    bias: depth by which a surface must be nearer to hide a vertex, as a fraction of the mesh's larger side.
    threads: default one a core.
    Returns bool [..., V]; vertices that are not finite are not seen.
    """
    meshes = checked_points(points)
    if resolution < 8:
        raise ValueError(f"resolution must be at least 8, not {resolution}")
    triangles = checked_faces(faces, meshes.shape[-2])
    batch = meshes.reshape(-1, *meshes.shape[-2:])
    visible = np.zeros(batch.shape[:2], np.bool_)

    def work(part: slice) -> None:
        scratch = np.empty(batch.shape[1:], np.float32)
        kernels.see(batch[part], triangles, scratch, resolution, bias, minimum_facing, visible[part])

    # Plain threads over kernels without the GIL: numba's own parallel layers abort the process when two Python threads
    # enter them at once (workqueue) or after a fork (OpenMP).
    workers = min(threads or os.cpu_count() or 1, len(batch))
    if workers <= 1:
        work(slice(None))
    else:
        edges = np.linspace(0, len(batch), workers + 1).astype(int)
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, (slice(a, b) for a, b in pairwise(edges))))
    return visible.reshape(meshes.shape[:-1])


def viewing_confidence(vertices: ArrayLike, faces: ArrayLike) -> NDArray[np.float32]:
    """How well a viewer in front sees each vertex: the cosine of its normal to the view, 0 where it is hidden.

    vertices: [..., V, 3] posed in the camera's axes, y up, z towards the viewer; orthographic, so that position and
    unit do not matter. faces: int [T, 3]. Returns float32 [..., V] in 0..1.
    """
    posed = np.asarray(vertices, np.float32)
    facing = vertex_normals(posed, faces)[..., 2].clip(min=0)
    return facing * vertex_visibility(posed * np.array([1, -1, 1], np.float32), faces)  # image y is down

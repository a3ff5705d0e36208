"""Meshes over video frames: shaded, coloured by a value, or as wire."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import kernels
from .buffers import Buffers, checked_mesh, thread_buffers
from .colormaps import colormap as table_of

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]

_MISSING_GREY = 128.0


def _prepare(
    frame: ArrayLike, points: ArrayLike, faces: ArrayLike, out: Image | None
) -> tuple[Image, NDArray[np.float32], NDArray[np.int32], Buffers, Image]:
    image = np.asarray(frame)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"a frame must be uint8 [H, W, 3], not {image.dtype} {list(image.shape)}")
    target = np.empty(image.shape, np.uint8) if out is None else out
    if target.dtype != np.uint8 or target.shape != image.shape:
        raise ValueError(f"out must be uint8 {list(image.shape)}, not {target.dtype} {list(target.shape)}")
    mesh, triangles = checked_mesh(points, faces)
    buffers = thread_buffers(image.shape[0], image.shape[1])
    kernels.fill(mesh, triangles, True, False, buffers.triangle, buffers.barycentric, buffers.depth)
    return image, mesh, triangles, buffers, target


def _light(
    mesh: NDArray[np.float32], triangles: NDArray[np.int32], normals: ArrayLike | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    if normals is None:
        directions = np.empty_like(mesh)
        kernels.accumulate_normals(mesh, triangles, True, directions)
    else:
        directions = np.ascontiguousarray(normals, dtype=np.float32)
        if directions.shape != mesh.shape:
            raise ValueError(f"normals must be {list(mesh.shape)}, not {list(directions.shape)}")
    diffuse, gloss = np.empty(len(mesh), np.float32), np.empty(len(mesh), np.float32)
    kernels.light(directions, diffuse, gloss)
    return diffuse, gloss


def _opacity(opacity: float) -> float:
    if not 0.0 <= opacity <= 1.0:
        raise ValueError(f"opacity must lie in 0..1, not {opacity}")
    return float(opacity)


def draw_shaded(
    frame: ArrayLike,
    points: ArrayLike,
    normals: ArrayLike | None,
    faces: ArrayLike,
    *,
    colour: Colour = (203, 213, 225),
    opacity: float = 0.65,
    out: Image | None = None,
) -> Image:
    """A lit mesh over a frame.

    frame: uint8 [H, W, 3]. points: [V, 3] as for ``rasterize``. faces: int [T, 3].
    normals: [V, 3] unit, x right, y up, z to the viewer (FLAME's frame of a posed mesh), or None: from the points,
        whose depth must then be in the unit of x and y.
    out: uint8 [H, W, 3] to write into, may be ``frame`` itself. Returns uint8 [H, W, 3].
    """
    strength = _opacity(opacity)
    image, mesh, triangles, buffers, target = _prepare(frame, points, faces, out)
    diffuse, gloss = _light(mesh, triangles, normals)
    tint = np.asarray(colour, dtype=np.float32)
    kernels.blend_shaded(
        image, triangles, buffers.triangle, buffers.barycentric, diffuse, gloss, tint, strength, target
    )
    return target


def draw_scalar(
    frame: ArrayLike,
    points: ArrayLike,
    faces: ArrayLike,
    scalar: ArrayLike,
    *,
    vmin: float,
    vmax: float,
    colormap: str = "inferno",
    opacity: float = 0.8,
    shading: float = 0.25,
    normals: ArrayLike | None = None,
    out: Image | None = None,
) -> Image:
    """A value per vertex over a frame.

    scalar: [V] in the unit of ``vmin`` and ``vmax``, which get the two ends of the colour map (one of
        ``COLORMAPS``); values beyond are clamped, NaN is drawn grey.
    shading: 0 = pure map colours, 1 = fully lit. The rest as for ``draw_shaded``.
    """
    strength = _opacity(opacity)
    image, mesh, triangles, buffers, target = _prepare(frame, points, faces, out)
    values = np.ascontiguousarray(scalar, dtype=np.float32)
    if values.shape != (len(mesh),):
        raise ValueError(f"scalar must be [{len(mesh)}], not {list(values.shape)}")
    diffuse, _ = _light(mesh, triangles, normals)
    scale = 1.0 / (vmax - vmin) if vmax > vmin else 0.0
    kernels.blend_scalar(
        image,
        triangles,
        buffers.triangle,
        buffers.barycentric,
        diffuse,
        values,
        float(vmin),
        scale,
        table_of(colormap),
        _MISSING_GREY,
        float(shading),
        strength,
        target,
    )
    return target


def draw_wireframe(
    frame: ArrayLike,
    points: ArrayLike,
    faces: ArrayLike,
    *,
    colour: Colour = (56, 189, 248),
    opacity: float = 0.8,
    thickness: float = 1.0,
    out: Image | None = None,
) -> Image:
    """The edges of the triangles that are seen, over a frame; ``thickness`` in px. The rest as for ``draw_shaded``."""
    strength = _opacity(opacity)
    image, mesh, triangles, buffers, target = _prepare(frame, points, faces, out)
    tint = np.asarray(colour, dtype=np.float32)
    kernels.blend_wireframe(
        image,
        mesh,
        triangles,
        buffers.triangle,
        buffers.barycentric,
        tint,
        strength,
        float(thickness),
        target,
    )
    return target

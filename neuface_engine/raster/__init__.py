"""Z-buffer rasteriser: overlays, values on meshes, visibility with occlusion. numpy and numba, no graphics driver.

Points are ``[V, 3]`` = x px, y px (y down; the top-left pixel's centre is at 0.5, 0.5), depth (larger = nearer).
"""

from .buffers import Buffers, empty_buffers, rasterize
from .colormaps import COLORMAPS, colormap
from .drawing import draw_scalar, draw_shaded, draw_wireframe
from .visibility import vertex_normals, vertex_visibility, viewing_confidence

__all__ = [
    "COLORMAPS",
    "Buffers",
    "colormap",
    "draw_scalar",
    "draw_shaded",
    "draw_wireframe",
    "empty_buffers",
    "rasterize",
    "vertex_normals",
    "vertex_visibility",
    "viewing_confidence",
]

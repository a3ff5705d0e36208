"""The 3D scene: one head a view in its colour, overlaid in one pose or posed side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuface_engine import raster
from neuface_studio import theme

GAP_M = (0.23, 0.31)  # m between heads that stand side by side: across, down


class HeadScene:
    """Fills a pyvista plotter (on screen or off) and keeps its meshes up to date."""

    def __init__(self, plotter: Any, faces: NDArray[np.int32], num_vertices: int, num_views: int) -> None:
        import pyvista as pv

        self._plotter = plotter
        self._faces = faces
        self._side_by_side: bool | None = None
        cells = np.hstack([np.full((len(faces), 1), 3, dtype=np.int64), faces.astype(np.int64)]).ravel()
        self._meshes: list[Any] = []
        self._actors: list[Any] = []
        plotter.set_background(theme.PANEL)
        plotter.enable_lightkit() if hasattr(plotter, "enable_lightkit") else None
        for view in range(num_views):
            mesh = pv.PolyData(np.zeros((num_vertices, 3), dtype=np.float32), cells)
            mesh.point_data.active_normals = np.tile(np.array([0, 0, 1], dtype=np.float32), (num_vertices, 1))
            actor = plotter.add_mesh(
                mesh,
                color=theme.view_colour(view),
                smooth_shading=False,
                ambient=0.18,
                diffuse=0.8,
                specular=0.12,
                specular_power=12,
                render=False,
                reset_camera=False,
                copy_mesh=False,
            )
            actor.prop.interpolation = "Gouraud"
            actor.prop.culling = "back"
            self._meshes.append(mesh)
            self._actors.append(actor)

    def update(self, vertices: NDArray[np.float32], *, side_by_side: bool, hidden: set[int]) -> None:
        """Show ``vertices`` [V, N, 3] (m); views in ``hidden`` are left out."""
        normals = np.asarray(raster.vertex_normals(vertices, self._faces), dtype=np.float32)
        shown = [view for view in range(len(self._meshes)) if view not in hidden]
        columns = self._columns(len(shown)) if side_by_side else 1
        for view, (mesh, actor) in enumerate(zip(self._meshes, self._actors, strict=True)):
            actor.SetVisibility(view not in hidden)
            if view in hidden:
                continue
            points = vertices[view]
            if side_by_side:
                place = shown.index(view)
                row, column = divmod(place, columns)
                points = points + np.array([column * GAP_M[0], -row * GAP_M[1], 0.0], dtype=np.float32)
            mesh.points = points
            mesh.point_data.active_normals = normals[view]
        if side_by_side != self._side_by_side:
            self._side_by_side = side_by_side
            self.front()

    def _columns(self, count: int) -> int:
        """As many columns as show the heads largest in the picture."""
        width, height = self._plotter.window_size
        sizes = {
            columns: min(width / (columns * GAP_M[0]), height / (np.ceil(count / columns) * GAP_M[1]))
            for columns in range(1, max(1, count) + 1)
        }
        return max(sizes, key=lambda columns: (sizes[columns], -columns))

    def front(self) -> None:
        """Look at the heads from the front, all of them in the picture."""
        camera = self._plotter.camera
        bounds = np.array(
            [
                mesh.bounds
                for mesh, actor in zip(self._meshes, self._actors, strict=True)
                if actor.GetVisibility()
            ]
        )
        if not len(bounds):
            return
        low, high = bounds[:, 0::2].min(axis=0), bounds[:, 1::2].max(axis=0)
        centre, size = (low + high) / 2, high - low
        camera.view_angle = 20.0
        width, height = self._plotter.window_size
        needed = max(size[1], size[0] * height / max(1, width))
        distance = 0.53 * needed / np.tan(np.radians(10.0)) + size[2] / 2
        camera.focal_point = tuple(centre)
        camera.position = (centre[0], centre[1], centre[2] + distance)
        camera.up = (0.0, 1.0, 0.0)
        self._plotter.renderer.ResetCameraClippingRange()

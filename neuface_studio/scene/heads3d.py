"""The 3D heads in VTK: one actor a view, in its colour, overlaid in one pose or posed side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuface_studio import theme
from neuface_studio.scene.camera import HALF_ANGLE_DEG, OrbitCamera, fit, side_by_side


class HeadScene:
    """Fills a pyvista plotter and keeps its meshes up to date."""

    def __init__(self, plotter: Any, faces: NDArray[np.int32], num_vertices: int, num_views: int) -> None:
        import pyvista as pv

        self._plotter = plotter
        self._side_by_side: bool | None = None
        self._shown: NDArray[np.float32] | None = None
        self._faces = faces
        cells = cells_of(faces)
        self._meshes: list[Any] = []
        self._actors: list[Any] = []
        self._plain: list[NDArray[np.uint8]] = []  # the view's colour at every vertex
        plotter.set_background(theme.PANEL)
        plotter.enable_lightkit() if hasattr(plotter, "enable_lightkit") else None
        for view in range(num_views):
            mesh = pv.PolyData(np.zeros((num_vertices, 3), dtype=np.float32), cells)
            mesh.point_data.active_normals = np.tile(np.array([0, 0, 1], dtype=np.float32), (num_vertices, 1))
            colour = np.array(theme.rgb(theme.view_colour(view)), np.uint8)
            self._plain.append(np.tile(colour, (num_vertices, 1)))
            mesh.point_data["rgb"] = self._plain[view]
            actor = plotter.add_mesh(
                mesh,
                scalars="rgb",
                rgb=True,
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

    def update(
        self,
        vertices: NDArray[np.float32],
        normals: NDArray[np.float32],
        faces: NDArray[np.int32],
        views: tuple[int, ...],
        posed: bool,
        *,
        painted: NDArray[np.float32] | None = None,
        wireframe: bool = False,
    ) -> None:
        """Show ``vertices`` [V, N, 3] (m) of ``views``, with their triangles; the other views are left out. ``painted``
        [V, N, 3]: colours 0..255 of the vertices in the place of the views' own."""
        self._use(faces, vertices.shape[1])
        width, height = self._plotter.window_size
        placed = side_by_side(vertices, width, height) if posed else vertices
        for actor in self._actors:
            actor.SetVisibility(False)
        for place, (view, points, directions) in enumerate(zip(views, placed, normals, strict=True)):
            self._actors[view].SetVisibility(True)
            self._actors[view].prop.show_edges = wireframe
            colours = self._plain[view] if painted is None else painted[place].astype(np.uint8)
            self._meshes[view].point_data["rgb"] = colours
            self._meshes[view].points = points
            self._meshes[view].point_data.active_normals = directions
        self._shown = placed
        if posed != self._side_by_side:
            self._side_by_side = posed
            self.look(0.0, 0.0)

    def _use(self, faces: NDArray[np.int32], num_vertices: int) -> None:
        """Go on with heads of this topology."""
        if faces is self._faces or np.array_equal(faces, self._faces):
            return
        import pyvista as pv

        self._faces = faces
        for view, mesh in enumerate(self._meshes):
            self._plain[view] = np.tile(self._plain[view][:1], (num_vertices, 1))
            other = pv.PolyData(np.zeros((num_vertices, 3), dtype=np.float32), cells_of(faces))
            other.point_data["rgb"] = self._plain[view]
            mesh.deep_copy(other)

    def look(self, yaw: float, pitch: float) -> None:
        """Look at the heads from this direction (degrees), all of them in the picture."""
        if self._shown is None or not len(self._shown):
            return
        width, height = self._plotter.window_size
        framing = fit(self._shown, width, height)
        towards, up = OrbitCamera(yaw, pitch).rotation[[2, 1]]
        camera = self._plotter.camera
        camera.view_angle = 2 * HALF_ANGLE_DEG
        camera.focal_point = framing.centre
        camera.position = tuple(np.asarray(framing.centre) + framing.distance * towards)
        camera.up = tuple(up)
        self._plotter.renderer.ResetCameraClippingRange()


def cells_of(faces: NDArray[np.int32]) -> NDArray[np.int64]:
    """Triangles [T, 3] as VTK lists them: 3, a, b, c, 3, ..."""
    return np.hstack([np.full((len(faces), 1), 3, dtype=np.int64), faces.astype(np.int64)]).ravel()

"""The 3D heads drawn by the processor: no graphics driver, the same pixels everywhere, in any thread."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from neuface_engine import raster
from neuface_studio import theme
from neuface_studio.scene.camera import OrbitCamera

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]

KEY_LIGHT = np.array([-0.35, 0.45, 0.82], dtype=np.float32)  # x right, y up, z to the viewer
AMBIENT = 0.20
FLATTER = 0.4
EDGE_COLOUR = (15, 18, 22)


class HeadsPainter:
    """Draws several heads of one topology into one picture, each in its colour; the nearest surface wins."""

    def __init__(self, faces: NDArray[np.int32], num_vertices: int) -> None:
        self.use(faces, num_vertices)
        self._ground = np.array(theme.rgb(theme.PANEL), dtype=np.uint8)

    def use(self, faces: NDArray[np.int32], num_vertices: int) -> None:
        """Go on with heads of this topology."""
        if getattr(self, "_faces", None) is not faces:
            self._faces, self._num_vertices = faces, num_vertices
            self._all_faces: dict[int, NDArray[np.int32]] = {}

    @property
    def faces(self) -> NDArray[np.int32]:
        """Triangles [T, 3] of one head."""
        return self._faces

    def draw(
        self,
        vertices: Floats,
        normals: Floats,
        colours: list[str],
        camera: OrbitCamera,
        width: int,
        height: int,
        *,
        smooth: bool = False,
        wireframe: bool = False,
        painted: Floats | None = None,
    ) -> Image:
        """uint8 [height, width, 3]. ``vertices`` and ``normals`` [V, N, 3] in world axes; ``smooth`` costs four
        times as much and has no jagged edges. ``painted`` [V, N, 3]: colours 0..255 of the vertices in the place of
        ``colours``, one a head."""
        factor = 2 if smooth else 1
        wide, high = factor * width, factor * height
        image = np.empty((high, wide, 3), np.uint8)
        image[:] = self._ground
        if len(vertices):
            self._fill(image, vertices, normals, colours, camera, painted)
        if len(vertices) and wireframe:
            points = camera.project(vertices, wide, high).reshape(-1, 3)
            image = raster.draw_wireframe(
                image,
                points,
                self._repeated(len(vertices)),
                colour=EDGE_COLOUR,
                opacity=0.5,
                thickness=factor,
            )
        if not smooth:
            return image
        return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)

    def _fill(
        self,
        image: Image,
        vertices: Floats,
        normals: Floats,
        colours: list[str],
        camera: OrbitCamera,
        painted: Floats | None,
    ) -> None:
        high, wide = image.shape[:2]
        points = camera.project(vertices, wide, high).reshape(-1, 3)
        light = shade(normals.reshape(-1, 3) @ camera.rotation.T)
        faces = self._repeated(len(vertices))
        buffers = raster.rasterize(points, faces, high, wide)
        seen = np.flatnonzero(buffers.triangle.ravel() >= 0)
        triangles = buffers.triangle.ravel()[seen]
        weights = buffers.barycentric.reshape(-1, 3)[seen]
        lit = np.einsum("pk,pk->p", light[faces[triangles]], weights)
        if painted is None:
            palette = np.array([theme.rgb(colour) for colour in colours], dtype=np.float32)
            tints = palette[triangles // len(self._faces)]
        else:
            tints = np.einsum("pkc,pk->pc", painted.reshape(-1, 3)[faces[triangles]], weights)
            lit = 1 - FLATTER * (1 - lit)  # shadows must not read as low values
        image.reshape(-1, 3)[seen] = np.minimum(tints * lit[:, None], 255.0)

    def _repeated(self, count: int) -> NDArray[np.int32]:
        """The triangles of ``count`` heads, one after another."""
        if count not in self._all_faces:
            shift = (np.arange(count, dtype=np.int32) * self._num_vertices)[:, None, None]
            self._all_faces[count] = np.ascontiguousarray((self._faces[None] + shift).reshape(-1, 3))
        return self._all_faces[count]


def shade(normals: Floats) -> Floats:
    """Brightness 0..about 1.1 for normals [..., 3] in camera axes: a key light at the upper left, a weak one ahead."""
    key = KEY_LIGHT / np.linalg.norm(KEY_LIGHT)
    brightness = AMBIENT + 0.72 * np.maximum(normals @ key, 0.0) + 0.18 * np.maximum(normals[..., 2], 0.0)
    return np.asarray(brightness, dtype=np.float32)

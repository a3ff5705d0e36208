"""Two of the paper's pictures of a frame: all views' meshes over each other (Fig. S4 left), and turned (Fig. 6)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuface_engine import raster
from neuface_studio import theme
from neuface_studio.model import Footage, IterationRecord
from neuface_studio.scene.camera import OrbitCamera, fit
from neuface_studio.scene.decoding import MeshDecoder
from neuface_studio.scene.heads_picture import HeadsPainter

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]

OVERLAY, TURNED = "overlay", "turned"
YAWS = (-60.0, -30.0, 0.0, 30.0, 60.0)  # degrees, to the subject's left
MESH_COLOUR = "#D4D9E0"
STRONGER = 4.0


@dataclass(frozen=True)
class PaperRequest:
    """``kind`` is OVERLAY or TURNED; rows: the states, e.g. encoder and shown.

    OVERLAY blends the canonical meshes of ``views``; TURNED shows the mesh of ``view`` from `YAWS`. ``size`` (px) of
    the whole picture.
    """

    kind: str
    rows: tuple[IterationRecord, ...]
    frame: int
    views: tuple[int, ...]
    view: int
    size: tuple[int, int]


@dataclass(frozen=True)
class PaperPicture:
    """``cells``: where each picture lies, (left, top, width, height) px with its caption."""

    request: PaperRequest
    image: Image
    cells: tuple[tuple[int, int, int, int, str], ...]


class PaperPainter:
    """Draws them by the processor, in the drawing thread."""

    def __init__(self, footage: Footage, decoder: MeshDecoder, painter: HeadsPainter) -> None:
        self._footage, self._decoder, self._painter = footage, decoder, painter

    def draw(self, request: PaperRequest) -> PaperPicture:
        width, height = request.size
        canvas = np.empty((max(1, height), max(1, width), 3), np.uint8)
        canvas[:] = theme.rgb(theme.PANEL)
        kinds = 1 if request.kind == OVERLAY else len(YAWS)
        states_across = (kinds > 1) == (width < height)  # whichever shows the heads larger
        across, down = (len(request.rows), kinds) if states_across else (kinds, len(request.rows))
        cell_width, cell_height = width // max(1, across), height // max(1, down)
        cells = []
        for state, record in enumerate(request.rows):
            canonical = np.nan_to_num(self._decoder.heads(record, request.frame, posed=False))
            self._painter.use(self._decoder.faces_of(record), canonical.shape[1])
            for kind in range(kinds):
                column, row = (state, kind) if states_across else (kind, state)
                left, top = column * cell_width, row * cell_height
                if request.kind == OVERLAY:
                    heads = canonical[list(request.views)]
                    picture, caption = (
                        self.overlay(heads, request.views, cell_width, cell_height),
                        record.title,
                    )
                else:
                    head, yaw = canonical[request.view][None], YAWS[kind]
                    picture = self._one(head, [MESH_COLOUR], yaw, cell_width, cell_height)
                    caption = f"{record.title}, {yaw:+.0f}°" if kind == 0 else f"{yaw:+.0f}°"
                canvas[top : top + cell_height, left : left + cell_width] = picture
                cells.append((left, top, cell_width, cell_height, caption))
        return PaperPicture(request, canvas, tuple(cells))

    def overlay(self, heads: Floats, views: tuple[int, ...], width: int, height: int) -> Image:
        """The heads [V, N, 3] over each other, each in the colour of its view and of equal weight: grey where all
        agree, a coloured rim where one does not. The departure from grey is drawn `STRONGER` times as strong."""
        total = np.zeros((height, width, 3), np.float32)
        if not len(heads):
            return total.astype(np.uint8) + np.array(theme.rgb(theme.PANEL), np.uint8)
        camera = OrbitCamera(framing=fit(heads, width, height))
        colours = [theme.view_colour(view) for view in views]
        for head, colour in zip(heads, colours, strict=True):
            total += self._drawn(head[None], [colour], camera, width, height)
        ground = np.array(theme.rgb(theme.PANEL), np.float32)
        common = np.mean([theme.rgb(colour) for colour in colours], axis=0).astype(np.float32)
        lit = total / len(heads) - ground
        brightness = lit.mean(axis=-1, keepdims=True)
        # Where all agree the blend has the mean colour of the views: that much is grey.
        departure = lit - brightness * common / common.mean()
        return np.clip(ground + brightness + STRONGER * departure + 0.5, 0, 255).astype(np.uint8)

    def _one(self, heads: Floats, colours: list[str], yaw: float, width: int, height: int) -> Image:
        return self._drawn(
            heads, colours, OrbitCamera(yaw, 0.0, framing=fit(heads, width, height)), width, height
        )

    def _drawn(
        self, heads: Floats, colours: list[str], camera: OrbitCamera, width: int, height: int
    ) -> Image:
        normals = np.asarray(raster.vertex_normals(heads, self._painter.faces), dtype=np.float32)
        return self._painter.draw(heads, normals, colours, camera, width, height, smooth=True)

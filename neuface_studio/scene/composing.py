"""All views of one frame in one picture, with the layers of the window: for pictures and videos to take away."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from neuface_studio import theme
from neuface_studio.layers import Layers
from neuface_studio.maps import PackedMap, PixelMap
from neuface_studio.model import Footage, IterationRecord
from neuface_studio.scene.decoding import FrameMeshes, MeshDecoder
from neuface_studio.scene.heat import HeatFrame, HeatWish, heat_frame
from neuface_studio.scene.overlay import TilePainter, region_aspect

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]

GAP = 4  # px between views
SHIFT = 4  # bits of a pixel's fraction in OpenCV's drawing


@dataclass(frozen=True)
class Look:
    """What is drawn: the state, the layers, and what the heat map is made of (see `HeatWish`).

    ``scale``: the upper end of the colour bar, kept through all frames; 0 = each frame's own.
    """

    record: IterationRecord | None
    layers: Layers
    gradient: PackedMap | None = None
    gradient_peak: float = 0.0
    before: IterationRecord | None = None
    pixels: PixelMap | None = None
    scale: float = 0.0


class Composer:
    """Puts the views of a frame side by side, each ``height`` px high."""

    def __init__(self, footage: Footage, look: Look, height: int) -> None:
        self._footage, self._look = footage, look
        self._decoder, self._painter = MeshDecoder(footage), TilePainter(footage)
        aspect = region_aspect(footage, whole_frame=look.layers.whole_frame)
        self._size = max(16, round(height * aspect)), height
        self._known_heat: tuple[int, HeatFrame | None] | None = None
        count = len(footage.sequence.views)
        self._columns = count if count <= 3 else math.ceil(count / 2)

    def compose(self, frame: int) -> Image:
        """uint8 [H, W, 3]."""
        count = len(self._footage.sequence.views)
        rows = math.ceil(count / self._columns)
        width, height = self._size
        canvas = np.empty(
            (rows * (height + GAP) - GAP, self._columns * (width + GAP) - GAP, 3), dtype=np.uint8
        )
        canvas[:] = theme.rgb(theme.GROUND)
        for view in range(count):
            row, column = divmod(view, self._columns)
            top, left = row * (height + GAP), column * (width + GAP)
            canvas[top : top + height, left : left + width] = self._view(view, frame)
        return canvas

    def _view(self, view: int, frame: int) -> Image:
        look, sequence = self._look, self._footage.sequence
        layers = look.layers
        background = self._painter.background(view, frame, *self._size, whole_frame=layers.whole_frame)
        meshes = None
        if look.record is not None and bool(sequence.detected[:, view].any()):
            meshes = self._decoder.decode(look.record, frame)
            if layers.ghost and meshes is not None:
                meshes = self._decoder.with_ghost(meshes, look.record)
        image = self._painter.paint(view, background, meshes, layers, self._heat(frame, meshes)).copy()
        found = bool(sequence.detected[frame, view])
        circles = background.viewport.to_tile(self._decoder.detected(frame)[view]) if found else None
        crosses = None if meshes is None else background.viewport.to_tile(meshes.projected[view])
        crosses = None if crosses is None or not np.isfinite(crosses).all() else crosses
        if layers.residual and circles is not None and crosses is not None:
            draw_lines(image, circles, crosses, theme.rgb(theme.RESIDUAL))
        if layers.detected and circles is not None:
            draw_marks(image, circles, theme.rgb(theme.DETECTED), circle=True)
        if layers.projected and crosses is not None:
            draw_marks(image, crosses, theme.rgb(theme.PROJECTED), circle=False)
        self._label(image, view, frame, found)
        return image

    def _heat(self, frame: int, meshes: FrameMeshes | None) -> HeatFrame | None:
        """The heat map of a frame, worked out once for all its views."""
        if meshes is None or not self._look.layers.heat:
            return None
        if self._known_heat is None or self._known_heat[0] != frame:
            look, kind = self._look, self._look.layers.heat
            vertex = look.gradient.frame(frame) if kind == "vertex" and look.gradient is not None else None
            pixels = look.pixels if look.pixels is not None and look.pixels.frame == frame else None
            wish = HeatWish(kind, vertex, look.gradient_peak, pixels, look.before)
            heat = heat_frame(self._decoder, self._footage, wish, look.record, meshes)
            if heat is not None and look.scale > 0:
                heat = heat.up_to(look.scale)
            self._known_heat = frame, heat
        return self._known_heat[1]

    def _label(self, image: Image, view: int, frame: int, found: bool) -> None:
        record = self._look.record
        text = f"{self._footage.sequence.views[view]}   frame {frame + 1}"
        text += "" if found else "   no face"
        size = max(0.38, image.shape[0] / 1100)
        low = image.shape[0] - 8
        cv2.rectangle(image, (0, 0), (5, round(26 * size + 8)), theme.rgb(theme.view_colour(view)), -1)
        lines = [(text, (12, round(8 + 22 * size)))]
        if view == 0 and record is not None:
            lines.append((record.title, (12, low)))
        for words, place in lines:
            for colour, thickness in (((0, 0, 0), 3), (theme.rgb(theme.TEXT), 1)):
                cv2.putText(
                    image, words, place, cv2.FONT_HERSHEY_SIMPLEX, size, colour, thickness, cv2.LINE_AA
                )


def draw_lines(image: Image, starts: Floats, ends: Floats, colour: tuple[int, int, int]) -> None:
    """Lines between points [N, 2] px, drawn into the image."""
    places = np.rint((np.stack([starts, ends], axis=1) - 0.5) * 2**SHIFT).astype(np.int32)
    cv2.polylines(image, list(places[:, :, None]), False, colour, 1, cv2.LINE_AA, SHIFT)


def draw_marks(image: Image, points: Floats, colour: tuple[int, int, int], *, circle: bool) -> None:
    """Circles or crosses at points [68, 2] px, drawn into the image."""
    radius = max(2, round(image.shape[0] / 170))
    for x, y in np.rint((points - 0.5) * 2**SHIFT).astype(int).tolist():
        if circle:
            cv2.circle(image, (x, y), radius << SHIFT, colour, 1, cv2.LINE_AA, SHIFT)
            continue
        arm = radius << SHIFT
        cv2.line(image, (x - arm, y - arm), (x + arm, y + arm), colour, 1, cv2.LINE_AA, SHIFT)
        cv2.line(image, (x - arm, y + arm), (x + arm, y - arm), colour, 1, cv2.LINE_AA, SHIFT)

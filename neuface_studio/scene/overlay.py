"""One tile's picture: the frame, the mesh or a heat map over it, at the size of the tile on the screen."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from neuface_engine import raster
from neuface_studio import theme
from neuface_studio.layers import HEATS
from neuface_studio.maps import PixelMap
from neuface_studio.scene.decoding import FrameMeshes, invert_similarities
from neuface_studio.scene.heat import HeatFrame
from neuface_studio.session import Footage, Layers

Image = NDArray[np.uint8]
MESH_COLOUR = (212, 217, 224)
OPAQUE_FROM = 95.0  # level of the colour map from which it covers what is below
BELOW_PIXELS = (
    0.35  # of the mesh's opacity while a map over the pixels is drawn, which the mesh must not hide
)
SLIGHTLY_CLOSER = 1.15
LONGEST_SIDE = 900  # px: larger tiles are drawn at this size and scaled up


@dataclass(frozen=True)
class Viewport:
    """The rectangle of the frame that fills a tile: ``left``, ``top`` in frame px, ``scale`` tile px a frame px."""

    left: float
    top: float
    scale: float

    def to_tile(self, points: NDArray[np.floating]) -> NDArray[np.float32]:
        """Frame px [..., 2 or 3] -> tile px; a depth gets the same scale."""
        out = np.array(points, dtype=np.float32)
        out[..., 0] -= self.left
        out[..., 1] -= self.top
        out *= self.scale
        return out


@dataclass(frozen=True)
class Background:
    """``image`` uint8 [H, W, 3] and where it lies in the frame."""

    image: Image
    viewport: Viewport


@dataclass(frozen=True)
class TilePicture:
    """A finished picture: ``image`` uint8 [H, W, 3]; landmarks [68, 2] in px of it, or None.

    ``residual`` [68, 2, 2]: lines from each detected landmark to the mesh's. ``layers`` says how opaque the marks are;
    ``muted``: numbers of the landmarks that the run does not believe.
    """

    image: Image
    detected: NDArray[np.float32] | None = None
    projected: NDArray[np.float32] | None = None
    residual: NDArray[np.float32] | None = None
    layers: Layers = field(default_factory=Layers)
    muted: frozenset[int] = frozenset()


class TilePainter:
    """Draws tiles; keeps the last background of each view, so that a new iteration costs only the mesh."""

    def __init__(self, footage: Footage) -> None:
        self._footage = footage
        self._frames = footage.sequence.frames
        self._regions = face_regions(footage)
        self._backgrounds: dict[int, tuple[tuple[object, ...], Background]] = {}
        self._ground = np.array(theme.rgb(theme.GROUND), dtype=np.uint8)

    def background(self, view: int, frame: int, width: int, height: int, *, whole_frame: bool) -> Background:
        """The video alone, ``width`` x ``height`` px; what lies outside the video is the window's ground colour."""
        key = (frame, width, height, whole_frame)
        known = self._backgrounds.get(view)
        if known is not None and known[0] == key:
            return known[1]
        source = self._frames[frame, view]
        viewport = self._viewport(view, width, height, source.shape[1], source.shape[0], whole_frame)
        picture = Background(self._cut(source, viewport, width, height), viewport)
        self._backgrounds[view] = (key, picture)
        return picture

    def paint(
        self,
        view: int,
        background: Background,
        meshes: FrameMeshes | None,
        layers: Layers,
        heat: HeatFrame | None = None,
    ) -> Image:
        """The tile's picture; ``heat`` is drawn where ``layers`` has a heat map on."""
        hot = heat if layers.heat else None
        pixels = hot.pixels if hot is not None else None
        image = background.image
        if pixels is not None:
            image = self._paint_pixels(image, view, pixels, background.viewport, layers)
        values = None if hot is None or hot.values is None else hot.values[view]
        ghost = layers.ghost and meshes is not None and meshes.ghost is not None
        if meshes is None or not (layers.mesh or layers.wireframe or ghost or values is not None):
            return image
        points = background.viewport.to_tile(meshes.points[view])
        if not np.isfinite(points).all():  # a given track without a mesh here
            return image
        normals, faces = meshes.normals[view], meshes.faces
        if layers.ghost and meshes.ghost is not None:
            target = background.viewport.to_tile(meshes.ghost[view])
            image = raster.draw_shaded(
                image, target, None, faces, colour=theme.rgb(theme.GHOST), opacity=layers.opacity_of("ghost")
            )
        if layers.mesh:
            opacity = layers.opacity_of("mesh") * (BELOW_PIXELS if pixels is not None else 1.0)
            image = raster.draw_shaded(image, points, normals, faces, colour=MESH_COLOUR, opacity=opacity)
        if hot is not None and values is not None:
            kind = HEATS[hot.kind]
            place = np.clip(np.nan_to_num(values, nan=0.0) / max(hot.peak, 1e-30), 0.0, 1.0) ** kind.power
            level = raster.draw_scalar(
                np.zeros_like(image),
                points,
                faces,
                place,
                vmin=0.0,
                vmax=1.0,
                colormap="grey",
                opacity=1.0,
                shading=0.0,
                normals=normals,
            )
            image = fade_in(image, level, kind.colormap, layers.opacity_of(hot.kind))
        if layers.wireframe:
            image = raster.draw_wireframe(
                image, points, faces, colour=theme.rgb(theme.ACCENT), opacity=layers.opacity_of("wireframe")
            )
        return image

    def _paint_pixels(
        self, image: Image, view: int, pixels: PixelMap, viewport: Viewport, layers: Layers
    ) -> Image:
        """The map over the crop's pixels; where the losses see landmarks only, a dot each, larger with its value."""
        sequence, frame = self._footage.sequence, pixels.frame
        to_frame = invert_similarities(np.asarray(sequence.crop_transforms[frame, view], dtype=np.float64))
        to_tile = np.column_stack(
            [
                viewport.scale * to_frame[:, :2],
                viewport.scale * (to_frame[:, 2] - [viewport.left, viewport.top]),
            ]
        )
        height, width = image.shape[:2]
        opacity = layers.opacity_of("pixel")
        if pixels.levels is not None:
            matrix = to_tile.copy()
            matrix[:, 2] += matrix[:, :2] @ np.array([0.5, 0.5]) - 0.5
            level = cv2.warpAffine(pixels.levels[view], matrix, (width, height), flags=cv2.INTER_LINEAR)
            levels = np.asarray(cv2.merge([level] * 3), dtype=np.uint8)
            return fade_in(image, levels, HEATS["pixel"].colormap, opacity)
        if pixels.strength is None or pixels.points is None:
            return image
        crop = (pixels.points[view].astype(np.float64) + 1.0) * (sequence.crops.shape[-1] / 2.0)
        places = crop @ to_tile[:, :2].T + to_tile[:, 2]
        share = np.clip(pixels.strength[view] / max(pixels.peak, 1e-30), 0.0, 1.0) ** HEATS["pixel"].power
        table, dotted = raster.colormap(HEATS["pixel"].colormap), image.copy()
        for k in np.argsort(share):  # the strongest on top
            colour = tuple(int(c) for c in table[int(255 * share[k])])
            radius = max(1.2, (0.4 + share[k]) * height / 110)
            x, y = places[k] * 16
            cv2.circle(dotted, (round(x), round(y)), round(16 * radius), colour, -1, cv2.LINE_AA, 4)
        return np.asarray(cv2.addWeighted(dotted, opacity, image, 1.0 - opacity, 0.0), dtype=np.uint8)

    def _viewport(
        self, view: int, width: int, height: int, frame_width: int, frame_height: int, whole_frame: bool
    ) -> Viewport:
        if whole_frame:
            x0, y0, x1, y1 = 0.0, 0.0, float(frame_width), float(frame_height)
        else:
            x0, y0, x1, y1 = self._regions[view]
        scale = min(width / (x1 - x0), height / (y1 - y0))
        if not whole_frame:
            # Bars beside a narrow video are filled by going a little closer, not by cutting into the head.
            scale = max(scale, min(SLIGHTLY_CLOSER * scale, max(width / frame_width, height / frame_height)))
        left = _place((x0 + x1) / 2, width / scale, frame_width)
        top = _place((y0 + y1) / 2, height / scale, frame_height)
        return Viewport(left, top, scale)

    def _cut(self, source: Image, viewport: Viewport, width: int, height: int) -> Image:
        matrix = np.array(
            [
                [viewport.scale, 0.0, -viewport.left * viewport.scale],
                [0.0, viewport.scale, -viewport.top * viewport.scale],
            ]
        )
        if viewport.scale < 0.6:
            # Reducing: average over the source pixels first, or fine structure would flicker.
            factor = min(1.0, 1.3 * viewport.scale)
            x0, y0 = max(0, int(viewport.left) - 2), max(0, int(viewport.top) - 2)
            x1 = min(source.shape[1], int(viewport.left + width / viewport.scale) + 3)
            y1 = min(source.shape[0], int(viewport.top + height / viewport.scale) + 3)
            part = source[y0:y1, x0:x1]
            size = (max(1, round(part.shape[1] * factor)), max(1, round(part.shape[0] * factor)))
            reduced = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
            ratio = np.array([part.shape[1] / size[0], part.shape[0] / size[1]])
            matrix[:, 2] += matrix[:, :2] @ np.array([x0, y0], dtype=float)
            matrix[:, :2] *= ratio
            source = np.asarray(reduced, dtype=np.uint8)
        matrix[:, 2] += (
            matrix[:, :2] @ np.array([0.5, 0.5]) - 0.5
        )  # OpenCV puts a pixel's centre at whole numbers
        image = cv2.warpAffine(
            source,
            matrix,
            (width, height),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=tuple(int(c) for c in self._ground),
        )
        return np.asarray(image, dtype=np.uint8)


def fade_in(below: Image, level: Image, name: str, opacity: float) -> Image:
    """A colour map over ``below``; both uint8 [H, W, 3], ``level`` three times the same place 0..255 in the map. The
    low end of the map lets what is below show through."""
    hot = cv2.LUT(level, raster.colormap(name)[:, None])
    ramp = np.minimum(np.arange(256, dtype=np.float32) / OPAQUE_FROM, 1.0) * np.float32(opacity)
    one = np.ascontiguousarray(level[..., 0])
    alpha, rest = cv2.LUT(one, ramp), cv2.LUT(one, 1.0 - ramp)
    return np.asarray(cv2.blendLinear(np.ascontiguousarray(hot), below, alpha, rest), dtype=np.uint8)


def _place(centre: float, extent: float, frame_extent: float) -> float:
    """Start of an interval around ``centre``, moved into the frame where it fits, else centred on the frame."""
    if extent >= frame_extent:
        return (frame_extent - extent) / 2
    return min(max(centre - extent / 2, 0.0), frame_extent - extent)


def region_aspect(footage: Footage, *, whole_frame: bool) -> float:
    """Width over height of what the tiles want to show, averaged over the views."""
    if whole_frame:
        sizes = np.asarray(footage.sequence.image_sizes, dtype=float)
        return float(np.mean(sizes[:, 0] / sizes[:, 1]))
    return float(np.mean([(x1 - x0) / (y1 - y0) for x0, y0, x1, y1 in face_regions(footage)]))


def face_regions(footage: Footage) -> list[tuple[float, float, float, float]]:
    """For each view the rectangle (x0, y0, x1, y1) in frame px that holds the head in nearly all frames.

    It does not move with time, so that the eye sees the head move and not the picture. A view without any face gets
    its whole frame.
    """
    sequence = footage.sequence
    to_frame = invert_similarities(np.asarray(sequence.crop_transforms, dtype=np.float64))
    half = sequence.crops.shape[-1] / 2.0
    crop = (sequence.landmarks.numpy().astype(np.float64) + 1.0) * half
    points = np.einsum("fvij,fvnj->fvni", to_frame[..., :2], crop) + to_frame[:, :, None, :, 2]
    detected = sequence.detected.numpy().astype(bool)
    regions = []
    for view, (width, height) in enumerate(sequence.image_sizes):
        seen = detected[:, view]
        if not seen.any():
            regions.append((0.0, 0.0, float(width), float(height)))
            continue
        low, high = points[seen, view].min(axis=1), points[seen, view].max(axis=1)
        side = float(np.median((high - low).max(axis=1)))
        x0, y0 = np.percentile(low, 3, axis=0)
        x1, y1 = np.percentile(high, 97, axis=0)
        # The 68 landmarks end at the brows: the skull needs about half a face more above.
        x0, x1, y0, y1 = x0 - 0.28 * side, x1 + 0.28 * side, y0 - 0.55 * side, y1 + 0.25 * side
        regions.append((max(0.0, x0), max(0.0, y0), min(float(width), x1), min(float(height), y1)))
    return regions

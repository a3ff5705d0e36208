"""SyntheticRenderer: a posed head, a camera and a style in, a picture out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from neuface_engine.raster import rasterize, vertex_normals, vertex_visibility
from neuface_engine.raster.buffers import Buffers, empty_buffers

from . import shading
from .extras import build_extras, neck_rim, place
from .style import HeadStyle
from .surface import CHANNEL, Array, build_surface, features

Image = NDArray[np.uint8]


class Camera(Protocol):
    def project(self, points: Array) -> Array:
        """Points [N, 3] of the view frame (m; x right, y up, z to the viewer) -> [N, 3] px x, y (down), depth."""


@dataclass(frozen=True)
class Orthographic:
    """Weak perspective: ``scale`` px a metre, the frame's origin at pixel (x, y)."""

    scale: float
    x: float
    y: float

    @classmethod
    def from_crop(cls, camera: NDArray[np.floating], size: int) -> Orthographic:
        """From the engine's (s, tx, ty) in crop coordinates of a crop of ``size`` px."""
        s, tx, ty = (float(value) for value in camera)
        half = size / 2
        return cls(s * half, half * (1 + s * tx), half * (1 - s * ty))

    def project(self, points: Array) -> Array:
        result: Array = (points * [self.scale, -self.scale, self.scale] + [self.x, self.y, 0]).astype(
            np.float32
        )
        return result


@dataclass(frozen=True)
class Perspective:
    """A pinhole ``distance`` m in front of the frame's origin, ``focal`` px, principal point (x, y) px."""

    focal: float
    x: float
    y: float
    distance: float

    def project(self, points: Array) -> Array:
        away = self.distance - points[:, 2]
        scale = self.focal / away
        depth = -away * (self.focal / self.distance)
        result: Array = np.stack(
            [self.x + scale * points[:, 0], self.y - scale * points[:, 1], depth], axis=1
        ).astype(np.float32)
        return result


class SyntheticRenderer:
    """Pictures of the open head with procedural skin, eyes, brows, hair, teeth and shirt.

    head: path of an open_head.npz, or its arrays as a mapping.
    """

    def __init__(self, head: str | Path | Mapping[str, NDArray[np.generic]]) -> None:
        if isinstance(head, str | Path):
            with np.load(head, allow_pickle=False) as archive:
                head = {name: archive[name] for name in archive.files}
        self.surface = build_surface(head)
        self.extras = build_extras(self.surface)
        self._rim = neck_rim(self.surface)
        count = len(self.surface.template)
        skin = self.surface.faces
        self.faces = np.concatenate([skin, self.extras.faces + count]).astype(np.int32)
        eye = np.isin(self.surface.part, (1, 2))
        kind = np.full(len(self.faces), shading.PAINTED, np.uint8)
        kind[: len(skin)] = np.where(eye, shading.EYE, shading.SKIN)
        self._kind = kind
        self._features = features(self.surface.lattice)
        self._detailed = np.concatenate(
            [eye | self._fine_pattern(), self.extras.bone[self.extras.faces[:, 0]] < 2]
        )
        self._base = np.minimum(np.arange(len(self.faces)), len(skin) - 1).astype(np.int32)
        self._eye_vertices = [np.unique(skin[self.surface.part == ball]) for ball in (1, 2)]
        self._lmk_corners = skin[np.asarray(head["mp_lmk_faces_idx"], np.int64)]
        self._lmk_weights = np.asarray(head["mp_lmk_bary_coords"], np.float32)
        level = np.linspace(0, 1, 4096)
        curve = np.where(level <= 0.0031308, 12.92 * level, 1.055 * level ** (1 / 2.4) - 0.055)
        self._encode = np.round(255 * curve).astype(np.uint8)
        self._buffers: Buffers | None = None
        self._volumes: dict[int, Array] = {}

    def landmarks(self, posed: Array) -> Array:
        """The 478 surface landmarks of posed vertices [V, 3]: [478, 3]."""
        result: Array = np.einsum("nk,nkd->nd", self._lmk_weights, posed[self._lmk_corners])
        return result

    def render(
        self,
        vertices: Array,
        camera: Camera,
        style: HeadStyle,
        *,
        size: tuple[int, int] = (256, 256),
        rng: np.random.Generator | None = None,
        supersampling: int = 2,
        world_to_view: NDArray[np.floating] | None = None,
        background: Image | None = None,
    ) -> Image:
        """A picture uint8 [H, W, 3] RGB.

        vertices: [V, 3] posed head in the view frame (m; x right, y up, z to the viewer: FLAME's frame from the front).
        camera: Orthographic or Perspective, in pixels of ``size`` = (height, width).
        rng: for sensor noise and the background's pattern; default from style.seed.
        world_to_view: [3, 3], turns the style's lights. background: uint8 [H, W, 3] instead of the style's own.
        """
        rng = np.random.default_rng(style.seed) if rng is None else rng
        height, width = size
        posed = np.ascontiguousarray(vertices, np.float32)
        solid = place(self.extras, self.surface, self._rim, posed, self.landmarks(posed))
        paint = np.zeros((len(posed) + len(solid), 4), np.float32)
        paint[len(posed) :] = self.extras.paint
        cloth = np.concatenate([np.zeros(len(posed), bool), self.extras.cloth])
        paint[cloth, :3] *= _linear(style.cloth)
        # Seen through the lips only: away from the viewer, teeth never pierce the skin of a receding chin.
        solid[self.extras.bone < 2, 2] -= 0.005
        if not style.torso:
            solid[self.extras.cloth] = np.nan

        whole = np.concatenate([self._with_hair(posed, style), solid]).astype(np.float32)
        normals = vertex_normals(whole, self.faces)
        turn = np.eye(3) if world_to_view is None else np.asarray(world_to_view, np.float64)
        lights = np.array([light.direction for light in style.lights], np.float64) @ turn.T
        shadow = self._shadow(whole, lights[0]) if style.shadows else np.ones(len(whole), np.float32)

        points = camera.project(whole) * np.float32(supersampling)
        if self._buffers is None or self._buffers.depth.shape != (
            height * supersampling,
            width * supersampling,
        ):
            self._buffers = empty_buffers(height * supersampling, width * supersampling)
        buffers = rasterize(
            points, self.faces, height * supersampling, width * supersampling, out=self._buffers
        )
        backdrop = self.background(style, height, width, rng) if background is None else background
        eyes = np.zeros((2, 8), np.float64)
        for side in range(2):
            radius = float(self.surface.eye_radii[side])
            eyes[side, :3] = self.surface.eye_centres[side]
            eyes[side, 3:6] = posed[self._eye_vertices[side]].mean(axis=0)
            eyes[side, 6:] = radius, np.arcsin(min(0.9, 0.0059 / radius))
        picture = np.empty((height, width, 3), np.uint8)
        shading.compose(
            buffers.triangle,
            buffers.barycentric,
            buffers.depth,
            supersampling,
            self._detailed,
            self.faces,
            self._base,
            self._kind,
            whole,
            normals,
            shadow,
            paint,
            self.surface.lattice,
            self._features,
            eyes,
            self._volume(style.seed),
            np.array([float(getattr(style, name)) for name in shading.SCALARS]),
            np.array([_linear(getattr(style, name)) for name in shading.COLOURS]),
            lights,
            np.array([light.colour for light in style.lights], np.float64),
            np.ascontiguousarray(backdrop),
            self._encode,
            picture,
        )
        if style.blur > 0.05:
            picture = cv2.GaussianBlur(picture, (0, 0), style.blur)
        if style.noise > 0:
            grain = rng.standard_normal(picture.shape, np.float32) * np.float32(255 * style.noise)
            picture = np.clip(picture + grain, 0, 255).astype(np.uint8)
        return np.asarray(picture, np.uint8)

    def _fine_pattern(self) -> NDArray[np.bool_]:
        """Triangles [T] with brows, lashes, lips or the hairline on them."""
        field = {name: self.surface.lattice[..., index] for name, index in CHANNEL.items()}
        fine = (np.abs(field["brow_across"]) < 1.4) | ((field["lid_gap"] < 0.0026) & (field["z"] > 0.04))
        fine |= np.abs(field["lips"]) < 0.002
        fine |= (field["hair"] > -0.004) & (field["hair"] < 0.008) & (field["z"] > 0.0)
        result: NDArray[np.bool_] = fine.any(axis=1)
        return result

    def _with_hair(self, posed: Array, style: HeadStyle) -> Array:
        """The scalp pushed out by the hair's thickness."""
        if style.bald:
            return posed
        grown = self.surface.hair - style.hairline
        volume = self._volume(style.seed)
        cells = np.floor(self.surface.template * 90).astype(int) % volume.shape[0]
        lump = 1 + 0.25 * volume[cells[:, 0], cells[:, 1], cells[:, 2]]
        ramp = np.clip(grown / 0.035, 0, 1)
        # Longer on top than at the sides and the nape.
        top = np.clip((self.surface.template[:, 1] - 0.03) / 0.06, 0.25, 1)
        thickness = style.hair_length * ramp * ramp * (3 - 2 * ramp) * lump * top
        moved = thickness > 0
        result = posed.copy()
        outward = vertex_normals(posed, self.surface.faces)
        result[moved] += thickness[moved, None].astype(np.float32) * outward[moved]
        return result

    def _shadow(self, whole: Array, towards: NDArray[np.float64]) -> Array:
        """How much of the key light reaches a vertex, 0..1, with soft edges."""
        right = np.cross([0.0, 1.0, 0.0], towards)
        right /= np.linalg.norm(right) + 1e-9
        frame = np.stack([right, -np.cross(towards, right), towards]).astype(np.float32)
        cranium = len(self.surface.template)
        seen = vertex_visibility(
            whole[:cranium] @ frame.T,
            self.surface.faces,
            resolution=128,
            bias=0.012,
            minimum_facing=-2.0,
            threads=1,
        )
        shadow = np.ones(len(whole), np.float32)
        shadow[:cranium] = seen
        other, count = np.empty_like(shadow), np.empty_like(shadow)
        for _ in range(2):
            shading.smooth(shadow, self.faces, other, count)
            shadow, other = other, shadow
        return shadow

    def _volume(self, seed: int) -> Array:
        """32^3 values of noise with unit spread, a few kept."""
        key = seed % 64
        if key not in self._volumes:
            self._volumes[key] = np.random.default_rng(key).uniform(-1, 1, (32, 32, 32)).astype(np.float32)
        return self._volumes[key]

    @staticmethod
    def background(style: HeadStyle, height: int, width: int, rng: np.random.Generator) -> Image:
        first, second = (np.array(colour) for colour in style.background)
        cells = int(rng.integers(2, 9))
        mix = np.linspace(0, 1, 9)[:, None] * np.ones((9, 9)) + style.clutter * 0.5 * cv2.resize(
            rng.standard_normal((cells, cells)), (9, 9), interpolation=cv2.INTER_CUBIC
        )
        small = first + (second - first) * np.clip(mix, 0, 1)[..., None]
        small = small + style.clutter * 0.06 * rng.standard_normal((9, 9, 3))
        large = cv2.resize(small.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
        if style.clutter > 0.5:
            for _ in range(int(rng.integers(1, 5))):
                corner = rng.uniform(-0.2, 1.0, 2) * [width, height]
                span = rng.uniform(0.05, 0.7, 2) * [width, height]
                colour = tuple(float(value) for value in rng.uniform(0, 1, 3))
                start, end = corner.astype(int), (corner + span).astype(int)
                cv2.rectangle(large, [int(v) for v in start], [int(v) for v in end], colour, -1)
            large = cv2.GaussianBlur(large, (0, 0), max(1.0, 0.012 * width))
        return np.clip(255 * large, 0, 255).astype(np.uint8)


def _linear(colour: tuple[float, float, float]) -> NDArray[np.float64]:
    """sRGB 0..1 to linear light."""
    value = np.asarray(colour, np.float64)
    result: NDArray[np.float64] = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return result

"""Portraits of the head for the landmark detector: where it puts its points on them tells where the points belong.

The skin's features come from MakeHuman's own texture masks and from anatomy, never from a landmark table: otherwise the
detector would only confirm that table.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter

from neuface_engine.raster import Buffers, rasterize, vertex_normals, vertex_visibility
from open_head.types import LEFT_EYE, RIGHT_EYE, SKIN, Array

SIZE = 512  # px, side of a portrait
FOCAL = 2400.0  # px: a head of 0.2 m fills two thirds of the picture from 1.4 m
DISTANCE = 1.4  # metres
CENTRE = np.array([0.0, -0.005, 0.0])  # turns about this point, metres
_TONES = np.array(
    [[0.93, 0.76, 0.67], [0.87, 0.68, 0.57], [0.78, 0.58, 0.45], [0.62, 0.43, 0.32], [0.45, 0.30, 0.22]]
)
_HAIR = np.array([[0.05, 0.04, 0.03], [0.16, 0.10, 0.06], [0.35, 0.24, 0.13], [0.45, 0.43, 0.41]])
_IRIS = np.array([[0.33, 0.22, 0.13], [0.25, 0.42, 0.60], [0.30, 0.42, 0.25]])
_BROW_HALF_WIDTH = ([0.010, 0.022, 0.054], [0.0042, 0.0042, 0.0020])  # metres, by |x|
# metres, by |x|: brow hair sits a little above the ridge that the brow muscles pull most, the more so at the nose
_BROW_LIFT = ([0.010, 0.030, 0.054], [0.0025, 0.0010, 0.0008])


@dataclass(frozen=True)
class Look:
    """Colours and light of one portrait."""

    skin: Array
    hair: Array
    iris: Array
    light: Array  # [3] direction of the key light
    background: Array
    grain: int  # seed of the skin's pattern
    bald: bool

    @classmethod
    def random(cls, rng: np.random.Generator) -> Look:
        light = np.array([rng.uniform(-0.7, 0.7), rng.uniform(0.1, 0.8), 1.0])
        return cls(
            skin=_TONES[rng.integers(len(_TONES))] * rng.uniform(0.95, 1.05, 3),
            hair=_HAIR[rng.integers(len(_HAIR))],
            iris=_IRIS[rng.integers(len(_IRIS))],
            light=light / np.linalg.norm(light),
            background=rng.uniform(0.3, 0.8, 3),
            grain=int(rng.integers(2)),
            bald=bool(rng.random() < 0.2),
        )


class Portraits:
    """Renders posed vertices of the head; features are painted in the rest pose and move with the skin."""

    def __init__(
        self,
        template: Array,
        faces: Array,
        part: Array,
        uvs: Array,
        uv_faces: Array,
        masks: dict[str, Array],
        brow: Array,
    ) -> None:
        """masks: texture images [H,W] by name; brow: height of the brow as a quadratic in |x| (metres)."""
        self.template, self.faces, self.part = template, faces, part
        self._uvs, self._uv_faces = uvs.astype(np.float32), uv_faces
        self._masks = {name: cv2.GaussianBlur(mask, (0, 0), 3) for name, mask in masks.items()}
        self._brow = brow
        self._eyes = {p: template[np.unique(faces[part == p])].mean(0) for p in (LEFT_EYE, RIGHT_EYE)}
        self._open = _openness(template, faces)

    def project(self, points: Array, yaw: float, pitch: float = 0.0) -> Array:
        """Points [N,3] of the head turned by yaw about y, then pitch about x (radians) -> px x, y, depth."""
        moved = (points - CENTRE) @ turn(yaw, pitch).T
        scale = FOCAL / (DISTANCE - moved[:, 2])
        x, y = SIZE / 2 + scale * moved[:, 0], SIZE / 2 - scale * moved[:, 1]
        return np.stack([x, y, -1.0 / scale], 1)

    def render(self, vertices: Array, look: Look, yaw: float, pitch: float = 0.0) -> tuple[Array, Buffers]:
        """Picture uint8 [SIZE,SIZE,3] RGB, and what each pixel sees."""
        points = self.project(vertices, yaw, pitch).astype(np.float32)
        points[:, 2] *= 1e4
        buffers = rasterize(points, self.faces, SIZE, SIZE)
        seen = buffers.mask
        triangle, weights = buffers.triangle[seen], buffers.barycentric[seen]
        corners = self.faces[triangle]
        rest = np.einsum("nk,nkd->nd", weights, self.template[corners])
        normals = vertex_normals(vertices.astype(np.float32), self.faces)
        normal = np.einsum("nk,nkd->nd", weights, normals[corners]) @ turn(yaw, pitch).T
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        uv = np.einsum("nk,nkd->nd", weights, self._uvs[self._uv_faces[triangle]])
        albedo = self._albedo(rest, uv, self.part[triangle], look)
        sky = np.einsum("nk,nk->n", weights, self._open[corners])
        image = np.ones((SIZE, SIZE, 3)) * look.background
        image[seen] = _shade(albedo, normal, sky, self.part[triangle] != SKIN, look)
        out = (np.clip(image, 0, 1) ** (1 / 1.1) * 255).astype(np.uint8)
        return cv2.GaussianBlur(out, (0, 0), 0.7), buffers

    def _albedo(self, rest: Array, uv: Array, part: Array, look: Look) -> Array:
        skin = part == SKIN
        x, y, z = rest.T
        fine, coarse = _grain(look.grain)
        cell = tuple(np.clip(((rest + 0.2) / 0.4 * 127), 0, 127).astype(int).T)
        colour = look.skin * (1 + 0.025 * fine[cell] + 0.04 * coarse[cell])[:, None]
        flush = np.exp(-((np.abs(x) - 0.036) ** 2 + (y + 0.022) ** 2) / (2 * 0.014**2)) * (z > 0.02)
        colour *= 1 + flush[:, None] * [0.06, -0.07, -0.07]
        paints = {
            "lips": (look.skin * [0.85, 0.58, 0.60], 0.8),
            "inside-mouth": (np.array([0.22, 0.07, 0.07]), 1.0),
            "eyelids": (look.skin * [0.80, 0.72, 0.70], 0.6),
        }
        for name, (paint, strength) in paints.items():
            amount = (strength * self._mask(name, uv) * skin)[:, None]
            colour = colour * (1 - amount) + paint * amount
        hair_line = np.polyval(self._brow, np.abs(x)) + np.interp(np.abs(x), *_BROW_LIFT)
        away = np.abs(y - hair_line) / np.interp(np.abs(x), *_BROW_HALF_WIDTH)
        brow = np.clip(1.6 - 1.2 * away, 0, 0.85) * skin * (z > 0.03)
        brow *= np.clip((np.abs(x) - 0.010) / 0.003, 0, 1) * np.clip((0.056 - np.abs(x)) / 0.004, 0, 1)
        brow *= np.clip(1 + 0.25 * fine[cell], 0, 1.15)
        colour = colour * (1 - brow[:, None]) + look.hair * brow[:, None]
        if not look.bald:
            line = y - (0.080 - 0.95 * np.clip(0.055 - z, 0, 0.075)) + 0.0025 * fine[cell]
            hair = np.clip(np.where(y < -0.055, -1, line) / 0.006, 0, 1) * 0.9 * skin
            hair[(z > -0.035) & (y < 0.035) & (np.abs(x) > 0.068)] = 0
            colour = colour * (1 - hair[:, None]) + look.hair * hair[:, None]
        for p in (LEFT_EYE, RIGHT_EYE):
            ball = part == p
            ray = rest[ball] - self._eyes[p]
            sine = np.hypot(ray[:, 0], ray[:, 1]) * 1e3
            # lids and lashes shade it from above
            white = 0.88 - 0.35 * np.clip((ray[:, 1] * 1e3 - 2) / 5, 0, 1)
            paint = white[:, None] * np.array([1.0, 0.97, 0.95])
            paint[sine < 5.9] = look.iris
            paint[(sine < 5.9) & (sine > 5.2)] *= 0.5
            paint[sine < 2.3] = 0.02
            colour[ball] = np.where(ray[:, 2:] > 0, paint, 0.6)
        return colour

    def _mask(self, name: str, uv: Array) -> Array:
        image = self._masks[name]
        x = np.clip(uv[:, 0] * image.shape[1], 0, image.shape[1] - 1).astype(int)
        y = np.clip((1 - uv[:, 1]) * image.shape[0], 0, image.shape[0] - 1).astype(int)
        return image[y, x]


def turn(yaw: float, pitch: float = 0.0) -> Array:
    """Rotation by yaw about y (the face turns to the subject's left), then pitch about x."""
    c, s = np.cos(yaw), np.sin(yaw)
    cp, sp = np.cos(pitch), np.sin(pitch)
    about_y = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]]) @ about_y


def _shade(albedo: Array, normal: Array, sky: Array, eye: Array, look: Look) -> Array:
    occlusion = np.where(eye, 0.9, 0.25 + 0.75 * np.clip(1.2 * sky, 0, 1))
    key = np.clip((normal @ look.light + 0.25) / 1.25, 0, 1)
    fill = np.clip(normal @ np.array([-look.light[0], 0.1, 0.8]), 0, 1)
    half = look.light + np.array([0.0, 0.0, 1.0])
    gleam = np.clip(normal @ (half / np.linalg.norm(half)), 0, 1)
    gloss = np.where(eye, 0.6 * gleam**160, 0.06 * gleam**24)
    light = (0.30 + 0.06 * normal[:, 1]) * occlusion + (0.62 * key + 0.16 * fill) * (0.4 + 0.6 * occlusion)
    return albedo * light[:, None] + gloss[:, None]


def _grain(seed: int) -> tuple[Array, Array]:
    if seed not in _GRAINS:
        rng = np.random.default_rng(seed)
        fields = [
            gaussian_filter(rng.normal(size=(128, 128, 128)).astype(np.float32), sigma) for sigma in (1.2, 6)
        ]
        _GRAINS[seed] = (fields[0] / fields[0].std(), fields[1] / fields[1].std())
    return _GRAINS[seed]


_GRAINS: dict[int, tuple[Array, Array]] = {}


def _openness(template: Array, faces: Array, count: int = 64) -> Array:
    """Cosine-weighted share of the sky that each vertex sees [V]: dark nostrils, mouth corners, lid folds."""
    k = np.arange(count) + 0.5
    z = 1 - 2 * k / count
    angle = np.pi * (1 + 5**0.5) * k
    towards = np.stack([np.sqrt(1 - z * z) * np.cos(angle), np.sqrt(1 - z * z) * np.sin(angle), z], 1)
    helper = np.where(np.abs(towards[:, 1:2]) < 0.9, [[0.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]])
    right = np.cross(helper, towards)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    views = np.stack([right, -np.cross(towards, right), towards], 1)
    turned = np.einsum("nij,vj->nvi", views, template).astype(np.float32)
    seen = vertex_visibility(turned, faces, resolution=256, bias=0.004)
    cosine = np.clip(vertex_normals(template.astype(np.float32), faces) @ towards.T, 0, None)
    return (cosine * np.asarray(seen, np.float64).T).sum(1) / np.maximum(cosine.sum(1), 1e-6)

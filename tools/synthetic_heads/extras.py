"""What the fitting mesh leaves out and a picture needs: teeth, tongue and a torso in a shirt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .surface import Array, Surface

_UPPER_ANCHORS = (2, 97, 326, 98, 327, 4, 5, 205, 425, 33, 133, 263, 362, 168)
_LOWER_ANCHORS = (152, 148, 377, 176, 400, 150, 379, 199, 200, 172, 397, 136, 365)


@dataclass(frozen=True)
class Extras:
    """A painted mesh in rest and what each vertex is fastened to.

    vertices [N, 3] m; faces int32 [M, 3]; paint [N, 4] linear colour and gloss; bone uint8 [N]: 0 upper jaw,
    1 lower jaw, 2 rim of the neck; cloth bool [N]: takes the style's cloth colour.
    """

    vertices: Array
    faces: NDArray[np.int32]
    paint: Array
    bone: NDArray[np.uint8]
    cloth: NDArray[np.bool_]


def build_extras(surface: Surface) -> Extras:
    parts = [_teeth(surface, upper=True), _teeth(surface, upper=False), _tongue(surface), _torso(surface)]
    start = np.cumsum([0] + [len(part[0]) for part in parts])
    return Extras(
        vertices=np.concatenate([part[0] for part in parts]).astype(np.float32),
        faces=np.concatenate([part[1] + offset for part, offset in zip(parts, start, strict=False)]).astype(
            np.int32
        ),
        paint=np.concatenate([part[2] for part in parts]).astype(np.float32),
        bone=np.concatenate([np.full(len(part[0]), part[3], np.uint8) for part in parts]),
        cloth=np.concatenate([np.full(len(part[0]), part[3] == 2) for part in parts]),
    )


_Part = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64], int]


def _sheet(rows: int, columns: int, *, closed: bool = False) -> NDArray[np.int64]:
    """Faces of a grid whose rows run downwards and whose columns run to the right as seen from outside."""
    index = np.arange(rows * columns).reshape(rows, columns)
    right = np.roll(index, -1, axis=1)
    last = columns if closed else columns - 1
    a, b = index[:-1, :last].ravel(), index[1:, :last].ravel()
    c, d = right[1:, :last].ravel(), right[:-1, :last].ravel()
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def _teeth(surface: Surface, *, upper: bool) -> _Part:
    seam = 0.5 * (surface.landmarks[13] + surface.landmarks[14])
    lips_z = 0.5 * (surface.landmarks[0, 2] + surface.landmarks[17, 2])
    widths = np.array([8.6, 6.8, 7.6, 7.0, 6.8, 9.0] if upper else [5.4, 6.0, 6.8, 7.0, 7.0, 10.0]) * 1e-3
    edges = np.concatenate([[0], np.cumsum(widths)])
    columns, rows = 121, 9
    run = np.linspace(-edges[-1], edges[-1], columns)
    tooth = np.searchsorted(edges, np.abs(run), side="right").clip(1, len(widths)) - 1
    place = (np.abs(run) - edges[tooth]) / widths[tooth]
    # Arc-length along a parabola-like arch.
    arch = 0.030 if upper else 0.028
    angle = run / arch
    x, z = arch * np.sin(angle), -arch * 1.25 * (1 - np.cos(angle))
    bulge = 1 - (2 * place - 1) ** 4
    rise = np.linspace(0, 1, rows)[:, None]
    length = (0.0105 if upper else 0.0088) * (1 - 0.12 * (tooth % 2 == 1))
    gum = 0.004 if upper else 0.002
    front = lips_z - (0.0112 if upper else 0.0142)
    depth = z + front + 0.0009 * bulge * np.sin(np.pi * np.clip(rise, 0, 1)) - 0.0025 * rise
    if upper:
        bottom = seam[1] - 0.0012 + 0.0008 * (1 - bulge)
        y = bottom + (1 - rise) * (length + gum)
        crown = (1 - rise) * (length + gum) < length
    else:
        top = seam[1] - 0.0026 - 0.0006 * (1 - bulge)
        y = top - rise * (length + gum)
        crown = rise * (length + gum) < length
    vertices = np.stack([np.broadcast_to(x, y.shape), y, np.broadcast_to(depth, y.shape)], axis=-1)
    if not upper:
        vertices[..., 2] += 0.0025 * rise
    gap = np.clip(bulge * 1.4, 0.0, 1.0)
    # The lips keep most of the light out.
    shade = np.clip(1 + z / 0.024, 0.08, 1) * (0.62 if upper else 0.45)
    white = np.array([0.66, 0.61, 0.50]) * (shade * (0.55 + 0.45 * gap))[:, None]
    pink = np.array([0.42, 0.15, 0.15]) * shade[:, None] * 0.8
    colour = np.where(crown[..., None], white, pink)
    gloss = np.where(crown, 0.35, 0.15) * shade
    paint = np.concatenate([colour, np.broadcast_to(gloss, crown.shape)[..., None]], axis=-1)
    return vertices.reshape(-1, 3), _sheet(rows, columns), paint.reshape(-1, 4), 0 if upper else 1


def _tongue(surface: Surface) -> _Part:
    seam = 0.5 * (surface.landmarks[13] + surface.landmarks[14])
    polar, around = np.meshgrid(
        np.linspace(0.004, np.pi - 0.004, 14), np.linspace(0, 2 * np.pi, 24, endpoint=False), indexing="ij"
    )
    ball = np.stack([np.sin(polar) * np.sin(around), np.cos(polar), np.sin(polar) * np.cos(around)], axis=-1)
    vertices = ball * [0.0165, 0.0062, 0.024] + [0, seam[1] - 0.0115, seam[2] - 0.033]
    groove = 1 - 0.35 * np.exp(-((vertices[..., 0] / 0.0025) ** 2)) * (ball[..., 1] > 0)
    shade = np.clip(0.35 + 0.65 * (ball[..., 2] + 0.4), 0.1, 1) * groove * 0.75
    colour = np.array([0.42, 0.13, 0.14]) * shade[..., None]
    paint = np.concatenate([colour, np.full((*shade.shape, 1), 0.12)], axis=-1)
    return vertices.reshape(-1, 3), _sheet(14, 24, closed=True), paint.reshape(-1, 4), 1


def neck_rim(surface: Surface) -> NDArray[np.int64]:
    """Vertices along the cut through the neck: the mesh's lowest open edges."""
    edges = np.concatenate([surface.faces[:, [0, 1]], surface.faces[:, [1, 2]], surface.faces[:, [2, 0]]])
    key = np.sort(edges, axis=1)
    unique, count = np.unique(key, axis=0, return_counts=True)
    border = np.unique(unique[count == 1])
    low = surface.template[:, 1].min() + 0.4 * np.ptp(surface.template[:, 1])
    rim: NDArray[np.int64] = border[surface.template[border, 1] < low]
    return rim


def _torso(surface: Surface) -> _Part:
    rim = surface.template[neck_rim(surface)]
    middle = rim.mean(axis=0)
    reach = np.abs(rim - middle).max(axis=0)
    # height below the rim's middle, half width, half depth, shift in z
    rings = np.array([
        [0.010, reach[0] * 0.96, reach[2] * 0.98, 0.0],
        [0.013, reach[0] * 1.08, reach[2] * 1.08, 0.0],
        [0.008, reach[0] * 1.16, reach[2] * 1.14, 0.0],
        [-0.004, reach[0] * 1.26, reach[2] * 1.2, 0.0],
        [-0.016, reach[0] * 1.7, reach[2] * 1.28, 0.0],
        [-0.030, 0.148, reach[2] * 1.42, -0.003],
        [-0.050, 0.182, 0.108, -0.006],
        [-0.085, 0.208, 0.116, -0.006],
        [-0.14, 0.222, 0.124, 0.0],
        [-0.40, 0.225, 0.135, 0.008],
    ])  # fmt: skip
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    tilt = (rim[:, 1] - middle[1]) @ (rim[:, 2] - middle[2]) / max(((rim[:, 2] - middle[2]) ** 2).sum(), 1e-9)
    rows = []
    for height, half_width, half_depth, shift in rings:
        x, z = half_width * np.sin(turn), half_depth * np.cos(turn)
        lean = tilt * z * np.clip(1 + (height - 0.013) / 0.05, 0, 1)
        rows.append(np.stack([x, np.full_like(x, height) + lean, z + shift], axis=1) + middle)
    vertices = np.stack(rows)
    fold = 1 + 0.06 * np.sin(7 * turn + 1.0)[None] * np.linspace(0, 1, len(rings))[:, None]
    fold[0] *= 0.5
    paint = np.concatenate([np.repeat(fold[..., None], 3, axis=-1), np.zeros((*fold.shape, 1))], axis=-1)
    # A lining, so that the collar is not seen through; vertices of its own, for normals of its own.
    lining = 4
    cloth = np.concatenate([vertices.reshape(-1, 3), vertices[:lining].reshape(-1, 3)])
    colours = np.concatenate([paint.reshape(-1, 4), 0.5 * paint[:lining].reshape(-1, 4)])
    inside = _sheet(lining, 48, closed=True)[:, ::-1] + vertices[..., 0].size
    return cloth, np.concatenate([_sheet(len(rings), 48, closed=True), inside]), colours, 2


def rigid(source: Array, target: Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rotation [3, 3] and shift [3] that best carry source [N, 3] onto target [N, 3] (Kabsch)."""
    a, b = source.mean(axis=0), target.mean(axis=0)
    u, _, vt = np.linalg.svd((target - b).T.astype(np.float64) @ (source - a))
    sign = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ sign @ vt
    return rotation, b - rotation @ a


def place(extras: Extras, surface: Surface, rim: NDArray[np.int64], posed: Array, landmarks: Array) -> Array:
    """Carry the extras along with a posed head: vertices [N, 3] in the frame of ``posed`` [V, 3]."""
    result = np.empty_like(extras.vertices)
    pairs = (
        (surface.landmarks[list(_UPPER_ANCHORS)], landmarks[list(_UPPER_ANCHORS)]),
        (surface.landmarks[list(_LOWER_ANCHORS)], landmarks[list(_LOWER_ANCHORS)]),
        (surface.template[rim], posed[rim]),
    )
    for bone, (rest, now) in enumerate(pairs):
        rotation, shift = rigid(rest, now)
        mine = extras.bone == bone
        result[mine] = extras.vertices[mine] @ rotation.T + shift
    return result

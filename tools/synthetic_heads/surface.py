"""What is where on the open head's skin: lips, brows, lid margins, hairline, cavities.

The skin's features are fields over the surface, measured in the head's rest position and sampled on a lattice of 15
points a triangle, so that they move with the skin in every pose. They are derived from the landmark embedding, the
eyeballs and the mesh alone; a texture map is not needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuface_engine.raster import vertex_normals, vertex_visibility

Array = NDArray[np.float32]

SEGMENTS = 4
"""Each edge of a triangle is cut into this many parts by the lattice."""

CHANNELS = (
    "x", "y", "z", "open", "blush", "lid_gap", "upper_lid", "lips", "mouth_line", "cavity", "brow_across", "brow_along",
    "beard", "hair",
)  # fmt: skip
CHANNEL = {name: index for index, name in enumerate(CHANNELS)}

# Which groups of channels a triangle needs, bit by bit; x to blush are always needed.
LIDS, MOUTH, BROW, BEARD, HAIR = 1, 2, 4, 8, 16

OUTER_LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
_BROWS = (
    ((70, 63, 105, 66, 107), (46, 53, 52, 65, 55)),
    ((300, 293, 334, 296, 336), (276, 283, 282, 295, 285)),
)
_EYE_CORNERS = ((263, 362), (33, 133))


@dataclass(frozen=True)
class Surface:
    """The head in rest and the fields on it.

    faces int32 [T, 3]; template [V, 3] m; part uint8 [T] (0 skin, 1 left eyeball, 2 right); landmarks [478, 3] m in
    rest; lattice float32 [T, 15, len(CHANNELS)]; eye_centres [2, 3] m; eye_radii [2] m; hair [V] m above the hairline.
    """

    faces: NDArray[np.int32]
    template: Array
    part: NDArray[np.uint8]
    landmarks: Array
    lattice: Array
    eye_centres: Array
    eye_radii: Array
    hair: Array


def lattice_weights() -> Array:
    """Barycentric weights of the lattice points, [15, 3], ordered by the second, then the third weight."""
    rows = [
        (1 - (i + j) / SEGMENTS, i / SEGMENTS, j / SEGMENTS)
        for i in range(SEGMENTS + 1)
        for j in range(SEGMENTS + 1 - i)
    ]
    return np.array(rows, np.float32)


def build_surface(head: Mapping[str, NDArray[np.generic]]) -> Surface:
    """Measure the fields on a head given as the arrays of resources/open_head.npz."""
    template = np.asarray(head["v_template"], np.float32)
    faces = np.asarray(head["f"], np.int32)
    part = np.asarray(head["part"], np.uint8)
    corners = template[faces[np.asarray(head["mp_lmk_faces_idx"], np.int64)]]
    landmarks = np.einsum("nk,nkd->nd", np.asarray(head["mp_lmk_bary_coords"], np.float32), corners)
    openness = _openness(template, faces)
    centres, radii = _eyeballs(template, faces, part)

    weights = lattice_weights()
    points = np.einsum("gk,tkd->tgd", weights, template[faces]).reshape(-1, 3)
    light = np.einsum("gk,tk->tg", weights, openness[faces]).ravel()
    fields = np.zeros((len(points), len(CHANNELS)), np.float32)
    fields[:, :3] = points
    fields[:, CHANNEL["open"]] = light
    mouth = landmarks[list(OUTER_LIPS)]
    centre = mouth.mean(axis=0)
    near_mouth = (np.abs(points - centre) < [0.04, 0.03, 0.05]).all(axis=1)
    front = points[:, 2] > mouth[:, 2].min() - 0.014
    outline = _smooth_closed(mouth[:, :2])
    lips = np.full(len(points), -0.02, np.float32)
    lips[near_mouth & front] = _signed_distance(points[near_mouth & front, :2], outline)
    fields[:, CHANNEL["lips"]] = lips
    seam = 0.5 * (landmarks[13, 1] + landmarks[14, 1]) + (points[:, 0] / mouth[0, 0]) ** 2 * (
        mouth[[0, 10], 1].mean() - 0.5 * (landmarks[13, 1] + landmarks[14, 1])
    )
    fields[:, CHANNEL["mouth_line"]] = np.where(near_mouth, points[:, 1] - seam, 0.05)
    bag = (
        (np.abs(points[:, 0]) < 0.035)
        & (points[:, 1] > centre[1] - 0.035)
        & (points[:, 1] < centre[1] + 0.035)
    )
    depth_behind = mouth[:, 2].max() - points[:, 2]
    inside = bag & (depth_behind > 0.006) & (points[:, 2] > -0.05)
    fields[:, CHANNEL["cavity"]] = np.where(inside, np.clip(1.25 - light / 0.22, 0, 1), 0)

    across, along = _brows(points, landmarks)
    fields[:, CHANNEL["brow_across"]], fields[:, CHANNEL["brow_along"]] = across, along
    gap, upper = _lids(points, landmarks, centres, radii)
    fields[:, CHANNEL["lid_gap"]], fields[:, CHANNEL["upper_lid"]] = gap, upper
    fields[:, CHANNEL["hair"]] = _hairline(points, landmarks)
    fields[:, CHANNEL["beard"]] = _beard(points, landmarks)
    fields[:, CHANNEL["blush"]] = _blush(points, landmarks)
    return Surface(
        faces=faces,
        template=template,
        part=part,
        landmarks=landmarks.astype(np.float32),
        lattice=np.ascontiguousarray(fields.reshape(len(faces), len(weights), len(CHANNELS))),
        eye_centres=centres,
        eye_radii=radii,
        hair=_hairline(template, landmarks),
    )


def features(lattice: Array) -> NDArray[np.uint8]:
    """The groups of channels that show on each triangle, uint8 [T], as bits."""
    field = {name: lattice[..., index] for name, index in CHANNEL.items()}
    present = {
        LIDS: field["lid_gap"] < 0.012,
        MOUTH: (field["lips"] > -0.002) | (field["cavity"] > 0),
        BROW: (np.abs(field["brow_across"]) < 4) & (field["brow_along"] < 1.2) & (field["brow_along"] > -0.2),
        BEARD: field["beard"] > 0.01,
        HAIR: field["hair"] > -0.022,
    }
    return sum(
        (bit * here.any(axis=1).astype(np.uint8) for bit, here in present.items()), np.uint8(0)
    ).astype(np.uint8)


def _openness(template: Array, faces: NDArray[np.int32], count: int = 96) -> Array:
    """How much of the sky a vertex sees, cosine-weighted, 0..1: dark in nostrils, mouth, lid folds, under the chin."""
    k = np.arange(count) + 0.5
    z = 1 - 2 * k / count
    turn = np.pi * (1 + 5**0.5) * k
    towards = np.stack([np.sqrt(1 - z * z) * np.cos(turn), np.sqrt(1 - z * z) * np.sin(turn), z], axis=1)
    helper = np.where(np.abs(towards[:, 1:2]) < 0.9, [[0.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]])
    right = np.cross(helper, towards)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    up = np.cross(towards, right)
    views = np.stack([right, -up, towards], axis=1)
    seen = vertex_visibility(np.einsum("nij,vj->nvi", views, template), faces, resolution=320, bias=0.004)
    cosine = np.clip(vertex_normals(template, faces) @ towards.T, 0, None)
    share: Array = ((cosine * seen.T).sum(1) / np.maximum(cosine.sum(1), 1e-6)).astype(np.float32)
    for _ in range(2):
        share = _smooth(share, faces)
    return share


def _smooth(values: Array, faces: NDArray[np.int32]) -> Array:
    total, count = values.copy(), np.ones(len(values), np.float32)
    for a, b in ((0, 1), (1, 2), (2, 0)):
        np.add.at(total, faces[:, a], values[faces[:, b]])
        np.add.at(count, faces[:, a], 1)
    return total / count


def _eyeballs(template: Array, faces: NDArray[np.int32], part: NDArray[np.uint8]) -> tuple[Array, Array]:
    centres, radii = [], []
    for ball in (1, 2):
        points = template[np.unique(faces[part == ball])]
        middle = (points.min(0) + points.max(0)) / 2
        centres.append(middle)
        radii.append(np.linalg.norm(points - middle, axis=1).mean())
    return np.array(centres, np.float32), np.array(radii, np.float32)


def _smooth_closed(polygon: Array, count: int = 120) -> Array:
    """A closed polygon resampled along a periodic cubic through its corners."""
    from scipy.interpolate import CubicSpline

    loop = np.concatenate([polygon, polygon[:1]])
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(loop, axis=0), axis=1))])
    curve: Array = CubicSpline(length, loop, bc_type="periodic")(
        np.linspace(0, length[-1], count, endpoint=False)
    ).astype(np.float32)
    return curve


def _signed_distance(points: Array, polygon: Array) -> Array:
    """Distance to a polygon's outline in the plane, positive inside."""
    a, b = polygon, np.roll(polygon, -1, axis=0)
    edge = b - a
    offset = points[:, None] - a
    t = np.clip((offset * edge).sum(-1) / (edge * edge).sum(-1), 0, 1)
    distance = np.linalg.norm(offset - t[..., None] * edge, axis=-1).min(axis=1)
    x, y = points[:, None, 0], points[:, None, 1]
    crosses = (a[:, 1] > y) != (b[:, 1] > y)
    run = np.where(edge[:, 1] == 0, 1e-12, edge[:, 1])
    inside = (crosses & (x < a[:, 0] + (y - a[:, 1]) / run * edge[:, 0])).sum(axis=1) % 2 == 1
    result: Array = np.where(inside, distance, -distance).astype(np.float32)
    return result


def _brows(points: Array, landmarks: Array) -> tuple[Array, Array]:
    """Place on the brow of the same side: across in half-widths, along 0 (at the nose) .. 1 (at the temple)."""
    across = np.full(len(points), 9.0, np.float32)
    along = np.full(len(points), 1.5, np.float32)
    for upper, lower in _BROWS:
        middle = (landmarks[list(upper)] + landmarks[list(lower)]) / 2
        half = np.linalg.norm(landmarks[list(upper)] - landmarks[list(lower)], axis=1) / 2
        side = np.sign(middle[:, 0].mean())
        x = points[:, 0] * side
        xs = middle[:, 0] * side
        curve = np.polyfit(xs, middle[:, 1], 2)
        inner, outer = xs.min() - 0.002, xs.max() + 0.002
        place = (x - inner) / (outer - inner)
        width = np.clip(half.mean() * 1.05, 0.0028, 0.0045) * np.interp(
            place, [0, 0.15, 0.6, 1], [0.9, 1.05, 0.95, 0.45]
        )
        clipped = np.clip(x, inner - 0.004, outer + 0.004)
        offset = (points[:, 1] - np.polyval(curve, clipped)) / width
        # No jumps: the lattice is interpolated, and a jump of sign would draw hairs where there are none.
        mine = x >= 0
        across[mine] = np.clip(offset, -9, 9)[mine]
        along[mine] = np.where(points[:, 2] > 0, np.clip(place, -0.5, 1.5), 1.5)[mine]
    return across, along


def _lids(points: Array, landmarks: Array, centres: Array, radii: Array) -> tuple[Array, Array]:
    """Gap [m] between skin and eyeball (0.05: far from both), and height [m] above the line of the eye's corners."""
    gap = np.full(len(points), 0.05, np.float32)
    upper = np.zeros(len(points), np.float32)
    for centre, radius, (outer, inner) in zip(centres, radii, _EYE_CORNERS, strict=True):
        offset = points - centre
        distance = np.linalg.norm(offset, axis=1) - radius
        near = (distance < 0.03) & (offset[:, 2] > 0)
        a, b = landmarks[outer], landmarks[inner]
        line = a[1] + (points[:, 0] - a[0]) / (b[0] - a[0]) * (b[1] - a[1])
        gap[near] = distance[near]
        upper[near] = (points[:, 1] - line)[near]
    return gap, upper


def _hairline(points: Array, landmarks: Array) -> Array:
    """Distance [m] above the hairline, negative on bare skin."""
    x, y, z = points.T
    top = landmarks[10, 1] + 0.016
    ear = 0.5 * (landmarks[127, 2] + landmarks[356, 2])
    front = landmarks[10, 2]
    # From the forehead's top the line falls towards the temples, then runs down before the ear and round the nape.
    back = np.clip((front - z) / (front - ear), 0, 2.2)
    line = np.interp(
        back,
        [0, 0.35, 0.75, 1.0, 1.12, 1.5, 1.9, 2.2],
        [top, top - 0.004, 0.055, 0.012, -0.006, 0.0, -0.05, -0.06],
    )
    height = y - line
    ears = np.clip((np.abs(x) - 0.0765) / 0.004, 0, 1) * np.clip((0.030 - y) / 0.008, 0, 1)
    return (height - 0.045 * ears).astype(np.float32)


def _beard(points: Array, landmarks: Array) -> Array:
    """Where a beard grows, 0..1."""
    x, y, z = points.T
    mouth, chin, nose = landmarks[13], landmarks[152], landmarks[2]
    lower = np.clip((mouth[1] + 0.004 - y) / 0.02 + (np.abs(x) - 0.028) / 0.02, 0, 1) * (y < nose[1])
    moustache = np.clip(1.2 - np.abs(y - (mouth[1] + 0.013)) / 0.009, 0, 1) * np.clip(
        (0.033 - np.abs(x)) / 0.008, 0, 1
    )
    cheek = np.clip((nose[1] - 0.012 - y) / 0.02, 0, 1)
    neck = np.clip((y - (chin[1] - 0.03)) / 0.02, 0, 1)
    field = np.maximum(lower * cheek * neck, moustache) * (z > 0.0)
    return field.astype(np.float32)


def _blush(points: Array, landmarks: Array) -> Array:
    """Where blood shows: cheeks, tip of the nose, ears, chin; 0..1."""

    def spot(centre: Array, radius: float) -> Array:
        value: Array = np.exp(-((points - centre) ** 2).sum(1) / (2 * radius**2)).astype(np.float32)
        return value

    x = np.abs(points[:, 0])
    ears = np.clip((x - 0.074) / 0.008, 0, 1) * (points[:, 2] < 0.02) * (np.abs(points[:, 1]) < 0.05)
    total = spot(landmarks[205], 0.017) + spot(landmarks[425], 0.017) + 0.8 * spot(landmarks[4], 0.012)
    return np.clip(total + 0.5 * spot(landmarks[152], 0.012) + 0.7 * ears, 0, 1).astype(np.float32)

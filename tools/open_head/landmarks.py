"""Landmark embedding: where the open detector puts its 478 points on portraits of the head.

A point seen in a portrait is looked up in what the pixel shows, so it lands on the visible surface of the right lip,
lid or cheek; as (triangle, barycentric) it does not depend on the pose it was seen in. Sightings are averaged on the
template.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter1d
from scipy.optimize import linear_sum_assignment

from neuface_engine.landmarks import MEDIAPIPE_TO_IBUG68, OpenDetector, Roi
from neuface_engine.raster import Buffers
from open_head.mesh import HeadMesh
from open_head.portrait import DISTANCE, FOCAL, SIZE, Look, Portraits, turn
from open_head.regions import vertex_normals
from open_head.types import LEFT_EYE, RIGHT_EYE, SKIN, Array

log = logging.getLogger("open_head")

# fmt: off
UPPER_LIP = (185, 40, 39, 37, 0, 267, 269, 270, 409, 184, 74, 73, 72, 11, 302, 303, 304, 408,
             183, 42, 41, 38, 12, 268, 271, 272, 407, 191, 80, 81, 82, 13, 312, 311, 310, 415)
LOWER_LIP = (146, 91, 181, 84, 17, 314, 405, 321, 375, 77, 90, 180, 85, 16, 315, 404, 320, 307,
             96, 89, 179, 86, 15, 316, 403, 319, 325, 95, 88, 178, 87, 14, 317, 402, 318, 324)
NEAR_CORNER = (185, 409, 184, 408, 183, 407, 191, 415, 146, 375, 77, 307)
# fmt: on
RIGHT_IRIS, LEFT_IRIS = range(468, 473), range(473, 478)
MAX_YAW = 39  # degrees; FLAME's contour table has a row a degree to either side
CONTOUR_BLUR = 3.5  # degrees over which contour sightings are pooled
STRAY = 0.25  # price of a millimetre from the static contour point, in millimetres off the detected pixel
REACH = 3.0  # px: a sighting farther than this from its kind of surface counts little


@dataclass(frozen=True)
class Shot:
    """One portrait: identity and jaw opening of the head, yaw and pitch of the view (radians)."""

    person: int
    jaw: float
    yaw: float
    pitch: float


@dataclass(frozen=True)
class Surfaces:
    """Kinds of triangles [T] bool on which landmarks may lie."""

    skin: Array
    upper_lip: Array
    lower_lip: Array
    contour: Array
    left_eye: Array
    right_eye: Array

    @classmethod
    def of(cls, mesh: HeadMesh, regions: dict[str, Array], lip_side: Array, jaw: Array) -> Surfaces:
        """lip_side [V] of regions.Lips; jaw [V]: skinning weight of the jaw."""
        faces = mesh.faces
        bag, ears, neck = (regions[name][faces].any(1) for name in ("mouth_inside", "ears", "neck"))
        skin = (mesh.part == SKIN) & ~bag & ~ears
        return cls(
            skin=skin,
            upper_lip=skin & ((lip_side >= 0) & (jaw < 0.1))[faces].all(1),
            lower_lip=skin & ((lip_side <= 0) & (jaw > 0.9))[faces].all(1),
            contour=skin & ~neck,
            left_eye=mesh.part == LEFT_EYE,
            right_eye=mesh.part == RIGHT_EYE,
        )

    def of_landmarks(self) -> dict[str, list[int]]:
        """Kind of surface -> the landmarks on it."""
        kinds: dict[str, list[int]] = {
            "upper_lip": [i for i in UPPER_LIP if i not in NEAR_CORNER],
            "lower_lip": [i for i in LOWER_LIP if i not in NEAR_CORNER],
            "right_eye": list(RIGHT_IRIS),
            "left_eye": list(LEFT_IRIS),
        }
        taken = {i for group in kinds.values() for i in group}
        return {"skin": [i for i in range(478) if i not in taken], **kinds}


@dataclass(frozen=True)
class Embedding:
    """Points on the mesh: triangle [...] and barycentric coordinates [...,3]."""

    faces: Array
    weights: Array

    def points(self, vertices: Array, faces: Array) -> Array:
        return np.einsum("...k,...kd->...d", self.weights, vertices[faces[self.faces]])


def shots(people: int) -> list[Shot]:
    """Mouth shut, half open and open; frontal, tilted and turned; and a sweep of yaws for the contour."""
    out = []
    for person in range(people):
        for yaw in (-24, 0, 24):
            out += [Shot(person, np.radians(jaw), np.radians(yaw), 0.0) for jaw in (8, 18)]
        out += [Shot(person, 0.0, 0.0, np.radians(pitch)) for pitch in (-12, 12)]
        sweep = range(-MAX_YAW, MAX_YAW + 1, 6) if person % 2 else range(-MAX_YAW + 3, MAX_YAW + 1, 6)
        out += [Shot(person, 0.0, np.radians(yaw), 0.0) for yaw in sweep]
    return out


class Sightings:
    """Positions on the template [S,478,3] of every landmark in every shot, with their weights [S,478]."""

    def __init__(self, plan: list[Shot]) -> None:
        self.plan = plan
        self.points = np.zeros((len(plan), 478, 3))
        self.weights = np.zeros((len(plan), 478))
        self.contour = np.zeros((len(plan), 17, 2))  # px
        self.found = np.zeros(len(plan), bool)


def look_at(
    portraits: Portraits,
    people: list[dict[float, Array]],
    surfaces: Surfaces,
    detector: OpenDetector,
    plan: list[Shot],
) -> Sightings:
    """Render and detect every shot. people: for each identity the posed vertices [V,3] by jaw angle."""
    rng = np.random.default_rng(5)
    out = Sightings(plan)
    kinds = surfaces.of_landmarks()
    template, faces = portraits.template, portraits.faces
    for k, shot in enumerate(plan):
        vertices = people[shot.person][shot.jaw]
        image, buffers = portraits.render(vertices, Look.random(rng), shot.yaw, shot.pitch)
        landmarks = _detect(detector, image, portraits.project(vertices, shot.yaw, shot.pitch))
        if landmarks is None:
            continue
        out.found[k] = True
        a, b, c = (vertices[faces[:, i]] for i in range(3))
        normals = np.cross(b - a, c - a) @ turn(shot.yaw, shot.pitch)[2]
        facing = normals / np.maximum(np.linalg.norm(np.cross(b - a, c - a), axis=1), 1e-12)
        for kind, group in kinds.items():
            point, triangle, away = _pick(buffers, getattr(surfaces, kind), landmarks[group], template, faces)
            out.points[k, group] = point
            squarely = np.clip(facing[triangle] - 0.1, 0, 1) ** 1.5
            out.weights[k, group] = squarely * np.exp(-((away / REACH) ** 2))
        out.contour[k] = landmarks[list(MEDIAPIPE_TO_IBUG68[:17])]
    log.info("portraits: %d, face found in %d", len(plan), out.found.sum())
    return out


def _detect(detector: OpenDetector, image: Array, points: Array) -> Array | None:
    """Landmarks [478,2] px; the region is refined once, as it is when a face is tracked."""
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    middle = (low + high) / 2
    roi = Roi(float(middle[0]), float(middle[1]), float((high - low).max() * 1.1), 0.0)
    for _ in range(3):
        landmarks, presence = detector.mesh([image], [roi])
        roi = Roi.around_landmarks(landmarks[0])
    return landmarks[0, :, :2] if presence[0] > 0.5 else None


def _pick(
    buffers: Buffers, allowed: Array, at: Array, template: Array, faces: Array
) -> tuple[Array, Array, Array]:
    """Nearest pixels that show an allowed triangle: template points [N,3], triangles [N], distances [N] px."""
    shown = buffers.mask & allowed[np.maximum(buffers.triangle, 0)]
    if not shown.any():
        return np.zeros((len(at), 3)), np.zeros(len(at), int), np.full(len(at), 1e3)
    distance, (rows, columns) = distance_transform_edt(~shown, return_indices=True)
    y, x = (np.clip(at[:, axis].astype(int), 0, SIZE - 1) for axis in (1, 0))
    row, column = rows[y, x], columns[y, x]
    triangle = buffers.triangle[row, column]
    point = np.einsum("nk,nkd->nd", buffers.barycentric[row, column], template[faces[triangle]])
    return point, triangle, distance[y, x]


def embed(mesh: HeadMesh, template: Array, surfaces: Surfaces, seen: Sightings) -> tuple[Embedding, Array]:
    """The 478 points, mirror-symmetric. Also the spread [478] of the sightings in metres.

    A point that the head itself hides is seen on whatever hides it. So a first estimate from the frontal portraits
    tells which portraits can show a point at all, and how squarely.
    """
    frontal = np.array([abs(s.yaw) < np.radians(13) for s in seen.plan])
    middle = _geometric_median(seen.points, seen.weights * frontal[:, None])
    view = np.stack([turn(s.yaw, s.pitch)[2] for s in seen.plan])
    normals = vertex_normals(template, mesh.faces)
    for _ in range(2):
        index, at = _on_surfaces(mesh, template, surfaces, middle)
        outward = np.einsum("nk,nkd->nd", at, normals[mesh.faces[index]])
        shown = np.clip(view @ outward.T - 0.1, 0, 1) ** 1.5
        weights = seen.weights * shown + 1e-9 * frontal[:, None]
        middle = _geometric_median(seen.points, weights)
    total = weights.sum(0)
    spread = np.sqrt((((seen.points - middle) ** 2).sum(2) * weights).sum(0) / total)
    twin = mirror_pairs(middle)
    middle = (middle + middle[twin] * [-1, 1, 1]) / 2
    index, at = _on_surfaces(mesh, template, surfaces, middle)
    for i in range(478):
        if middle[i, 0] < 0 and twin[i] != i:
            index[i], at[i] = mirrored(mesh, index[twin[i]], at[twin[i]])
    return Embedding(index, at), spread


def _on_surfaces(mesh: HeadMesh, template: Array, surfaces: Surfaces, points: Array) -> tuple[Array, Array]:
    """The nearest point of each landmark's kind of surface: triangles [478], barycentric [478,3]."""
    index = np.zeros(478, np.int32)
    at = np.zeros((478, 3))
    for kind, group in surfaces.of_landmarks().items():
        index[group], at[group] = closest_on_mesh(
            template, mesh.faces, getattr(surfaces, kind), points[group]
        )
    return index, at


def mirror_pairs(points: Array) -> Array:
    """For each landmark [N] the one at its mirror image."""
    cost = ((points[:, None] - points[None] * [-1, 1, 1]) ** 2).sum(2)
    twin = linear_sum_assignment(cost + cost.T)[1]
    if not (twin[twin] == np.arange(len(points))).all():
        raise ValueError("landmarks do not pair up as mirror images")
    return twin


def mirrored(mesh: HeadMesh, triangle: Array, weights: Array) -> tuple[Array, Array]:
    """The mirror image of points on the mesh: triangles [...] and weights [...,3]."""
    out = np.zeros_like(weights)
    np.put_along_axis(out, mesh.mirror_corners[triangle], weights, -1)
    return mesh.mirror_faces[triangle], out


def _geometric_median(points: Array, weights: Array) -> Array:
    """Weighted geometric median over the first axis (Weiszfeld): one bad sighting does not move it."""
    centre = (points * weights[..., None]).sum(0) / np.maximum(weights.sum(0), 1e-9)[..., None]
    for _ in range(30):
        away = np.linalg.norm(points - centre, axis=-1)
        w = weights / np.maximum(away, 5e-4)
        centre = (points * w[..., None]).sum(0) / np.maximum(w.sum(0), 1e-9)[..., None]
    return centre


def contour_table(
    mesh: HeadMesh,
    portraits: Portraits,
    people: list[dict[float, Array]],
    surfaces: Surfaces,
    seen: Sightings,
    static: Array,
) -> Embedding:
    """The 17 contour points for each yaw as [79,17] in FLAME's row order; static [17,3]: where they are in 3D.

    Row k of 0..39 is for a head turned by R_y(+k deg) (towards the subject's left, +x), row 39 + k for R_y(-k deg).
    """
    points, yaws = _contour_sightings(mesh, portraits, people, surfaces, seen, static)
    grid = np.arange(-MAX_YAW, MAX_YAW + 1)
    curve = np.zeros((len(grid), 17, 3))
    both = np.concatenate([points, points[:, ::-1] * [-1, 1, 1]])
    both_yaws = np.concatenate([yaws, -yaws])
    for row, yaw in enumerate(grid):
        weight = np.exp(-(((both_yaws - yaw) / CONTOUR_BLUR) ** 2))
        curve[row] = _geometric_median(both, weight[:, None].repeat(17, 1))
    curve = gaussian_filter1d(curve, 2.0, axis=0, mode="nearest")
    curve = (curve + curve[::-1, ::-1] * [-1, 1, 1]) / 2
    half = len(grid) // 2
    target = curve[half:].reshape(-1, 3)
    index, weights = closest_on_mesh(portraits.template, mesh.faces, surfaces.contour, target)
    index, weights = index.reshape(half + 1, 17), weights.reshape(half + 1, 17, 3)
    other_index, other_weights = mirrored(mesh, index[:, ::-1], weights[:, ::-1])
    # the frontal row is its own mirror image
    index[0, :8], weights[0, :8] = other_index[0, :8], other_weights[0, :8]
    return Embedding(
        np.concatenate([index, other_index[1:]]).astype(np.int32),
        np.concatenate([weights, other_weights[1:]]),
    )


def _contour_sightings(
    mesh: HeadMesh,
    portraits: Portraits,
    people: list[dict[float, Array]],
    surfaces: Surfaces,
    seen: Sightings,
    static: Array,
) -> tuple[Array, Array]:
    """Template points [S,17,3] of the contour in the turned portraits, and their yaws [S] in degrees.

    The detector's contour is fixed in 3D: on the far side it lies behind the cheek, inside the outline. So of all the
    surface behind the detected pixel, the head's hidden side too, the part nearest to the static point is meant.
    """
    corners = mesh.faces[surfaces.contour]
    lattice = np.array([(i, j, 4 - i - j) for i in range(5) for j in range(5 - i)]) / 4
    rest = np.einsum("gk,tkd->tgd", lattice, portraits.template[corners]).reshape(-1, 3)
    strayed = np.linalg.norm(rest[:, None] - static, axis=2)
    millimetre = FOCAL / DISTANCE * 1e-3
    points, yaws = [], []
    for k, shot in enumerate(seen.plan):
        if not seen.found[k] or shot.jaw or shot.pitch:
            continue
        vertices = people[shot.person][shot.jaw]
        surface = np.einsum("gk,tkd->tgd", lattice, vertices[corners]).reshape(-1, 3)
        shown = portraits.project(surface, shot.yaw)[:, :2]
        off = np.linalg.norm(shown[:, None] - seen.contour[k], axis=2) / millimetre
        best = (off**2 + (STRAY * strayed * 1e3) ** 2).argmin(0)
        points.append(rest[best])
        yaws.append(np.degrees(shot.yaw))
    return np.stack(points), np.array(yaws)


def closest_on_mesh(vertices: Array, faces: Array, allowed: Array, points: Array) -> tuple[Array, Array]:
    """Nearest point of the allowed triangles: triangle [N] int32, barycentric [N,3]."""
    chosen = np.where(allowed)[0]
    triangles = vertices[faces[chosen]]
    index = np.zeros(len(points), np.int32)
    weights = np.zeros((len(points), 3))
    for n, point in enumerate(points):
        candidate = _closest_weights(triangles, point)
        gap = (np.einsum("tk,tkd->td", candidate, triangles) - point) ** 2
        best = gap.sum(1).argmin()
        index[n], weights[n] = chosen[best], candidate[best]
    return index, weights


def _closest_weights(triangles: Array, point: Array) -> Array:
    """Barycentric coordinates [T,3] of the point of each triangle [T,3,3] that is nearest to `point`."""
    a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
    ab, ac, ap = b - a, c - a, point - a
    d00, d01, d11 = (ab * ab).sum(1), (ab * ac).sum(1), (ac * ac).sum(1)
    d20, d21 = (ap * ab).sum(1), (ap * ac).sum(1)
    scale = np.maximum(d00 * d11 - d01 * d01, 1e-18)
    v, w = (d11 * d20 - d01 * d21) / scale, (d00 * d21 - d01 * d20) / scale
    inner = np.stack([1 - v - w, v, w], 1)
    options = [inner]
    for i, j in ((0, 1), (1, 2), (2, 0)):
        start, edge = triangles[:, i], triangles[:, j] - triangles[:, i]
        t = np.clip(((point - start) * edge).sum(1) / np.maximum((edge * edge).sum(1), 1e-18), 0, 1)
        option = np.zeros_like(inner)
        option[:, i], option[:, j] = 1 - t, t
        options.append(option)
    stack = np.stack(options)
    gap = ((np.einsum("otk,tkd->otd", stack, triangles) - point) ** 2).sum(2)
    gap[0][(inner < 0).any(1)] = np.inf
    return np.take_along_axis(stack, gap.argmin(0)[None, :, None], 0)[0]

"""Named parts of the head, from MakeHuman's texture masks and a few anatomical heights."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.sparse.csgraph import connected_components, dijkstra

from open_head.mesh import HeadMesh
from open_head.source import AnnySource
from open_head.types import LEFT_EYE, RIGHT_EYE, SKIN, Array

MASKS = ("lips", "inside-mouth", "eyelids", "ears", "face")
MOUTH_CORNER_X = 0.022  # metres; inside this half-width the lips do not touch each other on the surface
# edge of the lower face seen from the front: half-width by height above the mouth corners, metres
JAW_CONTOUR = (
    (-0.047, -0.043, -0.033, -0.025, -0.015, 0.001, 0.020, 0.055),
    (0.000, 0.022, 0.040, 0.049, 0.057, 0.063, 0.070, 0.074),
)
JAW_BAND = 0.84  # the jaw line is what lies outside this contour shrunk so far


@dataclass(frozen=True)
class Lips:
    side: Array  # [V] +1 upper lip, -1 lower lip, 0 elsewhere
    strength: Array  # [V] 0..1, how wholly it belongs to its lip: fades at the corners and off the lip
    corner: Array  # [3] left mouth corner


def texture_masks(source: AnnySource, mesh: HeadMesh) -> dict[str, Array]:
    """Masks of the base mesh's textures sampled at the vertices, each [V] in 0..1."""
    out = {}
    for name in MASKS:
        image = cv2.GaussianBlur(source.texture_mask(name), (0, 0), 2)
        height, width = image.shape
        x = np.clip((mesh.uvs[:, 0] * width).astype(int), 0, width - 1)
        y = np.clip(((1 - mesh.uvs[:, 1]) * height).astype(int), 0, height - 1)
        values = np.zeros(mesh.num_vertices)
        np.maximum.at(values, mesh.faces.ravel(), image[y, x][mesh.uv_faces.ravel()])
        values[mesh.vertex_part != SKIN] = 0
        out[name] = np.maximum(values, values[mesh.mirror])
    return out


def vertex_normals(vertices: Array, faces: Array) -> Array:
    """Area-weighted unit normals [V,3]."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    out = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(out, faces[:, k], normal)
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)


def lid_vertices(mesh: HeadMesh, vertices: Array) -> dict[int, Array]:
    """Outer surface of the lids: eyeball part -> skin vertices that lie on it and face outwards."""
    normal = vertex_normals(vertices, mesh.faces)
    out = {}
    for part in (LEFT_EYE, RIGHT_EYE):
        ray = vertices - vertices[mesh.vertex_part == part].mean(0)
        distance = np.linalg.norm(ray, axis=1)
        facing = (normal * ray).sum(1) / distance
        near = (distance < 0.0195) & (ray[:, 2] > 0.004) & (facing > 0.3) & (normal[:, 2] > 0.1)
        out[part] = np.where(near & (mesh.vertex_part == SKIN))[0]
    return out


def find_lips(mesh: HeadMesh, template: Array, masks: dict[str, Array]) -> Lips:
    """Split the lips into upper and lower by walking over the surface, not by nearness in space.

    The lips touch each other in the rest pose, but on the surface they meet only at the corners (and through the
    mouth bag, which is left out); so the nearer of two seeds along the edges tells them apart.
    """
    near = mesh.adjacency()
    x = np.abs(template[:, 0])
    lip = masks["lips"] > 0.3
    middle = np.where(lip & (x < MOUTH_CORNER_X))[0]
    count, label = connected_components(near[middle][:, middle], directed=False)
    if count != 2:
        raise ValueError(f"expected two separate lips, found {count}")
    groups = [middle[label == k] for k in range(2)]
    groups.sort(key=lambda g: float(template[g, 1].mean()))

    skin = np.where((mesh.vertex_part == SKIN) & (masks["inside-mouth"] < 0.5) | lip)[0]
    edges = near[skin][:, skin].tocoo()
    length = np.linalg.norm(template[skin[edges.row]] - template[skin[edges.col]], axis=1)
    edges.data = length
    index = np.full(mesh.num_vertices, -1)
    index[skin] = np.arange(len(skin))
    lower, upper = (dijkstra(edges.tocsr(), indices=index[g], min_only=True) for g in groups)
    side = np.zeros(mesh.num_vertices)
    side[skin] = np.sign(lower - upper)

    seam = np.where(lip & (masks["inside-mouth"] > 0.1))[0]
    corner = template[seam[template[seam, 0].argmax()]]
    reach = np.linalg.norm(template * [0, 1, 1] + np.c_[x, x * 0, x * 0] - corner, axis=1)
    strength = lip.astype(float)
    for fade in (0.7, 0.35):  # two rings of skin around the lip
        grown = (near @ (strength > 0)) > 0
        strength = np.where(grown & (strength == 0), fade, strength)
    strength *= _smoothstep(0.0005, 0.0035, reach) * (masks["inside-mouth"] < 0.5) * (side != 0)
    return Lips(np.where(strength > 0, side, 0), strength, corner)


def _outside(contour: tuple[tuple[float, ...], tuple[float, ...]], x: Array, y: Array) -> Array:
    heights, widths = contour
    return (x > np.interp(y, heights, widths)) | (y < heights[0])


def _smoothstep(low: float, high: float, x: Array) -> Array:
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def brow_curve(template: Array, units: dict[str, Array], part: Array) -> Array:
    """Height of the brow as a quadratic in |x| (for np.polyval): the ridge that the brow units move most."""
    names = ("browDownLeft", "browOuterUpLeft", "browInnerUp")
    motion = np.sqrt(sum((units[name] ** 2).sum(1) for name in names))
    x, y, z = template.T
    area = (part == SKIN) & (x > 0.010) & (x < 0.056) & (z > 0.03) & (y > 0.018) & (y < 0.055)
    at = np.linspace(0.012, 0.052, 9)
    heights = []
    for position in at:
        weight = (area & (np.abs(x - position) < 0.004)) * motion**6
        heights.append((weight * y).sum() / weight.sum())
    return np.polyfit(at, heights, 2)


def build_regions(
    mesh: HeadMesh, template: Array, masks: dict[str, Array], lips: Lips, brow: Array, eye: Array
) -> dict[str, Array]:
    """Region name -> bool [V]. `eye` [3] is the left eye joint, `brow` the quadratic of `brow_curve`."""
    x, y, z = np.abs(template[:, 0]), template[:, 1], template[:, 2]
    left = template[:, 0] > 0
    skin = mesh.vertex_part == SKIN
    bag = masks["inside-mouth"] > 0.5
    ears = masks["ears"] > 0.3
    upper = (masks["lips"] > 0.3) & (lips.side > 0) & ~bag
    lower = (masks["lips"] > 0.3) & (lips.side < 0) & ~bag
    face = skin & (masks["face"] > 0.5) & ~bag & ~ears
    ball = np.linalg.norm(template * [0, 1, 1] + np.c_[x, x * 0, x * 0] - eye, axis=1)
    lids = skin & (ball < 0.0195) & (z > eye[2] + 0.002)
    brows = face & (np.abs(y - np.polyval(brow, x)) < 0.0055) & (x > 0.008) & (x < 0.055) & ~lids
    corner = lips.corner
    nose_base = corner[1] + 0.024
    nasion = eye[1] + 0.004
    along = np.clip((nasion - y) / (nasion - nose_base), 0, 1)
    nose = face & (y < nasion) & (y > nose_base - 0.003) & (x < 0.009 + 0.013 * along**1.5) & ~lids
    forehead = face & (y > np.polyval(brow, np.clip(x, 0, 0.05)) + 0.004) & ~brows & (z > 0)
    neck = (
        skin & (y < corner[1] - 0.035 - 0.5 * np.clip(z - 0.06, -0.2, 0.03)) & (masks["face"] < 0.5) & ~ears
    )
    jaw_line = face & _outside(JAW_CONTOUR, x / JAW_BAND, (y - corner[1] - 0.02) / JAW_BAND + 0.02)
    jaw_line &= y < corner[1] + 0.02
    chin = face & (y < corner[1] - 0.012) & (x < 0.022) & ~upper & ~lower & ~jaw_line
    cheeks = face & ~(brows | lids | nose | forehead | jaw_line | upper | lower | chin)
    cheeks &= (y < eye[1] - 0.010) & (y > corner[1] - 0.030) & (x > 0.018)
    cheeks &= (y > nose_base) | (x > corner[0] + 0.002)
    scalp = skin & ~face & ~ears & ~bag & ~neck & (y > corner[1])
    regions = {
        "face": face,
        "lips": upper | lower,
        "upper_lip": upper,
        "lower_lip": lower,
        "mouth_inside": bag,
        "lids": lids,
        "lids_left": lids & left,
        "lids_right": lids & ~left,
        "brows": brows,
        "brow_left": brows & left,
        "brow_right": brows & ~left,
        "nose": nose,
        "cheeks": cheeks,
        "cheek_left": cheeks & left,
        "cheek_right": cheeks & ~left,
        "chin": chin,
        "jaw_line": jaw_line,
        "forehead": forehead,
        "scalp": scalp,
        "neck": neck,
        "ears": ears,
        "ear_left": ears & left,
        "ear_right": ears & ~left,
        "eyeballs": ~skin,
        "eyeball_left": mesh.vertex_part == LEFT_EYE,
        "eyeball_right": mesh.vertex_part == RIGHT_EYE,
    }
    empty = [name for name, mask in regions.items() if not mask.any()]
    if empty:
        raise ValueError(f"empty regions: {empty}")
    return regions

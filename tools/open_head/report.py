"""Figures of the finished head that a reader of docs/open_head.md can check."""

from __future__ import annotations

import logging

import numpy as np

from neuface_engine.raster import rasterize
from open_head.landmarks import LOWER_LIP, NEAR_CORNER, UPPER_LIP
from open_head.regions import vertex_normals
from open_head.skeleton import JAW
from open_head.skinning import pose_head
from open_head.types import LEFT_EYE, RIGHT_EYE, SKIN, Array

log = logging.getLogger("open_head")

WIDE = 0.4  # radians of the jaw
PIXELS_PER_METRE, PICTURE = 8000, 400


def report(head: dict[str, Array], *, people: int = 50, seed: int = 0) -> None:
    """Log how far the lips open [mm], which jaw carries them, and whether eyeballs come through the lids."""
    for name, angle in (("rest", 0.0), ("jaw at 0.4 rad", WIDE)):
        points = _landmarks(head, pose_head(head, np.zeros(100), angle))
        outer, inner = (np.linalg.norm(points[a] - points[b]) * 1e3 for a, b in ((0, 17), (13, 14)))
        log.info("%s: outer lips %.1f mm, inner lips %.1f mm apart", name, outer, inner)
    carried = (head["weights"][:, JAW][head["f"][head["mp_lmk_faces_idx"]]] * head["mp_lmk_bary_coords"]).sum(
        1
    )
    lower, upper = ([i for i in lip if i not in NEAR_CORNER] for lip in (LOWER_LIP, UPPER_LIP))
    log.info("jaw weight: lower lip >= %.2f, upper lip <= %.2f", carried[lower].min(), carried[upper].max())
    rng = np.random.default_rng(seed)
    pokes = []
    for _ in range(people):
        vertices = pose_head(head, np.clip(rng.normal(size=100), -2.5, 2.5), 0.0)
        pokes += [eyeball_in_front_of_lids(head, vertices, part) for part in (LEFT_EYE, RIGHT_EYE)]
    depth, share = np.array(pokes).T
    log.info(
        "eyeball in front of the lids, %d random heads: %.3f %% of the ball on average, depth at most %.2f mm, "
        "more than 0.3 mm in %.0f %% of eyes",
        people,
        share.mean() * 100,
        depth.max() * 1e3,
        (depth > 3e-4).mean() * 100,
    )


def eyeball_in_front_of_lids(head: dict[str, Array], vertices: Array, part: int) -> tuple[float, float]:
    """Largest depth [m] by which an eyeball stands in front of the lids' outer surface, and the share of it that does.

    Seen from the front; the depth is negative where the lids clear the ball.
    """
    faces = head["f"]
    ball = head["part"] == part
    lids = _lid_faces(head, part)
    centre = vertices[np.unique(faces[ball])].mean(0)
    half = PICTURE / 2
    points = ((vertices - centre) * [1, -1, 1] * PIXELS_PER_METRE + [half, half, 0]).astype(np.float32)
    eye, lid = (rasterize(points, faces[chosen], PICTURE, PICTURE) for chosen in (ball, lids))
    both = eye.mask & lid.mask
    gap = (eye.depth[both] - lid.depth[both]) / PIXELS_PER_METRE
    return float(gap.max()), float((gap > 0).sum() / eye.mask.sum())


def _lid_faces(head: dict[str, Array], part: int) -> Array:
    """Triangles of the lids' outer surface [T] bool, chosen on the template."""
    faces, template = head["f"], head["v_template"].astype(np.float64)
    ray = template - template[np.unique(faces[head["part"] == part])].mean(0)
    distance = np.linalg.norm(ray, axis=1)
    facing = (vertex_normals(template, faces) * ray).sum(1) / distance
    outer = (distance < 0.026) & (ray[:, 2] > 0.004) & (facing > 0.2)
    return outer[faces].all(1) & (head["part"] == SKIN)


def _landmarks(head: dict[str, Array], vertices: Array) -> Array:
    corners = vertices[head["f"][head["mp_lmk_faces_idx"]]]
    return np.einsum("nk,nkd->nd", head["mp_lmk_bary_coords"], corners)

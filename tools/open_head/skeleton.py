"""Joints, skinning weights and the jaw: everything that bends."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, nnls

from open_head.mesh import HeadMesh
from open_head.regions import Lips
from open_head.source import AnnySource
from open_head.types import LEFT_EYE, RIGHT_EYE, SKIN, Array

log = logging.getLogger("open_head")

ROOT, NECK, JAW, LEFT_EYE_JOINT, RIGHT_EYE_JOINT = range(5)
JOINT_OF_EYE = {LEFT_EYE: LEFT_EYE_JOINT, RIGHT_EYE: RIGHT_EYE_JOINT}
KINTREE = np.array([[-1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.int64)
NECK_BASE_VERTICES = np.array([226, 17824])  # behind the ears' height, where the skull turns on the neck


def rotation_x(angle: float) -> Array:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


@dataclass(frozen=True)
class Rig:
    """MakeHuman's bone weights on the head mesh, each [V]."""

    jaw: Array
    head: Array
    neck: Array


@dataclass(frozen=True)
class Hinge:
    pivot: Array  # [3] on the axis, in the template's frame
    angle: float  # radians, rotation of the full jawOpen unit


def read_rig(source: AnnySource, mesh: HeadMesh) -> Rig:
    """Sum the standard rig's weights by the part of the head they move."""
    weights = source.json("mpfb2/rigs/standard/weights.default.json")["weights"]
    bones = source.json("mpfb2/rigs/standard/rig.default.json")

    def below(name: str) -> list[str]:
        return [name] + [x for child in bones if bones[child]["parent"] == name for x in below(child)]

    def total(names: list[str]) -> Array:
        out = np.zeros(len(source.base.vertices))
        for name in names:
            for index, weight in weights.get(name, []):
                out[index] += weight
        return out

    everything = total(list(weights))
    everything[everything == 0] = 1
    jaw = total(below("jaw")) / everything
    head = total(below("head")) / everything - jaw
    neck = (total(["neck03"]) + 0.5 * total(["neck02"])) / everything
    return Rig(*(mesh.carry(x) for x in (jaw, head, neck)))


def joint_vertices(source: AnnySource) -> list[Array]:
    """Base vertices whose mean is the joint: root, neck, jaw (before the hinge offset), left eye, right eye."""
    cube = source.base.group_vertices
    return [
        cube("joint-neck"),
        NECK_BASE_VERTICES,
        cube("joint-mouth"),
        cube("helper-l-eye"),
        cube("helper-r-eye"),
    ]


def fit_hinge(teeth: Array, jaw_open: Array, start: Array) -> Hinge:
    """Axis and angle of the jaw from the lower teeth [N,3], which `jawOpen` [N,3] moves rigidly."""

    def misfit(x: Array) -> float:
        pivot = np.array([0, x[0], x[1]])
        return float((((teeth - pivot) @ rotation_x(x[2]).T + pivot - teeth - jaw_open) ** 2).sum() * 1e6)

    options = {"maxiter": 4000, "xatol": 1e-6, "fatol": 1e-9}
    fit = minimize(misfit, [start[1], start[2], 0.4], method="Nelder-Mead", options=options)
    hinge = Hinge(np.array([0, fit.x[0], fit.x[1]]), float(fit.x[2]))
    rms = np.sqrt(fit.fun / len(teeth))
    log.info(
        "jaw hinge at %s m: %.1f deg, rms %.2f mm", np.round(hinge.pivot, 4), np.degrees(hinge.angle), rms
    )
    return hinge


def joint_regressor(
    mesh: HeadMesh, template: Array, people: Array, joints: Array, rng: np.random.Generator
) -> Array:
    """J_regressor [5,V]: sparse, non-negative, rows sum to 1, mirror-symmetric."""
    out = np.zeros((5, mesh.num_vertices))
    chosen = rng.choice(len(people), 150, replace=False)
    skin = np.where(mesh.vertex_part == SKIN)[0]
    for joint in (ROOT, NECK, JAW):
        distance = np.linalg.norm(template[skin] - joints[:, joint].mean(0), axis=1)
        near = np.union1d(skin[np.argsort(distance)[:160]], skin[::25])
        near = np.union1d(near, mesh.mirror[near])
        rows = people[chosen][:, near].transpose(0, 2, 1).reshape(-1, len(near))
        system = np.concatenate([rows, np.full((1, len(near)), 10.0)]).astype(np.float64)
        x, _ = nnls(system, np.append(joints[chosen, joint].ravel(), 10.0))
        out[joint, near] = x / x.sum()
        out[joint] = (out[joint] + out[joint][mesh.mirror]) / 2
    for part, joint in JOINT_OF_EYE.items():
        ball = mesh.vertex_part == part
        out[joint, ball] = 1 / ball.sum()
    predicted = np.einsum("jv,nvc->njc", out, people[:500])
    error = np.linalg.norm(predicted - joints[:500], axis=2).mean(0) * 1e3
    log.info("joint regressor error mm: %s", np.round(error, 2).tolist())
    return out


def jaw_weights(mesh: HeadMesh, template: Array, jaw_open: Array, hinge: Hinge, lips: Lips) -> Array:
    """Share of the jaw's rotation in each skin vertex under `jawOpen` [V], smoothed and mirrored.

    Each lip belongs wholly to its own jaw except at the mouth corners; the pose corrective keeps the shape of the
    full unit whatever the weights, so this only decides which lip a point belongs to.
    """
    full = (template - hinge.pivot) @ rotation_x(hinge.angle).T - (template - hinge.pivot)
    lever = (full**2).sum(1)
    share = np.clip((full * jaw_open).sum(1) / np.maximum(lever, 1e-9), 0, 1)
    trust = lever / 0.03**2 + 1e-3
    near = mesh.adjacency()
    for _ in range(3):
        share = 0.5 * share + 0.5 * (near @ (share * trust) + share * trust) / (near @ trust + trust)
    share = (share + share[mesh.mirror]) / 2
    share[share < 0.02] = 0
    share[mesh.vertex_part != SKIN] = 0
    return share + lips.strength * (np.where(lips.side < 0, 1.0, 0.0) - share)


def skin_weights(mesh: HeadMesh, rig: Rig, jaw: Array) -> Array:
    """Blend weights [V,5]; rows sum to 1."""
    out = np.zeros((mesh.num_vertices, 5))
    upper = np.clip(rig.head + rig.neck + rig.jaw, 0, 1)  # all that moves with the skull, jaw included
    out[:, JAW] = jaw
    out[:, NECK] = np.maximum(upper - jaw, 0)
    out[:, ROOT] = np.clip(1 - upper, 0, 1) * (1 - jaw / np.maximum(upper, jaw).clip(1e-9))
    out /= out.sum(1, keepdims=True)
    for part, joint in JOINT_OF_EYE.items():
        out[mesh.vertex_part == part] = np.eye(5)[joint]
    return (out + out[mesh.mirror][:, [0, 1, 2, 4, 3]]) / 2


def explained(template: Array, jaw_open: Array, hinge: Hinge, jaw: Array, skin: Array) -> float:
    """Share of the jawOpen unit that the rotation alone explains."""
    arm = template - hinge.pivot
    rotated = jaw[:, None] * (arm @ rotation_x(hinge.angle).T - arm)
    return float(1 - ((rotated - jaw_open)[skin] ** 2).sum() / (jaw_open[skin] ** 2).sum())


def jaw_corrective(template: Array, jaw_open: Array, hinge: Hinge, jaw: Array) -> Array:
    """What rotation leaves of the jawOpen unit, as a displacement before skinning [V,3]."""
    rotation = rotation_x(hinge.angle)
    blend = jaw[:, None, None] * rotation + (1 - jaw)[:, None, None] * np.eye(3)
    offset = jaw[:, None] * (hinge.pivot - rotation @ hinge.pivot)
    return np.linalg.solve(blend, (template + jaw_open - offset)[..., None])[..., 0] - template


def add_pose_corrective(posedirs: Array, joint: int, corrective: Array, angle: float) -> None:
    """Make `corrective` appear in full when `joint` turns by `angle` about x (in place).

    FLAME's pose features of joint j are (R - I) row by row at 9 (j-1); R[2,1] = sin, R[1,2] = -sin.
    """
    posedirs[..., 9 * (joint - 1) + 7] += corrective / (2 * np.sin(angle))
    posedirs[..., 9 * (joint - 1) + 5] -= corrective / (2 * np.sin(angle))

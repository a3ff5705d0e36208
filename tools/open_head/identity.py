"""Identity: random MakeHuman people, aligned on the skull, reduced to symmetric principal components."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from open_head.mesh import HeadMesh
from open_head.source import AnnySource
from open_head.types import LEFT_EYE, RIGHT_EYE, Array

log = logging.getLogger("open_head")
Add = Callable[[str, Array], None]

COMPONENTS = 100
TARGETS = "mpfb2/targets/"
# sd of a detail slider by section; larger makes cartoons
DETAIL_SD = {
    "head": 0.15,
    "forehead": 0.17,
    "eyebrows": 0.25,
    "neck": 0.15,
    "eyes": 0.22,
    "nose": 0.26,
    "ears": 0.20,
    "chin": 0.22,
    "cheek": 0.25,
    "mouth": 0.20,
}
ASYMMETRY_SD = 0.10
# moves of the whole head or doubles of another slider
SKIPPED = (
    "head-trans",
    "neck-trans",
    "head-age",
    "head-scale-depth",
    "measure-",
    "mouth-trans-in",
    "nose-trans-in",
    "nose-trans-out",
    "mouth-trans-out",
    "head-back",
)
HEAD_SIZE_SD = 0.03  # relative; the sliders alone give more than adults vary
EYE_SCALE = 0.97
LID_CLEARANCE = 6e-4


@dataclass(frozen=True)
class Identity:
    template: Array  # [V,3] metres, mirror-symmetric
    basis: Array  # [100,V,3], 1 coefficient = 1 sd
    joints: Array  # [P,5,3] joints of the sampled people, template frame
    samples: Array  # [P,V,3]
    teeth: Array  # [N,3] lower teeth of the mean person, to fit the jaw's hinge


def sample_recipes(source: AnnySource, people: int, rng: np.random.Generator) -> dict[str, Array]:
    """Target name -> weight [people] of random people (race x gender x age x build, then detail sliders)."""
    recipes: dict[str, Array] = {}

    def add(name: str, weight: Array) -> None:
        if source.exists(name):
            recipes[name] = weight.astype(np.float32)

    _add_macro(add, people, rng)
    _add_details(source, add, people, rng)
    for name in source.list(TARGETS + "asym/asym-", ".target.gz"):
        if "-trunk" not in name:
            add(name, np.clip(rng.normal(0, ASYMMETRY_SD, people), 0, 1))
    return recipes


def _three_way(x: Array, word: str) -> dict[str, Array]:
    return {
        "min" + word: np.clip(1 - 2 * x, 0, 1),
        "average" + word: 1 - np.abs(2 * x - 1),
        "max" + word: np.clip(2 * x - 1, 0, 1),
    }


def _add_macro(add: Add, people: int, rng: np.random.Generator) -> None:
    race = rng.dirichlet([0.6] * 3, people)
    male = rng.beta(0.35, 0.35, people)
    gender = {"male": male, "female": 1 - male}
    old = rng.beta(0.7, 1.3, people)
    child = np.where(rng.random(people) < 0.08, rng.uniform(0, 0.45, people), 0.0)
    old = np.where(child > 0, 0, old)
    age = {"child": child, "young": (1 - child) * (1 - old), "old": old}
    muscle = _three_way(np.clip(rng.normal(0.5, 0.2, people), 0, 1), "muscle")
    weight = _three_way(np.clip(rng.normal(0.52, 0.22, people), 0, 1), "weight")
    ideal = np.clip(rng.normal(0.55, 0.2, people), 0, 1)
    proportions = {
        "idealproportions": np.clip(2 * ideal - 1, 0, 1),
        "uncommonproportions": np.clip(1 - 2 * ideal, 0, 1),
    }
    folder = TARGETS + "macrodetails/"
    for k, name in enumerate(("african", "asian", "caucasian")):
        for g in gender:
            for a in age:
                add(f"{folder}{name}-{g}-{a}.target.gz", race[:, k] * gender[g] * age[a])
    for g in gender:
        for a in age:
            for m in muscle:
                for w in weight:
                    c = gender[g] * age[a] * muscle[m] * weight[w]
                    add(f"{folder}universal-{g}-{a}-{m}-{w}.target.gz", c)
                    for p in proportions:
                        add(f"{folder}proportions/{g}-{a}-{m}-{w}-{p}.target.gz", c * proportions[p])


def _add_details(source: AnnySource, add: Add, people: int, rng: np.random.Generator) -> None:
    sliders = source.json(TARGETS + "target.json")
    for section, sd in DETAIL_SD.items():
        for category in sliders[section]["categories"]:
            if category["name"].startswith(SKIPPED):
                continue
            opposites = category.get("opposites")
            x = np.clip(rng.normal(0, sd, people), -1, 1)
            if opposites and any(opposites.values()):
                for side in ("left", "right", "unsided"):
                    spread = rng.normal(0, 0.05, people) if side != "unsided" else 0.0
                    y = np.clip(x + spread, -1, 1)
                    for sign, word in ((1, "positive"), (-1, "negative")):
                        if target := opposites.get(f"{word}-{side}"):
                            add(f"{TARGETS}{section}/{target}.target.gz", np.clip(sign * y, 0, 1))
                continue
            for target in category["targets"]:
                amount = np.clip(np.abs(rng.normal(0, sd * 0.7, people)) - 0.05, 0, 1)
                present = rng.random(people) < 0.35
                add(f"{TARGETS}{section}/{target}.target.gz", amount * present)


def rotation_between(a: Array, b: Array) -> Array:
    """Rotations R [P,3,3] that bring centred rows a [P,N,3] onto b [N,3] as a @ R (Kabsch)."""
    u, _, vt = np.linalg.svd(np.einsum("pni,nj->pij", a, b))
    u[:, :, 2] *= np.linalg.det(u @ vt)[:, None]
    return u @ vt


def seat_eyeballs(mesh: HeadMesh, people: Array, joints: Array, lids: dict[int, Array]) -> None:
    """Give each person round eyeballs that stay behind the lids (in place).

    The eyeball is scaled by EYE_SCALE about its centre and pushed straight back until its front clears every
    vertex of the lids by LID_CLEARANCE.
    """
    for part, joint in ((LEFT_EYE, 3), (RIGHT_EYE, 4)):
        ball = mesh.vertex_part == part
        eye = people[:, ball]
        centre = eye.mean(1)
        radius = np.linalg.norm(eye - centre[:, None], axis=2).mean(1) * EYE_SCALE
        unit = (eye - centre[:, None]).mean(0)
        unit /= np.linalg.norm(unit, axis=1, keepdims=True)
        lid = people[:, lids[part]] - centre[:, None]
        # |lid + back * z| >= radius + clearance, solved for the smallest push back of the sphere
        reach = (radius + LID_CLEARANCE)[:, None] ** 2 - lid[..., 0] ** 2 - lid[..., 1] ** 2
        push = np.clip((np.sqrt(np.maximum(reach, 0)) - lid[..., 2]).max(1), 0, 0.003)
        centre[:, 2] -= push
        people[:, ball] = centre[:, None] + radius[:, None, None] * unit
        joints[:, joint] = centre
        log.info(
            "eyeball %d: radius %.2f mm, pushed back %.2f mm (max %.2f)",
            part,
            radius.mean() * 1e3,
            push.mean() * 1e3,
            push.max() * 1e3,
        )


def build_identity(
    source: AnnySource,
    mesh: HeadMesh,
    joint_vertices: list[Array],
    teeth: Array,
    skull: Array,
    lids: dict[int, Array],
    *,
    people: int,
    rng: np.random.Generator,
) -> Identity:
    """Sample people, remove rigid motion, damp the head size, reduce.

    joint_vertices: base vertices whose mean is a joint (root, neck, jaw, eyes); teeth: base vertices of the lower
    teeth; skull [V] bool: vertices for the rigid alignment; lids: eyeball part -> vertex indices of its lids.
    """
    recipes = sample_recipes(source, people, rng)
    riders = np.concatenate([*joint_vertices, teeth])

    def pick(values: Array) -> Array:
        return np.concatenate([mesh.carry(values), values[riders]]).astype(np.float32)

    basis = np.stack([pick(source.target(name)).ravel() for name in recipes])
    weights = np.stack(list(recipes.values()), 1)
    cloud = (weights @ basis).reshape(people, -1, 3) + pick(source.base.vertices)
    log.info("identity: %d targets, %d people", len(recipes), people)
    del basis

    v = mesh.num_vertices
    ends = v + np.cumsum([len(j) for j in joint_vertices])
    joints = np.stack(
        [cloud[:, e - len(j) : e].mean(1) for e, j in zip(ends, joint_vertices, strict=False)], 1
    )
    _align(cloud, joints, np.where(skull)[0])
    mean_teeth = cloud[:, ends[-1] :].mean(0)
    cloud = np.ascontiguousarray(cloud[:, :v])
    seat_eyeballs(mesh, cloud, joints, lids)

    # FLAME-like origin: between the ears
    origin = np.array([0, joints[:, 3:, 1].mean() - 0.015, joints[:, 3:, 2].mean() - 0.050], np.float32)
    cloud -= origin
    joints -= origin
    mean = cloud.mean(0)
    template = (mean + mean[mesh.mirror] * [-1, 1, 1]) / 2
    return Identity(template, _components(mesh, cloud, template, skull), joints, cloud, mean_teeth - origin)


def _align(cloud: Array, joints: Array, skull: Array) -> None:
    reference = cloud[:, skull].mean(0)
    for _ in range(3):
        pivot = reference.mean(0)
        centre = cloud[:, skull].mean(1, keepdims=True)
        rotation = rotation_between(cloud[:, skull] - centre, reference - pivot).astype(np.float32)
        cloud[:] = (cloud - centre) @ rotation + pivot
        joints[:] = (joints - centre) @ rotation + pivot
        reference = cloud[:, skull].mean(0)
    pivot = reference.mean(0)
    size = np.sqrt(((cloud[:, skull] - cloud[:, skull].mean(1, keepdims=True)) ** 2).sum((1, 2)))
    relative = size / size.mean()
    exponent = min(1.0, HEAD_SIZE_SD / relative.std())
    scale = (relative ** (exponent - 1)).astype(np.float32)[:, None, None]
    cloud[:] = (cloud - pivot) * scale + pivot
    joints[:] = (joints - pivot) * scale + pivot
    log.info("head size sd %.3f, damped to %.3f", relative.std(), HEAD_SIZE_SD)


def _components(mesh: HeadMesh, cloud: Array, template: Array, skull: Array) -> Array:
    """Principal components of the people and their mirror images [100,V,3]."""
    people = len(cloud)
    offsets = cloud - template.astype(np.float32)
    half = people // 2
    offsets[half:] = offsets[: people - half][:, mesh.mirror] * np.array([-1, 1, 1], np.float32)
    flat = offsets.reshape(people, -1)
    values, vectors = np.linalg.eigh((flat @ flat.T / (people - 1)).astype(np.float64))
    values, vectors = values[::-1], vectors[:, ::-1]
    share = np.cumsum(values) / values.sum()
    log.info("variance explained by 1/5/10/50/100: %s", np.round(share[[0, 4, 9, 49, 99]], 4).tolist())
    scores = vectors[:, :COMPONENTS] * np.sqrt(people - 1)
    basis = (flat.T @ scores.astype(np.float32) / (people - 1)).T.reshape(COMPONENTS, -1, 3)
    sign = np.sign(basis[:, skull, 2].sum(1))
    sign[sign == 0] = 1
    rebuilt = (scores.astype(np.float32)[:200] @ basis.reshape(COMPONENTS, -1)).reshape(200, -1, 3)
    error = np.linalg.norm(rebuilt - offsets[:200], axis=2)[:, skull]
    spread = np.sqrt((offsets[:, skull] ** 2).sum(2).mean())
    log.info(
        "reconstruction mean %.3f mm, p99 %.3f mm; identity sd per vertex %.2f mm",
        error.mean() * 1e3,
        np.percentile(error, 99) * 1e3,
        spread * 1e3,
    )
    return basis * sign[:, None, None]

"""Who it is: a MakeHuman phenotype with strong details, bent by fields that no component of the open head has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from open_head import identity, regions, skeleton
from open_head.expression import EXTRA, EXTRA_FOLDER, UNITS
from open_head.mesh import HeadMesh, build_mesh
from open_head.source import AnnySource

Array = NDArray[np.float64]

MACRO = identity.TARGETS + "macrodetails/"
EYE_REACH = (
    0.017,
    0.034,
)  # metres from the eye's centre: where a field is constant, and where it is itself again
REST_BLINK = 0.12  # MakeHuman's neutral eyes stand wider open than people's do
ORIGIN_BEHIND_EYES = np.array([0.0, 0.015, 0.050])  # the open head's: between the ears


@dataclass(frozen=True)
class Person:
    """Phenotype: age -1 child, 0 young, 1 old; male, muscle, weight, ideal 0..1; race african, asian, caucasian.

    detail: how far the sliders of the face stand from the mean, in their spread in the open head's people.
    bumps_mm: rms of a smooth random displacement of the surface, `wavelength` metres. unit_spread: relative rms by
    which this person's expressions differ from MakeHuman's from place to place. size: of the head, 1 = an adult's mean.
    """

    name: str
    seed: int
    age: float
    male: float
    race: tuple[float, float, float]
    weight: float
    muscle: float = 0.5
    ideal: float = 0.5
    size: float = 1.0
    detail: float = 1.0
    bumps_mm: float = 1.0
    wavelength: float = 0.05
    unit_spread: float = 0.25


PEOPLE = (
    Person("old_man", 11, age=0.9, male=1.0, race=(0.1, 0.1, 0.8), weight=0.8, size=1.02),
    Person("young_woman", 12, age=0.05, male=0.0, race=(0.1, 0.85, 0.05), weight=0.3, size=0.97),
    Person("heavy_woman", 13, age=0.45, male=0.1, race=(0.8, 0.1, 0.1), weight=0.98, size=0.99),
    Person("thin_man", 14, age=0.3, male=0.95, race=(0.3, 0.1, 0.6), weight=0.05, muscle=0.8, ideal=0.1),
    Person("girl", 15, age=-0.45, male=0.3, race=(0.3, 0.4, 0.3), weight=0.5, size=0.95),
    Person("old_woman", 16, age=1.0, male=0.05, race=(0.5, 0.3, 0.2), weight=0.2, ideal=0.2, size=0.98),
)


@dataclass(frozen=True)
class Anatomy:
    """A person's neutral head [V, 3] in metres (y up, z out of the face, origin between the ears), its units
    {name: [V, 3]} at full activation, the lower end of the neck's share in the head's turn [V], and the mesh."""

    mesh: HeadMesh
    neutral: Array
    units: dict[str, Array]
    turns: Array
    neck: Array


def read_anatomy(source: AnnySource, person: Person) -> Anatomy:
    rng = np.random.default_rng(person.seed)
    mesh = build_mesh(source.base)
    skull = skeleton.read_rig(source, mesh)
    fixed = np.asarray((mesh.vertex_part == 0) & (skull.head + skull.jaw > 0.98))
    lids = regions.lid_vertices(mesh, mesh.carry(source.base.vertices))
    body = source.base.vertices.copy()
    for name, weight in recipe(source, person, rng).items():
        body += weight * source.target(name)
    head = mesh.carry(body)
    reference = mesh.carry(source.base.vertices)
    centre = reference[fixed].mean(0)
    turn = identity.rotation_between((head[fixed] - head[fixed].mean(0))[None], reference[fixed] - centre)[0]
    head = (head - head[fixed].mean(0)) @ turn
    radius = np.sqrt((np.square(reference[fixed] - centre)).sum(1).mean())
    head *= person.size * radius / np.sqrt(np.square(head[fixed]).sum(1).mean())

    eyes = np.stack([head[mesh.vertex_part == part].mean(0) for part in (1, 2)])
    origin = eyes.mean(0) - ORIGIN_BEHIND_EYES
    head -= np.array([0.0, origin[1], origin[2]])
    eyes -= np.array([0.0, origin[1], origin[2]])
    units = {
        name: amplitude[:, None] * shift @ turn
        for name, (shift, amplitude) in _units(source, mesh, head, person, rng).items()
    }
    head = head + REST_BLINK * (units["eyeBlinkLeft"] + units["eyeBlinkRight"])
    head = head + dents(head, eyes, person, rng)
    cloud, joints = head[None].copy(), np.zeros((1, 5, 3))
    identity.seat_eyeballs(mesh, cloud, joints, lids)
    head = cloud[0]
    share = np.clip(skull.head + skull.jaw + 0.45 * skull.neck, 0, 1)
    share[mesh.vertex_part != 0] = 1
    neck = np.array([0.0, head[:, 1].min() + 0.055, -0.015])
    return Anatomy(mesh, head, units, share, neck)


def recipe(source: AnnySource, person: Person, rng: np.random.Generator) -> dict[str, float]:
    """MakeHuman target -> weight."""
    amounts: dict[str, float] = {}

    def add(name: str, amount: float) -> None:
        if amount > 0 and source.exists(name):
            amounts[name] = amount

    def three_way(value: float, word: str) -> dict[str, float]:
        low, high = max(0.0, 1 - 2 * value), max(0.0, 2 * value - 1)
        return {"min" + word: low, "average" + word: 1 - low - high, "max" + word: high}

    child, old = max(0.0, -person.age), max(0.0, person.age)
    age = {"child": child, "young": 1 - child - old, "old": old}
    gender = {"male": person.male, "female": 1 - person.male}
    proportion = {
        "idealproportions": max(0.0, 2 * person.ideal - 1),
        "uncommonproportions": max(0.0, 1 - 2 * person.ideal),
    }
    for g, male in gender.items():
        for a, share in age.items():
            for race, part in zip(("african", "asian", "caucasian"), person.race, strict=True):
                add(f"{MACRO}{race}-{g}-{a}.target.gz", part * male * share)
            for m, muscle in three_way(person.muscle, "muscle").items():
                for w, weight in three_way(person.weight, "weight").items():
                    amount = male * share * muscle * weight
                    add(f"{MACRO}universal-{g}-{a}-{m}-{w}.target.gz", amount)
                    for p, mixed in proportion.items():
                        add(f"{MACRO}proportions/{g}-{a}-{m}-{w}-{p}.target.gz", amount * mixed)
    details = identity.sample_recipes(source, 1, rng)
    for name, weights in details.items():
        if not name.startswith(MACRO):
            add(name, person.detail * float(weights[0]))
    return amounts


def _units(
    source: AnnySource, mesh: HeadMesh, head: Array, person: Person, rng: np.random.Generator
) -> dict[str, tuple[Array, Array]]:
    """Unit -> displacement [V, 3] of MakeHuman and how strong it is in this face from place to place [V]."""
    files = {
        path[len(UNITS) : -len(".target")]: path
        for path in source.list(UNITS, ".target")
        if not path.endswith("tongueOut.target")
    }
    files |= {name: f"{EXTRA_FOLDER}{target}.target.gz" for name, target in EXTRA.items()}
    result = {}
    for name, path in sorted(files.items()):
        shift = mesh.carry(source.target(path))
        shift[mesh.vertex_part != 0] = 0
        amplitude = 1 + person.unit_spread * smooth_field(head, 0.06, rng)
        if name.startswith("eye"):  # a lid has an eyeball below it
            amplitude = np.ones(len(head))
        result[name] = (shift, np.clip(amplitude, 0.4, 1.6))
    return result


def dents(head: Array, eyes: Array, person: Person, rng: np.random.Generator) -> Array:
    """A smooth random displacement [V, 3] in metres; each eye moves with its lids as one."""
    points = np.concatenate([head, eyes])
    field = np.stack([smooth_field(points, person.wavelength, rng) for _ in range(3)], axis=1)
    field *= person.bumps_mm / 1e3 / np.sqrt(3)
    shift = field[: len(head)]
    for eye, constant in zip(eyes, field[len(head) :], strict=True):
        away = np.linalg.norm(head - eye, axis=1)
        own = np.clip((away - EYE_REACH[0]) / (EYE_REACH[1] - EYE_REACH[0]), 0, 1)
        own = (own * own * (3 - 2 * own))[:, None]
        shift = own * shift + (1 - own) * constant
    result: Array = shift
    return result


def smooth_field(points: Array, wavelength: float, rng: np.random.Generator, waves: int = 48) -> Array:
    """A random function at points [N, 3] with mean 0 and rms 1: plane waves of `wavelength` to its double."""
    towards = rng.standard_normal((waves, 3))
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    length = rng.uniform(wavelength, 2 * wavelength, waves)
    phase = rng.uniform(0, 2 * np.pi, waves)
    waved: Array = np.cos(2 * np.pi * points @ (towards / length[:, None]).T + phase)
    return waved.sum(1) * np.sqrt(2 / waves)

"""HeadStyle: everything about a rendered person that is not geometry of the face."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Colour = tuple[float, float, float]

# sRGB, from very light to very dark.
_SKIN = (
    (0.95, 0.80, 0.72),
    (0.90, 0.72, 0.61),
    (0.82, 0.63, 0.50),
    (0.70, 0.50, 0.38),
    (0.53, 0.36, 0.26),
    (0.36, 0.24, 0.18),
)
_HAIR = (
    (0.05, 0.04, 0.035),
    (0.13, 0.09, 0.06),
    (0.25, 0.16, 0.10),
    (0.42, 0.28, 0.15),
    (0.62, 0.47, 0.28),
    (0.55, 0.53, 0.51),
)
_IRIS = ((0.24, 0.14, 0.07), (0.36, 0.24, 0.12), (0.42, 0.40, 0.22), (0.32, 0.44, 0.50), (0.28, 0.46, 0.62))


@dataclass(frozen=True)
class Light:
    """A distant light: unit direction towards it (x right, y up, z to the viewer) and its linear colour."""

    direction: tuple[float, float, float]
    colour: Colour


@dataclass(frozen=True)
class HeadStyle:
    """Colours are sRGB 0..1, strengths 0..1, lengths in metres. ``seed`` picks the pattern of the skin and hair."""

    skin: Colour = _SKIN[1]
    hair: Colour = _HAIR[1]
    brow: Colour = _HAIR[1]
    iris: Colour = _IRIS[1]
    lips: Colour = (0.74, 0.42, 0.40)
    cloth: Colour = (0.25, 0.30, 0.38)
    hair_length: float = 0.014
    hairline: float = 0.0
    bald: bool = False
    brow_density: float = 0.8
    brow_width: float = 1.0
    beard: float = 0.0
    freckles: float = 0.0
    blush: float = 0.5
    blotches: float = 0.5
    gloss: float = 0.4
    lid_shade: float = 0.3
    lash: float = 0.8
    pupil: float = 0.42
    torso: bool = True
    ambient: Colour = (0.30, 0.31, 0.34)
    lights: tuple[Light, ...] = (
        Light((-0.45, 0.45, 0.77), (0.95, 0.92, 0.88)),
        Light((0.7, 0.1, 0.7), (0.28, 0.30, 0.34)),
        Light((0.3, 0.6, -0.74), (0.35, 0.35, 0.35)),
    )
    shadows: bool = True
    background: tuple[Colour, Colour] = ((0.55, 0.58, 0.62), (0.30, 0.33, 0.38))
    clutter: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    seed: int = 0
    exposure: float = field(default=1.0)

    @classmethod
    def random(cls, rng: np.random.Generator) -> HeadStyle:
        """A person, a light and a room, all by chance."""
        tone = rng.uniform(0, len(_SKIN) - 1)
        skin = _between(_SKIN, tone) * rng.uniform(0.94, 1.04) + rng.normal(0, 0.012, 3)
        dark = tone > 2.8
        hair = _between(_HAIR, rng.uniform(0, 1.4) if dark else rng.uniform(0, len(_HAIR) - 1)) * rng.uniform(
            0.8, 1.2
        )
        iris = _between(_IRIS, rng.uniform(0, 0.8) if dark else rng.uniform(0, len(_IRIS) - 1)) * rng.uniform(
            0.8, 1.15
        )
        paint = rng.uniform() < 0.2
        lips = (
            rng.uniform(0.3, 0.75, 3) * [1.2, 0.45, 0.55]
            if paint
            else skin * rng.uniform([0.78, 0.52, 0.54], [0.93, 0.68, 0.7])
        )
        brow = hair * rng.uniform(0.5, 0.9)
        masculine = rng.uniform() < 0.5
        lamp = rng.uniform(0.85, 1.15, 3)
        key = _direction(rng, rng.uniform(-75, 75), rng.uniform(-5, 60))
        fill = _direction(rng, rng.uniform(-90, 90), rng.uniform(-20, 40))
        rim = _direction(rng, rng.uniform(110, 250), rng.uniform(10, 60))
        strength = rng.uniform(0.5, 1.1)
        return cls(
            skin=_colour(skin),
            hair=_colour(hair),
            brow=_colour(brow),
            iris=_colour(iris),
            lips=_colour(lips),
            cloth=_colour(rng.uniform(0.05, 0.9) * (1 + rng.normal(0, 0.25, 3))),
            hair_length=rng.uniform(0.003, 0.024),
            hairline=rng.uniform(-0.008, 0.012) if rng.uniform() < 0.8 else rng.uniform(0.012, 0.03),
            bald=bool(rng.uniform() < 0.12),
            brow_density=rng.uniform(0.45, 1.0),
            brow_width=rng.uniform(0.75, 1.3),
            beard=float(rng.uniform(0, 1) ** 1.5) if masculine else 0.0,
            freckles=float(rng.uniform(0, 1) ** 3) * (0.3 if dark else 1.0),
            blush=rng.uniform(0.1, 0.9),
            blotches=rng.uniform(0.2, 1.0),
            gloss=rng.uniform(0.1, 0.8),
            lid_shade=rng.uniform(0.05, 0.7),
            lash=rng.uniform(0.4, 1.0),
            pupil=rng.uniform(0.3, 0.55),
            torso=bool(rng.uniform() < 0.9),
            ambient=_colour(rng.uniform(0.12, 0.42) * rng.uniform(0.85, 1.15, 3)),
            lights=(
                Light(key, _colour(strength * lamp)),
                Light(fill, _colour(rng.uniform(0, 0.45) * rng.uniform(0.8, 1.2, 3))),
                Light(rim, _colour(rng.uniform(0, 0.6) * rng.uniform(0.8, 1.2, 3))),
            ),
            shadows=bool(rng.uniform() < 0.7),
            background=(_colour(rng.uniform(0.02, 0.95, 3)), _colour(rng.uniform(0.02, 0.95, 3))),
            clutter=rng.uniform(0, 1),
            blur=float(rng.uniform(0, 1.1) * (rng.uniform() < 0.4)),
            noise=float(rng.uniform(0, 0.03) * (rng.uniform() < 0.6)),
            seed=int(rng.integers(1 << 30)),
            exposure=rng.uniform(0.75, 1.25),
        )


def _between(table: tuple[Colour, ...], place: float) -> NDArray[np.float64]:
    low = min(int(place), len(table) - 2)
    return np.array(table[low]) * (1 - (place - low)) + np.array(table[low + 1]) * (place - low)


def _colour(values: NDArray[np.float64]) -> Colour:
    red, green, blue = (float(np.clip(value, 0, 1.5)) for value in values)
    return red, green, blue


def _direction(
    rng: np.random.Generator, azimuth_deg: float, elevation_deg: float
) -> tuple[float, float, float]:
    a, e = np.radians(azimuth_deg), np.radians(elevation_deg)
    return float(np.sin(a) * np.cos(e)), float(np.sin(e)), float(np.cos(a) * np.cos(e))

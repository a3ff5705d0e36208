"""What a head does: speech, a blink, brows, and a turn of several degrees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from build_demo import SOUNDS
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from known_heads.person import Anatomy, Array

JAW_FULL_DEG = 24.0  # of MakeHuman's unit jawOpen
BLINK = 0.68
SOUND_EVERY = 2.4  # frames; about ten sounds a second
REST_DEG = np.array([3.0, 4.0, 2.0])  # pitch, yaw, roll: how straight the head is held
TURN_DEG = np.array([4.0, 6.0, 2.5])  # half of the range within the clip
SHIFT = np.array([0.008, 0.005, 0.006])


@dataclass(frozen=True)
class Performance:
    """activations {unit: [F]}, head rotation [F, 3, 3] and translation [F, 3] m in the world."""

    activations: dict[str, Array]
    rotation: Array
    translation: Array

    def vertices(self, anatomy: Anatomy, frame: int) -> Array:
        """[V, 3] in the world: the face moves as one with the skull, the neck less and less."""
        points = anatomy.neutral.copy()
        for name, amount in self.activations.items():
            points += amount[frame] * anatomy.units[name]
        turn = Rotation.from_matrix(self.rotation[frame]).as_rotvec()
        share = anatomy.turns[:, None]
        turned = Rotation.from_rotvec(share * turn).apply(points - anatomy.neck) + anatomy.neck
        result: Array = turned + share * self.translation[frame]
        return result


def perform(frames: int, rng: np.random.Generator, margin: int = 12) -> Performance:
    """A part of a longer performance, so that it begins and ends in the middle of a movement."""
    total = frames + 2 * margin
    line = np.arange(total, dtype=np.float64)
    knots = np.arange(0, total + SOUND_EVERY, SOUND_EVERY)
    letters = rng.choice(list(SOUNDS), len(knots))
    activations: dict[str, Array] = {}

    def along(values: list[float]) -> Array:
        curve: Array = gaussian_filter1d(np.interp(line, knots, values), 1.0)
        return curve

    for unit in sorted({unit for _, sound in SOUNDS.values() for unit in sound}):
        activations[unit] = along([SOUNDS[letter][1].get(unit, 0.0) for letter in letters])
    activations["jawOpen"] = along([SOUNDS[letter][0] / JAW_FULL_DEG for letter in letters])
    drift = gaussian_filter1d(rng.standard_normal((total + 40, 8)), 7, axis=0)[20:-20]
    seen = drift[margin:-margin]
    drift = (drift - (seen.max(0) + seen.min(0)) / 2) / (np.ptp(seen, axis=0) / 2)  # -1..1 within the clip
    blink = np.exp(-(((line - margin - rng.uniform(3, frames - 4)) / 1.8) ** 2)) * BLINK
    for side in ("Left", "Right"):
        activations["eyeBlink" + side] = blink
        activations["browOuterUp" + side] = np.clip(0.25 * drift[:, 6], 0, 1)
        activations["browDown" + side] = np.clip(-0.25 * drift[:, 6], 0, 1)
        activations["mouthSmile" + side] = activations["mouthSmile" + side] + 0.25 * np.clip(
            drift[:, 7], 0, 1
        )
    shown = slice(margin, total - margin)
    rest = rng.normal(0, 1, 3) * REST_DEG
    turn = Rotation.from_rotvec(np.radians(rest + TURN_DEG * drift[shown, :3]))
    return Performance(
        {name: curve[shown] for name, curve in activations.items()},
        turn.as_matrix(),
        SHIFT * drift[shown, 3:6],
    )

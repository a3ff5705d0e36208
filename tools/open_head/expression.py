"""The 50 named expression units, as displacements of the template at full activation."""

from __future__ import annotations

import logging

import numpy as np

from open_head.mesh import HeadMesh
from open_head.source import AnnySource
from open_head.types import SKIN, Array

log = logging.getLogger("open_head")

FULL_ACTIVATION = 3.0  # coefficient of a fully activated unit
UNITS = "faceunits01/targets/faceunits/"
# the jaw and the eyes have joints, the tongue is not in the mesh
NOT_UNITS = ("jawOpen", "tongueOut", "eyeLook")
# MakeHuman's own units outside ARKit's set
EXTRA = {
    "noseDilateLeft": "nose-left-dilatation",
    "noseDilateRight": "nose-right-dilatation",
    "noseCompress": "nose-compression",
    "noseDepress": "nose-depression",
    "neckPlatysma": "neck-platysma",
    "mouthEversion": "mouth-eversion",
    "mouthDepress": "mouth-depression",
    "mouthElevate": "mouth-elevation",
}
# authored for MakeHuman's wide-eyed base mesh: at full strength the mean head's upper lid passes the lower one
BLINK_SCALE = 0.8
# ... and its neutral eyes stand 2.5 mm wider open than people's do, so part of the blink goes into the template
REST_BLINK = 0.15
# sharp pits and creases in the cheek
PITTED = ("mouthSmile", "cheekSquint", "cheekPuff", "mouthElevate", "mouthDimple")
SMOOTHING_STEPS = 4
# mouthClose shuts lips over an open jaw; a linear unit cannot know the jaw's angle, so it is held to the depth to
# which closed lips can press into each other
LIP_APPROACH = 0.002
EXTRA_FOLDER = "mpfb2/targets/expression/units/caucasian/"


def read_units(source: AnnySource, mesh: HeadMesh) -> dict[str, Array]:
    """Every unit by name [V,3], skin only, left and right made exact mirror images."""
    raw: dict[str, Array] = {}
    for path in source.list(UNITS, ".target"):
        raw[path[len(UNITS) : -len(".target")]] = mesh.carry(source.target(path))
    for name, target in EXTRA.items():
        raw[name] = mesh.carry(source.target(f"{EXTRA_FOLDER}{target}.target.gz"))
    units = {}
    for name, shift in raw.items():
        twin = raw[mirrored_name(name, raw)]
        out = (shift + twin[mesh.mirror] * [-1, 1, 1]) / 2
        out[mesh.vertex_part != SKIN] = 0
        units[name] = out
    return units


def refine_units(mesh: HeadMesh, units: dict[str, Array], lip_side: Array, movable: Array) -> None:
    """Mend what looks wrong on the mean head (in place).

    lip_side [V]: +1 upper, -1 lower lip; movable [V] 0..1: where displacements may be smoothed (not lips, not lids).
    """
    for name in units:
        if name.startswith("eyeBlink"):
            units[name] *= BLINK_SCALE - REST_BLINK
        elif name.startswith(PITTED):
            units[name] = _smoothed(mesh, units[name], movable, SMOOTHING_STEPS)
    close = units["mouthClose"]
    approach = close[lip_side < 0, 1].max() - close[lip_side > 0, 1].min()
    units["mouthClose"] = close * (LIP_APPROACH / approach)
    log.info(
        "mouthClose scaled by %.3f to a lip approach of %.1f mm", LIP_APPROACH / approach, LIP_APPROACH * 1e3
    )


def _smoothed(mesh: HeadMesh, shift: Array, movable: Array, steps: int) -> Array:
    near = mesh.adjacency()
    degree = np.asarray(near.sum(1))
    for _ in range(steps):
        shift = shift + 0.5 * movable[:, None] * ((near @ shift) / degree - shift)
    return shift


def mirrored_name(name: str, names: dict[str, Array]) -> str:
    """`mouthSmileLeft` -> `mouthSmileRight`, `browInnerUp` -> itself."""
    for side, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(side) and name[: -len(side)] + other in names:
            return name[: -len(side)] + other
    return name


def unit_names(units: dict[str, Array]) -> list[str]:
    """The expression units in the order of the coefficients: ARKit's by name, then the extra ones."""
    arkit = sorted(n for n in units if n not in EXTRA and not n.startswith(NOT_UNITS))
    return arkit + list(EXTRA)

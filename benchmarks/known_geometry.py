"""Against heads whose geometry is known and is not the face model's: the encoder, FLAME fitting and NeuFace.

    python tools/build_known_heads.py CLIPS
    python benchmarks/known_geometry.py CLIPS/* [--methods neuface] [temporal_weight=20 iterations=150 ...] [--json]

Any field of NeuFaceConfig may be given as FIELD=VALUE. docs/known_geometry.md says what the figures mean.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import neuface_engine as nf

Array = NDArray[np.float64]

METHODS = ("encoder", "flame-fitting", "neuface")
LIMIT = "limit"  # in their place: the face model fitted to the truth itself
REFERENCE = "reference"
POINTS = 6000  # of the true surface, area-uniform, the same in every frame and for every method
FACE_RADIUS = 0.09  # metres about the middle of the landmarks
SCAN_EVERY, NORMALS_EVERY = 4, 2

ROWS = (
    ("scan_mm", "scan to mesh, rigid [mm]"),
    ("scan_scaled_mm", "scan to mesh, also scaled [mm]"),
    ("mean_head_scan_mm", "  of the mean head at rest, rigid [mm]"),
    ("normals_deg", "normals to reference [deg]"),
    ("pose_deg", "head orientation [deg]"),
    ("pose_bias_deg", "  its mean, by view [deg]"),
    ("pose_spread_deg", "  about its mean, by view [deg]"),
    ("motion_gain", "share of the head's turning kept"),
    ("cvd_mm", "CVD [mm]"),
    ("msi_landmark", "MSI landmarks [frame^4/mm^2]"),
    ("true_msi_landmark", "  of the truth"),
    ("nme_percent", "NME [% of box]"),
    ("shape_rms_sd", "rms of shape [sd]"),
    ("lip_aperture_ratio", "lip aperture ratio"),
    ("lid_aperture_ratio", "lid aperture ratio"),
    ("iterations", "iterations"),
    ("seconds", "time [s]"),
)


@dataclass(frozen=True)
class Truth:
    """What `tools/build_known_heads.py` knows.

    vertices [F, V, 3] in the world [m]; faces [T, 3]; seen [F, V]: by at least one camera; landmarks [F, 68, 3];
    head_rotation [F, 3, 3] in the world; camera_rotation [views, 3, 3]: world -> view (x right, y up, z to the camera).
    """

    views: tuple[str, ...]
    vertices: Array
    faces: NDArray[np.int64]
    seen: NDArray[np.bool_]
    landmarks: Array
    head_rotation: Array
    camera_rotation: Array

    @classmethod
    def load(cls, clip: Path) -> Truth:
        with np.load(clip / REFERENCE / "truth.npz", allow_pickle=False) as archive:
            return cls(
                tuple(str(view) for view in archive["views"]),
                archive["vertices"].astype(np.float64),
                archive["faces"].astype(np.int64),
                archive["seen"],
                archive["landmarks"].astype(np.float64),
                archive["head_rotation"].astype(np.float64),
                archive["camera_rotation"].astype(np.float64),
            )

    def cameras(self, track: nf.FaceTrack) -> Array:
        """camera_rotation in the order of the track's views."""
        return self.camera_rotation[[self.views.index(view) for view in track.views]]

    def head_in_views(self, track: nf.FaceTrack) -> Array:
        """The head's orientation as the track's views see it, [F, V, 3, 3]."""
        turned: Array = self.cameras(track) @ self.head_rotation[track.frame_indices][:, None]
        return turned

    def scan(self, frame: int) -> Array:
        """[POINTS, 3] of the surface that the cameras see."""
        kept = self.faces[self.seen[frame][self.faces].all(1)]
        return sample_surface(self.vertices[frame], kept, POINTS)


def sample_surface(vertices: Array, faces: NDArray[np.integer], count: int, seed: int = 0) -> Array:
    """Points [count, 3] spread evenly over a mesh."""
    rng = np.random.default_rng(seed)
    a, b, c = np.moveaxis(vertices[faces], 1, 0)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    chosen = rng.choice(len(faces), count, p=area / area.sum())
    u, v = rng.random((2, count, 1))
    root = np.sqrt(u)
    result: Array = (1 - root) * a[chosen] + root * (1 - v) * b[chosen] + root * v * c[chosen]
    return result


@torch.no_grad()
def compare(track: nf.FaceTrack, truth: Truth, *, every: int = SCAN_EVERY) -> dict[str, Any]:
    """Distance of the true surface to the meshes [mm], and the error of the head orientations [deg].

    The orientation that a mesh should have is that of the rigid motion that lays it upon the truth, seen from the known
    camera; so no two heads need to agree on what facing forwards means.
    """
    distances: dict[str, list[float]] = {"rigid": [], "similarity": []}
    errors: dict[str, list[Array]] = {view: [] for view in track.views}
    cameras = truth.cameras(track)
    rotations = nf.rotations.axis_angle_to_matrix(track.parameters.head_rotation.double()).numpy()
    for row in range(0, len(track.frame_indices), every):
        frame = int(track.frame_indices[row])
        for view in np.flatnonzero(track.detected[row].numpy()):
            for align, found in distances.items():
                laid = lay(track.head, track.parameters[row : row + 1, view], truth, frame, align)
                found.append(laid.mean_mm)
                if align == "rigid":
                    should = cameras[view] @ laid.placed.rotation
                    errors[track.views[view]].append(rotation_vector(rotations[row, view] @ should.T))
    return {
        "scan_mm": float(np.mean(distances["rigid"])),
        "scan_scaled_mm": float(np.mean(distances["similarity"])),
        "motion_gain": motion_gain(rotations, truth.head_in_views(track)),
        "true_msi_landmark": true_stability(track, truth),
        **orientation_errors({name: np.degrees(found) for name, found in errors.items() if found}),
    }


def best_fit(head: nf.FaceModel, truth: Truth, frame: int, *, steps: int = 300) -> nf.FaceParameters:
    """The face model laid upon the true vertices of a frame, batch [1]: the least error that any method can leave.

    Both have MakeHuman's mesh, so that every vertex knows its place; those around the face that a camera sees count.
    """
    near = np.linalg.norm(truth.vertices[frame] - truth.landmarks[frame].mean(0), axis=1) < FACE_RADIUS
    chosen = torch.from_numpy(np.flatnonzero(near & truth.seen[frame]))
    target = torch.from_numpy(truth.vertices[frame]).float()[chosen]
    free = {
        "shape": torch.zeros(1, head.n_shape, requires_grad=True),
        "expression": torch.zeros(1, head.n_expression, requires_grad=True),
        "jaw": torch.zeros(1, 3, requires_grad=True),
    }
    rates = {"shape": 0.05, "expression": 0.05, "jaw": 0.01}
    optimizer = torch.optim.Adam([{"params": [free[name]], "lr": rate} for name, rate in rates.items()])
    rest = nf.FaceParameters.neutral(1, n_shape=head.n_shape, n_expression=head.n_expression)
    for _ in range(steps):
        pose = torch.cat([torch.zeros(1, 3), free["jaw"]], 1)
        fitted = rest.replace(shape=free["shape"], expression=free["expression"], pose=pose)
        own, given = head.vertices(fitted)[0, chosen], target - target.mean(0)
        own = own - own.mean(0)
        with torch.no_grad():  # Kabsch
            u, _, vt = torch.linalg.svd(own.T @ given)
            turn = (u * torch.tensor([1.0, 1.0, float(torch.linalg.det(u @ vt).sign())])) @ vt
        away = 1e3 * (own @ turn - given)
        prior = sum(free[name].square().mean() for name in ("shape", "expression"))
        optimizer.zero_grad()
        (away.square().sum(-1).mean() + 0.02 * prior).backward()
        optimizer.step()
    return fitted.map(torch.Tensor.detach)


def limit(head: nf.FaceModel, truth: Truth, *, every: int = 2 * SCAN_EVERY) -> dict[str, Any]:
    """The figures of `best_fit`, and of the mean head at rest: what is to be had, and what costs nothing."""
    distances, shapes = [], []
    rest = nf.FaceParameters.neutral(1, n_shape=head.n_shape, n_expression=head.n_expression)
    for frame in range(0, len(truth.vertices), every):
        fitted = best_fit(head, truth, frame)
        distances.append([lay(head, face, truth, frame).mean_mm for face in (fitted, rest)])
        shapes.append(float(fitted.shape.square().mean().sqrt()))
    best, mean = np.mean(distances, axis=0)
    return {"scan_mm": float(best), "mean_head_scan_mm": float(mean), "shape_rms_sd": float(np.mean(shapes))}


def lay(
    head: nf.FaceModel, parameters: nf.FaceParameters, truth: Truth, frame: int, align: str = "rigid"
) -> nf.metrics.ScanDistance:
    """The mesh of one crop, batch [1], upon the true surface of its frame."""
    face = head.decode(parameters)
    return nf.metrics.scan_distance(
        truth.scan(frame),
        face.vertices("canonical")[0].double().numpy(),
        head.faces.numpy(),
        face.landmarks("static", "canonical")[0].double().numpy(),
        align=align,
        scan_landmarks=truth.landmarks[frame],
    )


def orientation_errors(errors: dict[str, Array]) -> dict[str, Any]:
    """From rotation vectors [K, 3] in degrees of each view: their mean angle, each view's mean, and what is left."""
    every = np.concatenate(list(errors.values()))
    biases = {name: found.mean(0) for name, found in errors.items()}
    rest = np.concatenate([found - biases[name] for name, found in errors.items()])
    return {
        "pose_deg": float(np.linalg.norm(every, axis=1).mean()),
        "pose_bias_deg": float(np.mean([np.linalg.norm(bias) for bias in biases.values()])),
        "pose_spread_deg": float(np.sqrt(np.square(rest).sum(1).mean())),
        "pose_by_view_deg": {name: [round(float(x), 2) for x in bias] for name, bias in biases.items()},
    }


def motion_gain(found: Array, true: Array) -> float:
    """How much of the head's true turning about its first orientation is found: 1 all, 0 none; both [F, V, 3, 3].

    The slope of a line through 0; a head that turns too far has more than 1.
    """
    a, b = (rotation_vector(turns @ np.swapaxes(turns[:1], -1, -2)) for turns in (found, true))
    a, b = a - a.mean(0), b - b.mean(0)
    return float((a * b).sum() / np.square(b).sum())


def true_stability(track: nf.FaceTrack, truth: Truth) -> float:
    """MSI^L of the true landmarks as the views see them: what a perfect track would have."""
    seen = np.einsum("vij,fnj->fvni", truth.cameras(track), truth.landmarks[track.frame_indices])
    return float(np.nanmean(nf.metrics.motion_stability(torch.from_numpy(seen), track.detected.double())))


def rotation_vector(matrix: Array) -> Array:
    result: Array = nf.rotations.matrix_to_axis_angle(torch.from_numpy(matrix)).numpy()
    return result


def measure(track: nf.FaceTrack, sequence: nf.Sequence, clip: Path, truth: Truth) -> dict[str, Any]:
    angles = nf.metrics.reference_normal_angles(track, clip / REFERENCE, every=NORMALS_EVERY)
    figures = nf.metrics.evaluate(track, sequence).as_dict()
    return {**compare(track, truth), "normals_deg": float(np.nanmean(angles)), **figures}


def run_method(
    method: str, sequence: nf.Sequence, encoder: nf.Encoder, head: nf.FaceModel, settings: dict[str, Any]
) -> tuple[nf.FaceTrack, dict[str, Any]]:
    """The track; iterations, seconds and weights it took."""
    began = time.perf_counter()
    if method == "encoder":
        settings = {"iterations": 0}
    kind, config = (
        (nf.FlameFitting, nf.FlameFittingConfig)
        if method == "flame-fitting"
        else (nf.NeuFace, nf.NeuFaceConfig)
    )
    run = kind(sequence, encoder, head, config=config(**settings))
    for _ in run:
        pass
    weights = {name: value for name, value in asdict(run.config).items() if name.endswith("_weight")}
    seconds = round(time.perf_counter() - began, 1)
    return run.track(), {"iterations": len(run.history) - 1, "seconds": seconds, "weights": weights}


def setting(text: str) -> tuple[str, Any]:
    """FIELD=VALUE of NeuFaceConfig."""
    name, _, value = text.partition("=")
    if name not in {field.name for field in fields(nf.NeuFaceConfig)}:
        raise argparse.ArgumentTypeError(f"{name!r} is no field of NeuFaceConfig")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def table(results: dict[str, dict[str, Any]]) -> list[str]:
    width = max(len(label) for _, label in ROWS)
    lines = [f"{'':{width}s}" + "".join(f"{method:>15s}" for method in results)]
    for key, label in ROWS:
        if not any(key in figures for figures in results.values()):
            continue
        cells = "".join(
            f"{figures[key]:15.4g}" if key in figures else f"{'-':>15s}" for figures in results.values()
        )
        lines.append(f"{label:{width}s}{cells}")
    return lines


def mean_over(clips: list[dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Each method's figures, averaged over the clips."""
    return {
        method: {
            key: float(np.mean([clip[method][key] for clip in clips])) for key, _ in ROWS if key in figures
        }
        for method, figures in clips[0].items()
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("given", nargs="+", metavar="CLIP|FIELD=VALUE")
    parser.add_argument(
        "--methods", default=",".join(METHODS), help=f"some of {','.join(METHODS)}, and {LIMIT}"
    )
    parser.add_argument("--save", type=Path, metavar="DIR", help="keep the tracks here")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_intermixed_args()
    methods = options.methods.split(",")
    if unknown := set(methods) - {*METHODS, LIMIT}:
        parser.error(f"--methods: {', '.join(unknown)}; give some of {','.join((*METHODS, LIMIT))}")
    try:
        settings = dict(setting(text) for text in options.given if "=" in text)
    except argparse.ArgumentTypeError as error:
        parser.error(str(error))
    clips = [Path(text) for text in options.given if "=" not in text]
    encoder, head = nf.load_encoder("open"), nf.FaceModel.load("open")
    results: dict[str, dict[str, dict[str, Any]]] = {}
    for clip in clips:
        sequence, truth = nf.load_sequence(clip), Truth.load(clip)
        results[clip.name] = {}
        for method in methods:
            if method == LIMIT:
                results[clip.name][method] = limit(head, truth)
                continue
            track, spent = run_method(method, sequence, encoder, head, settings)
            if options.save:
                options.save.mkdir(parents=True, exist_ok=True)
                track.save(options.save / f"{clip.name}_{method}.npz")
            results[clip.name][method] = {**measure(track, sequence, clip, truth), **spent}
        if not options.json:
            print(f"\n{clip.name}", *table(results[clip.name]), sep="\n", flush=True)
    if options.json:
        print(json.dumps({"settings": settings, "clips": results}))
    elif len(clips) > 1:
        print(f"\nmean of {len(clips)} clips", *table(mean_over(list(results.values()))), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

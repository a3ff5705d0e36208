"""`neuface metrics TRACK...`: the figures of saved tracks."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuface_engine.cli import options as shared
from neuface_engine.cli.output import Output, figure, table
from neuface_engine.errors import ConfigError, MediaError, NeuFaceError

if TYPE_CHECKING:
    from neuface_engine.metrics import Scan
    from neuface_engine.tracks import FaceTrack
    from neuface_engine.video import GroundTruth

ROWS = (
    ("cvd_mm", "CVD [mm]"),
    ("msi_landmark", "MSI landmarks [frame^4/mm^2]"),
    ("msi_vertex", "MSI vertices [frame^4/mm^2]"),
    ("nme_percent", "NME [% of box]"),
    ("lip_aperture_ratio", "lip aperture ratio"),
    ("lid_aperture_ratio", "lid aperture ratio"),
    ("shape_norm", "norm of shape [sd]"),
    ("shape_rms_sd", "rms of shape [sd]"),
    ("mpve_mm", "vertex error [mm]"),
)
"""Key of `Metrics` and what it is called in a table."""

DETAIL_ROWS = (
    ("cvd.euclidean.mean", "CVD, Euclidean [mm]"),
    ("cvd.l1_visible.mean", "CVD, seen by both [mm]"),
    ("cvd.euclidean_visible.mean", "CVD, Euclidean, seen by both [mm]"),
    ("msi.landmark.median", "MSI landmarks, median [frame^4/mm^2]"),
    ("msi.vertex_without_head_pose.mean", "MSI vertices, no head pose [frame^4/mm^2]"),
    ("msi.windowed.mesh", "MSI, StableFace [0 to 2]"),
    ("msi.windowed.detected_landmarks", "  the same of the detector"),
    ("nme.interocular_up_to_yaw_limit", "NME, frontal [% of eye distance]"),
    ("nme.by_yaw", "NME, by yaw [% of either]"),
    ("nme.crops_by_box", "  crops beyond 40 deg (by box)"),
    ("mpve_mm.face", "vertex error, face [mm]"),
    ("scan.mean_mm", "scan to mesh, mean [mm]"),
    ("scan.median_mm", "scan to mesh, median [mm]"),
    ("identity.head.over_time_mm", "identity drift over time [mm]"),
    ("identity.head.trend_mm", "identity drift, first to last frame [mm]"),
    ("identity.head.across_views_mm", "identity drift across views [mm]"),
    ("shape.largest", "largest shape coefficient [sd]"),
    ("expression.rms", "rms of expression"),
    ("expression.largest", "largest expression coefficient"),
    ("normals.mean_angle_deg", "normals to reference [deg]"),
    ("fps", "frames per second"),
    ("crops_with_face", "crops with a face"),
)


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "metrics",
        help="figures of saved tracks",
        description="Prints the metrics of each TRACK; docs/metrics.md says what they mean. MSI compares only at equal "
        "frame rates.",
    )
    parser.add_argument("tracks", nargs="+", type=Path, metavar="TRACK")
    parser.add_argument(
        "--head", metavar="open|FILE", help="the face model of the tracks (default: the one that it names)"
    )
    parser.add_argument(
        "--head-landmarks", type=Path, metavar="FILE", help="landmark embedding of a FLAME file"
    )
    parser.add_argument(
        "--sequence", type=Path, metavar="INPUT", help="the footage, for its ground truth (vertex error)"
    )
    parser.add_argument(
        "--reference", type=Path, metavar="DIR", help="normal maps of the footage: ref_normals_VIEW.mp4"
    )
    parser.add_argument(
        "--scan",
        type=Path,
        metavar="FILE|DIR",
        help="OBJ or PLY of the true surface: one at rest, or a folder with one a frame",
    )
    parser.add_argument(
        "--scan-frame", type=_frame, metavar="N", help="the scan shows frame N, not a face at rest"
    )
    parser.add_argument(
        "--scan-landmarks", type=Path, metavar="FILE", help="7, 51 or 68 points on it (npy, json, txt, pp)"
    )
    parser.add_argument(
        "--scan-align",
        choices=("rigid", "similarity", "none"),
        default="rigid",
        help="how the mesh is laid upon the scan (default: rigid)",
    )
    parser.add_argument(
        "--scan-unit", choices=("auto", "m", "cm", "mm"), default="auto", help="default: by its size"
    )
    parser.add_argument(
        "--per-crop", action="store_true", help="with --json: figures of every frame and view"
    )
    shared.add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, output: Output) -> int:
    import neuface_engine as nf
    from neuface_engine.tracks import MeshTrack, load_track

    head = None if options.head is None else shared.head_of_track(options, options.tracks[0])
    scans = _scans(options)
    measured: dict[str, Any] = {}
    failures: list[str] = []
    for path in options.tracks:
        try:
            track = load_track(path, head=head or shared.head_of_track(options, path))
            if isinstance(track, MeshTrack):
                measured[str(path)] = nf.metrics.evaluate(track).as_dict()
                output.note(f"{path}: meshes without parameters; what can be measured on meshes alone")
                continue
            truth = None if options.sequence is None else _ground_truth(options.sequence, track, output)
            details = nf.metrics.examine(
                track, truth=truth, reference=options.reference, scans=scans, align=options.scan_align
            )
            if details.scan is not None and not details.scan.by_frame:
                raise ConfigError(
                    f"{path}: no face in the frames that {options.scan} shows; give a scan of another frame"
                )
            measured[str(path)] = {
                **nf.metrics.evaluate(track, truth=truth).as_dict(),
                "details": details.as_dict(per_crop=options.per_crop),
            }
        except NeuFaceError as error:
            failures.append(str(error))
            output.error(str(error))
    if len(options.tracks) == 1:
        output.result(next(iter(measured.values())) if measured else {"error": failures[0]})
    else:
        output.result({**measured, **({"failed": failures} if failures else {})})
    if measured:
        names = [Path(name).stem for name in measured]
        rows = [["", *names]]
        for key, label in (*ROWS, *(("details." + key, label) for key, label in DETAIL_ROWS)):
            values = [_at(figures, key) for figures in measured.values()]
            if any(value is not None for value in values):
                rows.append([label, *map(_figure, values)])
        for line in table(rows):
            output.line(line)
    return 2 if failures else 0


def _figure(value: float | None) -> str:
    return str(value) if isinstance(value, int) else figure(value)


def _frame(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must be 0 or more")
    return value


def _at(figures: Any, path: str) -> float | None:
    """The figure at "a.b.c" of nested objects; None where there is none."""
    for key in path.split("."):
        figures = figures.get(key) if isinstance(figures, dict) else None
    return figures


def _ground_truth(path: Path, track: FaceTrack, output: Output) -> GroundTruth | None:
    """That of the track's frames and views; without any, or with one of another head, the user is told."""
    import numpy as np

    from neuface_engine.video.ground_truth import load_ground_truth

    if not path.exists():
        raise MediaError(f"{path}: no such footage; give what the track was made from")
    frames = np.asarray(track.frame_indices)
    truth = load_ground_truth(path, track.views, int(frames.max(initial=-1)) + 1)
    if truth is None:
        output.note(f"warning: {path}: no ground truth for the views of the track; no vertex error")
        return None
    if truth.parameters.batch_shape[0] <= int(frames.max(initial=-1)):
        raise MediaError(
            f"{path}: its ground truth has fewer frames than the track; give the track's own footage"
        )
    if truth.head_fingerprint != track.head.fingerprint:
        output.note(f"warning: {path}: its ground truth belongs to another head; no vertex error")
    return truth.select(frames, np.arange(len(track.views)))


def _scans(options: argparse.Namespace) -> dict[int, Scan] | None:
    import neuface_engine as nf

    path = options.scan
    if path is None:
        return None
    if path.is_dir():
        if options.scan_frame is not None or options.scan_landmarks is not None:
            raise ConfigError(f"{path}: --scan-frame and --scan-landmarks are for one scan; give its file")
        return nf.metrics.load_scans(path, unit=options.scan_unit)
    scan = nf.metrics.Scan.load(path, landmarks=options.scan_landmarks, unit=options.scan_unit)
    return {nf.metrics.NEUTRAL if options.scan_frame is None else options.scan_frame: scan}

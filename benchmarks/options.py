"""What each option beyond the paper changes on multi-view footage, and what it does against faults put in on purpose.

    python benchmarks/options.py CLIP [--cameras FILE] [--max-frames 16] [--iterations 100] [--json]

One run of NeuFace a row, one seed. docs/options.md has the figures for one clip and says what they mean. Columns: CVD
[mm], MSI of the landmarks, NME [% of the box], lip and lid aperture ratio (all to the landmarks without the fault), rms
of the shape [sd], drift of the neutral head over time + across views [mm], acceleration of jaw, lips and lids
[mm / frame^2], and how much the views' head orientations disagree in the world [deg] (with --cameras).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

import neuface_engine as nf
from neuface_engine.optimization.cameras import cameras_of_crops, load_camera_rotations
from neuface_engine.optimization.terms import acceleration_loss, camera_loss

WRONG_SHARE, WRONG_BY = 0.05, 0.5  # of all landmarks; crop units: a quarter of the crop
SLIPPED_BY = 0.18  # crop units: 9 % of the crop
COLUMNS = ("cvd", "msi", "nme", "lip", "lid", "shape", "drift", "across", "acceleration", "cameras")


@dataclass(frozen=True)
class Row:
    """One run: its name, the footage as the run sees it, and the fields of the config that are not the default's."""

    name: str
    sequence: nf.Sequence
    config: dict[str, Any] = field(default_factory=dict)


def rows(sequence: nf.Sequence, cameras: Path | None) -> Iterator[Row]:
    """What is compared."""
    yield Row("default", sequence)
    if cameras is not None:
        yield Row("--camera-weight 5", sequence, {"camera_weight": 5.0, "camera_file": str(cameras)})
    yield Row("--one-shape", sequence, {"one_shape": True})
    yield Row("--acceleration-weight 100", sequence, {"acceleration_weight": 100.0})
    yield Row("--trust-weight 1", sequence, {"trust_weight": 1.0})
    if len(sequence.views) > 2:
        first = sequence.views[0]
        yield Row(f"--exclude-views {first}", sequence, {"excluded_views": (first,)})
    yield Row("--mute 0-16", sequence, {"muted_landmarks": tuple(range(17))})
    for scale in (0.2, 0.05):
        yield Row(f"--robust-scale {scale}", sequence, {"robust_scale": scale})
    wrong, slipped = with_wrong_landmarks(sequence), with_a_slipped_frame(sequence)
    yield Row("5 % of all landmarks wrong", wrong)
    for scale in (0.2, 0.05):
        yield Row(f"  --robust-scale {scale}", wrong, {"robust_scale": scale})
    yield Row("one frame detected aside", slipped)
    yield Row("  --exclude-frames of it", slipped, {"excluded_frames": (len(sequence.landmarks) // 2,)})


def with_wrong_landmarks(sequence: nf.Sequence) -> nf.Sequence:
    """Some landmarks, sparse and dense alike, are up to a quarter of the crop from where they were detected."""
    generator = torch.Generator().manual_seed(0)

    def moved(points: torch.Tensor) -> torch.Tensor:
        shape = points.shape[:-1]
        wrong = torch.rand(shape, generator=generator) < WRONG_SHARE
        by = (2 * torch.rand((*shape, 2), generator=generator) - 1) * WRONG_BY
        return torch.cat([points[..., :2] + by * wrong[..., None], points[..., 2:]], dim=-1)

    dense = sequence.landmarks_dense
    return replace(
        sequence,
        landmarks=moved(sequence.landmarks),
        landmarks_dense=None if dense is None else moved(dense),
    )


def with_a_slipped_frame(sequence: nf.Sequence) -> nf.Sequence:
    """In the middle frame all landmarks of all views lie aside."""
    frame = len(sequence.landmarks) // 2

    def moved(points: torch.Tensor) -> torch.Tensor:
        points = points.clone()
        points[frame, :, :, 0] += SLIPPED_BY
        return points

    dense = sequence.landmarks_dense
    return replace(
        sequence,
        landmarks=moved(sequence.landmarks),
        landmarks_dense=None if dense is None else moved(dense),
    )


@torch.no_grad()
def figures(track: nf.FaceTrack, sequence: nf.Sequence, cameras: Path | None) -> dict[str, float]:
    """The columns of a track; `sequence` is the footage without faults."""
    measured = nf.metrics.measures(replace(track, landmarks_2d=sequence.landmarks))
    valid = sequence.detected.float()
    still = track.head.decode(track.parameters).landmarks("static", "canonical")
    angle = float("nan")
    if cameras is not None:
        rotations = cameras_of_crops(sequence, load_camera_rotations(cameras, sequence.views))
        angle = float(torch.rad2deg(camera_loss(track.parameters.head_rotation, rotations, valid)))
    return {
        "cvd": measured["cvd_mm"],
        "msi": measured["msi_landmark"],
        "nme": measured["nme_percent"],
        "lip": measured["lip_aperture_ratio"],
        "lid": measured["lid_aperture_ratio"],
        "shape": measured["shape_rms_sd"],
        "drift": measured["identity_drift_mm"],
        "across": measured["identity_across_views_mm"],
        "acceleration": 1e3 * float(acceleration_loss(still, valid)),
        "cameras": angle,
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clip", type=Path)
    parser.add_argument("--cameras", type=Path)
    parser.add_argument("--max-frames", type=int, default=16)
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--only", nargs="+", default=[""], help="rows whose name has one of these in it")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    encoder = nf.load_encoder("open")
    head = encoder.fitted_head(nf.FaceModel.load("open"))
    sequence = nf.load_sequence(options.clip, max_frames=options.max_frames, **encoder.crop_options)
    found: dict[str, dict[str, float]] = {}
    if not options.json:
        print("".join(f"{name:>13}" for name in COLUMNS))

    def add(name: str, track: nf.FaceTrack) -> None:
        found[name] = figures(track, sequence, options.cameras)
        if not options.json:
            print("".join(f"{found[name][column]:13.3f}" for column in COLUMNS), f"  {name}", flush=True)

    for number, row in enumerate(rows(sequence, options.cameras)):
        if not any(words in row.name for words in options.only):
            continue
        config = nf.NeuFaceConfig(iterations=options.iterations, **row.config)
        run = nf.NeuFace(row.sequence, encoder, head, config=config)
        if number == 0:
            add("(encoder alone)", run.track())
        for _ in run:
            pass
        add(row.name, run.track())
    if options.json:
        print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())

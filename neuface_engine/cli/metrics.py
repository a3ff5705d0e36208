"""`neuface metrics TRACK...`: the figures of saved tracks."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from neuface_engine.cli import options as shared
from neuface_engine.cli.output import Output, figure, table
from neuface_engine.errors import NeuFaceError

ROWS = (
    ("cvd_mm", "CVD [mm]"),
    ("msi_landmark", "MSI landmarks"),
    ("msi_vertex", "MSI vertices"),
    ("nme_percent", "NME [%]"),
    ("lip_aperture_ratio", "lip aperture ratio"),
    ("lid_aperture_ratio", "lid aperture ratio"),
    ("shape_norm", "norm of shape"),
    ("shape_rms_sd", "rms of shape [sd]"),
    ("mpve_mm", "vertex error [mm]"),
)


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "metrics", help="figures of saved tracks", description="Prints the metrics of each TRACK."
    )
    parser.add_argument("tracks", nargs="+", type=Path, metavar="TRACK")
    parser.add_argument("--head", default="open", metavar="open|FILE", help="the face model of the tracks")
    parser.add_argument(
        "--head-landmarks", type=Path, metavar="FILE", help="landmark embedding of a FLAME file"
    )
    shared.add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, output: Output) -> int:
    import neuface_engine as nf

    head = nf.FaceModel.load(options.head, landmarks=options.head_landmarks)
    measured: dict[str, Any] = {}
    failures: list[str] = []
    for path in options.tracks:
        try:
            track = nf.FaceTrack.load(path, head=head)
            measured[str(path)] = nf.metrics.evaluate(track).as_dict()
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
        for key, label in ROWS:
            values = [figures.get(key) for figures in measured.values()]
            if any(value is not None for value in values):
                rows.append([label, *map(figure, values)])
        for line in table(rows):
            output.line(line)
    return 2 if failures else 0

"""`neuface import PATH --out FILE.npz`: the result of another tracker as a track."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from neuface_engine.cli import options as shared
from neuface_engine.cli.export import names
from neuface_engine.cli.output import Output, Progress
from neuface_engine.errors import ConfigError, TrackError


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "import",
        help="another tracker's result as a track",
        description="Reads what NeuFace's authors' code, metrical-tracker, VHAP, flame-head-tracker, DECA, EMOCA or "
        "SMIRK wrote, or an OBJ or PLY sequence, so that metrics, render, export and the review work on it. "
        "docs/formats.md says what is read, and what is lost. What had to be assumed is said.",
    )
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="a file or folder; several: one a view, named by --views",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.npz")
    parser.add_argument(
        "--format",
        default="auto",
        metavar="NAME",
        help="auto, official, metrical-tracker, vhap, flame-head-tracker, codes, deca-mat, meshes",
    )
    parser.add_argument(
        "--sequence",
        type=Path,
        metavar="FOOTAGE",
        help="the video or folder that it was made from: gives sizes, frame rate and landmarks, and places the crops",
    )
    parser.add_argument("--views", metavar="A,B", help="names of the views (of rows: in alphabetical order)")
    parser.add_argument(
        "--fps", type=float, metavar="X", help="frame rate, where neither file nor footage tell"
    )
    parser.add_argument(
        "--image-size", metavar="WxH", help="of the pictures, where neither file nor footage tell"
    )
    parser.add_argument(
        "--first-frame", type=int, metavar="N", help="how the file calls the video's first frame"
    )
    parser.add_argument(
        "--space", metavar="NAME", help="axes of meshes: posed (the camera's), canonical, world"
    )
    parser.add_argument(
        "--unit", default="auto", metavar="m|cm|mm", help="of meshes (default: by their size)"
    )
    parser.add_argument("--head", metavar="open|FILE", help="the face model of the parameters")
    parser.add_argument(
        "--head-landmarks", type=Path, metavar="FILE", help="landmark embedding of a FLAME file"
    )
    parser.add_argument(
        "--cache-dir", type=Path, metavar="DIR", help="where detections are kept (default: yours)"
    )
    parser.add_argument(
        "--max-frames", type=shared.positive, metavar="N", help="only the first N frames of the footage"
    )
    shared.add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, output: Output) -> int:
    import neuface_engine as nf
    from neuface_engine.tracks.importers import import_track

    if options.out.suffix != ".npz":
        raise ConfigError(f"{options.out}: a track ends in .npz")
    if options.first_frame is not None and options.first_frame < 0:
        raise ConfigError("--first-frame is 0 or more")
    for path in options.paths:
        if not path.exists():
            raise TrackError(f"{path}: no such file or folder; give a tracker's result")
    head = None
    if options.head is not None:
        head = nf.FaceModel.load(options.head, landmarks=options.head_landmarks)
    sequence = None
    if options.sequence is not None:
        progress = Progress(options.sequence.resolve().name)
        try:
            sequence = nf.load_sequence(
                options.sequence,
                max_frames=options.max_frames,
                cache_dir=options.cache_dir,
                progress=progress,
            )
        finally:
            progress.close()
    track = import_track(
        options.paths,
        format=options.format,
        sequence=sequence,
        head=head,
        views=names(options.views),
        fps=options.fps,
        image_size=_size(options.image_size),
        first_frame=options.first_frame,
        space=options.space,
        unit=options.unit,
    )
    track.save(options.out)
    warnings = track.provenance.get("warnings", [])
    for warning in warnings:
        output.note(f"{options.paths[0]}: {warning}")
    output.result(
        {
            "track": str(options.out),
            "software": track.provenance["imported"]["software"],
            "views": list(track.views),
            "frames": len(track.frame_indices),
            "fps": track.fps,
            "parameters": isinstance(track, nf.FaceTrack),
            "warnings": list(warnings),
        }
    )
    output.line(str(options.out))
    return 0


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    try:
        width, height = (int(part) for part in text.lower().split("x"))
        if not (0 < width < 100_000 and 0 < height < 100_000):
            raise ValueError
    except ValueError:
        raise ConfigError(f"--image-size {text!r} is no size; give WxH, for instance 1920x1080") from None
    return width, height

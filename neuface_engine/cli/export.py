"""`neuface export TRACK --format ... --out ...`: a track in the formats of others."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from neuface_engine.cli import options as shared
from neuface_engine.cli.output import Output, Progress
from neuface_engine.errors import ConfigError


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "export",
        help="a track, or a project's accepted tracks, in other formats",
        description="Writes TRACK as FORMAT to PATH. docs/formats.md says what is in each format.",
    )
    parser.add_argument("track", type=Path, metavar="TRACK")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="PATH", help="a file, or a folder for sequences"
    )
    parser.add_argument("--format", metavar="NAME", help="default: by the ending of PATH")
    parser.add_argument(
        "--space",
        default="posed",
        metavar="posed|canonical",
        help="meshes as the camera saw them (default), or with the head orientation taken out",
    )
    parser.add_argument("--views", metavar="A,B", help="only these views, in this order")
    parser.add_argument("--frames", metavar="A:B", help="frames of the video from A up to, not including, B")
    parser.add_argument(
        "--layers", default="mesh,landmarks", metavar="A,B", help="of a video (default: %(default)s)"
    )
    parser.add_argument(
        "--footage", type=Path, metavar="PATH", help="where the video is now, if it was moved"
    )
    parser.add_argument(
        "--height", type=int, default=480, metavar="PX", help="of a video's tile (default: 480)"
    )
    parser.add_argument("--head", default="open", metavar="open|FILE", help="the face model of the track")
    parser.add_argument(
        "--head-landmarks", type=Path, metavar="FILE", help="landmark embedding of a FLAME file"
    )
    shared.add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, output: Output) -> int:
    import neuface_engine as nf
    from neuface_engine.tracks.formats import export, find
    from neuface_engine.tracks.loading import load_track

    chosen = find(options.format, options.out)
    head = nf.FaceModel.load(options.head, landmarks=options.head_landmarks)
    track = load_track(options.track, head=head)
    progress = Progress(options.track.stem)
    try:
        files = export(
            track,
            options.out,
            format=chosen.name,
            space=options.space,
            views=names(options.views),
            frames=frame_range(options.frames),
            footage=options.footage,
            layers=names(options.layers) or (),
            height=options.height,
            track_file=options.track,
            progress=progress,
        )
    finally:
        progress.close()
    output.result({"format": chosen.name, "out": str(options.out), "files": [str(file) for file in files]})
    output.line(str(options.out))
    return 0


def names(text: str | None) -> list[str] | None:
    """ "a,b" -> ["a", "b"]."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def frame_range(text: str | None) -> tuple[int | None, int | None] | None:
    """ "A:B", "A:" or ":B". Raises ConfigError for anything else."""
    if text is None:
        return None
    first, colon, last = text.partition(":")
    try:
        if not colon:
            raise ValueError
        ends = tuple(int(end) if end.strip() else None for end in (first, last))
        if any(end is not None and end < 0 for end in ends):
            raise ValueError
    except ValueError:
        raise ConfigError(f"--frames {text!r} is no range; give A:B, for instance 0:100") from None
    return ends[0], ends[1]

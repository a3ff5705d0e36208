"""`neuface render TRACK`: the footage with the meshes over it, all views side by side, as a video."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from neuface_engine.cli import options as shared
from neuface_engine.cli.output import Output, Progress
from neuface_engine.errors import ConfigError


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "render",
        help="an overlay video of a track",
        description="Writes the footage of TRACK with the chosen layers: mesh (shaded), landmarks (detected: green "
        "circles, projected: red crosses), gradient (where the losses pull each vertex), update (how far the last "
        "step moved it), pixels (what in the picture drives NeuFace; for FLAME fitting, landmarks alone). The last "
        "two need a track made with --save-gradients; without that, gradient is worked out anew, without the dense "
        "landmarks. Several of these three stand one below the other.",
    )
    parser.add_argument("track", type=Path, metavar="TRACK")
    parser.add_argument("--out", type=Path, required=True, metavar="VIDEO", help="e.g. overlay.mp4")
    parser.add_argument("--layers", default="mesh,landmarks", metavar="A,B", help="default: mesh,landmarks")
    parser.add_argument(
        "--footage", type=Path, metavar="PATH", help="where the footage is now, if it was moved"
    )
    parser.add_argument(
        "--height", type=int, default=480, metavar="PX", help="of a tile, at most (default: 480)"
    )
    parser.add_argument("--opacity", type=float, default=0.65, help="of the mesh, 0..1 (default: 0.65)")
    parser.add_argument(
        "--head", metavar="open|FILE", help="the face model of the track (default: the one that it names)"
    )
    parser.add_argument(
        "--head-landmarks", type=Path, metavar="FILE", help="landmark embedding of a FLAME file"
    )
    shared.add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, output: Output) -> int:
    from neuface_engine.tracks.loading import load_track
    from neuface_engine.tracks.overlay import Painter, check_layers, footage_of
    from neuface_engine.video.writer import VideoWriter

    layers = [name.strip() for name in options.layers.split(",") if name.strip()]
    check_layers(layers)
    if not 0 <= options.opacity <= 1 or options.height < 16:
        raise ConfigError("--opacity lies in 0..1, --height is 16 or more")
    track = load_track(options.track, head=shared.head_of_track(options, options.track))
    progress = Progress(options.track.stem)
    try:
        frames = footage_of(track, options.track, options.footage, progress)
        painter = Painter(
            options.track, track, frames, layers, height=options.height, opacity=options.opacity
        )
        with VideoWriter(options.out, fps=track.fps) as video:
            for number in range(len(track.frame_indices)):
                video.write(painter.frame(number))
                progress("render", number + 1, len(track.frame_indices))
    finally:
        progress.close()
    output.result(
        {
            "video": str(options.out),
            "frames": len(track.frame_indices),
            "views": list(track.views),
            "maps": painter.sources,
        }
    )
    output.line(str(options.out))
    return 0

"""The footage with the chosen layers burnt in, as H.264."""

from __future__ import annotations

from pathlib import Path

from neuface_engine.tracks import Track
from neuface_engine.tracks.formats.base import Request
from neuface_engine.tracks.overlay import Painter, check_layers, footage_of


def write(track: Track, path: Path, request: Request) -> list[Path]:
    """All views side by side at the track's frame rate. Raises TrackError where the footage is not to be found."""
    from neuface_engine.video.writer import VideoWriter

    check_layers(request.layers)
    source = request.track_file or path
    frames = footage_of(track, source, request.footage, request.progress)
    painter = Painter(source, track, frames, request.layers, height=request.height)
    total = len(track.frame_indices)
    with VideoWriter(path, fps=track.fps) as video:
        for number in range(total):
            video.write(painter.frame(number))
            request.progress("render", number + 1, total)
    return [path]

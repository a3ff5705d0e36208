"""Our own npz: everything that a track is, and the vertex masks of the head's regions. No pickles."""

from __future__ import annotations

from pathlib import Path

from neuface_engine.tracks import FaceTrack, Track
from neuface_engine.tracks.formats.base import Request


def write(track: Track, path: Path, request: Request) -> list[Path]:
    """`FaceTrack.save` with `masks/<region>` [N] bool beside it (docs/formats.md lists all keys)."""
    if isinstance(track, FaceTrack):
        masks = {f"masks/{name}": mask.numpy() for name, mask in track.head.regions.items()}
        track.save(path, extra=masks)
    else:
        track.save(path)
    return [path]

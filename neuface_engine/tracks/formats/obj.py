"""OBJ sequence: VIEW/000012.obj for every frame, metres, and sequence.json, which is written last."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuface_engine.errors import TrackError
from neuface_engine.files import written_whole
from neuface_engine.tracks import Track
from neuface_engine.tracks.formats.base import Request
from neuface_engine.tracks.formats.sequence import write_sequence


def write(track: Track, path: Path, request: Request) -> list[Path]:
    faces = "".join(f"f {a} {b} {c}\n" for a, b, c in (track.triangles + 1).tolist())

    def one(file: Path, vertices: NDArray[np.float32], title: str) -> None:
        points = "".join(f"v {x:.7f} {y:.7f} {z:.7f}\n" for x, y, z in vertices.tolist())
        with written_whole(file, TrackError) as stream:
            stream.write(f"# {title}\n{points}{faces}".encode())

    return write_sequence(track, path, request, ".obj", one)

"""PLY sequence: VIEW/000012.ply for every frame, binary with normals, metres, and sequence.json, written last."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuface_engine import raster
from neuface_engine.errors import TrackError
from neuface_engine.files import written_whole
from neuface_engine.tracks import Track
from neuface_engine.tracks.formats.base import Request
from neuface_engine.tracks.formats.sequence import write_sequence


def write(track: Track, path: Path, request: Request) -> list[Path]:
    triangles = np.empty(len(track.triangles), np.dtype([("count", "u1"), ("corner", "<i4", 3)]))
    triangles["count"], triangles["corner"] = 3, track.triangles
    faces = triangles.tobytes()
    numbers = "".join(f"property float {name}\n" for name in ("x", "y", "z", "nx", "ny", "nz"))

    def one(file: Path, vertices: NDArray[np.float32], title: str) -> None:
        header = (
            f"ply\nformat binary_little_endian 1.0\ncomment {title}\nelement vertex {len(vertices)}\n{numbers}"
            f"element face {len(triangles)}\nproperty list uchar int vertex_indices\nend_header\n"
        )
        normals = raster.vertex_normals(vertices, track.triangles)
        with written_whole(file, TrackError) as stream:
            stream.write(header.encode())
            stream.write(np.hstack([vertices, normals]).astype("<f4").tobytes())
            stream.write(faces)

    return write_sequence(track, path, request, ".ply", one)

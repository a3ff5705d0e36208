"""The npz of the NeuFace authors' released code (kaist-ami/NeuFace, pipeline.py: `params.npz`).

cam [S, 3], pose [S, 6], expr [S, 50], shapes [S, 100], landmarks2d [S, 68, 2] in crop units; S = frames x views,
frame-major, the views of a frame in alphabetical order. It has no room for names, frame rate or crops, so the same
name with .json says them; the file itself holds the five arrays and no more.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from neuface_engine.errors import TrackError
from neuface_engine.files import written_whole
from neuface_engine.tracks import FaceTrack, Track
from neuface_engine.tracks.formats.base import Request, about, write_json

WIDTHS = {"expr": 50, "shapes": 100}


def write(track: Track, path: Path, request: Request) -> list[Path]:
    """The npz and its json. Raises TrackError for a track that these arrays cannot hold."""
    if not isinstance(track, FaceTrack):
        raise TrackError(f"{path}: meshes have no face parameters; export them as npz, gltf, usd, obj or ply")
    order = sorted(range(len(track.views)), key=lambda v: track.views[v])
    track = track.select(views=order)
    theta = track.parameters
    arrays = {
        "cam": theta.camera,
        "pose": theta.pose,
        "expr": theta.expression,
        "shapes": theta.shape,
        "landmarks2d": track.landmarks_2d,
    }
    for name, width in WIDTHS.items():
        if arrays[name].shape[-1] != width:
            raise TrackError(
                f"{path}: this format holds {width} coefficients of {name}, the track has "
                f"{arrays[name].shape[-1]}; export it as npz"
            )
    rows: dict[str, Any] = {name: tensor.flatten(0, 1).float().numpy() for name, tensor in arrays.items()}
    with written_whole(path, TrackError) as stream:
        np.savez(stream, **rows)
    notes = about(track) | {"rows": "frame-major: row = frame * views + view"}
    return [path, write_json(path.with_suffix(".json"), notes)]

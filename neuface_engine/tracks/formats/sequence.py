"""A folder with one file a frame and view: whole files only, and the list of them last."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuface_engine.errors import TrackError
from neuface_engine.tracks import Track
from neuface_engine.tracks.formats.base import Request, about, file_name, write_json

LIST = "sequence.json"


def write_sequence(
    track: Track,
    path: Path,
    request: Request,
    suffix: str,
    write_one: Callable[[Path, NDArray[np.float32], str], None],
) -> list[Path]:
    """VIEW/FRAME.suffix of every mesh, then sequence.json: a folder without it is not complete.

    Frames without a mesh (NaN) are left out. Raises TrackError where the disk refuses.
    """
    listed = path / LIST
    try:
        listed.unlink(missing_ok=True)
    except OSError as refused:
        raise TrackError(f"{path}: not a folder to write into ({refused.strerror}); choose another") from None
    folders = folder_names(track.views)
    vertices = track.vertices(space=request.space).numpy()
    written: list[Path] = []
    total = len(track.frame_indices) * len(track.views)
    for v, view in enumerate(track.views):
        for f, frame in enumerate(track.frame_indices.tolist()):
            if np.isfinite(vertices[f, v]).all():
                file = path / folders[v] / (file_name(frame) + suffix)
                title = f"view {view}, frame {frame}, {request.space} space, metres".encode(
                    "ascii", "replace"
                )
                write_one(file, vertices[f, v], title.decode())
                written.append(file)
            request.progress("export", v * len(track.frame_indices) + f + 1, total)
    names = {"folders": folders, "files": [file.relative_to(path).as_posix() for file in written]}
    return [*written, write_json(listed, about(track, request.space) | names)]


def folder_names(views: tuple[str, ...]) -> list[str]:
    """One folder name a view: the view's, without what a file system refuses."""
    names: list[str] = []
    for view in views:
        name = re.sub(r"[^\w.-]+", "_", view).strip(".") or "view"
        while name in names:
            name += "_"
        names.append(name)
    return names

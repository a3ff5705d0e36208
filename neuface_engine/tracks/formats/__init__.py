"""Exports of a track; docs/formats.md says what is in each.

For a menu: `for f in FORMATS.values(): f.name, f.title, f.suffix ("" = a folder), f.description, f.spaces`, then
`export(track, path, format=f.name, space="posed")`. It may take seconds: `progress(stage, done, total)` is called as it
goes on and cancels the export by raising; NeuFaceError says in one line what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neuface_engine.errors import ConfigError, TrackError
from neuface_engine.face_model.model import Space
from neuface_engine.tracks.formats import gltf, obj, official, ply, superset, tables, usd, video
from neuface_engine.tracks.formats.base import Format, ProgressCallback, Request
from neuface_engine.tracks.plants import PlantedTrack

if TYPE_CHECKING:
    from neuface_engine.tracks import Track

_ALL = (
    Format(
        "npz",
        ".npz",
        "Track (NeuFace Studio)",
        "Everything: parameters, crops, frames, views, masks, provenance. What this software reads back.",
        superset.write,
        spaces=(),
    ),
    Format(
        "official",
        ".npz",
        "NeuFace parameters",
        "cam, pose, expr, shapes and landmarks2d as the authors' code writes them, with a .json that maps them back.",
        official.write,
        spaces=(),
        parameters=True,
    ),
    Format(
        "gltf",
        ".glb",
        "glTF 2.0",
        "Animated meshes for Blender and web viewers: expressions as morph targets, jaw and eyes as joints, cameras.",
        gltf.write,
    ),
    Format(
        "usd",
        ".usdc",
        "USD",
        "Time-sampled points and cameras for film pipelines; needs usd-core.",
        usd.write,
    ),
    Format("obj", "", "OBJ sequence", "A folder with one text mesh for every frame and view.", obj.write),
    Format("ply", "", "PLY sequence", "A folder with one binary mesh for every frame and view.", ply.write),
    Format(
        "parquet",
        ".parquet",
        "Figures (Parquet)",
        "Metrics of every frame and view as a table for pandas, duckdb and the like.",
        tables.write_parquet,
        spaces=(),
    ),
    Format(
        "csv",
        ".csv",
        "Figures (CSV)",
        "The same table as text for spreadsheets.",
        tables.write_csv,
        spaces=(),
    ),
    Format(
        "video",
        ".mp4",
        "Video",
        "The footage with the chosen layers burnt in, all views side by side.",
        video.write,
        spaces=(),
    ),
)
FORMATS: dict[str, Format] = {entry.name: entry for entry in _ALL}
"""By name, in the order of a menu."""


def export(
    track: Track,
    path: str | Path,
    *,
    format: str | None = None,  # noqa: A002  (what users call it)
    space: Space = "posed",
    views: Iterable[str] | None = None,
    frames: tuple[int | None, int | None] | None = None,
    footage: str | Path | None = None,
    layers: Iterable[str] = ("mesh", "landmarks"),
    height: int = 480,
    track_file: str | Path | None = None,
    progress: ProgressCallback | None = None,
) -> list[Path]:
    """Writes `track` to `path` (a file, or a folder where the format's suffix is ""); returns the files written.

    format: a name of FORMATS (default: by the suffix of `path`); space: "posed" or "canonical"; views: their names;
    frames (A, B): those of the video from A up to but without B; the rest: see `Request`. Every file is there whole
    or not at all. Raises ConfigError for what makes no sense and TrackError where the disk refuses.
    """
    path = Path(path)
    chosen = find(format, path)
    if isinstance(track, PlantedTrack):
        raise TrackError(f"{path}: a planted failure is never stored; export the track it was made from")
    if chosen.spaces and space not in chosen.spaces:
        raise ConfigError(f"space {space!r} is unknown; give {' or '.join(chosen.spaces)}")
    request = Request(
        space=space,
        footage=None if footage is None else Path(footage),
        layers=tuple(layers),
        height=height,
        track_file=None if track_file is None else Path(track_file),
    )
    if progress is not None:
        request = replace(request, progress=progress)
    return chosen.write(selected(track, views=views, frames=frames), path, request)


def find(name: str | None, path: Path) -> Format:
    """The format of that name, or else the one that `path` ends in. Raises ConfigError where there is none."""
    if name is None:
        by_suffix = {entry.suffix: entry for entry in reversed(_ALL) if entry.suffix}
        chosen = by_suffix.get(".usdc" if path.suffix in (".usda", ".usd") else path.suffix)
        if chosen is None:
            raise ConfigError(f"{path}: give the format with --format ({', '.join(FORMATS)})")
        return chosen
    if name not in FORMATS:
        raise ConfigError(f"format {name!r} is unknown; give one of {', '.join(FORMATS)}")
    return FORMATS[name]


def selected(
    track: Track,
    *,
    views: Iterable[str] | None = None,
    frames: tuple[int | None, int | None] | None = None,
) -> Track:
    """The chosen views (in that order) and frames of the video [A, B). Raises ConfigError where nothing is left."""
    if views is None and frames is None:
        return track
    order = list(range(len(track.views)))
    if views is not None:
        names = list(views)
        missing = [name for name in names if name not in track.views]
        if missing or not names:
            raise ConfigError(
                f"view {missing[0] if missing else ''!r} is not in the track; it has {', '.join(track.views)}"
            )
        order = [track.views.index(name) for name in names]
    number = track.frame_indices
    first, last = frames or (None, None)
    kept = (number >= (first or 0)) & (number < (np.inf if last is None else last))
    if not kept.any():
        raise ConfigError(
            f"frames {first or 0}:{'' if last is None else last}: the track has {number.min()} to {number.max()}"
        )
    return track.select(frames=np.flatnonzero(kept).tolist(), views=order)


__all__ = ["FORMATS", "Format", "Request", "export", "find", "selected"]

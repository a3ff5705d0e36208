"""Metrics of every frame and view as a table: Parquet and CSV, written with Apache Arrow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuface_engine.errors import TrackError
from neuface_engine.files import written_whole
from neuface_engine.tracks import FaceTrack, Track
from neuface_engine.tracks.formats.base import Request

if TYPE_CHECKING:
    import pyarrow as pa


def write_parquet(track: Track, path: Path, request: Request) -> list[Path]:
    """A row for each frame and view; what holds for the whole track is in the file's metadata under "neuface"."""
    return save_parquet(table_of(track), path)


def write_csv(track: Track, path: Path, request: Request) -> list[Path]:
    """The same rows; empty = does not exist."""
    return save_csv(table_of(track), path)


def table_of(track: Track) -> pa.Table:
    """Columns view, frame, time_s, face_found, and of `Details.per_crop` each figure (null where there is none)."""
    import pyarrow as pa

    from neuface_engine import metrics

    frames, views = len(track.frame_indices), len(track.views)
    columns: dict[str, Any] = {
        "view": np.tile(np.array(track.views), frames),
        "frame": np.repeat(track.frame_indices, views),
        "time_s": np.repeat(track.frame_indices / track.fps, views),
        "face_found": track.detected.numpy().ravel(),
    }
    if isinstance(track, FaceTrack):
        figures = metrics.examine(track).per_crop()
        columns |= {name: _nullable(values.ravel()) for name, values in figures.items()}
    whole = metrics.evaluate(track).as_dict()
    table = pa.table(columns)
    told = {"metrics": whole, "views": list(track.views), "fps": track.fps, "provenance": track.provenance}
    return table.replace_schema_metadata({"neuface": json.dumps(told)})


def _nullable(values: np.ndarray) -> pa.Array:
    """NaN, which databases do not tell from a number, becomes null."""
    import pyarrow as pa

    return pa.array(values.astype(np.float64), mask=~np.isfinite(values))


def save_parquet(table: pa.Table, path: Path) -> list[Path]:
    """All or nothing. Raises TrackError where the disk refuses."""
    import pyarrow.parquet as pq

    with written_whole(path, TrackError) as stream:
        pq.write_table(table, stream, compression="zstd")
    return [path]


def save_csv(table: pa.Table, path: Path) -> list[Path]:
    """All or nothing. Raises TrackError where the disk refuses."""
    import pyarrow.csv

    with written_whole(path, TrackError) as stream:
        pyarrow.csv.write_csv(table, stream)
    return [path]

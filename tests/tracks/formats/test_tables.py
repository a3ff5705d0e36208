"""Figures as tables, queried by duckdb."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

import neuface_engine as nf
from neuface_engine.tracks.formats import export


@pytest.fixture(scope="module")
def path(track, tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("tables") / "figures.parquet"
    export(track, file)
    return file


def test_duckdb_finds_the_worst_frame_of_a_view(track, path):
    frame, worst = duckdb.sql(
        f"select frame, nme_box_percent from '{path}' where view = 'left_30' order by 2 desc"
    ).fetchall()[0]
    figures = nf.metrics.examine(track).per_crop()["nme_box_percent"][:, 1]
    assert frame == track.frame_indices[figures.argmax()]
    assert np.isclose(worst, figures.max())


def test_what_does_not_exist_is_null_and_not_a_number(track, tmp_path):
    gone = replace(track, detected=track.detected.clone())
    gone.detected[1, 0] = False
    path = tmp_path / "figures.parquet"
    export(gone, path)
    rows = duckdb.sql(f"select face_found, nme_box_percent from '{path}' where view = 'front' order by frame")
    assert [row[1] is None for row in rows.fetchall()] == [False, True, False, False]


def test_the_figures_of_the_whole_track_go_along(track, path):
    told = json.loads(pq.read_schema(path).metadata[b"neuface"])
    assert np.isclose(told["metrics"]["cvd_mm"], nf.metrics.evaluate(track).cvd_mm)
    assert told["provenance"]["head"]["name"] == "open"


def test_csv_has_the_same_rows(track, tmp_path):
    export(track, tmp_path / "figures.csv")
    with (tmp_path / "figures.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["view"], int(row["frame"])) for row in rows[:3]] == [
        ("front", 3),
        ("left_30", 3),
        ("front", 4),
    ]
    assert float(rows[0]["time_s"]) == 3 / 25

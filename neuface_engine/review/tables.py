"""The review as tables for other programs: sequences, verdicts and notes, as Parquet, CSV or JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuface_engine.errors import ConfigError, ProjectError
from neuface_engine.files import written_whole
from neuface_engine.review.events import Note, Verdict
from neuface_engine.review.project import Project
from neuface_engine.review.queue import Filter
from neuface_engine.review.standing import active

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".parquet", ".csv", ".json")
TABLES = ("sequences", "verdicts", "notes")


def sequences_table(project: Project, where: Filter | None = None) -> pa.Table:
    """A row for each sequence, in the order of names: its state, what stands on it, and each measure in a column."""
    rows = project.index.rows(where, order="name")
    measures = sorted({name for row in rows for name in row.measures})
    columns: dict[str, tuple[list[Any], str]] = {
        "sequence": ([row.name for row in rows], "string"),
        "state": ([row.state for row in rows], "string"),
        "verdict": ([row.verdict for row in rows], "string"),
        "reviewer": ([row.reviewer for row in rows], "string"),
        "time": ([row.time for row in rows], "string"),
        "reasons": ([list(row.reasons) for row in rows], "words"),
        "note": ([row.note for row in rows], "string"),
        "watched": ([row.watched for row in rows], "bool"),
        "disputed": ([row.disputed for row in rows], "bool"),
        "flags": ([list(row.flags) for row in rows], "words"),
        "suspicion": ([row.suspicion for row in rows], "double"),
        "identity": ([row.identity for row in rows], "string"),
        "track": ([row.track for row in rows], "string"),
        "source": ([row.source for row in rows], "string"),
    }
    for name in measures:
        columns[name] = [row.measures.get(name) for row in rows], "double"
    return _table(columns)


def verdicts_table(project: Project) -> pa.Table:
    """A row for each verdict that nobody took back, oldest first; of every reviewer, adjudications among them."""
    events = active(project.index.events("verdict", "adjudication", "undo"))
    verdicts = [event for event in events if isinstance(event, Verdict)]
    return _table(
        {
            "id": ([v.id for v in verdicts], "string"),
            "time": ([v.time for v in verdicts], "string"),
            "sequence": ([v.sequence for v in verdicts], "string"),
            "kind": ([v.kind for v in verdicts], "string"),
            "verdict": ([v.verdict for v in verdicts], "string"),
            "reviewer": ([v.reviewer for v in verdicts], "string"),
            "reasons": ([list(v.reasons) for v in verdicts], "words"),
            "note": ([v.note for v in verdicts], "string"),
            "track_hash": ([v.track_hash for v in verdicts], "string"),
            "frames_shown": ([v.coverage.get("frames") for v in verdicts], "double"),
            "seconds_shown": ([v.coverage.get("seconds") for v in verdicts], "double"),
            "watched": ([bool(v.coverage.get("sufficient", False)) for v in verdicts], "bool"),
        }
    )


def notes_table(project: Project) -> pa.Table:
    """A row for each note that nobody took back, oldest first; frames empty = all of them."""
    notes = [event for event in active(project.index.events("note", "undo")) if isinstance(event, Note)]
    return _table(
        {
            "id": ([n.id for n in notes], "string"),
            "time": ([n.time for n in notes], "string"),
            "sequence": ([n.sequence for n in notes], "string"),
            "reviewer": ([n.reviewer for n in notes], "string"),
            "first_frame": ([n.frames[0] if n.frames else None for n in notes], "int64"),
            "last_frame": ([n.frames[1] if n.frames else None for n in notes], "int64"),
            "views": ([list(n.views) for n in notes], "words"),
            "regions": ([list(n.regions) for n in notes], "words"),
            "text": ([n.text for n in notes], "string"),
            "track_hash": ([n.track_hash for n in notes], "string"),
        }
    )


def write_table(table: pa.Table, path: Path) -> None:
    """As the file's suffix says: .parquet, .csv (lists joined with "; ") or .json (an array of objects).

    All or nothing. Raises ConfigError for another suffix, ProjectError where the disk refuses.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ConfigError(f"{path}: a table is written as {', '.join(SUFFIXES)}; give one of these suffixes")
    with written_whole(path, ProjectError) as stream:
        if suffix == ".parquet":
            import pyarrow.parquet as pq

            pq.write_table(table, stream, compression="zstd")
        elif suffix == ".csv":
            import pyarrow.csv

            pyarrow.csv.write_csv(_without_lists(table), stream)
        else:
            stream.write(json.dumps(table.to_pylist(), ensure_ascii=False, indent=1).encode() + b"\n")


def _table(columns: dict[str, tuple[list[Any], str]]) -> pa.Table:
    import pyarrow as pa

    kinds = {
        "string": pa.string(),
        "bool": pa.bool_(),
        "double": pa.float64(),
        "int64": pa.int64(),
        "words": pa.list_(pa.string()),
    }
    return pa.table({name: pa.array(values, kinds[kind]) for name, (values, kind) in columns.items()})


def _without_lists(table: pa.Table) -> pa.Table:
    import pyarrow as pa

    for place, field in enumerate(table.schema):
        if pa.types.is_list(field.type):
            joined = ["; ".join(words) for words in table.column(place).to_pylist()]
            table = table.set_column(place, field.name, pa.array(joined, pa.string()))
    return table

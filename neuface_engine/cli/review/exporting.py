"""`neuface review export`: sequences, verdicts and notes for other programs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from neuface_engine.cli.output import Output
from neuface_engine.cli.review import shared
from neuface_engine.errors import ConfigError


def add_to(parts: Any) -> None:
    export = shared.add_parser(
        parts,
        "export",
        "write sequences, verdicts and notes as tables",
        run,
        description="--out FILE.parquet, .csv or .json writes one table, FILE.jsonld notes and verdicts as W3C Web "
        "Annotations; --out FOLDER writes all tables. `neuface export PROJECT` makes a dataset of the tracks.",
    )
    export.add_argument("--out", type=Path, required=True, metavar="PATH")
    export.add_argument(
        "--table", default="verdicts", metavar="NAME", help="sequences, verdicts (default) or notes"
    )
    export.add_argument(
        "--format", default="parquet", metavar="NAME", help="in a folder: parquet (default), csv or json"
    )
    shared.add_filter(export)


def run(options: argparse.Namespace, output: Output) -> int:
    from neuface_engine.review import tables

    if options.table not in tables.TABLES:
        raise ConfigError(f"--table {options.table!r} is none of {', '.join(tables.TABLES)}")
    if f".{options.format}" not in tables.SUFFIXES:
        raise ConfigError(f"--format {options.format!r} is none of parquet, csv, json")
    where = shared.filter_of(options)
    makers = {
        "sequences": lambda project: tables.sequences_table(project, where),
        "verdicts": tables.verdicts_table,
        "notes": tables.notes_table,
    }
    files: dict[str, dict[str, Any]] = {}
    with shared.opened(options, output, writing=False) as project:
        project.index.check_tracks()
        if options.out.suffix.lower() == ".jsonld":
            files["annotations"] = _annotations(project, where, options.out)
            chosen = {}
        elif options.out.suffix:
            chosen = {options.table: options.out}
        else:
            chosen = {name: options.out / f"{name}.{options.format}" for name in tables.TABLES}
        for name, path in chosen.items():
            written = makers[name](project)
            tables.write_table(written, path)
            files[name] = {"path": str(path), "rows": written.num_rows}
    output.result({"files": files})
    for name, file in files.items():
        output.line(f"{name}: {file['rows']} rows, {file['path']}")
    return 0


def _annotations(project: Any, where: Any, path: Path) -> dict[str, Any]:
    from neuface_engine.tracks.formats.dataset import Choice, project_annotations
    from neuface_engine.tracks.formats.web_annotations import write_annotations

    items = project_annotations(project, project.index.rows(where, order="name"), Choice())
    write_annotations(items, path)
    return {"path": str(path), "rows": len(items)}

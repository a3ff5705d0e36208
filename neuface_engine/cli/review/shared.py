"""Options that the review's commands share, and what is made of them."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from neuface_engine.cli import options as shared
from neuface_engine.cli.output import Output, figure
from neuface_engine.errors import ConfigError, ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from neuface_engine.review import Filter, Project, QueueRow, Verdict
    from neuface_engine.review.events import Event


E = TypeVar("E", bound="Event")


def add_parser(
    parts: Any, name: str, words: str, run: Any, *, description: str = ""
) -> argparse.ArgumentParser:
    """A command on a project."""
    parser: argparse.ArgumentParser = parts.add_parser(name, help=words, description=description or words)
    parser.add_argument("project", type=Path, metavar="PROJECT", help="its folder")
    parser.add_argument(
        "--database",
        default=os.environ.get("NEUFACE_DATABASE", ""),
        metavar="URL",
        help="a team's PostgreSQL (default: $NEUFACE_DATABASE, else as the project says)",
    )
    shared.add_json(parser)
    parser.set_defaults(run=run)
    return parser


def add_reviewer(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--reviewer", metavar="NAME", help="who speaks (default: $NEUFACE_REVIEWER, else you)"
    )


def add_filter(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("which sequences (all that is given must hold)")
    group.add_argument(
        "--state",
        action="append",
        default=[],
        metavar="STATE",
        help="new, tracked, accept, reject, unsure or stale; may be repeated",
    )
    group.add_argument("--flag", action="append", default=[], metavar="FLAG", help="any of these flags")
    group.add_argument(
        "--with-reason", action="append", default=[], metavar="REASON", help="any of these reasons"
    )
    group.add_argument("--by", metavar="NAME", help="whose verdict stands")
    group.add_argument("--text", default="", metavar="PART", help="part of the name")
    group.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="MEASURE=LOW:HIGH",
        help="e.g. cvd_mm=1.5: or nme_percent=:4",
    )
    group.add_argument("--disputed", action="store_true", help="reviewers differ, and nobody has decided")
    group.add_argument("--identity", metavar="WHO", help="of this person")


def add_order(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--order",
        default="suspicion",
        metavar="ORDER",
        help="suspicion (default), learned, name, random, time or measure:NAME",
    )
    parser.add_argument(
        "--descending", action=argparse.BooleanOptionalAction, help="default: all but names fall"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the random order (default: 0)")


def filter_of(options: argparse.Namespace, *, seen_by: str | None = None) -> Filter:
    """`seen_by`: who asks (None: everything is told). Raises ConfigError for a range that means nothing."""
    from neuface_engine.review import Filter

    return Filter(
        seen_by=seen_by,
        states=tuple(options.state),
        flags=tuple(options.flag),
        reasons=tuple(options.with_reason),
        reviewer=options.by,
        text=options.text,
        ranges=dict(_range(text) for text in options.where),
        disputed=True if options.disputed else None,
        identity=options.identity,
    )


def order_of(options: argparse.Namespace) -> dict[str, Any]:
    return {"order": options.order, "descending": options.descending, "seed": options.seed}


def _range(text: str) -> tuple[str, tuple[float | None, float | None]]:
    name, _, limits = text.partition("=")
    low, colon, high = limits.partition(":")
    try:
        if not name or not colon:
            raise ValueError
        return name, (float(low) if low else None, float(high) if high else None)
    except ValueError:
        raise ConfigError(f"--where {text}: write MEASURE=LOW:HIGH, either limit may be left out") from None


def reviewer_of(options: argparse.Namespace) -> str:
    """Who speaks. Raises ConfigError where nobody can be made out."""
    name = asker_of(options)
    if not name:
        raise ConfigError("reviewer: who are you? give --reviewer NAME")
    return name


def asker_of(options: argparse.Namespace) -> str:
    """Who asks: whose word is shown also where others judge blind; empty where nobody can be made out."""
    variables = ("NEUFACE_REVIEWER", "USER", "USERNAME", "LOGNAME")
    name = options.reviewer or next((os.environ[v] for v in variables if os.environ.get(v)), "")
    return str(name).strip()


def opened(options: argparse.Namespace, output: Output, *, writing: bool) -> Project:
    """The project, its troubles told on stderr. Raises ProjectError where it cannot be written but must be."""
    from neuface_engine.review import Project

    project = Project.open(options.project, database=options.database, read_only=not writing)
    try:
        if writing:
            project.check_writable()
            for warning in project.warnings:
                output.note(warning)
    except ProjectError:
        project.close()
        raise
    return project


def known(project: Project, name: str) -> QueueRow:
    """Raises ProjectError where the project has no such sequence."""
    row = project.index.row(name)
    if row is None:
        raise ProjectError(f"{project.folder}: has no sequence {name!r}; `neuface review queue` lists them")
    return row


def row_values(row: QueueRow, *, blind: bool = False) -> dict[str, Any]:
    """A row as JSON values; `blind`: without what other reviewers said."""
    from dataclasses import asdict

    values = asdict(row)
    if blind:
        for name in (
            "verdict",
            "reviewer",
            "reasons",
            "note",
            "notes",
            "time",
            "judges",
            "disputed",
            "watched",
        ):
            del values[name]
        values["state"] = "tracked" if row.has_track else "new"
        del values["stale"]
    return values


def visible(project: Project, events: Iterable[E], reviewer: str) -> list[E]:
    """Without what others said of sequences that are judged blind, and not by all yet."""
    from neuface_engine.review.events import sequence_of

    hidden = project.index.hidden_names()
    return [each for each in events if each.reviewer == reviewer or sequence_of(each) not in hidden]


def verdict_values(verdict: Verdict) -> dict[str, Any]:
    from neuface_engine.review.events import to_record

    return to_record(verdict)


def row_cells(row: QueueRow) -> list[str]:
    """A row for people."""
    return [
        row.name,
        row.state + (" (disputed)" if row.disputed else ""),
        figure(row.suspicion),
        ", ".join(row.flags) or "-",
        ", ".join(row.reasons) or "-",
        row.reviewer or "-",
    ]


HEADINGS = ["sequence", "state", "suspicion", "flags", "reasons", "reviewer"]

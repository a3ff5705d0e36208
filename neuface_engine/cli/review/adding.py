"""`neuface review add | relink`: sequences for a project, and their footage where it is now."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuface_engine.cli.output import Output
from neuface_engine.cli.review import shared
from neuface_engine.errors import ConfigError, ProjectError

if TYPE_CHECKING:
    from neuface_engine.review import Project

TRACK_SUFFIX = ".npz"


def add_to(parts: Any) -> None:
    add = shared.add_parser(
        parts,
        "add",
        "add sequences; makes the project where there is none",
        run_add,
        description="Each PATH is the footage of one sequence: a video, or a folder with a video a view; or its track, "
        "FILE.npz, which says itself what footage it is of. A track from elsewhere is copied into the project. Prints "
        "the names under which they are kept.",
    )
    add.add_argument("footage", nargs="*", type=Path, metavar="PATH")
    add.add_argument(
        "--each", action="store_true", help="everything directly in the folders PATH is a sequence"
    )
    add.add_argument(
        "--list",
        type=Path,
        metavar="FILE",
        help="a CSV (with a header) or JSON Lines of name, track, source, identity; files as seen from the list",
    )
    add.add_argument("--name", metavar="NAME", help="of the one sequence given (default: its file's)")
    add.add_argument("--track", type=Path, metavar="FILE", help="the track of the one sequence given")
    add.add_argument(
        "--replace", action="store_true", help="a track that is there already gives way to the one given"
    )
    add.add_argument(
        "--identity", default="", metavar="WHO", help="whose face it is; clips of one person are correlated"
    )

    relink = shared.add_parser(
        parts,
        "relink",
        "find footage that was moved; without FOLDER: list what is missing",
        run_relink,
        description="Looks in FOLDER and below for footage with the content, or else the name, of what is missing.",
    )
    relink.add_argument("folder", nargs="?", type=Path, metavar="FOLDER")
    shared.add_reviewer(relink)


def run_add(options: argparse.Namespace, output: Output) -> int:
    from neuface_engine.review import Project

    if not options.footage and options.list is None and not (options.name or options.track):
        footage: list[Path] = []
    else:
        footage = list(_footage(options))
    single = options.name or options.track
    if single and (len(footage) > 1 or options.list is not None):
        raise ConfigError("--name and --track are for one sequence; give one PATH")
    entries = list(_listed(options.list)) if options.list is not None else []
    with Project.create(options.project, database=options.database) as project:
        project.check_writable()
        taken = dict(project.sequences) if footage else {}
        sources: list[Path | None] = [*footage] or ([None] if single else [])
        for path in sources:
            given, source = options.track, path
            if given is None and path is not None and path.suffix.lower() == TRACK_SUFFIX:
                given, source = path, footage_of(path)
            name = options.name or _free_name(path or options.track, source or path, taken, project)
            taken[name] = ""
            entries.append({"name": name, "track": given, "source": source, "identity": options.identity})
        _take_in(project, entries, replace=options.replace)
        project.add_sequences(entries)
        tracked = [entry["name"] for entry in entries if isinstance(entry["track"], Path)]
        project.index.check_tracks([entry["name"] for entry in entries])
        for name in tracked:
            _measure(project, name, output)
        total = project.index.count()
    names = [entry["name"] for entry in entries]
    output.result({"project": str(options.project), "added": names, "total": total})
    for name in names[:50]:
        output.line(name)
    output.line(f"{len(names)} added, {total} in all")
    return 0


def footage_of(track: Path) -> Path | None:
    """The footage that a track says it is of, if it is there. Raises TrackError where the file is no track."""
    from neuface_engine.tracks import load_track

    recorded = load_track(track).provenance.get("source", {}).get("path")
    return Path(recorded) if isinstance(recorded, str) and Path(recorded).exists() else None


def _measure(project: Project, name: str, output: Output) -> None:
    """Keeps the measures and flags of a track that was given."""
    from neuface_engine.cli.review.flagging import measures_of
    from neuface_engine.errors import NeuFaceError
    from neuface_engine.review.flagging import record

    try:
        for flag in record(project, name, measures_of(project, name)):
            output.note(f"{name}: {flag.text}")
    except NeuFaceError as error:
        output.note(f"{name}: not measured: {error}")


def _footage(options: argparse.Namespace) -> Iterator[Path]:
    from neuface_engine.review.media import MEDIA_SUFFIXES

    for path in options.footage:
        if not path.exists():
            raise ProjectError(f"{path}: no such file or folder; correct the path")
        if options.each:
            if not path.is_dir():
                raise ProjectError(f"{path}: not a folder; leave out --each for a single video")
            yield from (
                inner
                for inner in sorted(path.iterdir())
                if inner.is_dir() or inner.suffix.lower() in MEDIA_SUFFIXES
            )
        else:
            yield path


def _free_name(path: Path, source: Path | None, taken: dict[str, str], project: Project) -> str:
    """The file's name; with its folder's before it where another sequence, of other footage, has that name already."""
    resolved = path.resolve()
    footage = None if source is None else source.resolve()
    name = resolved.stem if resolved.is_file() else resolved.name
    if name in taken and project.source_of(name) != footage:
        name = f"{resolved.parent.name}-{name}"
    number = 2
    base = name
    while name in taken and project.source_of(name) != footage:
        name, number = f"{base}-{number}", number + 1
    return name


def _take_in(project: Project, entries: list[dict[str, Any]], *, replace: bool) -> None:
    """Copies tracks that lie elsewhere into the project. Raises ProjectError before the first is copied."""
    from neuface_engine.review.track_files import same_bytes

    root = project.folder.resolve()
    given = [(entry, entry["track"]) for entry in entries if isinstance(entry["track"], Path)]
    missing = [track for _, track in given if not track.is_file()]
    if missing:
        raise ProjectError(f"{missing[0]}: no such track; make one with `neuface track`")
    outside = [(entry, track) for entry, track in given if not track.resolve().is_relative_to(root)]
    taken = [
        str(entry["name"])
        for entry, track in outside
        if project.track_file(entry["name"]).exists()
        and not same_bytes(track, project.track_file(entry["name"]))
    ]
    if taken and not replace:
        names = ", ".join(taken[:5]) + (", ..." if len(taken) > 5 else "")
        number = "another track is" if len(taken) == 1 else f"{len(taken)} other tracks are"
        raise ProjectError(
            f"{project.folder}: {number} there already under this name ({names}); nothing is added: give --name, or "
            "--replace (verdicts on what is replaced go stale)"
        )
    for entry, track in outside:
        entry["track"] = project.take_in(entry["name"], track, replace=True)


def _listed(path: Path) -> Iterator[dict[str, Any]]:
    """The entries of a list. Raises ProjectError, naming the line, for what is none."""
    number = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows: Iterator[Any] = (
                csv.DictReader(file) if path.suffix.lower() == ".csv" else map(json.loads, file)
            )
            number = 1
            for row in rows:
                if not isinstance(row, dict) or not isinstance(row.get("name"), str) or not row["name"]:
                    raise ValueError("it has no name")
                values = {key: row.get(key) or None for key in ("track", "source")}
                beside = path.parent / str(values["track"])
                if values["track"] is not None and (
                    beside.is_file() or Path(str(values["track"])).is_absolute()
                ):
                    values["track"] = beside
                if values["source"] is not None and not isinstance(values["source"], dict):
                    values["source"] = path.parent / str(values["source"])
                yield {"name": row["name"], **values, "identity": str(row.get("identity") or "")}
                number += 1
    except FileNotFoundError:
        raise ProjectError(f"{path}: no such list; correct the path") from None
    except (OSError, ValueError, csv.Error) as error:
        words = " ".join(str(error).split())
        raise ProjectError(f"{path}: entry {number or 1} cannot be read ({words}); correct it") from error


def run_relink(options: argparse.Namespace, output: Output) -> int:
    from neuface_engine.review.relink import missing_sources, relink

    if options.folder is None:
        with shared.opened(options, output, writing=False) as project:
            missing = missing_sources(project)
        output.result({"missing": {name: source.path for name, source in missing.items()}})
        for name, source in missing.items():
            output.line(f"{name}  {source.path}")
        output.line(f"{len(missing)} missing")
        return 0
    with shared.opened(options, output, writing=True) as project:
        outcome = relink(project, options.folder, reviewer=shared.reviewer_of(options))
    output.result(
        {
            "found": {item.sequence: {"path": str(item.path), "by": item.by} for item in outcome.found},
            "missing": list(outcome.missing),
        }
    )
    for item in outcome.found:
        output.line(f"{item.sequence}  {item.path}  (by {item.by})")
    output.line(f"{len(outcome.found)} found, {len(outcome.missing)} still missing")
    return 0

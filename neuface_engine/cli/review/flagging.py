"""`neuface review flags`: what the measures of a track, or of a project's tracks, find odd, and beyond which limits."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuface_engine.cli import options as common
from neuface_engine.cli.output import Output
from neuface_engine.errors import ConfigError, NeuFaceError

if TYPE_CHECKING:
    from neuface_engine.review import Project
    from neuface_engine.review.flags import Flag
    from neuface_engine.review.thresholds import Thresholds


def add_to(parts: Any) -> None:
    parser = parts.add_parser(
        "flags",
        help="automatic flags of a track or a project, in words",
        description="Measures a TRACK, or those tracks of a PROJECT that were not measured yet, and lists what is "
        "beyond its limit. Limits are kept with the project.",
    )
    parser.add_argument("path", type=Path, metavar="TRACK|PROJECT")
    parser.add_argument("--anew", action="store_true", help="measure all tracks of the project, known or not")
    parser.add_argument(
        "--fit",
        action="store_true",
        help="let the spread of the project's tracks set the limits that may be set so",
    )
    parser.add_argument(
        "--limit",
        action="append",
        default=[],
        metavar="FLAG=NUMBER",
        help="another limit; FLAG= takes it back",
    )
    parser.add_argument("--off", action="append", default=[], metavar="FLAG", help="do not look at this")
    parser.add_argument("--on", action="append", default=[], metavar="FLAG", help="look at this again")
    parser.add_argument("--limits", action="store_true", help="list the checks with their limits instead")
    parser.add_argument("--database", default="", metavar="URL", help="a team's PostgreSQL")
    common.add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, output: Output) -> int:
    if options.path.is_file():
        return _one_track(options, output)
    from neuface_engine.review import Project
    from neuface_engine.review.flagging import fit_to_project, set_thresholds, thresholds_of

    with Project.open(options.path, database=options.database) as project:
        project.check_writable()
        failures = _measure(project, output, anew=options.anew)
        wanted = _changed(thresholds_of(project), options)
        if wanted != thresholds_of(project):
            set_thresholds(project, wanted)
        thresholds = fit_to_project(project) if options.fit else wanted
        if options.limits:
            _limits(thresholds, output)
            return 0
        flags = _flags_of(project, thresholds)
        total = project.index.count()
    output.result(
        {
            "project": str(options.path),
            "sequences": total,
            "flagged": {name: [asdict(flag) for flag in found] for name, found in flags.items()},
            "failed": failures,
        }
    )
    for name, found in flags.items():
        output.line(name)
        for flag in found:
            output.line(f"  {flag.text}")
    output.line(f"{len(flags)} of {total} sequences are flagged")
    return 2 if failures else 0


def _one_track(options: argparse.Namespace, output: Output) -> int:
    import neuface_engine as nf
    from neuface_engine.review.flags import raise_flags
    from neuface_engine.review.thresholds import Thresholds

    thresholds = _changed(Thresholds.default(), options)
    if options.limits:
        _limits(thresholds, output)
        return 0
    track = nf.FaceTrack.load(options.path)
    measured = nf.metrics.measure(track)
    flags = raise_flags(measured.values, thresholds)
    places = {name: [asdict(place) for place in where] for name, where in measured.places.items()}
    output.result(
        {
            "track": str(options.path),
            "measures": measured.values,
            "flags": [asdict(flag) for flag in flags],
            "places": places,
        }
    )
    for flag in flags:
        output.line(flag.text)
        for place in measured.places.get(flag.measure, ())[:3]:
            view = "" if place.view is None else f" in {track.views[place.view]}"
            output.line(f"  frames {place.frames}{view}")
    output.line(f"{len(flags)} flags" if flags else "nothing odd")
    return 0


def _measure(project: Project, output: Output, *, anew: bool) -> list[dict[str, str]]:
    """Measures the tracks that were not measured yet; what cannot be read does not stop the others."""
    from neuface_engine.review.flagging import record

    project.index.check_tracks()
    failures = []
    for row in project.index.rows(order="name"):
        if not row.has_track or (row.measures and not anew):
            continue
        try:
            record(project, row.name, measures_of(project, row.name))
            output.note(f"{row.name}: measured")
        except NeuFaceError as error:
            failures.append({"sequence": row.name, "error": str(error)})
            output.error(str(error))
    return failures


def measures_of(project: Project, name: str) -> dict[str, float]:
    """The measures of a sequence's track; without its footage nothing is known of cuts. Raises TrackError."""
    import neuface_engine as nf

    return nf.metrics.measures(nf.FaceTrack.load(project.track_file(name)))


def _changed(thresholds: Thresholds, options: argparse.Namespace) -> Thresholds:
    for text in options.limit:
        name, equals, number = text.partition("=")
        try:
            limit = float(number) if number else None
        except ValueError:
            limit, equals = None, ""
        if not equals:
            raise ConfigError(f"--limit {text}: write FLAG=NUMBER, such as 'frozen lips=0.4'")
        thresholds = thresholds.changed(name, limit)
    for name in options.off:
        thresholds = thresholds.switched(name, False)
    for name in options.on:
        thresholds = thresholds.switched(name, True)
    return thresholds


def _limits(thresholds: Thresholds, output: Output) -> None:
    from neuface_engine.review.flags import quantity
    from neuface_engine.review.thresholds import CHECKS

    rows = []
    for check in CHECKS:
        limit = thresholds.limit(check)
        on = check.name not in thresholds.off
        rows.append(
            {"flag": check.name, "measure": check.measure, "side": check.side, "limit": limit, "on": on}
            | {"origin": thresholds.origin(check)}
        )
        words = f"{check.side} {quantity(limit, check.unit)}  ({thresholds.origin(check)})" if on else "off"
        output.line(f"{check.name:<18} {check.title:<28} {words}")
    output.result({"limits": rows})


def _flags_of(project: Project, thresholds: Thresholds) -> dict[str, tuple[Flag, ...]]:
    from neuface_engine.review.flags import raise_flags

    found = {row.name: raise_flags(row.measures, thresholds) for row in project.index.rows(order="suspicion")}
    return {name: flags for name, flags in found.items() if flags}

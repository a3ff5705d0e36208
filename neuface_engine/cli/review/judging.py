"""`neuface review verdict | undo`: a reviewer's word, and taking it back."""

from __future__ import annotations

import argparse
from typing import Any

from neuface_engine.cli.output import Output
from neuface_engine.cli.review import shared
from neuface_engine.errors import ConfigError, ProjectError


def add_to(parts: Any) -> None:
    verdict = shared.add_parser(
        parts,
        "verdict",
        "judge a sequence",
        run_verdict,
        description="Keeps a verdict on the track as it is now. What the window showed you of it counts as watched.",
    )
    verdict.add_argument("sequence", metavar="SEQUENCE")
    verdict.add_argument("verdict", metavar="accept|reject|unsure")
    verdict.add_argument(
        "--reason",
        action="append",
        default=[],
        metavar="REASON",
        help="why, e.g. lips or jitter; may be repeated",
    )
    verdict.add_argument("--note", default="", metavar="TEXT")
    verdict.add_argument("--adjudicate", action="store_true", help="the last word where reviewers differ")
    shared.add_reviewer(verdict)

    undo = shared.add_parser(
        parts, "undo", "take back your last verdict, note or repair (--redo: bring it back)", run_undo
    )
    undo.add_argument("--sequence", metavar="SEQUENCE", help="the last one on this sequence")
    undo.add_argument("--redo", action="store_true", help="bring back what was undone last")
    shared.add_reviewer(undo)


def run_verdict(options: argparse.Namespace, output: Output) -> int:
    from neuface_engine.review import REASONS, VERDICTS

    if options.verdict not in VERDICTS:
        raise ConfigError(f"verdict {options.verdict!r} is none of {', '.join(VERDICTS)}")
    reasons = [_reason(text, REASONS) for text in options.reason]
    reviewer = shared.reviewer_of(options)
    with shared.opened(options, output, writing=True) as project:
        row = shared.known(project, options.sequence)
        project.index.check_tracks([row.name])
        if not project.track_file(row.name).exists():
            raise ProjectError(
                f"{project.track_file(row.name)}: no such track; track {row.name} first, then judge it"
            )
        coverage = project.coverage(row.name, reviewer)
        verdict = project.judge(
            row.name,
            options.verdict,
            reviewer,
            reasons=reasons,
            note=options.note,
            coverage=coverage,
            adjudicate=options.adjudicate,
        )
    output.result({"verdict": shared.verdict_values(verdict)})
    output.line(f"{verdict.sequence}: {verdict.verdict}" + (f" ({', '.join(reasons)})" if reasons else ""))
    if not verdict.coverage.get("sufficient"):
        output.note(
            "nothing on record says that you watched this clip; for a proof the verdict does not count"
        )
    return 0


def _reason(text: str, reasons: dict[str, str]) -> str:
    wanted = text.strip().lower()
    for key, words in reasons.items():
        if wanted in (key, words, key.replace("_", "-"), key.replace("_", " ")):
            return key
    raise ConfigError(f"reason {text!r} is none of {', '.join(reasons)}")


def run_undo(options: argparse.Namespace, output: Output) -> int:
    from neuface_engine.review.events import to_record

    reviewer = shared.reviewer_of(options)
    with shared.opened(options, output, writing=True) as project:
        if options.sequence is not None:
            shared.known(project, options.sequence)
        change = project.redo if options.redo else project.undo
        event = change(reviewer, sequence=options.sequence)
    done = "brought_back" if options.redo else "taken_back"
    output.result({done: None if event is None else to_record(event)})
    if event is None:
        output.line("nothing to bring back" if options.redo else "nothing to take back")
    else:
        words = getattr(event, "verdict", "") or getattr(event, "text", "") or event.kind
        output.line(
            f"{done.replace('_', ' ')}: {getattr(event, 'sequence', '')} {event.kind} {words}".rstrip()
        )
    return 0

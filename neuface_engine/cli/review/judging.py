"""`neuface review verdict | undo`: a reviewer's word, and taking it back."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from neuface_engine.cli.output import Output
from neuface_engine.cli.review import shared
from neuface_engine.errors import ConfigError, ProjectError

if TYPE_CHECKING:
    from neuface_engine.review import Coverage, Project, Verdict
    from neuface_engine.review.proof.handing import Handed


def add_to(parts: Any) -> None:
    verdict = shared.add_parser(
        parts,
        "verdict",
        "judge a sequence",
        run_verdict,
        description="Keeps a verdict on the track as it is now, or on the clip of it that `next` handed you. What "
        "the window showed you counts as watched; without a window say what you watched: it is kept as your word.",
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
    watched = verdict.add_argument_group("what you watched, where no window measured it")
    watched.add_argument(
        "--watched", metavar="all|A-B,...", help="all, or ranges of frames counted from 0, e.g. 0-99,140"
    )
    watched.add_argument("--views", default="", metavar="A,B", help="only in these views (default: all)")
    watched.add_argument(
        "--seconds", type=float, metavar="N", help="for how long (default: these frames played once)"
    )
    verdict.add_argument("--adjudicate", action="store_true", help="the last word where reviewers differ")
    shared.add_reviewer(verdict)

    undo = shared.add_parser(
        parts, "undo", "take back your last verdict, note or repair (--redo: bring it back)", run_undo
    )
    undo.add_argument("--sequence", metavar="SEQUENCE", help="the last one on this sequence")
    undo.add_argument("--redo", action="store_true", help="bring back what was undone last")
    shared.add_reviewer(undo)


def run_verdict(options: argparse.Namespace, output: Output) -> int:
    from neuface_engine.review import REASONS, VERDICTS, Adjudication, Verdict

    if options.verdict not in VERDICTS:
        raise ConfigError(f"verdict {options.verdict!r} is none of {', '.join(VERDICTS)}")
    reasons = [_reason(text, REASONS) for text in options.reason]
    if options.watched is None and (options.views or options.seconds is not None):
        raise ConfigError("--views and --seconds belong to --watched; give --watched all, or the frames")
    reviewer = shared.reviewer_of(options)
    with shared.opened(options, output, writing=True) as project:
        row = shared.known(project, options.sequence)
        project.index.check_tracks([row.name])
        track_hash = project.track_hash(row.name)
        if not track_hash:
            raise ProjectError(
                f"{project.track_file(row.name)}: no such track; track {row.name} first, then judge it"
            )
        handed = None if options.adjudicate else _handed(project, reviewer, row.name, track_hash)
        kind = Adjudication if options.adjudicate else Verdict
        verdict = kind(
            row.name, options.verdict, track_hash, reviewer, note=options.note, reasons=tuple(reasons)
        )
        coverage = _coverage(project, verdict, handed, options)
        rule = project.coverage_rule
        verdict = replace(verdict, coverage={} if coverage is None else coverage.summary(rule))
        feedback = None
        if handed is not None and handed.plant is not None:
            feedback = _judge_plant(project, verdict, handed, coverage)
        else:
            project.log.append(verdict)
    practice = {} if feedback is None else {"practice": feedback}
    output.result({"verdict": shared.verdict_values(verdict), **practice})
    output.line(f"{verdict.sequence}: {verdict.verdict}" + (f" ({', '.join(reasons)})" if reasons else ""))
    if feedback is not None:
        seen = "you caught it" if feedback["caught"] else "you accepted it"
        output.line(f"  practice: {feedback['what']}, severity {feedback['severity']} of 4; {seen}")
    elif verdict.verdict == "accept" and not verdict.coverage.get("sufficient"):
        lacking = "nothing on record says that you watched it" if coverage is None else coverage.lacking(rule)
        output.note(f"accepted, but for a proof this does not count: {lacking} (--watched says what you saw)")
    return 0


def _handed(project: Project, reviewer: str, name: str, track_hash: str) -> Handed | None:
    """The clip of this sequence that the reviewer was handed last. Raises ProjectError where its track has changed."""
    from neuface_engine.review.proof.handing import in_hand

    handed = in_hand(project, reviewer).get(name)
    if handed is None or handed.track_hash == track_hash:
        return handed
    if handed.judged:
        return None
    raise ProjectError(
        f"{project.track_file(name)}: has changed since it was handed to {reviewer}; run `neuface review next` again"
    )


def _coverage(
    project: Project, verdict: Verdict, handed: Handed | None, options: argparse.Namespace
) -> Coverage | None:
    """What the window measured where that is enough; else what the reviewer states, else what there is."""
    from neuface_engine.review.outline import outline
    from neuface_engine.review.stated import stated

    planted = handed is not None and handed.plant is not None
    measured = None if planted else project.coverage(verdict.sequence, verdict.reviewer, verdict.track_hash)
    if options.watched is None or (measured is not None and measured.sufficient(project.coverage_rule)):
        return measured
    return stated(
        outline(project.track_file(verdict.sequence)),
        options.watched,
        views=[name.strip() for name in options.views.split(",") if name.strip()],
        seconds=options.seconds,
        handed_s=handed.seconds_ago if handed is not None and handed.clip else None,
    )


def _judge_plant(
    project: Project, verdict: Verdict, handed: Handed, coverage: Coverage | None
) -> dict[str, Any] | None:
    """Puts the verdict on record as one on a planted failure; what a reviewer who practises is told."""
    from neuface_engine.review.assignment import give_back
    from neuface_engine.review.proof import KINDS, judge_plant

    plant = handed.plant
    assert plant is not None
    caught = judge_plant(
        project,
        plant,
        verdict.verdict,
        verdict.reviewer,
        coverage=coverage,
        kind=handed.kind,
        effect_mm=handed.effect_mm,
        event_id=verdict.id,
    )
    give_back(project.index, verdict.reviewer, verdict.sequence)
    if not plant.practice:
        return None
    return {"what": KINDS[handed.kind or plant.kind], "severity": plant.severity, "caught": caught}


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
    record = None if event is None else _undone(to_record(event))
    output.result({done: record})
    if record is None:
        output.line("nothing to bring back" if options.redo else "nothing to take back")
    else:
        words = str(record.get("verdict") or record.get("text") or record.get("what") or "")
        name, kind = record.get("sequence", ""), record["event"]
        output.line(f"{done.replace('_', ' ')}: {name} {kind} {words}".rstrip())
    return 0


def _undone(record: dict[str, Any]) -> dict[str, Any]:
    """What was undone; a verdict on a planted failure as any other."""
    from neuface_engine.review.events import PLANT_JUDGED

    if record["event"] == PLANT_JUDGED:
        data = record["data"]
        record = {**record, "event": "verdict", "sequence": data["on"], "verdict": data["verdict"]}
    if record["event"] != "verdict":
        return record
    return {name: record[name] for name in ("event", "sequence", "verdict", "reviewer", "time", "id")}

"""`neuface review queue | stats`: what there is, and how far the review has come."""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from neuface_engine.cli.output import Output, table
from neuface_engine.cli.review import shared

if TYPE_CHECKING:
    from neuface_engine.review import Filter, Project


def add_to(parts: Any) -> None:
    queue = shared.add_parser(parts, "queue", "list sequences", run_queue)
    shared.add_filter(queue)
    shared.add_order(queue)
    shared.add_reviewer(queue)
    queue.add_argument(
        "--limit", type=int, default=20, metavar="N", help="at most this many; 0 = all (default: 20)"
    )
    queue.add_argument("--offset", type=int, default=0, metavar="N", help="leave out the first N")

    stats = shared.add_parser(parts, "stats", "how far the review has come", run_stats)
    shared.add_reviewer(stats)


def run_queue(options: argparse.Namespace, output: Output) -> int:
    from neuface_engine.review import Filter
    from neuface_engine.review.parts import parts

    where = shared.filter_of(options, seen_by=shared.asker_of(options))
    with shared.opened(options, output, writing=False) as project:
        project.index.check_tracks()
        total = project.index.count(where)
        if options.order == "learned":
            end = options.offset + options.limit if options.limit else None
            names = learned_order(project, where, options, output)[options.offset : end]
            found = {
                row.name: row
                for part in parts(names, 2000)
                for row in project.index.rows(Filter(names=tuple(part), seen_by=where.seen_by))
            }
            rows = [found[name] for name in names]
        else:
            rows = project.index.rows(
                where, offset=options.offset, limit=options.limit or None, **shared.order_of(options)
            )
    output.result({"total": total, "rows": [shared.row_values(row) for row in rows]})
    if rows:
        for line in table([shared.HEADINGS, *[shared.row_cells(row) for row in rows]]):
            output.line(line)
    output.line(f"{len(rows)} of {total}")
    return 0


def learned_order(project: Project, where: Filter, options: argparse.Namespace, output: Output) -> list[str]:
    """The names in the learned order, and on stderr what was learned."""
    from neuface_engine.review.flagging import learn_from, learned_names

    learned = learn_from(project, seed=options.seed, seen_by=where.seen_by)
    output.note(learned.message)
    for reason in learned.reasons[:8] if learned.usable else ():
        output.note(f"  {reason.text}")
    return learned_names(project, learned, where)


def run_stats(options: argparse.Namespace, output: Output) -> int:
    from neuface_engine.review import Filter, active_verdicts
    from neuface_engine.review.assignment import held
    from neuface_engine.review.coverage import STATED, basis_of

    reviewer = shared.asker_of(options)
    seen = Filter(seen_by=reviewer)
    with shared.opened(options, output, writing=False) as project:
        project.index.check_tracks()
        states = project.index.states(seen)
        verdicts = active_verdicts(project.index.events("verdict", "adjudication", "undo"))
        verdicts = shared.visible(project, verdicts, reviewer)
        reviewers = Counter(verdict.reviewer for verdict in verdicts)
        counted = [v for v in verdicts if v.coverage.get("sufficient")]
        watched = Counter(v.reviewer for v in counted)
        stated = Counter(v.reviewer for v in counted if basis_of(v.coverage) == STATED)
        result: dict[str, Any] = {
            "sequences": project.index.count(),
            "states": states,
            "disputed": project.index.count(replace(seen, disputed=True)),
            "with_notes": project.index.count(replace(seen, with_notes=True)),
            "flags": project.index.flag_counts(),
            "reasons": project.index.reason_counts(seen),
            "reviewers": {
                name: {"verdicts": number, "watched": watched[name], "stated": stated[name]}
                for name, number in sorted(reviewers.items())
            },
            "in_hand": [
                {"sequence": sequence, "reviewer": who, "seconds_left": round(left)}
                for sequence, who, left in held(project.index)
            ],
            "logs": {
                name: {"lines": head.lines, "head": head.hash} for name, head in project.heads().items()
            },
            "problems": list(project.problems[len(project.warnings) :]),
        }
    output.result(result)
    output.line(f"{result['sequences']} sequences")
    for name, number in states.items():
        output.line(f"  {name:<10} {number}")
    output.line(f"  {'disputed':<10} {result['disputed']}")
    for title in ("flags", "reasons"):
        if result[title]:
            output.line(
                title + ": " + ", ".join(f"{name} {number}" for name, number in result[title].items())
            )
    for name, numbers in result["reviewers"].items():
        output.line(
            f"{name}: verdicts {numbers['verdicts']}, of clips watched to the rule {numbers['watched']}"
            + (f", of these {numbers['stated']} by their word" if numbers["stated"] else "")
        )
    for problem in result["problems"]:
        output.note(problem)
    return 0

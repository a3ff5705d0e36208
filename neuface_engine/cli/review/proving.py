"""`neuface review audit | certify`: a sample that proves a failure rate, and the paper that says so."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuface_engine.cli.output import Output
from neuface_engine.cli.review import shared
from neuface_engine.errors import ConfigError

if TYPE_CHECKING:
    from neuface_engine.review import CoverageRule, Project
    from neuface_engine.review.proof import Plan, Readout


def add_to(parts: Any) -> None:
    audit = shared.add_parser(
        parts,
        "audit",
        "what is proven so far; with --draw, draw the sample that proves it",
        run_audit,
        description="Without --draw: what the audit of PROJECT proves at this moment. With --draw: draws a random "
        "sample and puts its seed on record; do this before the review begins. docs/proof.md says what is proven, and "
        "what for.",
    )
    shared.add_reviewer(audit)
    audit.add_argument("--draw", action="store_true", help="draw a new audit of the tracks as they are now")
    plan = audit.add_argument_group("the plan (with --draw)")
    plan.add_argument(
        "--plan",
        choices=("fixed", "betting"),
        default="fixed",
        help="a fixed sample (default), or one that may be watched and stopped at any time",
    )
    plan.add_argument(
        "--limit", type=percentage, default=0.001, metavar="P", help="prove less than this (default: 0.1%%)"
    )
    plan.add_argument(
        "--target",
        type=percentage,
        default=None,
        metavar="P",
        help="the rate you hope for (default: a fifth of the limit)",
    )
    plan.add_argument(
        "--confidence", type=percentage, default=0.95, metavar="P", help="how surely (default: 95%%)"
    )
    plan.add_argument(
        "--allowed",
        type=int,
        metavar="N",
        help="failures that a fixed plan allows (default: up to 3, so that a set at the target passes)",
    )
    plan.add_argument(
        "--plants",
        type=int,
        default=0,
        metavar="N",
        help="planted failures that measure the reviewers, e.g. 100 (default: none, and it says so)",
    )
    plan.add_argument(
        "--order",
        choices=("auto", "sequence", "identity"),
        default="auto",
        help="one clip of each person first, or uniform over sequences (default: as the list allows)",
    )
    plan.add_argument("--seed", metavar="TEXT", help="of the draw (default: 128 random bits)")
    plan.add_argument(
        "--measured-only",
        action="store_true",
        help="clips count as watched only where the window measured it, not by a reviewer's word",
    )
    plan.add_argument(
        "--definition", metavar="WORDS", help="what a failure is (default: as in docs/proof.md)"
    )
    plan.add_argument("--dry", action="store_true", help="only say how large the sample would be")

    certify = shared.add_parser(
        parts,
        "certify",
        "write the certificate of the audit, or check one",
        run_certify,
        description="Writes what the audit proved as JSON and PDF. With --verify: works a certificate out again from "
        "the logs and says where it differs (exit code 2).",
    )
    certify.add_argument(
        "--out", type=Path, metavar="FILE", help="the JSON; the PDF lies beside it (default: in the project)"
    )
    certify.add_argument("--verify", type=Path, metavar="CERT", help="the JSON of a certificate")


def run_audit(options: argparse.Namespace, output: Output) -> int:
    from neuface_engine.review.proof import draw_audit, load_audit, plan_words, readout

    writing = options.draw and not options.dry
    with shared.opened(options, output, writing=writing) as project:
        if options.dry:
            return _dry(project, options, output)
        if options.draw:
            draw_audit(
                project,
                reviewer=shared.reviewer_of(options),
                plan=_plan(options, project.coverage_rule),
                order=options.order,
                allowed=options.allowed,
                seed=options.seed,
            )
        audit, now = load_audit(project), readout(project)
    if audit is None:
        output.result({"audit": None, "lines": list(now.lines)})
        output.line(now.lines[0])
        return 0
    drawn = {
        "seed": audit.seed,
        "time": audit.time,
        "population": len(audit.items),
        "population_hash": audit.population_hash,
        "plan": audit.plan.to_json(),
    }
    if options.draw:
        drawn["draws"] = [item.name for item in audit.draws]
        output.line(plan_words(audit.plan))
        output.line(f"seed {audit.seed}, list {audit.population_hash}")
    output.result({"audit": drawn, **readout_values(now)})
    for line in now.lines:
        output.line(line)
    return 0


def run_certify(options: argparse.Namespace, output: Output) -> int:
    from neuface_engine.review.proof.certificate import (
        certify,
        read_certificate,
        verify,
        write_certificate,
    )
    from neuface_engine.review.proof.certificate_pdf import write_pdf

    with shared.opened(options, output, writing=False) as project:
        if options.verify is not None:
            certificate = read_certificate(options.verify)
            found = verify(project, certificate)
            output.result(
                {"holds": found.holds, "differences": list(found.differences), "notes": list(found.notes)}
            )
            for difference in found.differences:
                output.error(f"{options.verify}: {difference}")
            for note in found.notes:
                output.line(note)
            output.line(
                f"{options.verify}: "
                + ("holds" if found.holds else "does NOT follow from the project's logs")
            )
            if found.holds:
                output.line(str(certificate["statement"]))
            return 0 if found.holds else 2
        certificate = certify(project)
        path = options.out or project.folder / "certificate.json"
        if path.suffix != ".json":
            raise ConfigError(f"{path}: the certificate is a JSON file with a PDF beside it; name it .json")
        write_certificate(certificate, path)
        pdf = path.with_suffix(".pdf")
        write_pdf(certificate, pdf, title=project.folder.resolve().name)
    output.result({"certificate": str(path), "pdf": str(pdf), **certificate})
    output.line(str(certificate["statement"]))
    output.line(f"{path}")
    output.line(f"{pdf}")
    return 0


def readout_values(now: Readout) -> dict[str, Any]:
    """The read-out as JSON values."""
    from dataclasses import asdict

    return {**asdict(now), "lines": list(now.lines)}


def percentage(text: str) -> float:
    """ "0.1%" or "0.001" as a share."""
    try:
        value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a share nor a percentage") from None
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 % and 100 %")
    return value


def _plan(options: argparse.Namespace, watched: CoverageRule) -> Plan:
    from neuface_engine.review.proof import Plan

    more = {} if options.definition is None else {"definition": options.definition}
    target = options.limit / 5 if options.target is None else options.target
    return Plan(
        kind=options.plan,
        limit=options.limit,
        confidence=options.confidence,
        target=target,
        plants=options.plants,
        watched=replace(watched, stated=watched.stated and not options.measured_only),
        **more,
    )


def _dry(project: Project, options: argparse.Namespace, output: Output) -> int:
    from neuface_engine.review.proof import plan_words
    from neuface_engine.review.proof.audit import released_items, settled

    items = released_items(project)
    plan = settled(
        replace(_plan(options, project.coverage_rule), population=len(items)),
        items,
        order=options.order,
        allowed=options.allowed,
    )
    output.result({"plan": plan.to_json()})
    output.line(plan_words(plan))
    return 0

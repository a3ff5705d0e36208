"""`neuface review assign`: a random share of the sequences is judged by several reviewers, blind."""

from __future__ import annotations

import argparse
from typing import Any

from neuface_engine.cli.output import Output
from neuface_engine.cli.review import shared


def add_to(parts: Any) -> None:
    assign = shared.add_parser(
        parts,
        "assign",
        "have a random share of the sequences judged by several reviewers",
        run,
        description="Draws a share of the sequences (with the filter given) and writes the draw and its seed to the "
        "log. `neuface review next` then hands each to as many different reviewers.",
    )
    assign.add_argument(
        "--share", type=float, default=0.1, metavar="X", help="of the sequences (default: 0.1)"
    )
    assign.add_argument("--reviews", type=int, default=2, metavar="N", help="reviewers for each (default: 2)")
    assign.add_argument(
        "--reviewers", default="", metavar="A,B", help="only these may judge them (default: anyone)"
    )
    assign.add_argument("--draw-seed", type=int, default=0, metavar="N", help="of the draw (default: 0)")
    assign.add_argument("--open", action="store_true", help="reviewers may see each other's verdicts")
    shared.add_filter(assign)
    shared.add_reviewer(assign)


def run(options: argparse.Namespace, output: Output) -> int:
    from neuface_engine.errors import ConfigError
    from neuface_engine.review.assignment import draw_double

    if options.reviews < 1:
        raise ConfigError("--reviews: at least 1; correct it")
    reviewer = shared.reviewer_of(options)
    with shared.opened(options, output, writing=True) as project:
        event = draw_double(
            project.index.names(shared.filter_of(options, seen_by=reviewer)),
            options.share,
            reviewer=reviewer,
            seed=options.draw_seed,
            reviewers=[name.strip() for name in options.reviewers.split(",") if name.strip()],
            reviews=options.reviews,
            blind=not options.open,
        )
        project.log.append(event)
    output.result({"assigned": list(event.sequences), "reviews": event.reviews, "seed": event.seed})
    output.line(f"{len(event.sequences)} sequences are to be judged by {event.reviews} reviewers each")
    return 0

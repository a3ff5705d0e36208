"""`neuface review ...`: everything that can be done to a project, without a display."""

from __future__ import annotations

from typing import Any

from neuface_engine.cli.review import (
    adding,
    comparing,
    exporting,
    flagging,
    handing,
    joining,
    judging,
    looking,
    noting,
    proving,
    sharing,
)

COMMANDS = (
    adding,
    looking,
    handing,
    flagging,
    judging,
    noting,
    sharing,
    joining,
    proving,
    comparing,
    exporting,
)


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "review",
        help="queue, verdicts, notes and their logs",
        description="A project is a folder with tracks and one log for each reviewer; docs/review.md.",
    )
    parts = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in COMMANDS:
        module.add_to(parts)

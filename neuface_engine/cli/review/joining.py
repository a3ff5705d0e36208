"""`neuface review merge | verify`: several reviewers' logs become one review, and every line is checked."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from neuface_engine.cli.output import Output
from neuface_engine.cli.review import shared
from neuface_engine.errors import ConfigError


def add_to(parts: Any) -> None:
    merge = shared.add_parser(
        parts,
        "merge",
        "take over the logs of other copies of the project, and their tracks",
        run_merge,
        description="The union of the logs: in any order, and again without harm. Tracks that are not here are copied; "
        "those that are here stay as they are.",
    )
    merge.add_argument(
        "others", nargs="+", type=Path, metavar="OTHER", help="a project folder, or one .jsonl log"
    )

    verify = shared.add_parser(
        parts,
        "verify",
        "check every line of every log; exit code 2 where one is not what was written",
        run_verify,
    )
    verify.add_argument(
        "--head",
        action="append",
        default=[],
        metavar="LOG:LINES:HASH",
        help="this line must still be there (as an earlier --json said); may be repeated",
    )


def run_merge(options: argparse.Namespace, output: Output) -> int:
    from neuface_engine.review.merge import merge

    with shared.opened(options, output, writing=True) as project:
        outcome = merge(project, *options.others)
    output.result(
        {
            "events": outcome.events,
            "logs": list(outcome.logs),
            "conflicts": list(outcome.conflicts),
            "tracks": outcome.tracks,
        }
    )
    output.line(
        f"{outcome.events} new events; logs: {', '.join(outcome.logs) or 'none changed'}; "
        f"tracks copied: {outcome.tracks}"
    )
    for conflict in outcome.conflicts:
        output.note(conflict)
    return 0


def run_verify(options: argparse.Namespace, output: Output) -> int:
    from neuface_engine.review.verify import verify

    expected = dict(_head(text) for text in options.head)
    with shared.opened(options, output, writing=False) as project:
        checked = verify(project, expected)
    broken = [(log.where, line, words) for log in checked for line, words in log.problems]
    output.result(
        {
            "ok": not broken,
            "logs": {
                log.name: {"lines": log.lines, "events": log.events, "head": log.head, "torn": log.torn}
                for log in checked
            },
            "problems": [{"file": where, "line": line, "what": words} for where, line, words in broken],
        }
    )
    for log in checked:
        torn = ", a torn last line that was never acknowledged" if log.torn else ""
        word = "BAD" if log.problems else "ok"
        output.line(f"{word:<4} {log.where}  {log.lines} lines{torn}  {log.head[:16]}")
    for where, line, words in broken:
        output.error(f"{where}: line {line} {words}")
    return 2 if broken else 0


def _head(text: str) -> tuple[str, Any]:
    from neuface_engine.review.journal import Head

    try:
        log, lines, digest = text.rsplit(":", 2)
        return log, Head(int(lines), digest)
    except ValueError:
        raise ConfigError(f"--head {text}: write LOG:LINES:HASH as `verify --json` says them") from None

"""Is every line of every log what was written? Reads all of them, and says which line of which file is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from neuface_engine.review import chain
from neuface_engine.review.journal import Head
from neuface_engine.review.project import Project


@dataclass(frozen=True)
class Checked:
    """One log.

    name, where    what it is called, and where it lies
    lines, events, head    how many lines it has, how many events in them, sha256 of the last line
    problems       (line, what is wrong with it)
    torn           the last line was not written to its end: it was never acknowledged, and the next event replaces it
    """

    name: str
    where: str
    lines: int
    events: int
    head: str
    problems: tuple[tuple[int, str], ...]
    torn: bool


def verify(project: Project, expected: Mapping[str, Head] | None = None) -> list[Checked]:
    """Every log of the project, from its first line.

    expected    {log: head} as noted earlier: a log that no longer has that line, or has another, lost or changed lines
    """
    expected = expected or {}
    logs = [*project.log.stamps(), *(log for log in expected if log not in project.log.stamps())]
    return [_check(project, log, expected.get(log)) for log in logs]


def _check(project: Project, log: str, expected: Head | None) -> Checked:
    position, more = chain.Position(), True
    problems: list[tuple[int, str]] = []
    events = torn = 0
    met = expected is None
    while more:
        chunk = project.log.read(log, position)
        problems += chunk.problems
        events += len(chunk.entries)
        torn, more, position = chunk.torn, chunk.more, chunk.position
        met = met or any(entry.hash == expected.hash for entry in chunk.entries if expected is not None)
    if not met and expected is not None:
        problems.append(
            (expected.lines, "is gone or another: the log is not a continuation of the one noted")
        )
    return Checked(
        log, project.log.where(log), position.lines, events, position.head, tuple(problems), bool(torn)
    )

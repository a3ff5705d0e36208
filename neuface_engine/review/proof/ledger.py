"""The logs of a project as a certificate refers to them: read from their first line, up to a recorded state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from neuface_engine.errors import ProjectError
from neuface_engine.review.chain import Entry, Position
from neuface_engine.review.events import Event
from neuface_engine.review.journal import Head

if TYPE_CHECKING:
    from neuface_engine.review.project import Project


@dataclass(frozen=True)
class Ledger:
    """events    of all logs in one order; heads: the last event of each log: its line, and the sha256 of that line"""

    events: tuple[Event, ...]
    heads: Mapping[str, Head]


class LogChangedError(ProjectError):
    """The log no longer holds what a certificate was made from; `differences` says where, one line each."""

    def __init__(self, message: str, differences: list[str]) -> None:
        super().__init__(message)
        self.differences = differences


def read_ledger(project: Project, heads: Mapping[str, Head] | None = None) -> Ledger:
    """Everything in the logs, or everything up to the given heads.

    Raises ProjectError for a log with damaged lines, LogChangedError where it does not lead to these heads.
    """
    entries: dict[str, Entry] = {}
    found: dict[str, Head] = {}
    differences = []
    for name in project.log.stamps():
        if heads is not None and name not in heads:
            continue
        end = None if heads is None else heads[name].lines
        kept = _read(project, name, end)
        if kept:
            found[name] = Head(kept[-1].line, kept[-1].hash)
        entries.update((entry.event.id, entry) for entry in kept)
    for name, head in (heads or {}).items():
        now = found.get(name)
        if now is None:
            differences.append(
                f"log '{name}': {head.lines} lines in the certificate, no such log in the project"
            )
        elif now.lines != head.lines:
            differences.append(
                f"log '{name}': {head.lines} lines in the certificate, {now.lines} in the project"
            )
        elif now.hash != head.hash:
            differences.append(
                f"log '{name}': line {head.lines} has the hash {head.hash[:16]} in the certificate, "
                f"{now.hash[:16]} in the project"
            )
    if differences:
        raise LogChangedError(f"{project.folder}: {differences[0]}; restore the log", differences)
    ordered = sorted(entries.values(), key=lambda entry: entry.order)
    return Ledger(tuple(entry.event for entry in ordered), dict(sorted(found.items())))


def _read(project: Project, name: str, end: int | None) -> list[Entry]:
    position, more, kept = Position(), True, []
    while more:
        chunk = project.log.read(name, position)
        problems = [
            f"log '{name}': line {line} {words}"
            for line, words in chunk.problems
            if end is None or line <= end
        ]
        if problems:
            raise LogChangedError(f"{project.folder}: {problems[0]}; restore the log", problems)
        kept += [entry for entry in chunk.entries if end is None or entry.line <= end]
        position, more = chunk.position, chunk.more and (end is None or chunk.position.lines < end)
    return kept

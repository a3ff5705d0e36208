"""Several reviewers' work becomes one: the union of their logs, whatever the order in which they are brought in."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from neuface_engine.errors import ProjectError
from neuface_engine.review import chain
from neuface_engine.review.events import Added
from neuface_engine.review.journal import LOG_FOLDER, OLD_LOG, whole_lines
from neuface_engine.review.project import Project
from neuface_engine.review.project_file import PROJECT_FILE, ProjectFile
from neuface_engine.review.taking_over import Copy

FORK = "~"
"""Marks the name of a log that parts from another of the same reviewer."""


@dataclass(frozen=True)
class Merged:
    """What came of it.

    events       how many that were not here before
    logs         names of the logs that are new or grew
    conflicts    one line for each reviewer whose logs part (both are kept, and all that both say counts), and for each
                 other copy of which tracks differ from those here
    tracks       how many were copied
    """

    events: int
    logs: tuple[str, ...]
    conflicts: tuple[str, ...]
    tracks: int = 0


def merge(project: Project, *others: str | Path) -> Merged:
    """Takes over the logs of other project folders, or single log files, with the tracks that they are about and that
    are not here. Doing it again changes nothing.

    A log that continues one that is here makes it longer. One that parts from it (the same reviewer worked in two
    copies of the project) is kept beside it as "<name>~<hash>". Raises ProjectError for a log that is damaged: nothing
    of it is taken over then.
    """
    project.check_writable()
    with ExitStack() as stack:
        copies = [stack.enter_context(Copy(Path(o))) for o in others if (Path(o) / PROJECT_FILE).exists()]
        for copy in copies:
            copy.check_names(project)
        logs = _take_logs(project, others)
        files = [copy.take_over(project) for copy in copies]
    conflicts = (*logs.conflicts, *[line for taken in files for line in taken.differing])
    return Merged(logs.events, logs.logs, conflicts, sum(taken.tracks for taken in files))


def _take_logs(project: Project, others: Sequence[str | Path]) -> Merged:
    incoming = [item for other in others for item in _logs_of(Path(other))]
    checked = [(name, where, _sound(where, data)) for name, where, data in incoming]
    before = _ids(project)
    grown: dict[str, None] = {}
    conflicts = []
    for name, path, data in checked:
        target, rest, parts_at = _place(project, name, data)
        if rest:
            project.log.extend(target, rest)
            grown[target] = None
        if parts_at:
            conflicts.append(
                f"{path}: parts from log {name} at line {parts_at}; both are kept, this one as {target}"
            )
    for other in others:
        _list_older(project, Path(other))
    return Merged(len(_ids(project) - before), tuple(grown), tuple(conflicts))


def _logs_of(other: Path) -> list[tuple[str, str, bytes]]:
    """(name, place, lines) of each log of a project; of a file itself."""
    if other.is_file():
        return [(other.stem, str(other), whole_lines(other))]
    if not (other / PROJECT_FILE).exists():
        raise ProjectError(f"{other}: neither a project nor a log; name a project folder or a .jsonl file")
    if ProjectFile.read(other).database:
        with Project.open(other) as team:
            return [(name, f"{other}: log {name}", team.log.content(name)) for name in team.log.stamps()]
    found = sorted((other / LOG_FOLDER).glob("*.jsonl"))
    old = other / OLD_LOG
    files = (*found, *([old] if old.exists() else []))
    return [(path.stem, str(path), whole_lines(path)) for path in files]


def _sound(where: str, data: bytes) -> bytes:
    replayed = chain.replay(data)
    if replayed.problems:
        line, words = replayed.problems[0]
        raise ProjectError(f"{where}: line {line} {words}; merge an undamaged copy")
    return data


def _place(project: Project, name: str, data: bytes) -> tuple[str, bytes, int]:
    """(log to be made longer, by which lines, at which line it parts from the log of its own name; 0 = it does not)."""
    root = name.split(FORK)[0]
    kin = [log for log in project.log.stamps() if log.split(FORK)[0] == root]
    contents = {log: project.log.content(log) for log in kin}
    parts_at = 0
    if root in contents and not _one_continues_the_other(contents[root], data):
        parts_at = _first_difference(contents[root], data)
    for log, content in contents.items():
        if content.startswith(data):
            return log, b"", parts_at
        if data.startswith(content):
            return log, data[len(content) :], parts_at
    if not kin:
        return root, data, 0
    at = _first_difference(contents.get(root, contents[kin[0]]), data)
    head = chain.hash_of(data.split(b"\n")[at - 1])
    return f"{root}{FORK}{_unused(head, root, kin)}", data, parts_at or at


def _unused(head: str, root: str, kin: list[str]) -> str:
    length = 8
    while f"{root}{FORK}{head[:length]}" in kin:
        length += 4
    return head[:length]


def _one_continues_the_other(one: bytes, other: bytes) -> bool:
    return one.startswith(other) or other.startswith(one)


def _first_difference(one: bytes, other: bytes) -> int:
    """The number of the first line that is not the same in both."""
    number = 1
    for mine, theirs in zip(one.split(b"\n"), other.split(b"\n"), strict=False):
        if mine != theirs:
            return number
        number += 1
    return number


def _ids(project: Project) -> set[str]:
    return {entry.event.id for log in project.log.stamps() for entry in _entries(project, log)}


def _entries(project: Project, log: str) -> list[chain.Entry]:
    return chain.replay(project.log.content(log)).entries


def _list_older(project: Project, other: Path) -> None:
    """The sequences of a version 1 folder are in no log: they are listed here by their own event."""
    if not (other / PROJECT_FILE).exists():
        return
    file = ProjectFile.read(other)
    known = set(project.index.names())
    entries = [{"name": n, "track": t} for n, t in sorted(file.sequences.items()) if n not in known]
    if entries and file.version < 2:
        project.log.append(Added(tuple(entries)))

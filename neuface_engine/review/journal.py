"""All that was said about a project: one log for each reviewer, read as one."""

from __future__ import annotations

import hashlib
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from neuface_engine.errors import ProjectError
from neuface_engine.review import chain
from neuface_engine.review.events import UNDOABLE, Event, Undo, Verdict, sequence_of
from neuface_engine.review.log import EventLog
from neuface_engine.review.standing import active, active_undos

LOG_FOLDER = "log"
OLD_LOG = "review.jsonl"
_AT_ONCE = 16 << 20
_OLDER = "project.json"


@dataclass(frozen=True)
class Head:
    """The state of one log: how many lines it has, and the sha256 of the last."""

    lines: int
    hash: str


class Journal(Protocol):
    """Where events are kept: files in the project, or a team's database."""

    read_only: str

    def append(self, *events: Event) -> None:
        """Keeps events; when this returns they are safe. Raises ProjectError."""

    def where(self, log: str) -> str:
        """A log's place in words, for messages."""

    def content(self, log: str) -> bytes:
        """The whole lines of a log as a file holds them; empty where there is none."""

    def extend(self, log: str, lines: bytes) -> None:
        """Takes over lines that continue a log. Raises ProjectError where they do not."""

    def stamps(self) -> dict[str, tuple[int, int]]:
        """The logs by name, each with numbers that change when it grows or changes."""

    def read(self, log: str, start: chain.Position) -> chain.Chunk:
        """What was appended to one log since `start`, or the next part of it (`Chunk.more`)."""

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything that was said, in one order; for a large project ask its index instead."""

    @property
    def problems(self) -> tuple[str, ...]:
        """One line for each damaged line and broken chain."""


class Talk:
    """What both kinds of journal can do with their events."""

    @property
    def events(self) -> tuple[Event, ...]:
        raise NotImplementedError

    def append(self, *events: Event) -> None:
        raise NotImplementedError

    def undo_last(
        self,
        *,
        reviewer: str,
        sequence: str | None = None,
        kinds: tuple[str, ...] = ("verdict", "adjudication"),
    ) -> Event | None:
        """Takes back the last standing event of these kinds (on `sequence`, by anyone); None where none stands."""
        undone = last_standing(self.events, sequence=sequence, kinds=kinds)
        if undone is not None:
            self.append(Undo(target=undone.id, reviewer=reviewer))
        return undone


def last_standing(
    events: tuple[Event, ...] | list[Event],
    *,
    sequence: str | None = None,
    by: str | None = None,
    kinds: tuple[str, ...] = UNDOABLE,
) -> Event | None:
    """The last event of these kinds that stands, on one sequence and by one reviewer where given."""
    for event in reversed(active(events)):
        on_it = sequence is None or sequence_of(event) == sequence
        if event.kind in kinds and on_it and by in (None, event.reviewer):
            return event
    return None


def last_undone(
    events: tuple[Event, ...] | list[Event], *, sequence: str | None = None, by: str | None = None
) -> tuple[Undo, Event] | None:
    """The last standing undo and what it took back; None once something new was said after it."""
    by_id = {event.id: event for event in events}
    standing = {undo.id for undo in active_undos(events)}
    for event in reversed(events):
        if by not in (None, event.reviewer):
            continue
        if isinstance(event, Undo):
            target = by_id.get(event.target)
            on_it = sequence is None or (target is not None and sequence_of(target) == sequence)
            if event.id in standing and on_it and target is not None and target.kind in UNDOABLE:
                return event, target
        elif event.kind in UNDOABLE and (sequence is None or sequence_of(event) == sequence):
            return None
    return None


class FileJournal(Talk):
    """`log/<reviewer>.jsonl` in the project folder; the log of older versions, review.jsonl, is read as one more.

    read_only    why nothing can be written; empty = it can
    older        events that stand for what a folder of an older version says elsewhere, where it cannot be migrated
    """

    def __init__(self, folder: Path, *, read_only: str = "", older: tuple[Event, ...] = ()) -> None:
        self.folder = folder
        self.read_only = read_only
        self._older = older
        self._logs: dict[str, EventLog] = {}
        self._lock = threading.Lock()

    def append(self, *events: Event) -> None:
        """Writes each event to its reviewer's log. Raises ProjectError."""
        self._check_writable()
        by_log: dict[str, list[Event]] = {}
        for event in events:
            by_log.setdefault(log_name(event.reviewer), []).append(event)
        with self._lock:
            for name, those in by_log.items():
                self.log(name).append(*those)

    def _check_writable(self) -> None:
        if self.read_only:
            raise ProjectError(
                f"{self.folder}: opened read-only, {self.read_only}; close it there, or give yourself permission"
            )

    def paths(self) -> dict[str, Path]:
        """The log files by name, in the order of names."""
        found = {path.stem: path for path in sorted((self.folder / LOG_FOLDER).glob("*.jsonl"))}
        old = self.folder / OLD_LOG
        if old.exists():
            found[""] = old
        return dict(sorted(found.items()))

    def log(self, name: str) -> EventLog:
        """One log; it need not exist yet."""
        if name not in self._logs:
            path = self.folder / LOG_FOLDER / f"{name}.jsonl" if name else self.folder / OLD_LOG
            self._logs[name] = EventLog(path)
        return self._logs[name]

    def where(self, log: str) -> str:
        return str(self.log(log).path)

    def content(self, log: str) -> bytes:
        return whole_lines(self.log(log).path)

    def extend(self, log: str, lines: bytes) -> None:
        self._check_writable()
        with self._lock:
            self.log(log).extend(lines)

    def stamps(self) -> dict[str, tuple[int, int]]:
        stamps = {}
        for name, path in self.paths().items():
            try:
                status = path.stat()
            except OSError as error:
                raise ProjectError(
                    f"{path}: cannot be read ({error.strerror}); give yourself permission"
                ) from error
            stamps[name] = status.st_size, status.st_mtime_ns
        if self._older:
            stamps[_OLDER] = len(self._older), 0
        return stamps

    def read(self, log: str, start: chain.Position) -> chain.Chunk:
        if log == _OLDER:
            entries = [chain.Entry(event, 0, "", "") for event in self._older]
            return chain.Chunk(entries, chain.Position(lines=len(entries)))
        return chain.read(self.log(log).path, start, limit=_AT_ONCE)

    @property
    def events(self) -> tuple[Event, ...]:
        entries = {entry.event.id: entry for name in self.paths() for entry in self.log(name).entries}
        return tuple(entry.event for entry in sorted(entries.values(), key=lambda entry: entry.order))

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(problem for name in self.paths() for problem in self.log(name).problems)


def whole_lines(path: Path) -> bytes:
    """The lines of a log file, each with its line feed; a torn last line is left out. Raises ProjectError."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise ProjectError(f"{path}: cannot be read ({error.strerror}); give yourself permission") from error
    tail = data[data.rfind(b"\n") + 1 :]
    if tail:
        try:
            chain.parse(tail)
            return data + b"\n"
        except ValueError:
            return data[: len(data) - len(tail)]
    return data


def log_name(reviewer: str) -> str:
    """The name of a reviewer's log: theirs, made fit for every file system; a hash tells apart what was changed."""
    safe = re.sub(r"[^\w@+-]", "_", reviewer)[:60] or "_"
    reserved = re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)", safe) is not None
    if safe == reviewer and not reserved:
        return safe
    return f"{safe}-{hashlib.sha256(reviewer.encode()).hexdigest()[:8]}"


__all__ = ["FileJournal", "Head", "Journal", "Verdict", "last_standing", "last_undone", "log_name"]

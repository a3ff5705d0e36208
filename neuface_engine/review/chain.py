"""Lines that hold one another: each carries the sha256 of the one before, so that none can be changed unseen."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from neuface_engine.errors import ProjectError
from neuface_engine.review.events import Event, from_record, to_record

START = "0" * 64
"""What the first line of a log carries in place of a hash."""


@dataclass(frozen=True)
class Position:
    """How far a log was read: its sound bytes and lines, and what is needed to go on from there.

    head         sha256 of the last sound line, without its line feed
    last         where that line starts
    clock        the latest time so far: gives events of several logs one order, even where a clock went back
    unfinished   the last line is whole but its line feed is missing
    """

    bytes: int = 0
    lines: int = 0
    head: str = START
    last: int = 0
    clock: str = ""
    unfinished: bool = False


@dataclass(frozen=True)
class Entry:
    """One event and where it stands in its log."""

    event: Event
    line: int
    clock: str
    hash: str

    @property
    def order(self) -> tuple[str, int, str]:
        """The key that sorts the events of several logs, the same on every machine."""
        return self.clock, self.line, self.event.id


@dataclass
class Chunk:
    """What a stretch of a log holds.

    problems    one line of words for each damaged line and each break of the chain, after its number
    torn        bytes of a last line that was not written to its end
    more        there is more behind `position`: the reader set a limit
    """

    entries: list[Entry] = field(default_factory=list)
    position: Position = field(default_factory=Position)
    problems: list[tuple[int, str]] = field(default_factory=list)
    torn: int = 0
    more: bool = False


def line_of(event: Event, head: str) -> bytes:
    """The line of an event that follows the line with the hash `head`, without a line feed.

    Raises ValueError for values that JSON has not (NaN, infinity).
    """
    record = {**to_record(event), "prev": head}
    return json.dumps(record, ensure_ascii=False, sort_keys=True, allow_nan=False).encode()


def hash_of(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def parse(line: bytes) -> dict[str, Any]:
    """The record of a line. Raises ValueError where it is none."""
    record = json.loads(line)
    if not isinstance(record, dict):
        raise ValueError("not an object")
    return record


def replay(data: bytes, start: Position = Position()) -> Chunk:
    """The events in the bytes that follow `start`."""
    chunk = Chunk(position=start)
    at, number, head, clock = start.bytes, start.lines, start.head, start.clock
    last, unfinished = start.last, start.unfinished
    if unfinished and data:
        if data.startswith(b"\n"):
            data, at = data[1:], at + 1
            unfinished = False
        else:
            chunk.problems.append((number, "has something behind its end"))
            unfinished = False
    pieces = data.split(b"\n")
    tail = pieces.pop()
    for index, line in enumerate([*pieces, tail] if tail else pieces):
        is_tail = index == len(pieces)
        number += 1
        try:
            record = parse(line)
            event = from_record(record)
        except ValueError:
            if is_tail:
                number -= 1
                chunk.torn = len(tail)
                break
            chunk.problems.append((number, "is damaged and passed over"))
            at += len(line) + 1
            continue
        if record.get("prev") != head:
            chunk.problems.append((number, "does not follow the line before it; lines were changed"))
        head, last = hash_of(line), at
        clock = max(clock, str(record.get("time", "")))
        at += len(line) + (0 if is_tail else 1)
        unfinished = is_tail
        if event is not None:
            chunk.entries.append(Entry(event, number, clock, head))
    chunk.position = Position(at, number, head, last, clock, unfinished)
    return chunk


def read(path: Path, start: Position = Position(), *, limit: int | None = None) -> Chunk:
    """What was appended to a file since `start`, `limit` bytes of it or a little more; a missing file is empty.

    Only the last known line and what follows are read. Where that line is no longer what it was, the file was
    rewritten: then a `Restarted` chunk begins at the first line again.
    Raises ProjectError where the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            if start.lines == 0:
                return _limited(file, start, limit, Chunk)
            file.seek(start.last)
            known = file.read(start.bytes - start.last)
            line = known if start.unfinished else known[:-1]
            if len(known) == start.bytes - start.last and hash_of(line) == start.head:
                return _limited(file, start, limit, Chunk)
            file.seek(0)
            return _limited(file, Position(), limit, Restarted)
    except FileNotFoundError:
        return Chunk() if start.lines == 0 else Restarted()
    except OSError as error:
        raise ProjectError(
            f"{path}: cannot be read ({error.strerror or error}); give yourself permission to read it"
        ) from error


class Restarted(Chunk):
    """A log that is not a continuation of what was read before: it is read from its first line."""


def _limited(file: BinaryIO, start: Position, limit: int | None, kind: type[Chunk]) -> Chunk:
    data = file.read(-1 if limit is None else limit)
    more = limit is not None and len(data) == limit
    if more and not data.endswith(b"\n"):
        data += file.readline()
    chunk = replay(data, start)
    return kind(chunk.entries, chunk.position, chunk.problems, chunk.torn, more)

"""The event log: append-only JSON Lines, each line carrying the sha256 of the one before, on disk before we go on."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from pathlib import Path

from neuface_engine.errors import ProjectError
from neuface_engine.review.events import Event, Undo, Verdict, active_verdicts, from_record, to_record

_START = "0" * 64


class EventLog:
    """The events of `path`, oldest first; the file need not exist yet.

    A torn last line (the power went while it was written) is ignored and cut off before the next event is written.
    A damaged line elsewhere is passed over and named in `problems`, as is a line whose chain does not fit.
    Raises ProjectError where the file cannot be read or written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self._problems: list[str] = []
        self._head = _START
        self._size = -1
        self._sound_bytes = 0
        self._refresh()

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything that was logged, by this process or another."""
        with self._lock:
            self._refresh()
            return tuple(self._events)

    @property
    def problems(self) -> tuple[str, ...]:
        """One line for each damaged or foreign line of the file; empty = the log is whole."""
        with self._lock:
            self._refresh()
            return tuple(self._problems)

    @property
    def head_hash(self) -> str:
        """sha256 of the last line: names the state of the whole log."""
        with self._lock:
            self._refresh()
            return self._head

    def append(self, event: Event) -> None:
        """Writes one event; when this returns it is on the disk."""
        with self._lock:
            self._refresh()
            record = {**to_record(event), "prev": self._head}
            line = json.dumps(record, ensure_ascii=False, sort_keys=True).encode() + b"\n"
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                new = not self.path.exists()
                with self.path.open("ab") as file:
                    if file.tell() > self._sound_bytes:
                        file.truncate(self._sound_bytes)
                    elif not self._ends_with_newline():
                        line = b"\n" + line
                    file.write(line)
                    file.flush()
                    os.fsync(file.fileno())
                if new:
                    _sync_folder(self.path.parent)
            except OSError as error:
                self._size = -1
                raise ProjectError(
                    f"{self.path}: cannot be written ({error.strerror or error}); free space or give yourself "
                    "permission, then judge again"
                ) from error
            self._refresh()

    def undo_last(self, *, reviewer: str, sequence: str | None = None) -> Verdict | None:
        """Takes back the last standing verdict (on `sequence`, by anyone); returns it, or None where none stands."""
        standing = [v for v in active_verdicts(self.events) if sequence in (None, v.sequence)]
        if not standing:
            return None
        self.append(Undo(target=standing[-1].id, reviewer=reviewer))
        return standing[-1]

    def _ends_with_newline(self) -> bool:
        try:
            with self.path.open("rb") as file:
                if file.seek(0, os.SEEK_END) == 0:
                    return True
                file.seek(-1, os.SEEK_END)
                return file.read(1) == b"\n"
        except FileNotFoundError:
            return True

    def _refresh(self) -> None:
        try:
            size = self.path.stat().st_size
            if size == self._size:
                return
            data = self.path.read_bytes()
        except FileNotFoundError:
            data = b""
        except OSError as error:
            raise ProjectError(
                f"{self.path}: cannot be read ({error.strerror or error}); give yourself permission to read it"
            ) from error
        self._replay(data)
        self._size = len(data)

    def _replay(self, data: bytes) -> None:
        self._events, self._problems, self._head = [], [], _START
        self._sound_bytes = len(data)
        lines = data.split(b"\n")
        complete, tail = lines[:-1], lines[-1]
        for number, line in enumerate([*complete, tail] if tail else complete, start=1):
            torn = bool(tail) and number == len(lines)
            try:
                record = json.loads(line)
                if not isinstance(record, dict):
                    raise ValueError("not an object")
                event = from_record(record)
            except ValueError:
                if torn:
                    self._sound_bytes = len(data) - len(tail)
                    return
                self._problems.append(f"{self.path}: line {number} is damaged and passed over")
                continue
            if record.get("prev") != self._head:
                self._problems.append(
                    f"{self.path}: line {number} does not follow the line before it; lines were changed"
                )
            self._head = hashlib.sha256(line).hexdigest()
            if event is not None:
                self._events.append(event)


def _sync_folder(folder: Path) -> None:
    """Makes a new file's name durable too; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""The event log: append-only JSON Lines, each line carrying the sha256 of the one before, on disk before we go on."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

from neuface_engine.errors import ProjectError
from neuface_engine.review import chain
from neuface_engine.review.events import Event, Undo, Verdict
from neuface_engine.review.standing import active_verdicts

_TAIL = 4096


class EventLog:
    """The events of the file `path`, oldest first; it need not exist yet.

    A torn last line (the power went while it was written) is ignored and cut off before the next event is written.
    A damaged line elsewhere is passed over and named in `problems`, as is a line whose chain does not fit.
    Appending reads the last line of the file only; `events` reads what was appended since it was last asked.
    Raises ProjectError where the file cannot be read or written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._entries: list[chain.Entry] = []
        self._problems: list[tuple[int, str]] = []
        self._position = chain.Position()
        self._stamp: tuple[int, int] | None = None
        self._end: tuple[int, str] | None = None
        self._end_size = -1

    @property
    def entries(self) -> tuple[chain.Entry, ...]:
        """Everything that was logged, by this process or another, with its place in the file."""
        with self._lock:
            self._refresh()
            return tuple(self._entries)

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything that was logged, by this process or another."""
        return tuple(entry.event for entry in self.entries)

    @property
    def problems(self) -> tuple[str, ...]:
        """One line for each damaged or foreign line of the file; empty = the log is whole."""
        with self._lock:
            self._refresh()
            return tuple(f"{self.path}: line {number} {words}" for number, words in self._problems)

    def append(self, *events: Event) -> None:
        """Writes events, all or none; when this returns they are on the disk."""
        if not events:
            return
        with self._lock:
            sound, head = self._find_end()
            lines = []
            for event in events:
                line = chain.line_of(event, head)
                head = chain.hash_of(line)
                lines.append(line + b"\n")
            self._write(b"".join(lines), sound)
            self._end_size = self.path.stat().st_size
            self._end = self._end_size, head

    def extend(self, lines: bytes) -> None:
        """Writes whole lines that continue this log elsewhere, as they are. Raises ProjectError where they do not."""
        if not lines:
            return
        with self._lock:
            sound, head = self._find_end()
            if chain.parse(lines.split(b"\n", 1)[0]).get("prev") != head:
                raise ProjectError(f"{self.path}: what should follow it does not; merge again")
            self._write(lines, sound)
            self._end = None

    def undo_last(self, *, reviewer: str, sequence: str | None = None) -> Verdict | None:
        """Takes back the last standing verdict (on `sequence`, by anyone); returns it, or None where none stands."""
        standing = [v for v in active_verdicts(self.events) if sequence in (None, v.sequence)]
        if not standing:
            return None
        self.append(Undo(target=standing[-1].id, reviewer=reviewer))
        return standing[-1]

    def _write(self, data: bytes, sound: int) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            new = not self.path.exists()
            with self.path.open("ab", buffering=0) as file:
                if file.tell() > sound:
                    file.truncate(sound)
                elif sound and not _ends_with_newline(self.path):
                    data = b"\n" + data
                try:
                    _write_all(file.fileno(), data)
                    os.fsync(file.fileno())
                except OSError:
                    # Half a line is no event: what was not acknowledged must not come back.
                    with suppress(OSError):
                        file.truncate(sound)
                    raise
            if new:
                _sync_folder(self.path.parent)
        except OSError as error:
            self._end = None
            raise ProjectError(
                f"{self.path}: cannot be written ({error.strerror or error}); free space or give yourself "
                "permission, then judge again"
            ) from error

    def _find_end(self) -> tuple[int, str]:
        """(bytes up to the end of the last sound line, its hash), from the end of the file."""
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            return 0, chain.START
        except OSError as error:
            raise self._unreadable(error) from error
        if self._end is not None and size == self._end_size:
            return self._end
        try:
            with self.path.open("rb") as file:
                found = _last_sound_line(file, size)
        except OSError as error:
            raise self._unreadable(error) from error
        if found is None:
            # The end is damaged: only the whole file tells.
            self._refresh()
            found = self._position.bytes, self._position.head
        self._end, self._end_size = found, size
        return found

    def _refresh(self) -> None:
        try:
            status = self.path.stat()
            stamp = status.st_size, status.st_mtime_ns
        except FileNotFoundError:
            stamp = 0, 0
        except OSError as error:
            raise self._unreadable(error) from error
        if stamp == self._stamp:
            return
        if self._stamp is not None and stamp[0] == self._stamp[0]:
            self._position = chain.Position()  # other bytes of the same number
            self._entries, self._problems = [], []
        chunk = chain.read(self.path, self._position)
        if isinstance(chunk, chain.Restarted):
            self._entries, self._problems = [], []
        self._entries.extend(chunk.entries)
        self._problems.extend(chunk.problems)
        self._position = chunk.position
        self._stamp = stamp

    def _unreadable(self, error: OSError) -> ProjectError:
        return ProjectError(
            f"{self.path}: cannot be read ({error.strerror or error}); give yourself permission to read it"
        )


def _last_sound_line(file: object, size: int) -> tuple[int, str] | None:
    """(end of the last sound line, its hash); None where the last complete line is damaged."""
    length = _TAIL
    while True:
        start = max(0, size - length)
        file.seek(start)  # type: ignore[attr-defined]
        data: bytes = file.read(size - start)  # type: ignore[attr-defined]
        lines = data.split(b"\n")
        if start == 0 or len(lines) >= 3:
            break
        length *= 8
    tail = lines.pop()
    if tail:
        with suppress(ValueError):
            chain.parse(tail)
            return size, chain.hash_of(tail)
    if not lines:
        return 0, chain.START
    try:
        chain.parse(lines[-1])
    except ValueError:
        return None
    return size - len(tail), chain.hash_of(lines[-1])


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_folder(folder: Path) -> None:
    """Makes a new file's name durable too; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

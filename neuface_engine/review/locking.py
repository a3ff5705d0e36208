"""One process writes a project folder at a time; the system's lock ends with the process, so none is left behind."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neuface_engine.review.events import now

LOCK_FILE = ".lock"

# Windows locks forbid reading the locked bytes: the lock lies far behind what the file says.
_LOCKED_BYTE = 1 << 30

_held: dict[Path, _Held] = {}
_guard = threading.RLock()


@dataclass
class _Held:
    file: Any
    users: int = 1


class ProjectLock:
    """The right to write in `folder`, shared by everything in this process; `release` gives it back.

    taken      whether this process has it
    holder     who has it otherwise, in words ("process 4711 on lab-3 since 12:01"), or why nobody can
    warning    what is not guarded, where the file system knows no locks
    """

    def __init__(self, folder: Path) -> None:
        self._key = folder.resolve()
        self.taken = False
        self.holder = self.warning = ""
        with _guard:
            held = _held.get(self._key)
            if held is not None:
                held.users += 1
                self.taken = True
                return
            path = self._key / LOCK_FILE
            try:
                # Unbuffered: on a full disk nothing must be left over that fails again when it is closed.
                file = path.open("r+b" if path.exists() else "w+b", buffering=0)
            except OSError as error:
                self.holder = f"the folder cannot be written ({error.strerror or error})"
                return
            try:
                _lock(file)
            except BlockingIOError:
                file.close()
                self.holder = f"it is open in {_words(path)}"
                return
            except OSError as error:
                self.warning = (
                    f"{path}: this file system has no locks ({error.strerror or error}); "
                    "open the project in one window at a time"
                )
            _sign(file)
            _held[self._key] = _Held(file)
            self.taken = True

    def release(self) -> None:
        """Gives the lock back; once is enough, twice does no harm."""
        with _guard:
            if not self.taken:
                return
            self.taken = False
            held = _held[self._key]
            held.users -= 1
            if held.users == 0:
                del _held[self._key]
                with suppress(OSError):
                    held.file.truncate(0)
                with suppress(OSError):
                    held.file.close()


def _sign(file: Any) -> None:
    """Says who holds the lock, for those who find it taken."""
    content = {"pid": os.getpid(), "host": socket.gethostname(), "since": now()}
    with suppress(OSError):
        file.seek(0)
        file.truncate(0)
        file.write(json.dumps(content).encode())


def _words(path: Path) -> str:
    try:
        content = json.loads(path.read_bytes())
        return f"process {content['pid']} on {content['host']} since {content['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


if sys.platform == "win32":
    import msvcrt

    def _lock(file: Any) -> None:
        file.seek(_LOCKED_BYTE)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError from error
        finally:
            file.seek(0)

else:
    import fcntl

    def _lock(file: Any) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def _after_fork() -> None:
    """A child shares its parent's lock but is another process: it must ask for one of its own."""
    for held in _held.values():
        held.file.close()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

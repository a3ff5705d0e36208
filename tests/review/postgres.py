"""A real PostgreSQL server for tests: made in a folder of its own, on a socket only, gone afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def server() -> Iterator[str]:
    """The URL of a running server; skips, saying why, where there is none to start."""
    binaries = _binaries()
    user = _user()
    # A socket's path is short, and its folder must be open to the server's user: not below pytest's.
    folder = Path(tempfile.mkdtemp(prefix="nf-pg-"))
    try:
        if user is not None:
            shutil.chown(folder, user, user)
        data = folder / "data"
        _run(user, [binaries / "initdb", "-D", data, "-A", "trust", "-U", "tester", "-N", "-E", "UTF8"])
        options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
        _run(user, [binaries / "pg_ctl", "-D", data, "-l", folder / "log", "-w", "-o", options, "start"])
        try:
            yield f"postgresql://tester@/postgres?host={folder}"
        finally:
            _run(user, [binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path:
    if os.name == "nt":
        pytest.skip("the tests start PostgreSQL on a Unix socket")
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'neuface-studio[postgres]'")
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    places += [Path("/opt/homebrew/opt/postgresql/bin"), Path("/usr/local/opt/postgresql/bin")]
    for place in places:
        if (place / "initdb").exists() and (place / "pg_ctl").exists():
            return place
    pytest.skip("no PostgreSQL server here (Debian: apt-get install postgresql)")


def _user() -> str | None:
    """PostgreSQL refuses to run as root: then another user must be there."""
    if os.geteuid() != 0:
        return None
    import pwd

    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
            return name
        except KeyError:
            continue
    pytest.skip("PostgreSQL does not run as root, and there is no user postgres or nobody")


def _run(user: str | None, command: list[object]) -> None:
    # Its output goes to a file: a server that inherits our pipe would keep it open for ever.
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(
            [str(part) for part in command],
            stdout=said,
            stderr=said,
            stdin=subprocess.DEVNULL,
            timeout=120,
            check=False,
            cwd="/",
            **({} if user is None else {"user": user, "group": user, "extra_groups": []}),
        )
        if done.returncode:
            said.seek(0)
            pytest.skip(f"PostgreSQL does not start: {said.read().decode(errors='replace')[-300:]}")

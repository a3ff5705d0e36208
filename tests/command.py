"""`neuface` for tests: within this process, as importing torch anew costs more than most of them, or as its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from neuface_engine.cli.main import main

COMMAND = [sys.executable, "-m", "neuface_engine"]


@dataclass(frozen=True)
class Done:
    """How a command ended and all that it wrote."""

    returncode: int
    stdout: str
    stderr: str


def neuface(*arguments: object) -> Done:
    """Runs `neuface ARGUMENTS` in this process; also what its libraries write past Python is in the answer."""
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as out,
        tempfile.TemporaryFile("w+", encoding="utf-8") as err,
    ):
        with (
            _redirected(1, out),
            _redirected(2, err),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                code = main(list(map(str, arguments)))
            except SystemExit as wrong:  # argparse
                code = int(wrong.code or 0)
        done = Done(code, *(_all(stream) for stream in (out, err)))
    assert "Traceback" not in done.stderr, done.stderr
    return done


def neuface_process(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """The same as a user runs it: a process with a stdout, a stderr and an exit code."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=500, check=False, **options
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def one_object(done: Done | subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """stdout is exactly one JSON object (and has no NaN, which JSON has not)."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    value = json.loads(done.stdout, parse_constant=refuse)
    assert isinstance(value, dict)
    return value


@contextlib.contextmanager
def _redirected(descriptor: int, stream: IO[str]) -> Iterator[None]:
    before = os.dup(descriptor)
    os.dup2(stream.fileno(), descriptor)
    try:
        yield
    finally:
        stream.flush()
        os.dup2(before, descriptor)
        os.close(before)


def _all(stream: IO[str]) -> str:
    stream.seek(0)
    return stream.read()

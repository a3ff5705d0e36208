"""Parses the command line, runs one command, and turns what happens into an exit code.

0 done; 1 a fault of ours; 2 wrong input (one line, no traceback); 130 interrupted, what was finished is kept.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from neuface_engine.cli import assets, compare, export, footage, importing, metrics, render, review, track
from neuface_engine.cli.output import Output
from neuface_engine.errors import NeuFaceError

DONE, FAULT, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130
_COMMANDS = (track, compare, metrics, render, export, importing, footage, review, assets)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `neuface ARGUMENTS` (default: sys.argv) and returns the exit code.

    Raises SystemExit where the arguments cannot be parsed, or ask for help.
    """
    try:
        options = _parser().parse_args(arguments)
    except _WrongUsage as wrong:
        output = Output(json_wanted="--json" in (sys.argv[1:] if arguments is None else arguments))
        output.error(str(wrong))
        output.result({"error": str(wrong)})
        output.flush()
        raise SystemExit(WRONG_INPUT) from None
    output = Output(json_wanted=getattr(options, "json", False))
    try:
        # A library that prints must not get between the JSON object and its reader.
        with contextlib.redirect_stdout(sys.stderr):
            code: int = options.run(options, output)
    except NeuFaceError as error:
        output.error(str(error))
        output.result({"error": str(error)})
        code = WRONG_INPUT
    except KeyboardInterrupt:
        output.error("interrupted")
        output.result({"error": "interrupted", "interrupted": True})
        code = INTERRUPTED
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        output.error(
            f"a fault of this program ({type(error).__name__}); please report it with the lines above"
        )
        output.result({"error": f"internal: {type(error).__name__}: {error}"})
        code = FAULT
    try:
        output.flush()
    except BrokenPipeError:
        # The reader has gone (`neuface ... | head`); keep the interpreter from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


class _WrongUsage(Exception):  # noqa: N818
    pass


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with the arguments, as every other error is said."""

    def error(self, message: str) -> NoReturn:
        raise _WrongUsage(f"{message}; `{self.prog} --help` shows what may be given")


def _parser() -> argparse.ArgumentParser:
    from neuface_engine import __version__

    parser = _Parser(
        prog="neuface",
        description="3D face meshes from multi-view or single-view video by the NeuFace optimisation.",
        epilog="Exit code: 0 done, 1 a fault of the program, 2 wrong input, 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"neuface {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in _COMMANDS:
        module.add_to(commands)
    return parser

"""Ctrl-C while a program is still being imported: one line and exit code 130, no traceback."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import signal, sys
from importlib.abc import MetaPathFinder

class CtrlC(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, CtrlC())
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv = [{program!r}]
from {entry} import main
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("program", "entry", "module"),
    [
        ("neuface", "neuface_engine.cli", "neuface_engine.cli.track"),
        ("neuface-studio", "neuface_studio.app", "cv2"),
    ],
)
def test_ctrl_c_during_the_imports_is_one_line(program: str, entry: str, module: str) -> None:
    code = PROGRAM.format(program=program, entry=entry, module=module)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (130, f"{program}: interrupted\n")

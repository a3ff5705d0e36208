"""A display for each process of tests: windows on one would take the keyboard from one another."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def open_own_display() -> None:
    """Starts Xvfb for a worker of pytest-xdist and names it in the environment; elsewhere the display stays.

    The server chooses a free number itself and ends with this process, however that ends.
    """
    if sys.platform != "linux" or "PYTEST_XDIST_WORKER" not in os.environ or not shutil.which("Xvfb"):
        return
    prctl = ctypes.CDLL(None).prctl
    read_end, write_end = os.pipe()
    subprocess.Popen(
        f"Xvfb -displayfd {write_end} -screen 0 1920x1200x24 +extension GLX -nolisten tcp".split(),
        pass_fds=(write_end,),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGTERM),
    )
    os.close(write_end)
    with os.fdopen(read_end) as said:
        number = said.readline().strip()
    if number:
        os.environ |= {"DISPLAY": f":{number}", "QT_QPA_PLATFORM": "xcb"}
        os.environ.pop("WAYLAND_DISPLAY", None)
        os.environ.pop("XAUTHORITY", None)

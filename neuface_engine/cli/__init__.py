"""The command line: `neuface track | compare | metrics | render | assets`. One module a command."""

from __future__ import annotations

import sys

try:
    from neuface_engine.cli.main import main
except (
    KeyboardInterrupt
):  # Ctrl-C before the command has begun ends as it does later: one line, exit code 130
    print("neuface: interrupted", file=sys.stderr)
    raise SystemExit(130) from None

__all__ = ["main"]

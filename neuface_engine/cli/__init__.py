"""The command line: `neuface track | compare | metrics | render | assets`. One module a command."""

from __future__ import annotations

from neuface_engine.cli.main import main

__all__ = ["main"]

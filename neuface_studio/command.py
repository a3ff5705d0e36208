"""What a command of the window is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One command: ``menu`` groups it, ``keys`` are portable key names, ``tip`` is one plain sentence."""

    id: str
    label: str
    menu: str
    keys: tuple[str, ...] = ()
    tip: str = ""
    checkable: bool = False
    repeats: bool = False
    starts_group: bool = False
    needs: str = ""  # "", "sequence" or "track": what must be open for the command to make sense

"""What a command of the window is."""

from __future__ import annotations

from dataclasses import dataclass

MISSING = {
    "sequence": "Open footage first.",
    "track": "There is no result yet: run at least one iteration first.",
}


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

    @property
    def why_not(self) -> str:
        """What to do first where the command cannot be done."""
        return MISSING.get(self.needs, "")

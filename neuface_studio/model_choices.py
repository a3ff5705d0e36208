"""Which encoders and heads new footage can be opened with: those embedded, and those found in the assets' folder."""

from __future__ import annotations

from neuface_engine.errors import NeuFaceError

OPEN = ("open (embedded)", "open")


def encoders() -> list[tuple[str, str]]:
    """(what it is called, its name) of every encoder that can be used."""
    return _usable("encoder")


def heads() -> list[tuple[str, str]]:
    """(what it is called, its name) of every face model that can be used."""
    return _usable("head")


def _usable(kind: str) -> list[tuple[str, str]]:
    from neuface_engine.assets import survey

    try:
        found = [state for state in survey() if state.usable and state.asset.kind == kind]
    except NeuFaceError:
        found = []
    return [OPEN, *((state.asset.title, state.asset.name) for state in found)]

"""Under which settings, and with which footage, a run went on from when."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from neuface_engine.optimization.config import NeuFaceConfig

if TYPE_CHECKING:
    from neuface_engine.video import Sequence

T = TypeVar("T")
Sequences = tuple[tuple[int, "Sequence"], ...]
"""Pairs (iteration, sequence): from that iteration on the run went on with that footage, repaired by hand."""
Settings = tuple[tuple[int, NeuFaceConfig], ...]
"""Pairs (iteration, config): from that iteration on the run went on under that config. The first is iteration 0."""


def in_force(pairs: tuple[tuple[int, T], ...], iteration: int) -> T:
    """The config (or sequence) under which the run went on from `iteration`."""
    return next(value for start, value in reversed(pairs) if start <= iteration)

"""When to stop before the iteration limit."""

from __future__ import annotations

import torch

from neuface_engine.optimization.history import History

WINDOW = 10
"""Iterations over which changes are measured: single ones are noisy, visibility is set anew every ten."""


def has_converged(history: History, tolerance: float) -> bool:
    """Whether over the last `WINDOW` iterations neither loss nor parameters changed by `tolerance` or more.

    Loss: its range over those iterations, relative to its mean. Parameters: 2-norm of the change from the first to
    the last of them, relative to the 2-norm, the largest over shape, expression, pose and camera. 0 never stops.
    """
    newest = len(history) - 1
    if tolerance <= 0 or newest < WINDOW:
        return False
    totals = [history.iteration(t).losses.total for t in range(newest - WINDOW, newest + 1)]
    if max(totals) - min(totals) >= tolerance * abs(sum(totals) / len(totals)):
        return False
    before, after = history.parameters(newest - WINDOW), history.parameters(newest)
    return all(
        float(torch.linalg.vector_norm(b - a))
        < tolerance * float(torch.linalg.vector_norm(b).clamp_min(1e-6))
        for (_, a), (_, b) in zip(before.items(), after.items(), strict=True)
    )

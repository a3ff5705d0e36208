"""A run of the engine as the worker holds it, and its iterations as the window keeps them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from neuface_studio.model import IterationRecord


@dataclass(frozen=True)
class HeldRun:
    """One of the runs on this footage, and the weights of its loss terms."""

    name: str
    run: Any
    weights: dict[str, float]

    @classmethod
    def of(cls, name: str, run: Any) -> HeldRun:
        return cls(name, run, weights_of(run))

    @property
    def awake(self) -> bool:
        """Whether it can go on as it is; else it lies in its file."""
        return hasattr(self.run, "step")

    @property
    def last(self) -> int:
        """Index of the newest iteration."""
        return len(self.run.history) - 1

    def records(self) -> tuple[IterationRecord, ...]:
        """The whole history."""
        return tuple(self.record(self.run.history.iteration(index)) for index in self.run.history.indices)

    def newest(self) -> IterationRecord:
        return self.record(self.run.history.iteration(self.last))

    def record(self, iteration: Any) -> IterationRecord:
        """An iteration of the engine as the window keeps it."""
        losses = {"total": float(iteration.losses.total)}
        losses |= {
            name: weight * float(getattr(iteration.losses, name)) for name, weight in self.weights.items()
        }
        return IterationRecord(
            index=int(iteration.index),
            parameters=iteration.parameters,
            losses=losses,
            cvd_mm=np.asarray(iteration.cvd_mm_per_view, dtype=np.float64),
            msi=np.asarray(iteration.msi_landmark_per_view, dtype=np.float64),
            nme_percent=np.asarray(iteration.nme_percent_per_view, dtype=np.float64),
            seconds=float(iteration.seconds),
            run=self.name,
            settings=settings_at(self.run, int(iteration.index)),
        )


def weights_of(run: Any) -> dict[str, float]:
    """Weight of each loss term of a run, by its name; those without effect are left out."""
    suffix = "_weight"
    weights = {
        name.removesuffix(suffix): value for name, value in vars(run.config).items() if name.endswith(suffix)
    }
    known = {entry.name for entry in fields(run.initial.losses)}
    return {name: value for name, value in weights.items() if value and name in known}


def settings_at(run: Any, index: int) -> Any:
    """The settings under which the losses of an iteration are meant."""
    from neuface_engine.optimization.settings import in_force

    return in_force(run.settings, index)

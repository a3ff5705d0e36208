"""What happened, iteration by iteration: parameters and numbers only; meshes are decoded again when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from neuface_engine.face_model import FaceParameters
from neuface_engine.optimization.losses import Losses


@dataclass(frozen=True)
class Iteration:
    """State t of a run: t = 0 is the pre-trained encoder, t >= 1 follows t steps of Adam.

    parameters [F, V, ...] on the CPU; losses at these parameters; seconds of this EM iteration;
    per view [V]: cvd_mm (NaN with one view), msi_landmark, nme_percent (see neuface_engine.metrics);
    vertex_gradient |dL/dM| [F, V, N] per metre, only while `run.watch_vertex_gradient` is set.
    """

    index: int
    parameters: FaceParameters
    losses: Losses
    seconds: float
    cvd_mm_per_view: NDArray[np.float64]
    msi_landmark_per_view: NDArray[np.float64]
    nme_percent_per_view: NDArray[np.float64]
    vertex_gradient: Tensor | None = None


class History:
    """The iterations of a run by index (`history[t]`), or one by one. Threads may read it while the run appends."""

    def __init__(self, iterations: list[Iteration] | None = None) -> None:
        self._iterations: list[Iteration] = list(iterations or [])
        self._lock = Lock()

    def append(self, iteration: Iteration) -> None:
        """Keep everything but the gradient map, which is as large as the meshes (`Run.vertex_gradient`)."""
        with self._lock:
            self._iterations.append(replace(iteration, vertex_gradient=None))

    def pop(self) -> Iteration:
        """Take the newest iteration off again."""
        with self._lock:
            return self._iterations.pop()

    def __len__(self) -> int:
        return len(self._iterations)

    @property
    def indices(self) -> range:
        return range(len(self._iterations))

    def __getitem__(self, index: int) -> Iteration:
        return self.iteration(index)

    def __iter__(self) -> Iterator[Iteration]:
        with self._lock:
            return iter(list(self._iterations))

    def iteration(self, index: int) -> Iteration:
        with self._lock:
            return self._iterations[index]

    def parameters(self, index: int) -> FaceParameters:
        return self.iteration(index).parameters

    def nbytes(self) -> int:
        """Memory held by the parameters, bytes."""
        with self._lock:
            iterations = list(self._iterations)
        return sum(t.numel() * t.element_size() for it in iterations for _, t in it.parameters.items())

"""Copies of a run's state along its way, in bounded memory, from which it can be taken up again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

INTERVAL = 10
"""Iterations between two snapshots, as long as memory allows."""
MEMORY_BYTES = 256_000_000


@dataclass(frozen=True)
class Snapshot:
    """State after iteration `index`; tensors are on the CPU.

    visibility_index: iteration whose meshes gave the visibility in use; variables: by name; optimizer: Adam's state
    as "name/key".
    """

    index: int
    visibility_index: int
    variables: Mapping[str, Tensor]
    optimizer: Mapping[str, Tensor]

    def nbytes(self) -> int:
        tensors = (*self.variables.values(), *self.optimizer.values())
        return sum(t.numel() * t.element_size() for t in tensors)


class Snapshots:
    """Every `interval`-th state within `memory` bytes; where they get too many the interval doubles.

    Iteration 0 needs none: the encoder as given.
    """

    def __init__(self, *, interval: int = INTERVAL, memory: int = MEMORY_BYTES) -> None:
        self.interval, self.memory = interval, memory
        self._kept: dict[int, Snapshot] = {}

    @property
    def indices(self) -> list[int]:
        return sorted(self._kept)

    def wants(self, index: int) -> bool:
        return index > 0 and index % self.interval == 0

    def add(self, snapshot: Snapshot) -> None:
        self._kept[snapshot.index] = snapshot
        while self._kept and self.nbytes() > self.memory:
            self.interval *= 2
            self._kept = {i: s for i, s in self._kept.items() if i % self.interval == 0}

    def nearest(self, index: int) -> Snapshot | None:
        """The newest at or before `index`; None: start from iteration 0."""
        earlier = [i for i in self._kept if i <= index]
        return self._kept[max(earlier)] if earlier else None

    def until(self, index: int) -> Snapshots:
        """Those at or before `index`, shared."""
        part = Snapshots(interval=self.interval, memory=self.memory)
        part._kept = {i: s for i, s in self._kept.items() if i <= index}
        return part

    def nbytes(self) -> int:
        return sum(s.nbytes() for s in self._kept.values())


def optimizer_state(optimizer: torch.optim.Optimizer, names: list[str]) -> dict[str, Tensor]:
    """Adam's moments and step counts as CPU copies, "name/key"."""
    state = optimizer.state_dict()["state"]
    return {
        f"{names[number]}/{key}": torch.as_tensor(value).detach().cpu().clone()
        for number, entries in state.items()
        for key, value in entries.items()
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer, variables: Mapping[str, Tensor], saved: Mapping[str, Tensor]
) -> None:
    """Undo `optimizer_state`; the moments get the memory layout of their variables, on which the last bit depends."""
    names = list(variables)
    state: dict[int, dict[str, Tensor]] = {}
    for path, tensor in saved.items():
        name, key = path.rsplit("/", 1)
        like = variables[name]
        laid_out = (
            torch.empty_like(like.detach()).copy_(tensor) if tensor.shape == like.shape else tensor.clone()
        )
        state.setdefault(names.index(name), {})[key] = laid_out
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})

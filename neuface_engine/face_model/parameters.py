"""FaceParameters: what an encoder says of one face, Theta and p of the paper."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from neuface_engine.arguments import expect

_WIDTHS = {"pose": 6, "camera": 3, "eyes": 6, "eyelids": 2}


@dataclass(frozen=True)
class FaceParameters:
    """A batch of faces; every tensor shares the leading dimensions (`batch_shape`), e.g. [frame, view].

    shape       [..., n_shape]       identity, beta; 1 = one standard deviation
    expression  [..., n_expression]  psi
    pose        [..., 6]             head axis-angle r, jaw axis-angle theta, radians
    camera      [..., 3]             weak perspective s, tx, ty of `project`
    The optional ones come from encoders that predict them: eyes [..., 6], eyelids [..., 2],
    texture [..., n], light [..., 27]. Raises ValueError and TypeError where a tensor is of another shape, or none.
    """

    shape: Tensor
    expression: Tensor
    pose: Tensor
    camera: Tensor
    eyes: Tensor | None = None
    eyelids: Tensor | None = None
    texture: Tensor | None = None
    light: Tensor | None = None

    def __post_init__(self) -> None:
        for name, tensor in self.items():
            expect(tensor, Tensor, name, "a torch tensor")
            width = _WIDTHS.get(name)
            if tensor.shape[:-1] != self.shape.shape[:-1] or width not in (None, tensor.shape[-1]):
                raise ValueError(
                    f"{name} is {list(tensor.shape)}; expected {[*self.shape.shape[:-1], width or 'n']}"
                )

    @classmethod
    def neutral(
        cls, *batch: int, n_shape: int = 100, n_expression: int = 50, scale: float = 8.0
    ) -> FaceParameters:
        """The mean face, looking into a camera of the given scale."""
        camera = torch.tensor([scale, 0.0, 0.0]).expand(*batch, 3).clone()
        zeros = torch.zeros
        return cls(zeros(*batch, n_shape), zeros(*batch, n_expression), zeros(*batch, 6), camera)

    @classmethod
    def cat(cls, parts: list[FaceParameters]) -> FaceParameters:
        """Join along the first dimension."""
        return cls(**{name: torch.cat([getattr(p, name) for p in parts]) for name, _ in parts[0].items()})

    @property
    def batch_shape(self) -> torch.Size:
        return self.shape.shape[:-1]

    @property
    def head_rotation(self) -> Tensor:
        """r, axis-angle [..., 3]."""
        return self.pose[..., :3]

    @property
    def jaw(self) -> Tensor:
        """theta, axis-angle [..., 3]."""
        return self.pose[..., 3:]

    def items(self) -> Iterator[tuple[str, Tensor]]:
        """The tensors that are present, by name."""
        for field in fields(self):
            tensor = getattr(self, field.name)
            if tensor is not None:
                yield field.name, tensor

    def map(self, function: Callable[[Tensor], Tensor]) -> FaceParameters:
        return FaceParameters(**{name: function(tensor) for name, tensor in self.items()})

    def replace(self, **changes: Tensor) -> FaceParameters:
        return FaceParameters(**{**dict(self.items()), **changes})

    def detach(self) -> FaceParameters:
        return self.map(Tensor.detach)

    def cpu(self) -> FaceParameters:
        return self.map(Tensor.cpu)

    def clone(self) -> FaceParameters:
        return self.map(Tensor.clone)

    def to(self, *args: Any, **kwargs: Any) -> FaceParameters:
        return self.map(lambda tensor: tensor.to(*args, **kwargs))

    def flatten(self) -> FaceParameters:
        """[F, V, n] -> [F*V, n]."""
        return self.map(lambda tensor: tensor.flatten(0, -2))

    def unflatten(self, *batch: int) -> FaceParameters:
        """[F*V, n] -> [F, V, n]."""
        return self.map(lambda tensor: tensor.unflatten(0, batch))

    def __getitem__(self, index: Any) -> FaceParameters:
        return self.map(lambda tensor: tensor[index])

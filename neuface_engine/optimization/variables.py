"""What an optimisation may move, and how the face parameters follow from it."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from neuface_engine.face_model import FaceParameters


class Variables(ABC):
    """The free variables of a run: the encoder's weights (NeuFace) or the parameters themselves (FLAME fitting).

    warnings: one line for each thing that had to be done otherwise, e.g. smaller batches for want of memory.
    """

    warnings: list[str]

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """What Adam moves, by name, in a fixed order."""

    @abstractmethod
    def query(self) -> FaceParameters:
        """Theta, p of every crop under the present variables: [F, V, ...]."""

    @abstractmethod
    def backward(self, gradients: dict[str, Tensor]) -> None:
        """Sets the variables' `.grad` from dL/dTheta [F, V, ...], given by the names of FaceParameters."""

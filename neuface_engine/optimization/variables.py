"""What an optimisation may move, and how the face parameters follow from it."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from neuface_engine.face_model import FaceParameters

UNITS = {"shape": 1.0, "expression": 1.0, "rotation": 0.2, "jaw": 0.1, "scale": 1.0, "shift": 0.02}
"""One unit of each variable: standard deviations, activations, radians, 1/m, m. A step of Adam moves each alike."""


def in_units(parameters: FaceParameters) -> dict[str, Tensor]:
    """The groups of `UNITS`, each divided by its unit."""
    groups = {
        "shape": parameters.shape,
        "expression": parameters.expression,
        "rotation": parameters.head_rotation,
        "jaw": parameters.jaw,
        "scale": parameters.camera[..., :1],
        "shift": parameters.camera[..., 1:],
    }
    return {name: value / UNITS[name] for name, value in groups.items()}


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

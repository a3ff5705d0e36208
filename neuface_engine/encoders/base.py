"""Phi_w of the paper: a network from face crops to FaceParameters whose weights NeuFace re-optimises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

from torch import Tensor, nn

from neuface_engine.errors import AssetError
from neuface_engine.face_model import FaceModel, FaceParameters
from neuface_engine.weights import weights_fingerprint

Trainable = Literal["all", "top"]
CropSide = Literal["larger", "mean"]


class Encoder(nn.Module, ABC):
    """[Theta, p] = Phi_w(I).

    The network is cut in two: ``forward(crops) == decode(features(crops))``. Under ``trainable="top"`` the part
    before the cut is frozen, so its features can be computed once for a whole optimisation.
    """

    name: str
    input_size: int
    """Side of the crops [px]."""
    crop_scale: float
    """Side of a crop in units of the box of the 68 landmarks."""
    crop_side: ClassVar[CropSide] = "larger"
    """Which length of that box: its larger side, or the mean of width and height."""
    head_fingerprint: str | None = None
    """Fingerprint of the face model whose coefficients this encoder predicts; None = any of FLAME's layout."""

    def check_head(self, head: FaceModel) -> None:
        """Raises AssetError where `head` is not the one whose coefficients this encoder predicts."""
        if self.head_fingerprint not in (None, head.fingerprint):
            raise AssetError(
                f"encoder {self.name!r} was trained on another head than {head.name!r}; give the head of its release"
            )

    def forward(self, crops: Tensor) -> FaceParameters:
        """Crops ``[B, 3, S, S]`` in 0..1 -> FaceParameters of batch ``[B]``."""
        return self.decode(self.features(crops))

    @abstractmethod
    def features(self, crops: Tensor) -> tuple[Tensor, ...]:
        """What ``decode`` needs of crops ``[B, 3, S, S]``; each tensor's first dimension is the batch."""

    @abstractmethod
    def decode(self, features: tuple[Tensor, ...]) -> FaceParameters:
        """Parameters of batch ``[B]`` from features of batch ``[B]``."""

    @abstractmethod
    def trainable_parameters(self, trainable: Trainable) -> list[nn.Parameter]:
        """The weights w to optimise: of the whole network, or of ``decode`` alone."""

    @property
    def fingerprint(self) -> str:
        """sha256 over all weights as they are now."""
        return weights_fingerprint(self)

"""Phi_w of the paper: a network from face crops to FaceParameters whose weights NeuFace re-optimises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn

from neuface_engine.arguments import expect
from neuface_engine.encoders.identity import IdentityModel
from neuface_engine.errors import AssetError, ConfigError
from neuface_engine.face_model import FaceModel, FaceParameters
from neuface_engine.weights import weights_fingerprint

Trainable = Literal["all", "top"]
CropSide = Literal["larger", "mean"]
CropPoints = Literal["ibug68", "mediapipe"]
TEMPLATE_TOLERANCE_M = 1e-5
"""By so much may a mean face differ in another file of the same release (rounding)."""


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
    crop_side: CropSide = "larger"
    """Which length of that box: its larger side, or the mean of width and height."""
    crop_points: CropPoints = "ibug68"
    """Which landmarks that box is drawn around."""
    landmark_set: str = "ibug68"
    """What the network was trained to match."""
    n_shape: int = 100
    n_expression: int = 50
    """Coefficients predicted: beta and psi."""
    flame_version: str | None = None
    """Release of FLAME whose coefficients are predicted (`face_model.releases`); None = not FLAME's."""
    learning_rate: float = 2e-4
    """Of Adam on its weights, where a run is not told another one: what a network of its size bears."""
    temporal_context: int = 0
    """How many frames before and after one the network looks at; see `decode`."""
    groups: tuple[str, ...] = ("encoder",)
    """Parts of the network whose weights can be held or moved on their own."""
    moving: tuple[str, ...] | None = None
    """Those that an optimisation moves; None = all."""
    head_fingerprint: str | None = None
    """Fingerprint of the face model whose coefficients this encoder predicts; None = any of its release."""
    identity: IdentityModel | None = None
    """What `identity_maps` tell of a person's beta, where that is known."""
    head_template: Tensor | None = None
    """Mean face [V, 3] of the face model it was trained with, where its checkpoint holds it; metres."""

    def check_head(self, head: FaceModel) -> None:
        """Raises AssetError where `head` is not the one whose coefficients this encoder predicts."""
        if self.head_fingerprint not in (None, head.fingerprint):
            raise AssetError(
                f"encoder {self.name!r} was trained on another head than {head.name!r}; give the head of its release"
            )

    @property
    def crop_options(self) -> dict[str, Any]:
        """The arguments of `load_sequence` that cut the footage as this network wants it."""
        return {
            "crop_size": self.input_size,
            "crop_scale": self.crop_scale,
            "crop_side": self.crop_side,
            "crop_points": self.crop_points,
        }

    def fitted_head(self, head: FaceModel) -> FaceModel:
        """`head` with as many components as this encoder predicts. Raises AssetError where it is not the right one."""
        self.check_head(head)
        return head.sized(self.n_shape, self.n_expression)

    def head_notes(self, head: FaceModel) -> list[str]:
        """What cannot be known or done with this head, a line each."""
        return list(head.arrays.notes)

    def move(self, groups: Sequence[str] | None) -> Self:
        """Lets an optimisation move these parts alone (`groups`); None = all. Raises ConfigError for unknown ones."""
        if groups is not None:
            unknown = [name for name in groups if name not in self.groups]
            if unknown or not groups:
                raise ConfigError(
                    f"encoder {self.name!r} has no part {(unknown or ['nothing'])[0]!r}; "
                    f"give {' or '.join(self.groups)}"
                )
        self.moving = None if groups is None else tuple(groups)
        return self

    @classmethod
    def check_file(cls, path: Path) -> str:
        """What a checkpoint is, in words, found out without reading its weights. Raises AssetError."""
        raise AssetError(f"{path}: encoder {cls.name!r} takes no checkpoint")

    def forward(self, crops: Tensor) -> FaceParameters:
        """Crops ``[B, 3, S, S]`` in 0..1 -> FaceParameters of batch ``[B]``, shortened as `decode` says.

        Raises ValueError for crops of another shape, or in 0..255.
        """
        expect(crops, Tensor, "crops", "a torch tensor")
        if crops.dim() != 4 or crops.shape[1] != 3 or not crops.is_floating_point():
            raise ValueError(
                f"crops are {str(crops.dtype).removeprefix('torch.')} {list(crops.shape)}; "
                "give floats [B, 3, S, S] in 0..1, as sequence.crop_batch() does"
            )
        return self.decode(self.features(crops))

    @abstractmethod
    def features(self, crops: Tensor) -> tuple[Tensor, ...]:
        """What ``decode`` needs of crops ``[B, 3, S, S]``; each tensor's first dimension is the batch."""

    @abstractmethod
    def decode(self, features: tuple[Tensor, ...]) -> FaceParameters:
        """Parameters of batch ``[B]`` from features of batch ``[B]``.

        With a temporal context c the batch is consecutive frames of one view, of which the first c and the last c
        serve as context alone: B frames in, B - 2 c out. At the ends of a clip the caller repeats its last frame.
        """

    def identity_maps(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """What `identity` looks at, of crops ``[B, 3, S, S]``: maps ``[B, D]`` and the head's rotation ``[B, 3]``.

        Raises NotImplementedError for an encoder without `identity`.
        """
        raise NotImplementedError(f"encoder {self.name!r} has no model of identity")

    @abstractmethod
    def trainable_parameters(self, trainable: Trainable) -> list[nn.Parameter]:
        """The weights w to optimise, of the parts in `moving`: of the whole network, or of ``decode`` alone."""

    @property
    def fingerprint(self) -> str:
        """sha256 over all weights as they are now."""
        return weights_fingerprint(self)


class FlameEncoder(Encoder):
    """An encoder of FLAME 2020's coefficients. The weights of BatchNorm are frozen, as in NeuFace's released code."""

    flame_version: str | None = "2020"
    learning_rate = 2e-5  # NeuFace's released code moves DECA by this
    input_size = 224
    crop_side: CropSide = "mean"

    def check_head(self, head: FaceModel) -> None:
        if head.name == "open":
            raise AssetError(
                f"encoder {self.name!r} predicts coefficients of FLAME {self.flame_version}, not of the open head; "
                "give FLAME's generic_model.pkl with --head"
            )
        super().check_head(head)
        release = head.release
        if release is not None and release.name not in (None, self.flame_version):
            remedy = (
                ""
                if release.certain
                else f", or say --head-release {self.flame_version} if that name is wrong"
            )
            raise AssetError(
                f"encoder {self.name!r} predicts coefficients of FLAME {self.flame_version} and {head.name!r} is FLAME "
                f"{release.name} ({release.how}): their bases mean other faces; give FLAME {self.flame_version}{remedy}"
            )
        if self.head_template is None:
            return
        template = torch.from_numpy(head.arrays.v_template)
        apart = (
            float((template - self.head_template).abs().max())
            if template.shape == self.head_template.shape
            else float("inf")
        )
        if apart > TEMPLATE_TOLERANCE_M:
            raise AssetError(
                f"encoder {self.name!r} was trained with another head than {head.name!r} (the mean face in its "
                f"checkpoint is {1000 * apart:.2g} mm away); give the generic_model.pkl of FLAME {self.flame_version}"
            )

    def head_notes(self, head: FaceModel) -> list[str]:
        notes = super().head_notes(head)
        if head.release is not None and head.release.gender != "generic":
            notes.append(
                f"{head.name}: FLAME's {head.release.gender} model; encoder {self.name!r} was trained with the generic "
                "one, whose coefficients mean another face here"
            )
        if (head.release is None or head.release.name is None) and self.head_template is None:
            notes.append(
                f"{head.name}: release of FLAME unknown; encoder {self.name!r} needs {self.flame_version} "
                f"(say --head-release {self.flame_version})"
            )
        return notes

    def trainable_parameters(self, trainable: Trainable) -> list[nn.Parameter]:
        moved = [m for name in self.moving or self.groups for m in self.group_modules(name, trainable)]
        frozen = {id(p) for m in self.modules() if isinstance(m, NORMS) for p in m.parameters()}
        unique = {id(p): p for module in moved for p in module.parameters() if id(p) not in frozen}
        return list(unique.values())

    @abstractmethod
    def group_modules(self, group: str, trainable: Trainable) -> list[nn.Module]:
        """The networks of one part: whole, or what of them belongs to ``decode``."""

    def _freeze_norms(self) -> None:
        for module in self.modules():
            if isinstance(module, NORMS):
                module.requires_grad_(False)


NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)

"""SMIRK's encoder (Retsinas et al. 2024): three small networks for pose, identity and expression of FLAME 2020."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from neuface_engine.encoders.base import CropPoints, FlameEncoder, Trainable
from neuface_engine.encoders.checkpoints import check_weights, part_of, read_checkpoint, strict_load, unfilled
from neuface_engine.encoders.deca import needs_checkpoint
from neuface_engine.encoders.mobilenet import (
    LARGE_FEATURES,
    LARGE_MINIMAL,
    SMALL_FEATURES,
    SMALL_MINIMAL,
    MinimalV3,
)
from neuface_engine.face_model import FaceModel, FaceParameters

PART = "smirk_encoder"
"""Its place in SMIRK_em1.pt, beside the generator."""
EXPRESSION = 50
JAW_SIDEWAYS = 0.2
"""Limit of the jaw's second and third angle [rad]; the first, which opens it, is not negative."""


class _Network(nn.Module):
    """A backbone and one linear layer, which has a name of its own in each of the three."""

    def __init__(self, layer: str, backbone: MinimalV3, inputs: int, outputs: int) -> None:
        super().__init__()
        self.encoder = backbone
        self.layer = layer
        self.add_module(layer, nn.Sequential(nn.Linear(inputs, outputs)))

    def decode(self, features: Tensor) -> Tensor:
        return torch.as_tensor(self.get_submodule(self.layer)(self.encoder.top(features)))


class SmirkEncoder(FlameEncoder):
    """Crop -> FaceParameters with 300 shape components and eyelids, under the weight names of SMIRK.

    trainable="top": of each network the layers of its smallest maps and the linear one. Crops: 1.4 times the mean of
    width and height of MediaPipe's landmarks.
    """

    name = "smirk"
    crop_scale = 1.4
    crop_points: CropPoints = "mediapipe"
    landmark_set: str = "mediapipe"
    n_shape = 300
    groups: tuple[str, ...] = ("pose", "shape", "expression")

    def __init__(self) -> None:
        super().__init__()
        small, large = (SMALL_MINIMAL, SMALL_FEATURES), (LARGE_MINIMAL, LARGE_FEATURES)
        self.pose_encoder = _Network("pose_cam_layers", MinimalV3(*small), SMALL_FEATURES, 6)
        self.shape_encoder = _Network("shape_layers", MinimalV3(*large), LARGE_FEATURES, self.n_shape)
        self.expression_encoder = _Network(
            "expression_layers", MinimalV3(*large), LARGE_FEATURES, EXPRESSION + 2 + 3
        )
        self._freeze_norms()
        self.eval()

    @classmethod
    def load(cls, checkpoint: Path | str | None) -> SmirkEncoder:
        """The weights in SMIRK_em1.pt.

        Raises ConfigError where no file is given and AssetError where it is missing, unreadable or of another layout.
        """
        if checkpoint is None:
            needs_checkpoint("smirk", "SMIRK_em1.pt", "SMIRK's repository")
        path = Path(checkpoint)
        encoder = unfilled(cls)
        strict_load(encoder, _weights(path), path, part=PART, remedy="give SMIRK_em1.pt")
        return encoder.eval()

    @classmethod
    def check_file(cls, path: Path) -> str:
        encoder = unfilled(cls)
        check_weights(encoder, _weights(path, shapes_only=True), path, part=PART, remedy="give SMIRK_em1.pt")
        return "SMIRK's encoder, 300 + 50 components and eyelids"

    def features(self, crops: Tensor) -> tuple[Tensor, ...]:
        return tuple(
            network.encoder.trunk(crops)
            for network in (self.pose_encoder, self.shape_encoder, self.expression_encoder)
        )

    def decode(self, features: tuple[Tensor, ...]) -> FaceParameters:
        pose = self.pose_encoder.decode(features[0])
        code = self.expression_encoder.decode(features[2])
        expression, lids, jaw = code.split([EXPRESSION, 2, 3], dim=1)
        sideways = jaw[:, 1:].clamp(-JAW_SIDEWAYS, JAW_SIDEWAYS)
        return FaceParameters(
            shape=self.shape_encoder.decode(features[1]),
            expression=expression,
            pose=torch.cat([pose[:, :3], jaw[:, :1].relu(), sideways], dim=1),
            camera=pose[:, 3:],
            eyelids=lids.clamp(0, 1),
        )

    def group_modules(self, group: str, trainable: Trainable) -> list[nn.Module]:
        network = getattr(self, f"{group}_encoder")
        if trainable == "all":
            return [network]
        return [*network.encoder.smallest, network.get_submodule(network.layer)]

    def head_notes(self, head: FaceModel) -> list[str]:
        notes = super().head_notes(head)
        if not head.has_eyelids:
            notes.append(
                f"{head.name}: has no eyelid shapes, so the lids of encoder 'smirk' stay as they are; put l_eyelid.npy "
                "and r_eyelid.npy beside it or give their folder with --eyelids"
            )
        return notes


def _weights(path: Path, *, shapes_only: bool = False) -> Any:
    remedy = "obtain SMIRK_em1.pt again as SMIRK's README says"
    content = read_checkpoint(path, remedy=remedy, shapes_only=shapes_only)
    is_part = any(name.startswith("pose_encoder.") for name in content)
    return content if is_part else part_of(content, PART)

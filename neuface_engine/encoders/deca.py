"""DECA's coarse encoder (Feng et al. 2021): ResNet-50 and two layers to 236 coefficients of FLAME 2020."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from neuface_engine.encoders.base import FlameEncoder, Trainable
from neuface_engine.encoders.checkpoints import check_weights, part_of, read_checkpoint, strict_load, unfilled
from neuface_engine.encoders.resnet import NUM_FEATURES, ResNet50
from neuface_engine.errors import ConfigError
from neuface_engine.face_model import FaceParameters
from neuface_engine.weights import use_channels_last

SPLIT = {"shape": 100, "texture": 50, "expression": 50, "pose": 6, "camera": 3, "light": 27}
"""The coefficients in the order of the network's output."""
HIDDEN = 1024
PART = "E_flame"
"""The coarse encoder's place in deca_model.tar, beside the detail networks."""


def regressor(inputs: int, outputs: int) -> nn.Sequential:
    """The two layers that follow a ResNet in DECA and its like."""
    return nn.Sequential(nn.Linear(inputs, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, outputs))


def needs_checkpoint(encoder: str, file: str, origin: str) -> NoReturn:
    """Raises ConfigError with the remedy."""
    raise ConfigError(
        f"encoder {encoder!r} needs its weights; give {file} (from {origin}) with --checkpoint, or put it into the "
        "folder of assets (`neuface assets add FILE`)"
    )


class DecaEncoder(FlameEncoder):
    """Crop -> FaceParameters with texture and light, under the weight names of DECA's `E_flame`.

    trainable="top" is the last stage of the ResNet and the two layers after it.
    """

    name = "deca"
    crop_scale = 1.25 * 1.1
    groups: tuple[str, ...] = ("coarse",)

    def __init__(self) -> None:
        super().__init__()
        self.encoder = ResNet50()
        self.layers = regressor(NUM_FEATURES, sum(SPLIT.values()))
        self._freeze_norms()
        use_channels_last(self)
        self.eval()

    @classmethod
    def load(cls, checkpoint: Path | str | None) -> DecaEncoder:
        """The weights of DECA's deca_model.tar, or of a file with the state dict of its `E_flame` alone.

        Raises ConfigError where no file is given and AssetError where it is missing, unreadable or of another layout.
        """
        if checkpoint is None:
            needs_checkpoint("deca", "deca_model.tar", "DECA's project page")
        path = Path(checkpoint)
        encoder = unfilled(cls)
        strict_load(encoder, _weights(path), path, part=PART, remedy="give DECA's deca_model.tar")
        use_channels_last(encoder)
        return encoder.eval()

    @classmethod
    def check_file(cls, path: Path) -> str:
        encoder = unfilled(cls)
        weights = _weights(path, shapes_only=True)
        check_weights(encoder, weights, path, part=PART, remedy="give DECA's deca_model.tar")
        return "DECA's coarse encoder, 236 coefficients"

    def features(self, crops: Tensor) -> tuple[Tensor, ...]:
        return (self.encoder.trunk(crops.contiguous(memory_format=torch.channels_last)),)

    def decode(self, features: tuple[Tensor, ...]) -> FaceParameters:
        output = self.layers(self.encoder.top(features[0]))
        parts = output.split(list(SPLIT.values()), dim=1)
        return FaceParameters(**dict(zip(SPLIT, parts, strict=True)))

    def group_modules(self, group: str, trainable: Trainable) -> list[nn.Module]:
        return [self] if trainable == "all" else [self.encoder.layer4, self.layers]


def _weights(path: Path, *, shapes_only: bool = False) -> Any:
    remedy = "obtain deca_model.tar again from DECA's project page"
    content = read_checkpoint(path, remedy=remedy, shapes_only=shapes_only)
    is_part = any(name.startswith("encoder.") for name in content)
    return content if is_part else part_of(content, PART)

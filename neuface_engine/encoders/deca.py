"""DECA's coarse encoder (Feng et al. 2021): ResNet-50 and two layers to 236 coefficients of FLAME 2020."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from neuface_engine.encoders.base import CropSide, Encoder, Trainable
from neuface_engine.encoders.checkpoints import read_checkpoint, strict_load
from neuface_engine.encoders.resnet import NUM_FEATURES, ResNet50
from neuface_engine.errors import AssetError, ConfigError
from neuface_engine.face_model import FaceModel, FaceParameters
from neuface_engine.weights import use_channels_last

SPLIT = {"shape": 100, "texture": 50, "expression": 50, "pose": 6, "camera": 3, "light": 27}
"""The coefficients in the order of the network's output."""
HIDDEN = 1024
PART = "E_flame"
"""The coarse encoder's place in deca_model.tar, beside the detail networks."""


class DecaEncoder(Encoder):
    """Crop -> FaceParameters with texture and light, under the weight names of DECA's `E_flame`.

    The weights of BatchNorm are frozen, as in NeuFace's released code; trainable="top" is the last stage of the
    ResNet and the two layers after it.
    """

    name = "deca"
    input_size = 224
    crop_scale = 1.25 * 1.1
    crop_side: ClassVar[CropSide] = "mean"

    def __init__(self) -> None:
        super().__init__()
        self.encoder = ResNet50()
        self.layers = nn.Sequential(
            nn.Linear(NUM_FEATURES, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, sum(SPLIT.values()))
        )
        for norm in self._norms():
            norm.requires_grad_(False)
        use_channels_last(self)
        self.eval()

    @classmethod
    def load(cls, checkpoint: Path | str | None) -> DecaEncoder:
        """The weights of DECA's deca_model.tar, or of a file with the state dict of its `E_flame` alone.

        Raises ConfigError where no file is given and AssetError where it is missing, unreadable or of another layout.
        """
        if checkpoint is None:
            raise ConfigError(
                "encoder 'deca' needs its weights; give deca_model.tar (from DECA's project page) with --checkpoint"
            )
        path = Path(checkpoint)
        content = read_checkpoint(path, remedy="obtain deca_model.tar again from DECA's project page")
        encoder = cls()
        strict_load(encoder, content.get(PART, content), path, part=PART, remedy="give DECA's deca_model.tar")
        use_channels_last(encoder)
        return encoder.eval()

    def check_head(self, head: FaceModel) -> None:
        if self.head_fingerprint is None and head.name == "open":
            raise AssetError(
                "encoder 'deca' predicts coefficients of FLAME 2020, not of the open head; give FLAME's "
                "generic_model.pkl with --head"
            )
        super().check_head(head)

    def features(self, crops: Tensor) -> tuple[Tensor, ...]:
        return (self.encoder.trunk(crops.contiguous(memory_format=torch.channels_last)),)

    def decode(self, features: tuple[Tensor, ...]) -> FaceParameters:
        output = self.layers(self.encoder.top(features[0]))
        parts = output.split(list(SPLIT.values()), dim=1)
        return FaceParameters(**dict(zip(SPLIT, parts, strict=True)))

    def trainable_parameters(self, trainable: Trainable) -> list[nn.Parameter]:
        moved: list[nn.Module] = [self] if trainable == "all" else [self.encoder.layer4, self.layers]
        frozen = {id(p) for norm in self._norms() for p in norm.parameters()}
        return [p for module in moved for p in module.parameters() if id(p) not in frozen]

    def _norms(self) -> list[nn.BatchNorm2d]:
        return [module for module in self.modules() if isinstance(module, nn.BatchNorm2d)]

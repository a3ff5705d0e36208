"""What EMOCA and SPECTRE share: DECA's network as a part, and where its output goes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neuface_engine.encoders.base import Trainable
from neuface_engine.encoders.deca import SPLIT, regressor
from neuface_engine.encoders.resnet import NUM_FEATURES, ResNet50
from neuface_engine.face_model import FaceParameters


class Coarse(nn.Module):
    """ResNet-50 and two layers, under DECA's names `encoder` and `layers`."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.encoder = ResNet50()
        self.layers = regressor(NUM_FEATURES, outputs)

    def trunk(self, crops: Tensor) -> Tensor:
        return self.encoder.trunk(crops.contiguous(memory_format=torch.channels_last))

    def top(self, features: Tensor) -> Tensor:
        """The network's output from those of its trunk."""
        return torch.as_tensor(self.layers(self.encoder.top(features)))

    def moved(self, trainable: Trainable) -> list[nn.Module]:
        return [self] if trainable == "all" else [self.encoder.layer4, self.layers]


def coarse_parameters(output: Tensor, split: dict[str, int] = SPLIT) -> FaceParameters:
    """DECA's 236 coefficients."""
    parts = output.split(list(split.values()), dim=1)
    return FaceParameters(**dict(zip(split, parts, strict=True)))

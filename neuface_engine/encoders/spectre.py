"""SPECTRE's encoder (Filntisis et al. 2023): DECA, and what five frames say of the mouth added to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from neuface_engine.encoders.base import FlameEncoder, Trainable
from neuface_engine.encoders.checkpoints import (
    below,
    check_parts,
    load_parts,
    part_of,
    read_checkpoint,
    unfilled,
)
from neuface_engine.encoders.coarse import Coarse, coarse_parameters
from neuface_engine.encoders.deca import SPLIT, needs_checkpoint
from neuface_engine.encoders.mobilenet import V2_FEATURES, V2_TRUNK, MobileNetV2
from neuface_engine.errors import AssetError
from neuface_engine.face_model import FaceParameters
from neuface_engine.weights import use_channels_last

CONTEXT = 2
HIDDEN = 256
EXPRESSION = 50
REMEDY = "give spectre_model.tar"


class _Expression(nn.Module):
    """MobileNet V2 on each frame, a convolution over five frames, one linear layer: 50 of expression, 3 of the jaw."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = MobileNetV2()
        self.temporal = nn.Sequential(
            nn.Conv1d(V2_FEATURES, HIDDEN, 2 * CONTEXT + 1), nn.BatchNorm1d(HIDDEN), nn.ReLU()
        )
        self.layers = nn.Sequential(nn.Linear(HIDDEN, EXPRESSION + 3))

    def top(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Frames [F, 96, h, w] in order -> what is added to expression [F - 4, 50] and jaw [F - 4, 3]."""
        frames = self.encoder.top(features)
        code = self.layers(self.temporal(frames.T[None])[0].T)
        opening = code[:, EXPRESSION : EXPRESSION + 1].relu()  # a mouth does not open backwards
        return code[:, :EXPRESSION], torch.cat([opening, code[:, EXPRESSION + 1 :]], dim=1)


class SpectreEncoder(FlameEncoder):
    """Frames in order -> FaceParameters with texture and light; the first two and the last two are context (`decode`).

    Parts: "coarse" is DECA's network (frozen when SPECTRE was trained), "expression" the one over time.
    trainable="top": the last stage of each backbone and what follows it. Crops: 1.6 times the mean of width and height
    of the landmarks.
    """

    name = "spectre"
    crop_scale = 1.6
    temporal_context = CONTEXT
    groups: tuple[str, ...] = ("coarse", "expression")

    def __init__(self) -> None:
        super().__init__()
        self.E_flame = Coarse(sum(SPLIT.values()))
        self.E_expression = _Expression()
        self._freeze_norms()
        use_channels_last(self.E_flame)
        self.eval()

    @classmethod
    def load(cls, checkpoint: Path | str | None) -> SpectreEncoder:
        """The weights in spectre_model.tar, or in a checkpoint of its training (names after "deca.").

        Raises ConfigError where no file is given and AssetError where it is missing, unreadable or of another layout.
        """
        if checkpoint is None:
            needs_checkpoint("spectre", "spectre_model.tar", "SPECTRE's repository")
        path = Path(checkpoint)
        encoder = unfilled(cls)
        load_parts(encoder, _weights(path), path, remedy=REMEDY)
        use_channels_last(encoder.E_flame)
        return encoder.eval()

    @classmethod
    def check_file(cls, path: Path) -> str:
        encoder = unfilled(cls)
        check_parts(encoder, _weights(path, shapes_only=True), path, remedy=REMEDY)
        return "SPECTRE's encoder, DECA and five frames for the mouth"

    def features(self, crops: Tensor) -> tuple[Tensor, ...]:
        return self.E_flame.trunk(crops), self.E_expression.encoder.trunk(crops)

    def decode(self, features: tuple[Tensor, ...]) -> FaceParameters:
        inner = features[0][CONTEXT : len(features[0]) - CONTEXT]
        coarse = coarse_parameters(self.E_flame.top(inner))
        expression, jaw = self.E_expression.top(features[1])
        pose = torch.cat([coarse.pose[:, :3], coarse.pose[:, 3:] + jaw], dim=1)
        return coarse.replace(expression=coarse.expression + expression, pose=pose)

    def group_modules(self, group: str, trainable: Trainable) -> list[nn.Module]:
        if group == "coarse":
            return self.E_flame.moved(trainable)
        mouth = self.E_expression
        if trainable == "all":
            return [mouth]
        return [*list(mouth.encoder.features.children())[V2_TRUNK:], mouth.temporal, mouth.layers]


def _weights(path: Path, *, shapes_only: bool = False) -> dict[str, Any]:
    """Of the two networks; MobileNet's classifier, which nothing uses, is left out."""
    content = read_checkpoint(path, remedy=REMEDY, shapes_only=shapes_only)
    inner = content.get("state_dict", content)
    if not isinstance(inner, dict):
        raise AssetError(f"{path}: state_dict is a {type(inner).__name__}, not a dict of weights; {REMEDY}")
    inner = below(inner, "deca.") or inner
    parts = {name: part_of(inner, name) for name in ("E_flame", "E_expression")}
    mouth = parts["E_expression"]
    if isinstance(mouth, dict):
        parts["E_expression"] = {
            name: v for name, v in mouth.items() if not str(name).startswith("encoder.classifier.")
        }
    return parts

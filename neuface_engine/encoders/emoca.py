"""EMOCA v1 and v2 (Danecek et al. 2022): DECA's network, and a second one for expression and jaw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
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
from neuface_engine.encoders.deca import SPLIT, needs_checkpoint, regressor
from neuface_engine.encoders.emoca_files import Settings, find_checkpoint, read_settings
from neuface_engine.encoders.resnet import NUM_FEATURES
from neuface_engine.errors import AssetError
from neuface_engine.face_model import FaceParameters
from neuface_engine.torch_files import Shape
from neuface_engine.weights import use_channels_last

REMEDY = "give the unpacked folder of EMOCA or EMOCA_v2_lr_mse_20"
SHARED = "resnet."
"""Within E_expression: the coarse network once more, where both networks have one backbone ("deca_parallel")."""


class _Head(nn.Module):
    """The second network of "deca_parallel": two layers on the coarse network's features."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.layers = regressor(NUM_FEATURES, outputs)


class EmocaEncoder(FlameEncoder):
    """Crop -> FaceParameters with texture and light, under the weight names of EMOCA.

    Parts: "coarse" is DECA's network (identity, head pose, camera, texture, light; frozen when EMOCA was trained),
    "expression" gives psi, and the jaw, the head pose or neither, as its cfg.yaml says (`Settings`).
    trainable="top" is the last stage of each ResNet and the layers after it.
    """

    name = "emoca"
    crop_scale = 1.25 * 1.1
    groups: tuple[str, ...] = ("coarse", "expression")

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__()
        self.settings = settings or Settings()
        self.split = {**SPLIT, "shape": self.settings.n_shape, "expression": self.settings.n_expression}
        self.n_shape, self.n_expression = self.settings.n_shape, self.settings.n_expression
        self.landmark_set = "mediapipe" if self.settings.mediapipe else "ibug68"
        self.E_flame = Coarse(sum(self.split.values()))
        outputs = self.settings.outputs
        self.E_expression = _Head(outputs) if self.settings.shared else Coarse(outputs)
        self._freeze_norms()
        use_channels_last(self)
        self.eval()

    @classmethod
    def load(cls, checkpoint: Path | str | None) -> EmocaEncoder:
        """The weights in EMOCA's folder (that of its cfg.yaml, or any above its checkpoint), or in one .ckpt file.

        Raises ConfigError where nothing is given and AssetError where it is missing, unreadable or of another layout.
        """
        if checkpoint is None:
            needs_checkpoint("emoca", "the folder EMOCA_v2_lr_mse_20", "emoca.is.tue.mpg.de")
        path = find_checkpoint(Path(checkpoint), remedy=REMEDY)
        state = _state(path)
        settings = _settings(path, state)
        encoder = unfilled(lambda: cls(settings))
        load_parts(encoder, encoder._parts(state, path), path, remedy=REMEDY)
        template = state.get("flame.v_template")
        if isinstance(template, np.ndarray | Tensor):
            encoder.head_template = torch.as_tensor(template).float()
        use_channels_last(encoder)
        return encoder.eval()

    @classmethod
    def check_file(cls, path: Path) -> str:
        path = find_checkpoint(path, remedy=REMEDY)
        state = _state(path, shapes_only=True)
        settings = _settings(path, state)
        encoder = unfilled(lambda: cls(settings))
        check_parts(encoder, encoder._parts(state, path), path, remedy=REMEDY)
        return f"EMOCA's encoder, {settings.words()}"

    def features(self, crops: Tensor) -> tuple[Tensor, ...]:
        coarse = self.E_flame.trunk(crops)
        return (coarse,) if isinstance(self.E_expression, _Head) else (coarse, self.E_expression.trunk(crops))

    def decode(self, features: tuple[Tensor, ...]) -> FaceParameters:
        if isinstance(self.E_expression, _Head):
            shared = self.E_flame.encoder.top(features[0])
            output, code = self.E_flame.layers(shared), self.E_expression.layers(shared)
        else:
            output, code = self.E_flame.top(features[0]), self.E_expression.top(features[1])
        coarse = coarse_parameters(output, self.split)
        expression, pose = code.split([self.n_expression, code.shape[1] - self.n_expression], dim=1)
        head, jaw = coarse.pose[:, :3], coarse.pose[:, 3:]
        if self.settings.head_pose:
            head, pose = pose[:, :3], pose[:, 3:]
        if self.settings.jaw_pose:
            jaw = pose
        return coarse.replace(expression=expression, pose=torch.cat([head, jaw], dim=1))

    def group_modules(self, group: str, trainable: Trainable) -> list[nn.Module]:
        part = self.E_flame if group == "coarse" else self.E_expression
        return [part] if isinstance(part, _Head) else part.moved(trainable)

    def _parts(self, state: dict[str, Any], path: Path) -> dict[str, Any]:
        """The weights of the two networks. Raises AssetError where a shared backbone is not the coarse one's."""
        parts = {name: part_of(state, name) for name in ("E_flame", "E_expression")}
        if self.settings.shared:
            again = below(parts["E_expression"], SHARED)
            for name, value in again.items():
                if not _same(value, parts["E_flame"].get(name)):
                    raise AssetError(f"{path}: E_expression.{SHARED}{name} is not that of E_flame; {REMEDY}")
            parts["E_expression"] = {
                name: v for name, v in parts["E_expression"].items() if not name.startswith(SHARED)
            }
        return parts


def _state(path: Path, *, shapes_only: bool = False) -> dict[str, Any]:
    """The weights by their names after "deca."; of a converted file as they are."""
    content = read_checkpoint(path, remedy=REMEDY, shapes_only=shapes_only)
    state = content.get("state_dict", content)
    if not isinstance(state, dict):
        raise AssetError(f"{path}: state_dict is a {type(state).__name__}, not a dict of weights; {REMEDY}")
    state = {str(name): value for name, value in state.items()}
    state = below(state, "deca.") or state
    if part_of(state, "E_mica") is not None:
        raise AssetError(f"{path}: an EMICA checkpoint, whose identity is MICA's; {REMEDY}")
    for part in ("E_flame", "E_expression"):
        if not isinstance(part_of(state, part), dict):
            raise AssetError(f"{path}: has no weights of {part}, so it is not EMOCA's; {REMEDY}")
    return state


def _settings(path: Path, state: dict[str, Any]) -> Settings:
    """As cfg.yaml says; where there is none, as the weights tell."""
    weights = part_of(state, "E_expression")
    shared = not any(str(name).startswith("encoder.") for name in weights)
    last = weights.get("layers.2.bias")
    shape = tuple(last) if isinstance(last, Shape) else tuple(getattr(last, "shape", ()))
    return read_settings(path, shared=shared, outputs=shape[0] if len(shape) == 1 else None)


def _same(value: Any, other: Any) -> bool:
    if isinstance(value, Shape) or isinstance(other, Shape):
        return value == other
    return other is not None and np.array_equal(np.asarray(value), np.asarray(other))

"""An encoder whose shape begins at what a shape prior says of the person."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neuface_engine.encoders.base import Encoder, FlameEncoder, Trainable
from neuface_engine.encoders.mica import MicaShape
from neuface_engine.errors import AssetError
from neuface_engine.face_model import FaceModel, FaceParameters

if TYPE_CHECKING:
    from neuface_engine.video import Sequence


class WithShape(FlameEncoder):
    """Another encoder, a constant added to its beta: on the clip that it was made for, its mean is `shape` [n].

    The encoder's own weights go on moving beta. With `trust_weight` an optimisation is held to where it began, so the
    prior's shape is then the target too.
    """

    offset: Tensor

    def __init__(self, encoder: FlameEncoder, offset: Tensor, *, prior: MicaShape) -> None:
        super().__init__()
        self.inner = encoder
        self.register_buffer("offset", offset)
        self.name = f"{encoder.name}+{prior.name}"
        self.input_size, self.crop_scale = encoder.input_size, encoder.crop_scale
        self.crop_side, self.crop_points = encoder.crop_side, encoder.crop_points
        self.landmark_set = encoder.landmark_set
        self.temporal_context, self.learning_rate = encoder.temporal_context, encoder.learning_rate
        self.groups, self.moving = encoder.groups, encoder.moving
        self.n_shape, self.n_expression = len(offset), encoder.n_expression
        self.flame_version = encoder.flame_version
        self.head_template = prior.head_template
        self.eval()

    def check_head(self, head: FaceModel) -> None:
        self.inner.check_head(head)
        super().check_head(head)

    def head_notes(self, head: FaceModel) -> list[str]:
        return self.inner.head_notes(head)

    def features(self, crops: Tensor) -> tuple[Tensor, ...]:
        return self.inner.features(crops)

    def decode(self, features: tuple[Tensor, ...]) -> FaceParameters:
        parameters = self.inner.decode(features)
        missing = self.n_shape - parameters.shape.shape[-1]
        return parameters.replace(shape=F.pad(parameters.shape, (0, missing)) + self.offset)

    def trainable_parameters(self, trainable: Trainable) -> list[nn.Parameter]:
        return self.inner.trainable_parameters(trainable)

    def group_modules(self, group: str, trainable: Trainable) -> list[nn.Module]:
        return self.inner.group_modules(group, trainable)


def check_shape_prior(encoder: Encoder, prior: MicaShape) -> None:
    """Raises AssetError for an encoder of another face model than the prior's."""
    if encoder.flame_version != prior.flame_version:
        other = f"FLAME {encoder.flame_version}" if encoder.flame_version else "another face model"
        raise AssetError(
            f"shape prior {prior.name!r} gives the shape of FLAME {prior.flame_version}, encoder {encoder.name!r} that "
            f"of {other}; give an encoder of FLAME {prior.flame_version}, e.g. --encoder deca"
        )


def with_shape_prior(
    encoder: Encoder, prior: MicaShape, sequence: Sequence, *, device: str = "cpu"
) -> WithShape:
    """`encoder` for one clip, its mean shape there that of `prior`. The encoder given is left as it is.

    Raises AssetError for an encoder of another face model than the prior's.
    """
    from neuface_engine.optimization.config import NeuFaceConfig
    from neuface_engine.optimization.encoder_query import predict

    check_shape_prior(encoder, prior)
    target = prior.to(device).of_sequence(sequence)
    inner = copy.deepcopy(encoder)
    assert isinstance(inner, FlameEncoder)
    config = NeuFaceConfig(trainable="all")  # nothing is trained: no features need be kept
    began = predict(inner.to(device), sequence, config, torch.device(device)).shape.cpu()
    began = began[sequence.detected.cpu()].mean(0)
    length = max(len(target), len(began))
    offset = F.pad(target, (0, length - len(target))) - F.pad(began, (0, length - len(began)))
    prior.to("cpu")
    return WithShape(inner.to("cpu"), offset, prior=prior)

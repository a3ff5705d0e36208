"""What the pre-trained encoder knows of the person of a clip, asked once before a run."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from neuface_engine.encoders import Encoder
from neuface_engine.encoders.identity import ShapePosterior
from neuface_engine.optimization.config import NeuFaceConfig
from neuface_engine.optimization.encoder_query import to_float

if TYPE_CHECKING:
    from neuface_engine.video import Sequence

FRAMES = 24
"""So many, spread over the clip: more of them say the same again."""
_BATCH = 16


@torch.no_grad()
def identity_of(
    encoder: Encoder, sequence: Sequence, valid: Tensor, config: NeuFaceConfig, device: torch.device
) -> ShapePosterior | None:
    """What the crops with a face (`valid` [F, V], 0 where none is or none shall count) say of beta.

    None where the encoder has no model of that, or where the settings leave the prior at N(0, I).
    """
    if encoder.identity is None or not config.identity_prior or config.shape_weight == 0:
        return None
    frames = len(valid)
    chosen = torch.linspace(0, frames - 1, min(frames, FRAMES)).round().long()
    crops = sequence.crops[chosen][valid[chosen] > 0]
    if not len(crops):
        return None
    asked = copy.deepcopy(encoder).to(device).eval()
    said = [asked.identity_maps(to_float(some, device)) for some in crops.split(_BATCH)]
    maps, rotation = (torch.cat(parts).cpu() for parts in zip(*said, strict=True))
    return encoder.identity.posterior(maps, rotation).to(device)

"""Where the paper and the authors' released code differ: two descriptions of one optimiser, read by the objective."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from neuface_engine.optimization import losses

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Variant:
    """How Eq. (1) to (4) are read. Weights and optimiser settings that differ too stand in `config.DEFAULTS`.

    landmark_loss, temporal_loss, multiview_loss   norm and reduction of Eq. (2), (3) and (4)
    constant_targets   whether no gradient flows through qhat and Mhat (EM)
    sign_care          whether neighbouring quaternions are brought into one hemisphere before they are averaged
    ends               qhat where the window is not whole: over the frames there are, or q itself
    aligned            whether the views' meshes are rigidly aligned before they are merged
    confidence         of a vertex in a view: what the z-buffer sees times its cosine ("visible"), or a softmax over
                       the views of its cosine alone ("facing")
    sampled_frames     frames drawn at random for L_multiview at every evaluation; None = all
    shared_shape       whether the shape of the first crop stands for all crops of a chunk
    chunk              frames of one update; None = the whole sequence
    """

    name: Literal["paper", "released"]
    landmark_loss: Loss
    temporal_loss: Loss
    multiview_loss: Loss
    constant_targets: bool
    sign_care: bool
    ends: Literal["shorten", "keep"]
    aligned: bool
    confidence: Literal["visible", "facing"]
    sampled_frames: int | None
    shared_shape: bool
    chunk: int | None


PAPER = Variant(
    name="paper",
    landmark_loss=losses.landmark_loss,
    temporal_loss=losses.temporal_loss,
    multiview_loss=losses.multiview_loss,
    constant_targets=True,
    sign_care=True,
    ends="shorten",
    aligned=True,
    confidence="visible",
    sampled_frames=None,
    shared_shape=False,
    chunk=None,
)
RELEASED = Variant(
    name="released",
    landmark_loss=losses.landmark_loss_per_coordinate,
    temporal_loss=losses.temporal_loss_squared,
    multiview_loss=losses.multiview_loss_per_coordinate,
    constant_targets=False,
    sign_care=False,
    ends="keep",
    aligned=False,
    confidence="facing",
    sampled_frames=5,
    shared_shape=True,
    chunk=20,
)
VARIANTS = {variant.name: variant for variant in (PAPER, RELEASED)}

"""The losses of Eq. (1). Each takes [frame, view, ...] and weights crops by `valid` (0 where no face was found)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from neuface_engine.encoders.identity import ShapePosterior
from neuface_engine.face_model import FaceParameters
from neuface_engine.landmarks.topology import LIDS, LIPS

STILL = 1e-4
"""Differences of unit quaternions (0.01 degrees) below which there is only rounding, which must not pull in full: two
or three frames lie on their parabola."""


@dataclass(frozen=True)
class Losses:
    """Values of one iteration. The terms are unweighted, in their own units; `total` is their weighted sum.

    dense, size and photometric are 0 where their weight is 0 and nothing else needs what they look at; so are the
    terms of `options` where they are off.
    """

    total: float
    landmark: float
    temporal: float
    multiview: float = 0.0
    dense: float = 0.0
    shape: float = 0.0
    expression: float = 0.0
    size: float = 0.0
    aperture: float = 0.0
    photometric: float = 0.0
    acceleration: float = 0.0
    camera: float = 0.0
    trust: float = 0.0


def landmark_loss(projected: Tensor, detected: Tensor, valid: Tensor) -> Tensor:
    """L_2D, Eq. (2): |dx| + |dy| per landmark in crop units, mean over landmarks and crops with a face.

    projected, detected [F, V, K, 2], valid [F, V].
    """
    return _crop_mean((projected - detected).abs().sum(-1).mean(-1), valid)


def aperture_loss(
    projected: Tensor,
    detected: Tensor,
    valid: Tensor,
    *,
    pairs: Sequence[tuple[int, int]] = (*LIDS, *LIPS),
    loss: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None,
) -> Tensor:
    """How far lids and lips are open: |dx| + |dy| of the upper landmark as seen from the lower one, mean over the seven
    pairs and the crops, in crop units (the eye closure loss of DECA, Feng et al. 2021, and the same for the lips).

    projected, detected [F, V, 68, 2], valid [F, V]. An opening is a few landmarks' matter and hardly counts in L_2D.
    Other `pairs` and another norm (`loss`, like `landmark_loss`) may be given.
    """
    upper, lower = map(list, zip(*pairs, strict=True))
    wrong = (projected - detected)[..., upper, :] - (projected - detected)[..., lower, :]
    return (loss or landmark_loss)(wrong, torch.zeros_like(wrong), valid)


def temporal_loss(quaternions: Tensor, targets: Tensor, valid: Tensor) -> Tensor:
    """L_temporal, Eq. (3): `departure` of q from qhat, both [F, V, 4] in one hemisphere."""
    return _crop_mean(departure(quaternions, targets), valid)


def departure(quaternions: Tensor, targets: Tensor) -> Tensor:
    """2-norm of q - qhat, both [..., 4], rounded off within `STILL` of 0: [...]."""
    square = (quaternions - targets).square().sum(-1)
    return square / ((square + STILL**2).sqrt() + STILL)


def multiview_loss(meshes: Tensor, merged: Tensor, valid: Tensor) -> Tensor:
    """L_multiview, Eq. (4): |dx| + |dy| + |dz| in metres, mean over vertices and crops.

    meshes [F, V, N, 3] canonical, merged [F, N, 3].
    """
    return _crop_mean((meshes - merged[:, None]).abs().sum(-1).mean(-1), valid)


def landmark_loss_per_coordinate(projected: Tensor, detected: Tensor, visibility: Tensor) -> Tensor:
    """L_2D of the released code: mean of |dx| and |dy| over the visible landmarks of all crops.

    projected, detected [F, V, K, 2]; visibility [F, V] of crops or [F, V, K] of landmarks, >= 0, also as weights.
    """
    distance = (projected - detected).abs().sum(-1)
    weight = visibility.reshape(*visibility.shape, *[1] * (distance.dim() - visibility.dim())).expand_as(
        distance
    )
    return (distance * weight).sum() / (2 * weight.sum()).clamp_min(1e-8)


def temporal_loss_squared(quaternions: Tensor, targets: Tensor, valid: Tensor) -> Tensor:
    """L_temporal of the released code: (q - qhat)^2, mean over frames and entries, *summed* over the views."""
    squared = (quaternions - targets).square().mean(-1)
    return ((squared * valid).sum(0) / valid.sum(0).clamp_min(1)).sum()


def multiview_loss_per_coordinate(meshes: Tensor, merged: Tensor, valid: Tensor) -> Tensor:
    """L_multiview of the released code: mean of |dx|, |dy| and |dz| in metres."""
    return _crop_mean((meshes - merged[:, None]).abs().mean((-1, -2)), valid)


def shape_prior(parameters: FaceParameters, valid: Tensor, known: ShapePosterior | None = None) -> Tensor:
    """L_beta of Eq. (5): squared Mahalanobis norm of the identity, per coefficient.

    known: what is known of the person beside the head model, in place of N(0, I).
    """
    if known is None:
        return _crop_mean(parameters.shape.square().mean(-1), valid)
    apart = parameters.shape - known.mean
    return _crop_mean(((apart @ known.precision) * apart).mean(-1), valid)


def expression_prior(parameters: FaceParameters, valid: Tensor) -> Tensor:
    """L_psi of Eq. (5), here the 1-norm per coefficient: of the head's named units few are active at a time, and the
    square would let many small activations pass that crease the face where no landmark is."""
    return _crop_mean(parameters.expression.abs().mean(-1), valid)


def rotation_prior(parameters: FaceParameters, valid: Tensor) -> Tensor:
    """L_r of Eq. (5): squared angle of the head, rad^2."""
    return _crop_mean(parameters.head_rotation.square().sum(-1), valid)


def jaw_prior(parameters: FaceParameters, valid: Tensor) -> Tensor:
    """L_theta of Eq. (5): squared angle of the jaw, rad^2."""
    return _crop_mean(parameters.jaw.square().sum(-1), valid)


def size_prior(meshes: Tensor, size: Tensor, valid: Tensor) -> Tensor:
    """|log| of the head's size over `size`, metres: weak perspective cannot see how large a head is, so nothing else
    keeps it from drifting.

    meshes [F, V, N, 3] canonical; size: what `head_size` gave for the pre-trained encoder.
    """
    return _crop_mean((head_size(meshes) / size).log().abs(), valid)


def head_size(meshes: Tensor) -> Tensor:
    """Root mean square distance of the vertices from their centre, metres: [..., N, 3] -> [...]."""
    return (meshes - meshes.mean(-2, keepdim=True)).square().sum(-1).mean(-1).sqrt()


def _crop_mean(values: Tensor, valid: Tensor) -> Tensor:
    return (values * valid).sum() / valid.sum().clamp_min(1)

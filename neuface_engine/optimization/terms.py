"""Losses beyond the paper, see `options`. Each takes [frame, view, ...]; `valid` [F, V] weights the crops."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from neuface_engine.face_model import FaceParameters
from neuface_engine.face_model.rotations import axis_angle_to_matrix
from neuface_engine.optimization.variables import in_units

MOVING = (*range(17), *range(36, 68))
"""Jaw line, lids and lips of the 68 landmarks: what speech and blinks move against the skull."""


def robust_loss(projected: Tensor, detected: Tensor, weight: Tensor, scale: float) -> Tensor:
    """L_2D with Geman and McClure's loss (1987) for |dx| + |dy|: 2 c e^2 / (e^2 + c^2) of the distance e, c = `scale`.

    projected, detected [F, V, K, 2]; weight [F, V] >= 0 of the crops. At its steepest (0.6 c) as steep as L_2D
    itself, so that weights carry over; never more than 2 c, whatever one landmark does.
    """
    squared = (projected - detected).square().sum(-1)
    return _mean((2 * scale * squared / (squared + scale**2)).mean(-1), weight)


def acceleration_loss(landmarks: Tensor, valid: Tensor) -> Tensor:
    """Mean length of x(t-1) - 2 x(t) + x(t+1) over `MOVING` and over the frames whose neighbours show a face too.

    landmarks [F, V, 68, 3] canonical (the head's own motion taken out), metres.
    """
    jumps = landmarks[:-2, :, MOVING] - 2 * landmarks[1:-1, :, MOVING] + landmarks[2:, :, MOVING]
    length = torch.linalg.vector_norm(jumps, dim=-1).mean(-1)
    return _mean(length, valid[:-2] * valid[1:-1] * valid[2:])


def camera_loss(head_rotation: Tensor, cameras: Tensor, valid: Tensor) -> Tensor:
    """Angle of each view's head orientation in the world to the mean of the views, radians (for small angles).

    head_rotation [F, V, 3] axis-angle as the views see it, R_v; cameras C_v [F, V, 3, 3] from the world to the axes of
    the face model, so that R_v = C_v R_world. Only frames with a face in two views or more count.
    """
    world = cameras.transpose(-1, -2) @ axis_angle_to_matrix(head_rotation)
    seen = valid.sum(1, keepdim=True)
    mean = (world * valid[..., None, None]).sum(1, keepdim=True) / seen.clamp_min(1)[..., None, None]
    angle = torch.linalg.vector_norm((world - mean).flatten(-2), dim=-1) / math.sqrt(2)
    return _mean(angle, valid * (seen > 1))


def trust_loss(parameters: FaceParameters, initial: FaceParameters) -> Tensor:
    """Mean squared departure from `initial`: each group in its unit, mean over its coefficients, sum over groups."""
    before = in_units(initial)
    departures = [(value - before[name]).square().mean() for name, value in in_units(parameters).items()]
    return torch.stack(departures).sum()


def mean_shape(shape: Tensor, valid: Tensor) -> Tensor:
    """The mean over the crops with a face, for all: [F, V, n] -> [F, V, n], every entry the same."""
    weight = valid[..., None]
    return ((shape * weight).sum((0, 1)) / weight.sum().clamp_min(1)).expand_as(shape)


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    total = weight.sum()
    return (values * weight).sum() / torch.where(total > 0, total, 1.0)

"""From 478 landmarks to the parameters of a face: a small network in a frame of the face's own.

The landmarks are first centred, scaled and turned upright by fixed linear functionals of themselves, so that the
learned part mostly sees shape. The same functionals of the predicted shape are linear in its coefficients; comparing
the two gives head rotation and camera in closed form, up to a small learned correction (noise, perspective).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from neuface_engine.face_model import FaceParameters
from neuface_engine.face_model.rotations import matrix_to_axis_angle
from neuface_engine.landmarks.topology import NUM_MEDIAPIPE

NUM_SHAPE, NUM_EXPRESSION = 100, 50
SHAPE_LIMIT = 3.0
EXPRESSION_RANGE = (-0.3, 3.0)
JAW_RANGE = (-0.02, 0.6)
"""Opening [rad]."""
JAW_TURN_LIMIT = (0.12, 0.08)
"""Sideways yaw and roll of the jaw [rad]."""
WIDTHS = (NUM_SHAPE, NUM_EXPRESSION, 6, 3, 3)
GAINS = (1.0, 1.0, 0.1, 0.5, 0.05)
"""Units of the raw outputs (shape, expression, rotation, jaw, camera): one step of Adam then moves each alike."""


class ParameterHead(nn.Module):
    """Landmarks -> FaceParameters, every output smoothly bounded to what a head can do.

    ``components`` principal components of the upright landmarks feed a residual network of width ``width``.
    """

    alignment: Tensor
    mean: Tensor
    basis: Tensor
    frame_basis: Tensor

    def __init__(self, components: int = 160, width: int = 512) -> None:
        super().__init__()
        self.register_buffer("alignment", torch.zeros(NUM_MEDIAPIPE, 3))
        self.register_buffer("mean", torch.zeros(NUM_MEDIAPIPE, 3))
        self.register_buffer("basis", torch.zeros(3 * NUM_MEDIAPIPE, components))
        self.register_buffer("frame_basis", torch.zeros(NUM_SHAPE + NUM_EXPRESSION + 3, 12))
        self.inner = nn.Linear(components + 9, width)
        self.middle = nn.Linear(width, width)
        self.linear = nn.Linear(components + 9, sum(WIDTHS))
        self.outer = nn.Linear(width, sum(WIDTHS))

    def upright(self, landmarks: Tensor) -> tuple[Tensor, Frame]:
        """Landmarks ``[B, 478, 3]`` (y up, z to the camera) -> the same in the face's frame, and that frame.

        ``alignment`` is the pseudo-inverse of the mean face: its product with the landmarks is near turn times scale.
        """
        centre = landmarks.mean(1)
        centred = landmarks - centre[:, None]
        frame = Frame.from_axes(centred.transpose(1, 2) @ self.alignment, centre)
        return centred @ frame.turn / frame.scale[:, None, None], frame

    def model_frame(self, shape: Tensor, expression: Tensor, jaw: Tensor) -> Frame:
        """The frame that ``upright`` would find on the canonical landmarks [m] of these coefficients."""
        values = frame_inputs(shape, expression, jaw) @ self.frame_basis
        return Frame.from_axes(values[:, :9].unflatten(1, (3, 3)), values[:, 9:])

    def describe(self, upright: Tensor, frame: Frame) -> Tensor:
        """Input of the learned part ``[B, components + 9]``."""
        return torch.cat([(upright - self.mean).flatten(1) @ self.basis, frame.turn.flatten(1)], 1)

    def forward(self, landmarks: Tensor) -> FaceParameters:
        """Landmarks ``[B, 478, 3]`` in crop coordinates -1..1 (y down, z away from the camera)."""
        upright, seen = self.upright(landmarks * landmarks.new_tensor([1.0, -1.0, -1.0]))
        described = self.describe(upright, seen)
        hidden = functional.gelu(self.inner(described))
        hidden = hidden + functional.gelu(self.middle(hidden))
        raw = self.outer(hidden) + self.linear(described)
        parts = [gain * part for gain, part in zip(GAINS, raw.split(WIDTHS, dim=1), strict=True)]
        raw_shape, raw_expression, six, raw_jaw, correction = parts
        shape = SHAPE_LIMIT * torch.tanh(raw_shape / SHAPE_LIMIT)
        expression = _between(raw_expression, *EXPRESSION_RANGE)
        jaw = _bounded_jaw(raw_jaw)

        model = self.model_frame(shape, expression, jaw)
        rotation = seen.turn @ model.turn.transpose(1, 2) @ _rotation_from_six(six)
        zoom = seen.scale / model.scale * torch.exp(correction[:, 0])
        # s (x + tx) of the model's centre must fall on the centre that was seen.
        centre = (rotation @ model.centre[..., None])[:, :2, 0]
        shift = (seen.centre[:, :2] + seen.scale[:, None] * correction[:, 1:]) / zoom[:, None] - centre
        return FaceParameters(
            shape=shape,
            expression=expression,
            pose=torch.cat([matrix_to_axis_angle(rotation), jaw], 1),
            camera=torch.cat([zoom[:, None], shift], 1),
        )


@dataclass(frozen=True)
class Frame:
    """Turn ``[B, 3, 3]``, centre ``[B, 3]`` and scale ``[B]`` of a set of landmarks."""

    turn: Tensor
    centre: Tensor
    scale: Tensor

    @classmethod
    def from_axes(cls, axes: Tensor, centre: Tensor) -> Frame:
        """From approximate, unnormalised axes in the columns of ``[B, 3, 3]``."""
        x = functional.normalize(axes[..., 0], dim=-1)
        y = functional.normalize(axes[..., 1] - (axes[..., 1] * x).sum(-1, keepdim=True) * x, dim=-1)
        turn = torch.stack([x, y, torch.linalg.cross(x, y)], -1)
        return cls(turn, centre, axes[..., :2].norm(dim=1).mean(-1))


def frame_inputs(shape: Tensor, expression: Tensor, jaw: Tensor) -> Tensor:
    """What the frame of a face is linear in ``[B, 153]``: one, the coefficients, the jaw's opening and its square."""
    return torch.cat([torch.ones_like(jaw[:, :1]), shape, expression, jaw[:, :1], jaw[:, :1] ** 2], 1)


def _between(raw: Tensor, low: float, high: float) -> Tensor:
    """Smoothly into (low, high); raw = 0 gives 0."""
    ratio = torch.tensor(-low / high)
    return low + (high - low) * torch.sigmoid(raw + torch.log(ratio))


def _bounded_jaw(raw: Tensor) -> Tensor:
    yaw, roll = JAW_TURN_LIMIT
    opening = _between(raw[:, :1], *JAW_RANGE)
    return torch.cat([opening, yaw * torch.tanh(raw[:, 1:2]), roll * torch.tanh(raw[:, 2:])], 1)


def _rotation_from_six(six: Tensor) -> Tensor:
    """Rotation ``[B, 3, 3]`` from its first two columns (Zhou et al. 2019), given as an offset from the identity."""
    x = functional.normalize(six[:, :3] + six.new_tensor([1.0, 0.0, 0.0]), dim=1)
    y = six[:, 3:] + six.new_tensor([0.0, 1.0, 0.0])
    y = functional.normalize(y - (y * x).sum(1, keepdim=True) * x, dim=1)
    return torch.stack([x, y, torch.linalg.cross(x, y)], 2)

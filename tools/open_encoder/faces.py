"""Random faces of the open head: who, with what expression, turned where."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from neuface_engine.face_model import FaceModel, FaceParameters, rotations

FULL_ACTIVATION = 3.0
SHAPE_SD, SHAPE_LIMIT = 0.9, 2.5
ACTIVE_SHARE = 0.10
YAW_LIMIT, PITCH_LIMIT, ROLL_LIMIT = (math.radians(d) for d in (75, 40, 40))
JAW_LIMIT = 0.5


class FaceSampler:
    """Draws FaceParameters; everything random comes from the given generator."""

    def __init__(self, head: FaceModel, generator: torch.Generator) -> None:
        self.generator = generator
        names = list(head.expression_names)
        self.mouth_close = names.index("mouthClose") if "mouthClose" in names else None
        # Left and right halves of a unit share a draw; ``group`` numbers the draws.
        stems = [
            n.removesuffix("Left").removesuffix("Right") if self._has_twin(n, names) else n for n in names
        ]
        order = sorted(set(stems))
        self.group = torch.tensor([order.index(s) for s in stems])
        self.right = torch.tensor([n.endswith("Right") for n in names])
        self.blink = order.index("eyeBlink") if "eyeBlink" in order else None
        self.num_groups = len(order)

    @staticmethod
    def _has_twin(name: str, names: list[str]) -> bool:
        # jawLeft, mouthRight and their like are opposite motions, not two halves of one.
        if name in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
            return False
        for side, other in (("Left", "Right"), ("Right", "Left")):
            if name.endswith(side):
                return name.removesuffix(side) + other in names
        return False

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=self.generator)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator)

    def expression(self, count: int, jaw_opening: Tensor) -> Tensor:
        """Sparse, non-negative, mostly symmetric activations ``[count, 50]``."""
        share = ACTIVE_SHARE * self.uniform(count, 1, high=2.0)
        active = self.uniform(count, self.num_groups) < share
        if self.blink is not None:
            active[:, self.blink] |= self.uniform(count) < 0.12
        strength = (
            active * self.uniform(count, self.num_groups) ** 1.2
            + 0.05 * self.normal(count, self.num_groups).abs()
        )
        drawn = strength[:, self.group]
        # One face in five is lopsided: each half of a unit keeps its own part.
        lopsided = self.uniform(count, 1) < 0.2
        sides = self.uniform(count, self.num_groups, 2)
        part = torch.where(self.right, sides[..., 1][:, self.group], sides[..., 0][:, self.group])
        drawn = drawn * torch.where(lopsided, part, 1 + 0.1 * (part - 0.5))
        expression = FULL_ACTIVATION * drawn.clamp(max=1.0)
        if self.mouth_close is not None:  # closing lips needs an open jaw
            expression[:, self.mouth_close] *= (jaw_opening / 0.42).clamp(0.0, 1.0)
        return expression

    def head_rotation(self, count: int) -> Tensor:
        """Axis-angle ``[count, 3]`` of a turn (yaw), then a nod (pitch), then a tilt (roll)."""
        frontal = self.uniform(count) < 0.4
        yaw = torch.where(
            frontal, 0.2 * self.normal(count), self.uniform(count, low=-YAW_LIMIT, high=YAW_LIMIT)
        )
        pitch = (0.25 * self.normal(count)).clamp(-PITCH_LIMIT, PITCH_LIMIT)
        roll = (0.18 * self.normal(count)).clamp(-ROLL_LIMIT, ROLL_LIMIT)
        zero = torch.zeros(count)
        yaw_m, pitch_m, roll_m = (
            rotations.axis_angle_to_matrix(torch.stack(v, 1))
            for v in ((zero, yaw, zero), (pitch, zero, zero), (zero, zero, roll))
        )
        return rotations.matrix_to_axis_angle(roll_m @ pitch_m @ yaw_m)

    def __call__(self, count: int) -> FaceParameters:
        """A batch of ``count`` faces before a camera of scale 1 (metres)."""
        shape = (SHAPE_SD * self.normal(count, 100)).clamp(-SHAPE_LIMIT, SHAPE_LIMIT)
        open_mouth = self.uniform(count) < 0.6
        jaw_opening = torch.where(open_mouth, JAW_LIMIT * self.uniform(count) ** 1.5, torch.zeros(count))
        jaw = torch.stack([jaw_opening, 0.02 * self.normal(count), 0.01 * self.normal(count)], 1)
        return FaceParameters(
            shape=shape,
            expression=self.expression(count, jaw_opening),
            pose=torch.cat([self.head_rotation(count), jaw], 1),
            camera=torch.tensor([1.0, 0.0, 0.0]).expand(count, 3),
        )

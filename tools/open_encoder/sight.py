"""What the face-mesh network would report of a face: perspective, biased and noisy landmarks."""

from __future__ import annotations

import math

import torch
from torch import Tensor

NEAREST, FARTHEST = 0.35, 5.0
"""Distance of the camera [m]."""
# (correlation length, sd across the image, sd in depth) [m] of errors that neighbouring landmarks share.
SHARED_ERRORS = ((0.035, 0.0012, 0.0030), (0.010, 0.0006, 0.0010))
OWN_ERROR = 0.0003
POOL = 2048
DEPTH_SCALE_SD, DEPTH_TILT_SD = 0.15, 0.05


class LandmarkSight:
    """Posed landmarks [m] -> what is seen, in the layout of the backbone (y down, z away from the camera)."""

    def __init__(self, mean_landmarks: Tensor, generator: torch.Generator) -> None:
        self.generator = generator
        points = mean_landmarks.double()
        squared = (points[:, None] - points).pow(2).sum(-1)
        count = len(points)
        fields = torch.zeros(POOL, count, 3)
        for length, flat, depth in SHARED_ERRORS:
            root = _square_root(torch.exp(-squared / (2 * length**2)))
            drawn = (root @ self._normal(count, POOL * 3)).reshape(count, POOL, 3).transpose(0, 1)
            fields += drawn * torch.tensor([flat, flat, depth])
        self.shared_errors = fields

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator)

    def project(self, posed: Tensor) -> Tensor:
        """Perspective image ``[B, 478, 3]`` in metres at the depth of the face; y down, z away."""
        count = len(posed)
        spread = math.log(FARTHEST / NEAREST)
        distance = NEAREST * torch.exp(spread * torch.rand(count, 1, 1, generator=self.generator))
        centred = posed - posed.mean(1, keepdim=True)
        return centred * (distance / (distance - centred[..., 2:])) * posed.new_tensor([1.0, -1.0, -1.0])

    def disturb(self, seen: Tensor, *, strength: float = 1.0) -> Tensor:
        """Add the backbone's kind of error to projected landmarks."""
        count, points, _ = seen.shape
        # Two fields of the pool at random angles make a new one of the same spread.
        first, second = torch.randint(POOL, (2, count), generator=self.generator)
        angle = 2 * math.pi * torch.rand(count, 1, 1, generator=self.generator)
        shared = angle.cos() * self.shared_errors[first] + angle.sin() * self.shared_errors[second]
        size = 1.5 * torch.rand(count, 1, 1, generator=self.generator)
        error = size * shared + OWN_ERROR * self._normal(count, points, 3)
        out = seen + strength * error
        tilt = strength * DEPTH_TILT_SD * self._normal(count, 1, 2)
        z = out[..., 2:] * torch.exp(strength * DEPTH_SCALE_SD * self._normal(count, 1, 1))
        z = z + (out[..., :2] * tilt).sum(-1, keepdim=True)
        return torch.cat([out[..., :2], z], -1)


def _square_root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp_min(0).sqrt()).float()

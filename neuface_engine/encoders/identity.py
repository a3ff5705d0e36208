"""Whose head is it? What the maps inside an encoder's network tell of beta, over all crops of a clip.

Landmarks and single predictions tell little of a person's head; the maps from which they are computed tell more, and
the views of a clip say it together. The model is linear and Gaussian, learnt from rendered people
(tools/build_open_identity.py): in the direction k the maps z, reduced to their principal components, are

    z_k = mu_k + D_k x + A_k beta + e,    e ~ N(0, Sigma) over all directions together,    beta ~ N(0, I)

with x the angles by which the head is turned away from k. What a clip shows of the directions gives N(beta_hat, P^-1).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from neuface_engine.errors import AssetError
from neuface_engine.face_model.rotations import axis_angle_to_matrix
from neuface_engine.weights import load_weights

REBUILD = "tools/build_open_identity.py"
DIRECTIONS = ((0.0, 25.0), (0.0, 0.0), (-30.0, 0.0), (-60.0, 0.0), (30.0, 0.0), (60.0, 0.0), (0.0, -25.0))
"""Yaw and pitch of the head [deg] about which crops are compared."""
REACH_DEG = 22.0
"""A crop whose head is turned further than this from all of them has no say."""
_UNIT_DEG = 15.0
NUM_FEATURES, NUM_COMPONENTS, NUM_SHAPE, NUM_TURNS = 2048, 192, 100, 6


@dataclass(frozen=True)
class ShapePosterior:
    """N(mean, precision^-1) of beta in standard deviations: mean [n], precision [n, n]."""

    mean: Tensor
    precision: Tensor
    strangeness: float = 0.0
    """Squared Mahalanobis distance of the crops from the people the model knows, per number compared: about 1 or less
    for one of them. Above 1 the crops count for as many times less."""

    def to(self, device: torch.device) -> ShapePosterior:
        return ShapePosterior(self.mean.to(device), self.precision.to(device), self.strangeness)


class IdentityNumbers(nn.Module):
    """Of K directions, D numbers in a map of which d components are compared, n coefficients of beta."""

    offset: Tensor
    basis: Tensor
    mean: Tensor
    turns: Tensor
    loading: Tensor
    covariance: Tensor

    def __init__(self, features: int, components: int, n_shape: int) -> None:
        super().__init__()
        k, d = len(DIRECTIONS), components
        self.register_buffer("offset", torch.zeros(features))
        self.register_buffer("basis", torch.zeros(features, d))
        self.register_buffer("mean", torch.zeros(k, d))
        self.register_buffer("turns", torch.zeros(k, NUM_TURNS, d))
        self.register_buffer("loading", torch.zeros(k, d, n_shape))
        self.register_buffer("covariance", torch.zeros(k * d * (k * d + 1) // 2))  # lower triangle, by rows

    def components(self, maps: Tensor) -> Tensor:
        """[..., D] -> [..., d]"""
        return (maps - self.offset) @ self.basis

    def covariance_of(self, directions: list[int]) -> Tensor:
        """Sigma of some directions, [k d, k d], float64."""
        k, d = self.mean.shape
        row, column = torch.tril_indices(k * d, k * d)
        whole = self.covariance.new_zeros(k * d, k * d, dtype=torch.float64)
        whole[row, column] = whole[column, row] = self.covariance.double()
        chosen = whole.unflatten(1, (k, d)).unflatten(0, (k, d))[directions][:, :, directions]
        return chosen.flatten(2, 3).flatten(0, 1)


class IdentityModel:
    """The model. It is no part of the encoder's network, and does not move with its weights."""

    def __init__(self, numbers: IdentityNumbers) -> None:
        self.numbers = numbers

    @classmethod
    def load(cls, path: Path, *, encoder_fingerprint: str) -> IdentityModel:
        """The file's model. Raises AssetError where it is damaged or was learnt with other weights of the encoder."""
        numbers = IdentityNumbers(NUM_FEATURES, NUM_COMPONENTS, NUM_SHAPE)
        metadata = load_weights(path, {"identity": numbers}, rebuild=REBUILD)
        if metadata.get("encoder_fingerprint") != encoder_fingerprint:
            raise AssetError(f"{path}: learnt with another encoder; rebuild it with {REBUILD}")
        return cls(numbers)

    def posterior(self, maps: Tensor, head_rotation: Tensor) -> ShapePosterior:
        """beta of the person whom all of N crops show: maps [N, D], head_rotation [N, 3] axis-angle.

        Crops of one direction are averaged. Without any that is near to a direction the prior N(0, I) is left.
        """
        numbers = self.numbers
        identity = torch.eye(numbers.loading.shape[-1], dtype=torch.float64)
        direction, turned, near = nearest_direction(head_angles(head_rotation.double()))
        seen = direction[near].unique().tolist()
        if not seen:
            return ShapePosterior(torch.zeros(len(identity)), identity.float())
        left = numbers.components(maps.float()) - numbers.mean[direction]
        left -= torch.einsum("nt,ntd->nd", turned.float(), numbers.turns[direction])
        z = torch.cat([left[near & (direction == k)].mean(0) for k in seen]).double()
        a, sigma = numbers.loading[seen].flatten(0, 1).double(), numbers.covariance_of(seen)
        strangeness = float(z @ torch.linalg.solve(sigma + a @ a.T, z)) / len(z)
        # Faces unlike any that the model knows, real ones before all, say as much less as they are unlike.
        informative = torch.linalg.solve(sigma, a) / max(1.0, strangeness)
        precision = identity + a.T @ informative
        mean = torch.linalg.solve(precision, informative.T @ z)
        return ShapePosterior(mean.float(), (precision + precision.T).float() / 2, strangeness)


def head_angles(head_rotation: Tensor) -> Tensor:
    """Axis-angle [..., 3] -> yaw, pitch and roll [deg] of the head as the camera sees it, [..., 3]."""
    rotation = axis_angle_to_matrix(head_rotation)
    right, up, ahead = rotation[..., 0, :], rotation[..., 1, :], rotation[..., 2, :]
    yaw = torch.atan2(right[..., 2], ahead[..., 2])
    pitch = torch.asin(up[..., 2].clamp(-1, 1))
    roll = torch.atan2(-right[..., 1], up[..., 1])
    return torch.rad2deg(torch.stack([yaw, pitch, roll], -1))


def nearest_direction(angles: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of angles [N, 3]: number of the nearest of `DIRECTIONS`, `turned_from` it [N, 6], and whether it is near."""
    directions = angles.new_tensor(DIRECTIONS)
    distance = torch.linalg.vector_norm(angles[..., None, :2] - directions, dim=-1)
    least, number = distance.min(-1)
    return number, turned_from(angles, directions[number]), least < REACH_DEG


def turned_from(angles: Tensor, direction: Tensor) -> Tensor:
    """x [..., 6]: how a head at `angles` [..., 3] is turned from `direction` [..., 2], to the second order."""
    yaw, pitch = ((angles[..., :2] - direction) / _UNIT_DEG).unbind(-1)
    return torch.stack([yaw, pitch, angles[..., 2] / _UNIT_DEG, yaw * yaw, pitch * pitch, yaw * pitch], -1)

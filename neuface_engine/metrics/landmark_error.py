"""NME: does the mesh lie on the face? The guard against the trivial answer (paper section 4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuface_engine.face_model.rotations import axis_angle_to_matrix
from neuface_engine.metrics.averages import masked_mean, to_numpy

OUTER_EYE_CORNERS = (36, 45)
YAW_LIMIT_DEG = (
    40.0  # beyond it the eye corners run together in the image, and their distance measures nothing
)
PARTS = {
    "contour": range(17),
    "brows": range(17, 27),
    "nose": range(27, 36),
    "eyes": range(36, 48),
    "lips": range(48, 68),
}


@torch.no_grad()
def landmark_error(projected: Tensor, detected: Tensor, valid: Tensor) -> NDArray[np.float64]:
    """NME per view [V]: mean distance of the 68 projected to the detected landmarks, in percent of sqrt(w * h).

    Both [F, V, 68, 2]; w, h: sides of the box of the detected landmarks, which is defined at any yaw (the distance
    of the eye corners is not). NaN for a view without a face.
    """
    error = 100 * _distance(projected, detected).mean(-1) / landmark_box(detected)
    return masked_mean(to_numpy(error), valid.cpu().numpy() > 0)


@dataclass(frozen=True)
class LandmarkErrors:
    """The mean distance of a crop's 68 points in percent of two lengths, [F, V] each, NaN where no face was found.

    box_percent          of sqrt(w * h) of the box of the detected landmarks
    interocular_percent  of the distance of their outer eye corners (300-W); meaningless in side views
    side_view            bool: the yaw is beyond 40 degrees; there `percent` is that of the box
    points_percent       [F, V, 68]: each point in percent of the box
    """

    box_percent: NDArray[np.float64]
    interocular_percent: NDArray[np.float64]
    side_view: NDArray[np.bool_]
    points_percent: NDArray[np.float64]

    @property
    def percent(self) -> NDArray[np.float64]:
        """[F, V]: inter-ocular up to 40 degrees of yaw, box beyond.

        Good for looking at one crop beside published figures. Its mean mixes two units, and a crop that crosses the
        limit changes by a factor of about 1.5 without its landmarks moving: to compare methods take box_percent.
        """
        return np.where(self.side_view, self.box_percent, self.interocular_percent)

    def parts_percent(self) -> dict[str, NDArray[np.float64]]:
        """[F, V] for contour, brows, nose, eyes and lips, in percent of the box."""
        return {name: self.points_percent[..., list(points)].mean(-1) for name, points in PARTS.items()}


@torch.no_grad()
def landmark_errors(
    projected: Tensor, detected: Tensor, valid: Tensor, head_rotation: Tensor
) -> LandmarkErrors:
    """As `landmark_error`, crop by crop and by both lengths. head_rotation [F, V, 3]: r, for the yaw."""
    known = valid.cpu().numpy() > 0
    distance = _distance(projected, detected)
    left, right = (detected[..., corner, :] for corner in OUTER_EYE_CORNERS)
    eyes = torch.linalg.vector_norm(left - right, dim=-1)

    def percent(length: Tensor) -> NDArray[np.float64]:
        values = to_numpy(100 * distance / length[..., None])
        return np.where(known[..., None] & np.isfinite(values), values, np.nan)

    of_box = percent(landmark_box(detected))
    side = np.abs(yaw_deg(head_rotation)) > YAW_LIMIT_DEG
    return LandmarkErrors(of_box.mean(-1), percent(eyes).mean(-1), side, of_box)


def yaw_deg(head_rotation: Tensor) -> NDArray[np.float64]:
    """[...] yaw of r [..., 3] in degrees, positive towards the subject's left. A roll in the image leaves it alone."""
    rotation = axis_angle_to_matrix(head_rotation)
    sine = -rotation[..., 2, 0]
    return to_numpy(torch.rad2deg(torch.atan2(sine, torch.hypot(rotation[..., 0, 0], rotation[..., 1, 0]))))


def _distance(projected: Tensor, detected: Tensor) -> Tensor:
    return torch.linalg.vector_norm(projected - detected, dim=-1)


def landmark_box(detected: Tensor) -> Tensor:
    """sqrt(w * h) of the landmarks' box [..., K, 2] -> [...]."""
    return (detected.amax(-2) - detected.amin(-2)).clamp_min(1e-6).prod(-1).sqrt()

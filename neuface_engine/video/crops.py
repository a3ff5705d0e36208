"""Face crops: square boxes around the landmarks, and the similarities between frame and crop.

Pixel coordinates are continuous: the centre of the top-left pixel is (0.5, 0.5), so that scaling a picture scales its
coordinates. OpenCV puts that centre at (0, 0); only `warp` needs to know.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

Array = NDArray[np.float64]
Side = Literal["larger", "mean"]
Points = Literal["ibug68", "mediapipe"]


def landmark_boxes(landmarks: NDArray[np.floating], *, side: Side = "larger") -> Array:
    """Boxes [..., 3] (centre x, centre y, side; pixels) of landmarks [..., N, 2] in frame pixels.

    `side`: the larger one of width and height, or (DECA's rule) their mean.
    """
    points = np.asarray(landmarks, np.float64)[..., :2]
    low, high = points.min(-2), points.max(-2)
    extent = high - low
    length = extent.max(-1, keepdims=True) if side == "larger" else extent.mean(-1, keepdims=True)
    return np.concatenate([(low + high) / 2, length], -1)


def fill_gaps(values: NDArray[np.floating], present: NDArray[np.bool_]) -> Array:
    """Interpolates values [F, ...] linearly over the frames where `present` [F] is False; ends are held.

    Where nothing is present, the result is all zeros.
    """
    values = np.asarray(values, np.float64)
    if not present.any():
        return np.zeros_like(values)
    known = np.flatnonzero(present)
    frames = np.arange(len(values))
    right = np.clip(np.searchsorted(known, frames), 0, len(known) - 1)
    left = np.clip(np.searchsorted(known, frames, side="right") - 1, 0, len(known) - 1)
    start, end = known[left], known[right]
    weight = np.where(end > start, (frames - start) / np.maximum(end - start, 1), 0.0)
    weight = weight.reshape(-1, *[1] * (values.ndim - 1))
    return values[start] * (1 - weight) + values[end] * weight


def smooth_boxes(boxes: Array, present: NDArray[np.bool_], *, sigma_frames: float) -> Array:
    """Boxes [F, 3] with gaps interpolated, then smoothed over time by a Gaussian."""
    filled = fill_gaps(boxes, present)
    if sigma_frames <= 0 or len(filled) < 2:
        return filled
    return np.asarray(gaussian_filter1d(filled, sigma_frames, axis=0, mode="nearest"), np.float64)


def quarter_turns(landmarks: NDArray[np.floating]) -> int:
    """How often a face is turned by 90 degrees clockwise in the picture, 0..3; iBUG landmarks [F, 68, 2], y down."""
    right_eye, left_eye = landmarks[:, 36:42].mean(1), landmarks[:, 42:48].mean(1)
    across = left_eye - right_eye  # along +x in an upright face
    across = (across / np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-9)).sum(0)
    return round(float(np.arctan2(across[1], across[0])) / (np.pi / 2)) % 4


def crop_transforms(boxes: Array, *, crop_size: int, crop_scale: float, turns: int = 0) -> Array:
    """Similarities [..., 2, 3], frame px -> crop px, that put boxes [..., 3] enlarged by `crop_scale` into the crop.

    `turns`: quarter turns clockwise that the crop takes back.
    """
    cosine, sine = ((1, 0), (0, 1), (-1, 0), (0, -1))[turns % 4]
    turn = np.array([[cosine, sine], [-sine, cosine]], np.float64)
    scale = crop_size / np.maximum(boxes[..., 2] * crop_scale, 1.0)
    linear = scale[..., None, None] * turn
    shift = crop_size / 2 - np.einsum("...ij,...j->...i", linear, boxes[..., :2])
    return np.concatenate([linear, shift[..., None]], -1)


def invert(transforms: Array) -> Array:
    """The inverse similarities [..., 2, 3], crop px -> frame px."""
    linear = np.linalg.inv(transforms[..., :2])
    return np.concatenate([linear, -linear @ transforms[..., 2:]], -1)


def apply(transforms: Array, points: NDArray[np.floating]) -> Array:
    """Maps points [..., N, 2 or 3]; a third coordinate (depth, px) is scaled with the similarity."""
    points = np.asarray(points, np.float64)
    flat = np.einsum("...ij,...nj->...ni", transforms[..., :2], points[..., :2]) + transforms[..., None, :, 2]
    if points.shape[-1] == 2:
        return flat
    scale = np.sqrt(np.abs(np.linalg.det(transforms[..., :2])))
    return np.concatenate([flat, points[..., 2:3] * scale[..., None, None]], -1)


def normalise(points_px: Array, crop_size: int) -> Array:
    """Crop px -> [-1, 1] (y stays down); a third coordinate gets the same scale without the shift."""
    out = points_px * (2.0 / crop_size)
    out[..., :2] -= 1.0
    return out


def denormalise(points: NDArray[np.floating], crop_size: int) -> Array:
    """[-1, 1] -> crop px: the inverse of `normalise`."""
    out = np.array(points, np.float64)
    out[..., :2] += 1.0
    return out * (crop_size / 2.0)


def warp(frame: NDArray[np.uint8], transform: Array, crop_size: int) -> NDArray[np.uint8]:
    """The crop uint8 [S, S, 3] of a frame; outside of the frame it is black.

    A strong reduction is filtered first (halving until the scale is above one half), against aliasing.
    """
    matrix = np.array(transform, np.float64)
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    while scale < 0.5 and min(frame.shape[:2]) >= 2:
        height, width = frame.shape[0] // 2, frame.shape[1] // 2
        ratio = np.array([frame.shape[1] / width, frame.shape[0] / height])
        frame = np.asarray(cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        matrix[:, :2] *= ratio
        scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    # x_cv = x - 0.5 on both sides of the map
    matrix[:, 2] += matrix[:, :2] @ np.array([0.5, 0.5]) - 0.5
    size = (crop_size, crop_size)
    warped = cv2.warpAffine(frame, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(warped, np.uint8)

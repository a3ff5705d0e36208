"""Square, rotated regions of interest around a face, and the crops they cut (geometry of MediaPipe's graphs)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from neuface_engine.landmarks.topology import MEDIAPIPE_EYE_OUTER_CORNERS

EXPANSION = 1.5


@dataclass(frozen=True)
class Roi:
    """A square of side ``size`` px around ``(x, y)``, turned by ``angle`` rad (clockwise on the screen)."""

    x: float
    y: float
    size: float
    angle: float

    @classmethod
    def around_box(cls, box: NDArray[np.floating]) -> Roi:
        """From a BlazeFace detection ``[8, 2]`` in frame px: upright along the eyes, 1.5 times the box."""
        dx, dy = box[3] - box[2]
        return cls(float(box[0, 0]), float(box[0, 1]), EXPANSION * float(box[1].max()), math.atan2(dy, dx))

    @classmethod
    def around_landmarks(cls, landmarks: NDArray[np.floating]) -> Roi:
        """From the landmarks ``[478, >=2]`` of the frame before: 1.5 times their upright box, along the eyes."""
        low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
        right, left = (landmarks[i, :2] for i in MEDIAPIPE_EYE_OUTER_CORNERS)
        x, y = (low + high) / 2
        angle = math.atan2(left[1] - right[1], left[0] - right[0])
        return cls(float(x), float(y), EXPANSION * float((high - low).max()), angle)

    def transform(self, crop_size: int) -> NDArray[np.float64]:
        """Similarity ``[2, 3]`` from frame px to crop px."""
        scale = crop_size / max(self.size, 1e-6)
        c, s = scale * math.cos(self.angle), scale * math.sin(self.angle)
        half = crop_size / 2
        return np.array([[c, s, half - c * self.x - s * self.y], [-s, c, half + s * self.x - c * self.y]])

    def landmarks_to_frame(self, landmarks: NDArray[np.floating], crop_size: int) -> NDArray[np.float64]:
        """Landmarks ``[N, 3]`` in crop px -> frame px (z by the same scale)."""
        linear = np.linalg.inv(self.transform(crop_size)[:, :2])
        centred = landmarks.astype(np.float64) - (crop_size / 2, crop_size / 2, 0.0)
        xy = centred[:, :2] @ linear.T + (self.x, self.y)
        return np.concatenate([xy, centred[:, 2:] * (self.size / crop_size)], 1)

    def distance(self, other: Roi) -> float:
        """Distance of the centres in units of the mean size."""
        return math.hypot(self.x - other.x, self.y - other.y) / (0.5 * (self.size + other.size) + 1e-9)


def extract_crop(
    image: NDArray[np.uint8], transform: NDArray[np.float64], crop_size: int
) -> NDArray[np.uint8]:
    """Square crop under a similarity frame px -> crop px, black outside the frame.

    Frames much larger than the crop are averaged down first, so fine texture does not alias.
    """
    scale = math.hypot(transform[0, 0], transform[1, 0])
    shrink = math.floor(1.0 / max(scale, 1e-6) + 0.25)
    if shrink >= 2:
        image, transform = _shrink_region(image, transform, crop_size, shrink)
    # cv2 puts the centre of the first pixel at 0, pixel coordinates here put it at 0.5.
    shifted = transform.copy()
    shifted[:, 2] += 0.5 * transform[:, :2].sum(1) - 0.5
    crop = cv2.warpAffine(image, shifted, (crop_size, crop_size), flags=cv2.INTER_LINEAR)
    return np.asarray(crop, np.uint8)


def _shrink_region(
    image: NDArray[np.uint8], transform: NDArray[np.float64], crop_size: int, shrink: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The part of ``image`` a crop needs, averaged over ``shrink`` x ``shrink`` pixels, and its transform."""
    height, width = image.shape[:2]
    inverse = np.linalg.inv(np.vstack([transform, [0, 0, 1]]))[:2]
    square = np.array([[0, 0], [crop_size, 0], [0, crop_size], [crop_size, crop_size]])
    corners = square @ inverse[:, :2].T + inverse[:, 2]
    x0, y0 = (max(0, (math.floor(v) // shrink - 1) * shrink) for v in corners.min(0))
    x1, y1 = corners.max(0)
    columns = max(1, math.ceil((min(width, x1 + shrink) - x0) / shrink))
    rows = max(1, math.ceil((min(height, y1 + shrink) - y0) / shrink))
    part = image[y0 : y0 + rows * shrink, x0 : x0 + columns * shrink]
    if part.size == 0:
        return image, transform
    pad = (rows * shrink - part.shape[0], columns * shrink - part.shape[1])
    if any(pad):
        part = np.pad(part, ((0, pad[0]), (0, pad[1]), (0, 0)), mode="edge")
    small = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA)
    linear = transform[:, :2] * shrink
    offset = transform[:, 2] + transform[:, :2] @ (x0, y0)
    return np.asarray(small, np.uint8), np.column_stack([linear, offset])

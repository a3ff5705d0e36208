"""ArcFace's IResNet-100 (Deng et al. 2019) under insightface's weight names, and the crop that it looks at."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

INPUT_SIZE = 112
EMBEDDING = 512
BLOCKS = (3, 13, 30, 3)
CHANNELS = (64, 128, 256, 512)
LAST_MAP = 7

TARGETS = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""Where insightface puts the eye on the left of the picture, the one on the right, the nose and the corners of the
mouth in a crop of 112 px; OpenCV's coordinates, the centre of the first pixel at (0, 0)."""


class Block(nn.Module):
    """BatchNorm, 3 x 3, BatchNorm, PReLU, 3 x 3 with the stride, BatchNorm, added to the input."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.prelu = nn.PReLU(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.prelu(self.bn2(self.conv1(self.bn1(x))))
        return torch.as_tensor(self.bn3(self.conv2(y)) + shortcut)


class IResNet100(nn.Module):
    """Aligned faces [B, 3, 112, 112] in 0..1, RGB -> embeddings [B, 512] of length 1."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, CHANNELS[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(CHANNELS[0])
        self.prelu = nn.PReLU(CHANNELS[0])
        inputs = CHANNELS[0]
        for number, (count, outputs) in enumerate(zip(BLOCKS, CHANNELS, strict=True), 1):
            blocks = [Block(inputs, outputs, 2), *(Block(outputs, outputs, 1) for _ in range(count - 1))]
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
            inputs = outputs
        self.bn2 = nn.BatchNorm2d(CHANNELS[-1])
        self.fc = nn.Linear(CHANNELS[-1] * LAST_MAP**2, EMBEDDING)
        self.features = nn.BatchNorm1d(EMBEDDING)

    def forward(self, faces: Tensor) -> Tensor:
        x = self.prelu(self.bn1(self.conv1(2 * faces - 1)))
        for number in range(1, len(BLOCKS) + 1):
            x = self.get_submodule(f"layer{number}")(x)
        return F.normalize(self.features(self.fc(self.bn2(x).flatten(1))))


def five_points(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """Eyes, nose and corners of the mouth [..., 5, 2] of iBUG's 68 landmarks [..., 68, 2]."""
    points = np.asarray(landmarks, np.float64)
    eyes = [points[..., 36:42, :].mean(-2), points[..., 42:48, :].mean(-2)]
    return np.stack([*eyes, points[..., 30, :], points[..., 48, :], points[..., 54, :]], axis=-2)


def similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """The similarity [2, 3] that maps points [N, 2] onto others with the least squares, without mirroring (Umeyama)."""
    centre, goal = source.mean(0), target.mean(0)
    a, b = source - centre, target - goal
    u, spread, vt = np.linalg.svd(b.T @ a / len(a))
    turn = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt)) or 1.0])
    rotation = u @ np.diag(turn) @ vt
    scale = (spread * turn).sum() / max((a**2).sum() / len(a), 1e-12)
    linear = scale * rotation
    return np.column_stack([linear, goal - linear @ centre])


def aligned(crop: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.uint8]:
    """The face uint8 [112, 112, 3] as ArcFace wants it, from a crop [S, S, 3] and its 68 landmarks [68, 2] in
    -1..1. What lies outside of the crop is black."""
    import cv2

    pixels = (five_points(landmarks) + 1) * (crop.shape[0] / 2) - 0.5
    matrix = similarity(pixels, TARGETS)
    return np.asarray(
        cv2.warpAffine(crop, matrix, (INPUT_SIZE, INPUT_SIZE), flags=cv2.INTER_LINEAR), np.uint8
    )

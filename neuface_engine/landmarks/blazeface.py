"""BlazeFace, the short-range face detector of MediaPipe (Google, Apache-2.0), as a module.

It sees 128 px images and scores 896 anchors: two on each cell of a 16 x 16 grid, six on an 8 x 8 grid.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

INPUT_SIZE = 128
NUM_KEYPOINTS = 6
_STEM = 24
# (channels, stride) of the blocks on the way to the 16 x 16 and on to the 8 x 8 grid.
_BLOCKS_16 = (
    (24, 1),
    (28, 1),
    (32, 2),
    (36, 1),
    (42, 1),
    (48, 2),
    (56, 1),
    (64, 1),
    (72, 1),
    (80, 1),
    (88, 1),
)
_BLOCKS_8 = ((96, 2), (96, 1), (96, 1), (96, 1), (96, 1))
_ANCHORS_16, _ANCHORS_8 = 2, 6
_VALUES = 4 + 2 * NUM_KEYPOINTS


class BlazeBlock(nn.Module):
    """Separable 3x3 convolution with a residual whose new channels are zero."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.extra_channels = channels - channels_in
        self.depthwise = nn.Conv2d(channels_in, channels_in, 3, stride=stride, groups=channels_in)
        self.pointwise = nn.Conv2d(channels_in, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        # SAME padding: at stride 2 an even input gets its one pixel after, not before.
        padded = functional.pad(x, (0, 1, 0, 1)) if self.stride == 2 else functional.pad(x, (1, 1, 1, 1))
        shortcut = functional.max_pool2d(x, 2) if self.stride == 2 else x
        if self.extra_channels:
            shortcut = functional.pad(shortcut, (0, 0, 0, 0, 0, self.extra_channels))
        return functional.relu(shortcut + self.pointwise(self.depthwise(padded)))


def _chain(channels: int, blocks: Sequence[tuple[int, int]]) -> nn.Sequential:
    layers = []
    for width, stride in blocks:
        layers.append(BlazeBlock(channels, width, stride))
        channels = width
    return nn.Sequential(*layers)


class BlazeFace(nn.Module):
    """128 px image -> boxes, keypoints and scores of 896 anchors."""

    anchors: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, _STEM, 5, stride=2)
        self.blocks16 = _chain(_STEM, _BLOCKS_16)
        width16, width8 = _BLOCKS_16[-1][0], _BLOCKS_8[-1][0]
        self.blocks8 = _chain(width16, _BLOCKS_8)
        self.score16 = nn.Conv2d(width16, _ANCHORS_16, 1)
        self.score8 = nn.Conv2d(width8, _ANCHORS_8, 1)
        self.box16 = nn.Conv2d(width16, _ANCHORS_16 * _VALUES, 1)
        self.box8 = nn.Conv2d(width8, _ANCHORS_8 * _VALUES, 1)
        self.register_buffer("anchors", _anchor_centres(), persistent=False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images ``[B, 3, 128, 128]`` in -1..1 -> values ``[B, 896, 8, 2]`` and scores ``[B, 896]`` in 0..1.

        The eight pairs are in units of the image side: box centre (x, y), box size (w, h), then the right eye,
        left eye, nose tip, mouth, right ear and left ear of the subject.
        """
        maps16 = self.blocks16(functional.relu(self.stem(functional.pad(images, (1, 2, 1, 2)))))
        maps8 = self.blocks8(maps16)
        scores = torch.cat([_per_anchor(self.score16(maps16), 1), _per_anchor(self.score8(maps8), 1)], 1)
        values = torch.cat(
            [_per_anchor(self.box16(maps16), _VALUES), _per_anchor(self.box8(maps8), _VALUES)], 1
        )
        pairs = values.unflatten(-1, (_VALUES // 2, 2)) / INPUT_SIZE
        is_point = pairs.new_ones(_VALUES // 2, 1)
        is_point[1] = 0.0
        return pairs + is_point * self.anchors[:, None], torch.sigmoid(scores[..., 0].clamp(-100.0, 100.0))


def _per_anchor(maps: Tensor, values: int) -> Tensor:
    return maps.permute(0, 2, 3, 1).reshape(len(maps), -1, values)


def _anchor_centres() -> Tensor:
    centres = []
    for grid, count in ((16, _ANCHORS_16), (8, _ANCHORS_8)):
        y, x = torch.meshgrid(*[(torch.arange(grid) + 0.5) / grid] * 2, indexing="ij")
        centres.append(torch.stack([x, y], -1).reshape(-1, 1, 2).expand(-1, count, -1).reshape(-1, 2))
    return torch.cat(centres)


def weighted_suppression(
    values: NDArray[np.float32],
    scores: NDArray[np.float32],
    *,
    min_score: float = 0.5,
    min_overlap: float = 0.3,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Merge overlapping detections into their score-weighted mean, best first.

    ``values [N, 8, 2]`` and ``scores [N]`` as :class:`BlazeFace` gives them for one image; returns the merged
    ``[K, 8, 2]`` and ``[K]`` (the best score of each cluster).
    """
    keep = scores >= min_score
    values, scores = values[keep], scores[keep]
    order = np.argsort(-scores, kind="stable")
    values, scores = values[order], scores[order]
    merged, best = [], []
    while len(scores):
        close = box_overlap(values[:1, :2], values[:, :2])[0] > min_overlap
        close[0] = True
        weight = scores[close][:, None, None]
        merged.append((values[close] * weight).sum(0) / weight.sum())
        best.append(scores[0])
        values, scores = values[~close], scores[~close]
    if not merged:
        return np.zeros((0, _VALUES // 2, 2), np.float32), np.zeros(0, np.float32)
    return np.stack(merged), np.asarray(best, np.float32)


def box_overlap(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union ``[N, M]`` of boxes ``[N, 2, 2]`` and ``[M, 2, 2]``, each (centre, size)."""
    low = np.maximum((a[:, 0] - a[:, 1] / 2)[:, None], (b[:, 0] - b[:, 1] / 2)[None])
    high = np.minimum((a[:, 0] + a[:, 1] / 2)[:, None], (b[:, 0] + b[:, 1] / 2)[None])
    common = np.clip(high - low, 0, None).prod(-1)
    union = a[:, 1].prod(-1)[:, None] + b[:, 1].prod(-1)[None] - common
    overlap: NDArray[np.float32] = common / np.maximum(union, 1e-12)
    return overlap

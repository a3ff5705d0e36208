"""The MediaPipe face-mesh network (attention-free, 478 points) as a trainable module.

Architecture and weights: MediaPipe Face Landmarker v2 (Google, Apache-2.0). Seven stages halve the
resolution from 128 to 2; each is a chain of residual bottlenecks (1x1 reduce, 3x3 depthwise, 1x1 expand).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from neuface_engine.landmarks.topology import NUM_MEDIAPIPE

CROP_SIZE = 256
_CHANNELS = {128: 16, 64: 32, 32: 64, 16: 128, 8: 128, 4: 128, 2: 128}
_BLOCKS_PER_STAGE = 4


class Bottleneck(nn.Module):
    """Residual bottleneck at one resolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = min(channels // 2, 64)
        self.reduce = nn.Conv2d(channels, hidden, 1)
        self.reduce_act = nn.PReLU(hidden)
        self.depthwise = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.expand = nn.Conv2d(hidden, channels, 1)
        self.act = nn.PReLU(channels)

    def shortcut(self, x: Tensor) -> Tensor:
        return x

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.reduce_act(self.reduce(x))
        return self.act(self.shortcut(x) + self.expand(self.depthwise(hidden)))


class DownBottleneck(Bottleneck):
    """Bottleneck that halves the resolution; its shortcut is max-pooled and padded with zero channels."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__(channels)
        hidden = min(channels // 2, 64)
        self.reduce = nn.Conv2d(channels_in, hidden, 2, stride=2)
        self.extra_channels = channels - channels_in

    def shortcut(self, x: Tensor) -> Tensor:
        pooled = functional.max_pool2d(x, 2)
        return functional.pad(pooled, (0, 0, 0, 0, 0, self.extra_channels)) if self.extra_channels else pooled


class FaceMesh(nn.Module):
    """Crop of a face -> 478 landmarks and a presence score.

    ``trunk`` and ``top`` split the network at a resolution: ``top(trunk(x, r), r)`` equals ``maps(x)``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, _CHANNELS[128], 3, stride=2)
        self.stem_act = nn.PReLU(_CHANNELS[128])
        stages: dict[str, nn.Module] = {}
        previous = 0
        for resolution, channels in _CHANNELS.items():
            down = [DownBottleneck(previous, channels)] if previous else []
            blocks = [Bottleneck(channels) for _ in range(_BLOCKS_PER_STAGE)]
            stages[f"stage{resolution}"] = nn.Sequential(*down, *blocks)
            previous = channels
        self.stages = nn.ModuleDict(stages)
        self.presence = nn.Conv2d(previous, 1, 2)
        self.landmarks = nn.Conv2d(previous, NUM_MEDIAPIPE * 3, 2)

    def trunk(self, crops: Tensor, resolution: int) -> Tensor:
        """Feature maps ``[B, C, resolution, resolution]`` of crops ``[B, 3, 256, 256]`` in 0..1."""
        # SAME padding of an even input at stride 2: nothing before, one pixel after.
        x = self.stem_act(self.stem(functional.pad(crops, (0, 1, 0, 1))))
        for name, stage in self.stages.items():
            if int(name.removeprefix("stage")) >= resolution:
                x = stage(x)
        return x

    def top(self, maps: Tensor, resolution: int) -> Tensor:
        """Continue from ``trunk(..., resolution)`` to the last maps ``[B, 128, 2, 2]``."""
        for name, stage in self.stages.items():
            if int(name.removeprefix("stage")) < resolution:
                maps = stage(maps)
        return maps

    def decode_landmarks(self, maps: Tensor) -> Tensor:
        """Landmarks ``[B, 478, 3]`` in crop px from the last maps; z alike, growing away from the camera."""
        return self.landmarks(maps).reshape(-1, NUM_MEDIAPIPE, 3)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Crops ``[B, 3, 256, 256]`` in 0..1 -> landmarks ``[B, 478, 3]`` in crop px, presence ``[B]`` in 0..1."""
        maps = self.trunk(crops, min(_CHANNELS))
        return self.decode_landmarks(maps), torch.sigmoid(self.presence(maps)).reshape(-1)

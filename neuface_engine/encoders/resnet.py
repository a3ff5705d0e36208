"""ResNet-50 (He et al. 2016, stride in the 3 x 3 convolutions) under torchvision's weight names."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EXPANSION = 4
NUM_FEATURES = 2048
SMALL_MAP = 7
"""Largest side of an output map that counts as small: that of the last stage at 224 px."""


class Bottleneck(nn.Module):
    """1 x 1 to `width`, 3 x 3, 1 x 1 to four times `width`, added to the input."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = EXPANSION * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x
        if self.downsample is not None:
            convolution, norm = cast("tuple[nn.Conv2d, nn.BatchNorm2d]", tuple(self.downsample))
            shortcut = normalised(x, convolution, norm)
        y = F.relu_(normalised(x, self.conv1, self.bn1))
        y = F.relu_(normalised(y, self.conv2, self.bn2))
        return F.relu_(normalised(y, self.conv3, self.bn3).add_(shortcut))


class ResNet50(nn.Module):
    """[B, 3, S, S] -> [B, 2048]. `trunk` ends before the last stage, `top` is the last stage and the mean over the map.

    BatchNorm is never in training mode: its running statistics are those of the checkpoint.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = _stage(64, 64, blocks=3, stride=1)
        self.layer2 = _stage(256, 128, blocks=4, stride=2)
        self.layer3 = _stage(512, 256, blocks=6, stride=2)
        self.layer4 = _stage(1024, 512, blocks=3, stride=2)

    def trunk(self, images: Tensor) -> Tensor:
        """[B, 3, S, S] -> [B, 1024, S/16, S/16]."""
        x = F.relu_(normalised(images, self.conv1, self.bn1))
        x = F.max_pool2d(x, 3, 2, padding=1)
        for stage in (self.layer1, self.layer2, self.layer3):
            x = stage(x)
        return x

    def top(self, features: Tensor) -> Tensor:
        """[B, 1024, h, w] -> [B, 2048]."""
        return self.layer4(features).mean((-1, -2))

    def forward(self, images: Tensor) -> Tensor:
        return self.top(self.trunk(images))


def _stage(inputs: int, width: int, *, blocks: int, stride: int) -> nn.Sequential:
    first = Bottleneck(inputs, width, stride)
    return nn.Sequential(first, *(Bottleneck(EXPANSION * width, width, 1) for _ in range(blocks - 1)))


def normalised(x: Tensor, convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> Tensor:
    """Convolution, then BatchNorm in evaluation mode.

    On large maps the two are one convolution: the same function with one pass less over the map. On small maps, where
    the weights outnumber the pixels, they stay two, and 1 x 1 convolutions are matrix products.
    """
    stride = convolution.stride[0]
    if x.shape[-1] > SMALL_MAP * stride:
        return _folded(x, convolution, norm)
    if convolution.kernel_size != (1, 1):
        return norm(convolution(x))
    pixels = x[..., ::stride, ::stride].permute(0, 2, 3, 1)
    return norm(F.linear(pixels, convolution.weight.flatten(1)).permute(0, 3, 1, 2))


def _folded(x: Tensor, convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> Tensor:
    assert norm.running_var is not None
    assert norm.running_mean is not None
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    shift = norm.bias - norm.running_mean * scale
    weight = convolution.weight * scale[:, None, None, None]
    return F.conv2d(x, weight, shift, convolution.stride, convolution.padding)

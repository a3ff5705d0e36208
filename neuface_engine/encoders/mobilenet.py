"""MobileNet V2 and the minimal V3 (no squeeze-and-excitation, ReLU), under torchvision's and timm's weight names."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TF_EPS = 1e-3
"""Of BatchNorm in the networks that come from TensorFlow."""

Stage = tuple[tuple[int, int, float, int], ...]
"""Blocks of a stage: (how many, stride of the first, expansion, channels)."""

SMALL_MINIMAL: tuple[Stage, ...] = (
    ((1, 2, 1, 16),),
    ((1, 2, 4.5, 24), (1, 1, 3.67, 24)),
    ((1, 2, 4, 40), (2, 1, 6, 40)),
    ((2, 1, 3, 48),),
    ((3, 2, 6, 96),),
)
LARGE_MINIMAL: tuple[Stage, ...] = (
    ((1, 1, 1, 16),),
    ((1, 2, 4, 24), (1, 1, 3, 24)),
    ((3, 2, 3, 40),),
    ((1, 2, 6, 80), (1, 1, 2.5, 80), (2, 1, 2.3, 80)),
    ((2, 1, 6, 112),),
    ((3, 2, 6, 160),),
)
"""Howard et al. 2019, Tables 1 and 2, with 3 x 3 kernels throughout: timm's tf_mobilenetv3_*_minimal_100."""
SMALL_FEATURES, LARGE_FEATURES = 576, 960

V2: tuple[tuple[int, int, int, int], ...] = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Sandler et al. 2018, Table 2: expansion, channels, how many, stride of the first."""
V2_FEATURES = 1280
V2_TRUNK = 14
"""Layers of V2 before those of its smallest maps."""


class MinimalV3(nn.Module):
    """[B, 3, S, S] in 0..1 -> [B, 576 or 960], the mean over the last map. `trunk` ends before the smallest maps."""

    def __init__(self, stages: tuple[Stage, ...], features: int) -> None:
        super().__init__()
        self.conv_stem = SameConv(3, 16, 3, 2)
        self.bn1 = _norm(16)
        blocks, channels = [], 16
        for stage in stages:
            layers: list[nn.Module] = []
            for count, stride, expansion, outputs in stage:
                for number in range(count):
                    step = stride if number == 0 else 1
                    layers.append(_block(channels, outputs, step, expansion))
                    channels = outputs
            blocks.append(nn.Sequential(*layers))
        blocks.append(nn.Sequential(LastLayer(channels, features)))
        self.blocks = nn.Sequential(*blocks)

    @property
    def smallest(self) -> list[nn.Module]:
        """The stages of the smallest maps, which are `top`."""
        return list(self.blocks.children())[-2:]

    def trunk(self, images: Tensor) -> Tensor:
        """[B, 3, S, S] -> [B, C, S/16, S/16]."""
        x = F.relu(self.bn1(self.conv_stem(images)))
        for stage in list(self.blocks.children())[:-2]:
            x = stage(x)
        return x

    def top(self, features: Tensor) -> Tensor:
        for stage in self.smallest:
            features = stage(features)
        return features.mean((-1, -2))

    def forward(self, images: Tensor) -> Tensor:
        return self.top(self.trunk(images))


class SameConv(nn.Conv2d):
    """Without bias, padded as TensorFlow pads ("SAME"): what is odd goes to the right and below."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1, *, groups: int = 1) -> None:
        super().__init__(inputs, outputs, size, stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        (size, _), (stride, _) = self.kernel_size, self.stride
        height, width = (max((-(-n // stride) - 1) * stride + size - n, 0) for n in x.shape[-2:])
        if height or width:
            x = F.pad(x, [width // 2, width - width // 2, height // 2, height - height // 2])
        return F.conv2d(x, self.weight, None, self.stride, groups=self.groups)


class DepthwiseBlock(nn.Module):
    """Depthwise 3 x 3, pointwise 1 x 1; the input is added where the shapes are the same."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv_dw = SameConv(inputs, inputs, 3, stride, groups=inputs)
        self.bn1 = _norm(inputs)
        self.conv_pw = SameConv(inputs, outputs, 1)
        self.bn2 = _norm(outputs)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv_pw(F.relu(self.bn1(self.conv_dw(x)))))
        return x + y if self.adds else y


class InvertedResidual(nn.Module):
    """1 x 1 to `hidden` channels, depthwise 3 x 3, 1 x 1 back; the input is added where the shapes are the same."""

    def __init__(self, inputs: int, hidden: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv_pw = SameConv(inputs, hidden, 1)
        self.bn1 = _norm(hidden)
        self.conv_dw = SameConv(hidden, hidden, 3, stride, groups=hidden)
        self.bn2 = _norm(hidden)
        self.conv_pwl = SameConv(hidden, outputs, 1)
        self.bn3 = _norm(outputs)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv_pw(x)))
        y = F.relu(self.bn2(self.conv_dw(y)))
        y = self.bn3(self.conv_pwl(y))
        return x + y if self.adds else y


class LastLayer(nn.Module):
    """1 x 1 convolution, BatchNorm, ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = SameConv(inputs, outputs, 1)
        self.bn1 = _norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn1(self.conv(x)))


def _block(inputs: int, outputs: int, stride: int, expansion: float) -> nn.Module:
    if expansion == 1:
        return DepthwiseBlock(inputs, outputs, stride)
    return InvertedResidual(inputs, _divisible(inputs * expansion), outputs, stride)


def _divisible(channels: float) -> int:
    """The nearest multiple of 8, not more than a tenth below (Howard et al. 2017)."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=TF_EPS)


# --- V2 ------------------------------------------------------------------------------------------------------


class MobileNetV2(nn.Module):
    """[B, 3, S, S] in 0..1 -> [B, 1280], the mean over the last map. `trunk` ends before the smallest maps."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [_conv_relu6(3, 32, 3, 2)]
        channels = 32
        for expansion, outputs, count, stride in V2:
            for number in range(count):
                layers.append(ResidualV2(channels, outputs, stride if number == 0 else 1, expansion))
                channels = outputs
        layers.append(_conv_relu6(channels, V2_FEATURES, 1))
        self.features = nn.Sequential(*layers)

    def trunk(self, images: Tensor) -> Tensor:
        """[B, 3, S, S] -> [B, 96, S/16, S/16]."""
        return torch.as_tensor(self.features[:V2_TRUNK](images))

    def top(self, features: Tensor) -> Tensor:
        return torch.as_tensor(self.features[V2_TRUNK:](features)).mean((-1, -2))

    def forward(self, images: Tensor) -> Tensor:
        return self.top(self.trunk(images))


class ResidualV2(nn.Module):
    """As `InvertedResidual`, with ReLU6 and torchvision's names."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        layers: list[nn.Module] = [] if expansion == 1 else [_conv_relu6(inputs, hidden, 1)]
        layers += [
            _conv_relu6(hidden, hidden, 3, stride, groups=hidden),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        self.conv = nn.Sequential(*layers)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.adds else torch.as_tensor(self.conv(x))


def _conv_relu6(inputs: int, outputs: int, size: int, stride: int = 1, *, groups: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU6())

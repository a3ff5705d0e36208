"""Rendered heads, and what the backbone says of them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from synthetic_heads import HeadStyle, Perspective, SyntheticRenderer
from torch import Tensor

from neuface_engine.encoders.open import OpenEncoder
from neuface_engine.landmarks import MEDIAPIPE_TO_IBUG68
from open_encoder.faces import FaceSampler
from open_encoder.sight import FARTHEST, NEAREST
from open_encoder.training import Examples, Geometry

MIN_PRESENCE = 0.5
_BATCH = 24
SCALE_JITTER, SHIFT_JITTER = 0.08, 0.04
"""Spread of the crops around the true box, relative to it."""


class RenderedHeads:
    """Draws faces, renders them in a crop and lets the backbone of ``encoder`` read them."""

    def __init__(
        self, encoder: OpenEncoder, geometry: Geometry, renderer: SyntheticRenderer, *, seed: int
    ) -> None:
        self.encoder, self.geometry, self.renderer = encoder, geometry, renderer
        self.generator = torch.Generator().manual_seed(seed)
        self.faces = FaceSampler(geometry.head, self.generator)
        self.rng = np.random.default_rng(seed)

    def examples(self, count: int) -> Examples:
        """About ``count`` examples: faces that the backbone does not see are left out."""
        return Examples.cat([self.batch(min(_BATCH, count - start))[0] for start in range(0, count, _BATCH)])

    @torch.no_grad()
    def batch(self, count: int) -> tuple[Examples, Tensor]:
        """Examples and their crops, uint8 ``[B, 3, S, S]``."""
        truth = self.faces(count)
        canonical, posed = self.geometry.landmarks(truth)
        vertices = self.geometry.head.vertices(truth)
        pictures, targets, cameras = zip(*self._pictures(posed, vertices), strict=True)
        crops = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
        local, presence = self.encoder.backbone(crops.float() / 255)
        size = self.encoder.input_size
        seen = local * (2.0 / size) - torch.tensor([1.0, 1.0, 0.0])
        camera = torch.from_numpy(np.stack(cameras)).float()
        target = torch.from_numpy(np.stack(targets)).float()
        keep = presence > MIN_PRESENCE
        examples = Examples(seen, target, camera[:, 0], canonical, truth.replace(camera=camera))
        return examples[keep], crops[keep]

    def _pictures(
        self, posed: Tensor, vertices: Tensor
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Crop, landmarks ``[478, 2]`` in it (-1..1) and the weak-perspective camera next to the truth."""
        size = self.encoder.input_size
        for landmarks, mesh in zip(posed.double().numpy(), vertices.double().numpy(), strict=True):
            middle = landmarks.mean(0)
            distance = NEAREST * math.exp(self.rng.uniform(0, math.log(FARTHEST / NEAREST)))
            view = Perspective(1.0, 0.0, 0.0, distance)
            flat = view.project(landmarks - middle)[:, :2]
            points = flat[list(MEDIAPIPE_TO_IBUG68)]
            low, high = points.min(0), points.max(0)
            side = (
                (high - low).max()
                * self.encoder.crop_scale
                * math.exp(SCALE_JITTER * self.rng.standard_normal())
            )
            centre = (low + high) / 2 + (high - low).max() * SHIFT_JITTER * self.rng.standard_normal(2)
            focal = size / side
            camera = Perspective(focal, size / 2 - focal * centre[0], size / 2 - focal * centre[1], distance)
            style = HeadStyle.random(self.rng)
            picture = self.renderer.render(mesh - middle, camera, style, size=(size, size))
            target = camera.project(landmarks - middle)[:, :2] * (2 / size) - 1
            scale = focal / distance * 2 / size
            offset_x, offset_y = camera.x * 2 / size - 1, camera.y * 2 / size - 1
            yield (
                picture,
                target,
                np.array([scale, offset_x / scale - middle[0], -offset_y / scale - middle[1]]),
            )

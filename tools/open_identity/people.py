"""Rendered people, each before a rig of cameras, and what the encoder's network makes of the pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from build_demo import camera_rotation, expression_and_jaw
from numpy.typing import NDArray
from open_encoder.faces import FaceSampler
from synthetic_heads import HeadStyle, Perspective, SyntheticRenderer

from neuface_engine import resources
from neuface_engine.encoders.identity import DIRECTIONS
from neuface_engine.encoders.open import OpenEncoder
from neuface_engine.face_model import FaceModel, FaceParameters
from neuface_engine.landmarks import MEDIAPIPE_TO_IBUG68

Array = NDArray[np.float64]
FRAMES = 2
SHAPE_LIMIT = 3.0
NEAREST_M, FARTHEST_M = 0.8, 2.0
TURN_SD_DEG = (4.0, 6.0, 3.0)
YAW_JITTER_DEG, PITCH_JITTER_DEG = 15.0, 12.0
SIDE_JITTER, SHIFT_JITTER = 0.03, 0.015
_SAVE_EVERY = 100


@dataclass
class People:
    """shape [N, n]; maps [N, F, K, D] float16 and head rotation [N, F, K, 3] as the encoder says, of K views."""

    shape: NDArray[np.float32]
    maps: NDArray[np.float16]
    rotation: NDArray[np.float32]

    def save(self, path: Path) -> None:
        np.savez(path, shape=self.shape, maps=self.maps, rotation=self.rotation)

    @classmethod
    def load(cls, path: Path) -> People:
        with np.load(path, allow_pickle=False) as file:
            return cls(file["shape"], file["maps"], file["rotation"])

    def __len__(self) -> int:
        return len(self.shape)


class Rig:
    """Draws a person, lets them speak before cameras near to `DIRECTIONS`, and renders the crops."""

    def __init__(self, encoder: OpenEncoder, head: FaceModel, *, seed: int) -> None:
        self.encoder, self.head = encoder, head
        self.renderer = SyntheticRenderer(resources.path("open_head.npz"))
        self.rng = np.random.default_rng(seed)
        self.faces = FaceSampler(head, torch.Generator().manual_seed(seed))
        self.speech, self.jaw = expression_and_jaw(head.expression_names)
        self._points = list(MEDIAPIPE_TO_IBUG68)

    def people(self, count: int, path: Path) -> People:
        """`count` people, kept in `path` on the way."""
        rows = []
        for number in range(count):
            rows.append(self._person(number))
            if number % _SAVE_EVERY == _SAVE_EVERY - 1 or number == count - 1:
                People(*map(np.stack, zip(*rows, strict=True))).save(path)
                print(f"{path.name}: {number + 1} of {count} people", flush=True)
        return People(*map(np.stack, zip(*rows, strict=True)))

    def _person(self, number: int) -> tuple[Array, Array, Array]:
        rng = self.rng
        shape = rng.normal(0, 1, self.head.n_shape).clip(-SHAPE_LIMIT, SHAPE_LIMIT)
        style = HeadStyle.random(rng)
        distance = NEAREST_M * math.exp(rng.uniform(0, math.log(FARTHEST_M / NEAREST_M)))
        expression, jaw = zip(*(self._expression() for _ in range(FRAMES)), strict=True)
        turn = rng.normal(0, np.radians(TURN_SD_DEG), (FRAMES, 3))
        turn[0] *= 0.6  # the first as if the camera had been looked at
        cameras = [
            camera_rotation(
                -yaw + rng.uniform(-YAW_JITTER_DEG, YAW_JITTER_DEG),
                -pitch + rng.uniform(-PITCH_JITTER_DEG, PITCH_JITTER_DEG),
            )
            for yaw, pitch in DIRECTIONS
        ]
        faces = FaceParameters(
            shape=torch.tensor(shape).float().expand(FRAMES, -1),
            expression=torch.tensor(np.stack(expression)).float(),
            pose=torch.tensor(np.concatenate([turn, np.stack(jaw)], 1)).float(),
            camera=torch.zeros(FRAMES, 3),
        )
        with torch.no_grad():
            meshes = self.head.vertices(faces).double().numpy()
            landmarks = self.head.landmarks(faces, kind="mediapipe").double().numpy()
        crops = [
            self._crop(mesh - points.mean(0), points - points.mean(0), camera, style, distance, number)
            for mesh, points in zip(meshes, landmarks, strict=True)
            for camera in cameras
        ]
        pictures = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255
        with torch.no_grad():
            maps, rotation = self.encoder.identity_maps(pictures)
        views = (FRAMES, len(DIRECTIONS), -1)
        return shape.astype(np.float32), maps.half().numpy().reshape(views), rotation.numpy().reshape(views)

    def _expression(self) -> tuple[Array, Array]:
        """A moment of the demo's sentence, more or less marked, half the time with something else in the face."""
        moment, gain = self.rng.integers(len(self.speech)), self.rng.uniform(0, 1.1)
        expression = self.speech[moment] * gain
        if self.rng.random() < 0.5:
            expression = expression + 0.5 * self.faces(1).expression[0].numpy()
        return expression, self.jaw[moment] * gain

    def _crop(
        self, mesh: Array, points: Array, camera: Array, style: HeadStyle, distance: float, seed: int
    ) -> NDArray[np.uint8]:
        mesh, points = mesh @ camera.T, points @ camera.T
        flat = Perspective(1.0, 0.0, 0.0, distance).project(points)[self._points, :2]
        low, high = flat.min(0), flat.max(0)
        extent, size = (high - low).max(), self.encoder.input_size
        side = extent * self.encoder.crop_scale * math.exp(SIDE_JITTER * self.rng.standard_normal())
        x, y = (low + high) / 2 + extent * SHIFT_JITTER * self.rng.standard_normal(2)
        focal = size / side
        view = Perspective(focal, size / 2 - focal * x, size / 2 - focal * y, distance)
        return self.renderer.render(mesh, view, style, size=(size, size), rng=np.random.default_rng(seed))

"""Small meshes without meaning, and tracks of the open head whose every figure is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

import neuface_engine as nf


@pytest.fixture(scope="session")
def head() -> nf.FaceModel:
    return nf.FaceModel.load("open")


@pytest.fixture
def meshes() -> Callable[..., Tensor]:
    def make(frames: int = 6, views: int = 3, vertices: int = 40, seed: int = 0) -> Tensor:
        return torch.randn(frames, views, vertices, 3, generator=torch.Generator().manual_seed(seed)) * 0.05

    return make


@pytest.fixture
def make_track(head: nf.FaceModel) -> Callable[..., nf.FaceTrack]:
    """A head that nods, talks and blinks, seen by cameras 25 degrees apart; the landmarks are its own."""

    def make(frames: int = 16, views: int = 3, *, jitter: float = 0.0, noise: float = 0.0) -> nf.FaceTrack:
        random = torch.Generator().manual_seed(1)
        time = torch.linspace(0, 6, max(frames, 1))[:frames, None].expand(-1, views)
        parameters = nf.FaceParameters.neutral(frames, views)
        shape = torch.randn(head.n_shape, generator=random).expand(frames, views, -1)
        shape = shape + noise * torch.randn(frames, views, head.n_shape, generator=random)
        expression = torch.zeros(frames, views, head.n_expression)
        for side in ("eyeBlinkLeft", "eyeBlinkRight"):
            expression[..., head.expression_names.index(side)] = 1 + torch.sin(3 * time)
        pose = torch.zeros(frames, views, 6)
        pose[..., 0] = 0.1 * torch.sin(time)
        pose[..., 1] = torch.deg2rad(25.0 * (torch.arange(views) - (views - 1) / 2))
        pose[..., :3] += jitter * torch.randn(frames, views, 3, generator=random)
        pose[..., 3] = 0.15 + 0.1 * torch.sin(2 * time)
        parameters = parameters.replace(shape=shape, expression=expression, pose=pose)
        own = nf.project(head.landmarks(parameters), parameters.camera) if frames * views else None
        transform = np.tile(np.array([[0.5, 0, 3], [0, 0.5, 7]]), (frames, views, 1, 1))
        return nf.FaceTrack(
            parameters=parameters,
            views=tuple(f"cam{v}" for v in range(views)),
            fps=25.0,
            frame_indices=np.arange(frames),
            crop_transforms=transform,
            crop_size=256,
            image_sizes=((600, 500),) * views,
            detected=torch.ones(frames, views, dtype=torch.bool),
            landmarks_2d=torch.zeros(frames, views, 68, 2) if own is None else own,
            provenance={"head": {"name": "open", "fingerprint": head.fingerprint}},
            given_head=head,
        )

    return make

"""Tiny tracks whose every number is known, and one that lies on the demo's frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import neuface_engine as nf
from neuface_engine import resources
from neuface_engine.tracks import FaceTrack, MeshTrack
from neuface_engine.video import crops


@pytest.fixture(scope="session")
def head() -> nf.FaceModel:
    return nf.FaceModel.load("open")


def random_parameters(frames: int, views: int, seed: int = 0) -> nf.FaceParameters:
    """Faces that talk and turn, of one person."""
    random = torch.Generator().manual_seed(seed)

    def some(n: int, size: float) -> torch.Tensor:
        return size * torch.randn(frames, views, n, generator=random)

    shape = 0.5 * torch.randn(100, generator=random).expand(frames, views, -1)
    expression = torch.zeros(frames, views, 50)
    expression[..., :6] = torch.rand(frames, views, 6, generator=random)
    camera = torch.tensor([8.0, 0.01, -0.02]) + some(3, 0.02)
    return nf.FaceParameters(shape.clone(), expression, some(6, 0.15), camera, eyes=some(6, 0.1))


@pytest.fixture(scope="session")
def make_track(head: nf.FaceModel) -> Callable[..., FaceTrack]:
    """Views that differ in size, crops that move and turn by a few degrees."""

    def make(frames: int = 4, views: tuple[str, ...] = ("front", "left_30"), first: int = 3) -> FaceTrack:
        count = len(views)
        theta = random_parameters(frames, count)
        angle = np.radians(np.linspace(-8, 8, frames * count)).reshape(frames, count)
        scale = np.linspace(0.5, 0.7, frames * count).reshape(frames, count)
        linear = np.stack(
            [np.stack([np.cos(angle), -np.sin(angle)], -1), np.stack([np.sin(angle), np.cos(angle)], -1)], -2
        )
        linear *= scale[..., None, None]
        shift = np.stack([np.linspace(3, 20, frames * count), np.linspace(9, -4, frames * count)], -1)
        transforms = np.concatenate([linear, shift.reshape(frames, count, 2, 1)], -1)
        detected = torch.ones(frames, count, dtype=torch.bool)
        track = FaceTrack(
            parameters=theta,
            views=views,
            fps=25.0,
            frame_indices=np.arange(first, first + frames),
            crop_transforms=transforms,
            crop_size=256,
            image_sizes=tuple((480 + 40 * v, 400) for v in range(count)),
            detected=detected,
            landmarks_2d=torch.zeros(frames, count, 68, 2),
            provenance={
                "head": {"name": "open", "fingerprint": head.fingerprint},
                "method": "neuface",
                "source": {"name": "clip", "path": "/nowhere/clip", "content_hash": "0" * 64},
            },
            given_head=head,
        )
        noise = 0.01 * torch.randn(frames, count, 68, 2, generator=torch.Generator().manual_seed(5))
        object.__setattr__(track, "landmarks_2d", track.projected_landmarks() + noise)
        return track

    return make


@pytest.fixture(scope="session")
def track(make_track: Callable[..., FaceTrack]) -> FaceTrack:
    return make_track()


@pytest.fixture(scope="session")
def mesh_track(track: FaceTrack) -> MeshTrack:
    """The same meshes without their parameters; one frame of one view has none."""
    meshes = track.vertices().clone()
    detected = track.detected.clone()
    meshes[1, 1], detected[1, 1] = torch.nan, False
    return MeshTrack(
        meshes=meshes,
        triangles=track.head.faces.numpy().astype(np.int32),
        views=track.views,
        fps=track.fps,
        frame_indices=track.frame_indices,
        crop_transforms=track.crop_transforms,
        crop_size=track.crop_size,
        image_sizes=track.image_sizes,
        detected=detected,
        landmarks_2d=track.landmarks_2d,
        provenance={"method": "import: meshes"},
        camera=track.parameters.camera,
    )


@pytest.fixture(scope="session")
def demo_track(head: nf.FaceModel) -> FaceTrack:
    """The demo's true faces in two views and three frames that are not the first, cropped around their landmarks."""
    folder, frames, views = resources.path("demo"), [5, 6, 9], ["front", "right_60"]
    with np.load(folder / "ground_truth.npz", allow_pickle=False) as truth:
        order = [truth["views"].tolist().index(view) for view in views]
        theta = nf.FaceParameters(
            shape=torch.from_numpy(truth["shape"]).expand(len(frames), len(views), -1).clone(),
            expression=torch.from_numpy(truth["expression"][frames])[:, None]
            .expand(-1, len(views), -1)
            .clone(),
            pose=torch.from_numpy(truth["pose"][frames][:, order]),
            camera=torch.from_numpy(truth["camera"][frames][:, order]),
        )
    width, height, size = 320, 400, 224
    units = nf.project(head.landmarks(theta), theta.camera).double().numpy()
    pixels = np.stack([width / 2 * (1 + units[..., 0]), height / 2 + width / 2 * units[..., 1]], -1)
    transforms = crops.crop_transforms(crops.landmark_boxes(pixels), crop_size=size, crop_scale=1.6)
    scale = transforms[..., 0, 0] * (width / 2) / (size / 2)
    # crop units of the point that the whole picture's camera puts at its middle
    middle = crops.normalise(crops.apply(transforms, np.tile([[width / 2, height / 2]], (3, 2, 1, 1))), size)
    camera = theta.camera.double().numpy()
    s = camera[..., 0] * scale
    shift = np.stack([camera[..., 1] + middle[..., 0, 0] / s, camera[..., 2] - middle[..., 0, 1] / s], -1)
    theta = theta.replace(camera=torch.from_numpy(np.concatenate([s[..., None], shift], -1)).float())
    return FaceTrack(
        parameters=theta,
        views=tuple(views),
        fps=25.0,
        frame_indices=np.array(frames),
        crop_transforms=transforms,
        crop_size=size,
        image_sizes=((width, height),) * 2,
        detected=torch.ones(3, 2, dtype=torch.bool),
        landmarks_2d=nf.project(head.landmarks(theta), theta.camera),
        provenance={
            "head": {"name": "open", "fingerprint": head.fingerprint},
            "method": "ground truth",
            "source": {"name": "demo", "path": str(folder), "content_hash": ""},
        },
        given_head=head,
    )


def true_pixels(track: FaceTrack) -> np.ndarray:
    """[F, V, N, 2]: what `neuface render` draws."""
    return np.stack(
        [
            [track.project(f, v)[:, :2] for v in range(len(track.views))]
            for f in range(len(track.frame_indices))
        ]
    )


def no_leftovers(folder: Path) -> bool:
    return not list(folder.rglob("*.part*"))

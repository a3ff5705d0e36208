"""Files of other trackers, written here from the public descriptions of their formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

import neuface_engine as nf
from neuface_engine.tracks import FaceTrack
from neuface_engine.video import Sequence, crops
from neuface_engine.video.store import LazyFrameStore

N_SHAPE, N_EXPRESSION = 30, 12  # fewer than FLAME has, of the open head


class Faces:
    """Random faces of one person, as plain arrays; F frames."""

    def __init__(self, frames: int = 3, seed: int = 1) -> None:
        random = np.random.default_rng(seed)
        self.frames = frames
        self.shape = random.normal(0, 0.5, N_SHAPE).astype(np.float32)
        self.expression = random.uniform(0, 1, (frames, N_EXPRESSION)).astype(np.float32)
        self.jaw = (random.uniform(0, 0.2, (frames, 3)) * [1, 0.1, 0.1]).astype(np.float32)
        self.eyes = random.normal(0, 0.1, (frames, 6)).astype(np.float32)
        self.rotation = random.normal(0, 0.2, (frames, 3)).astype(np.float32)

    def parameters(self, head_rotation: np.ndarray | None = None) -> nf.FaceParameters:
        """[F, 1, ...]."""
        turned = np.zeros((self.frames, 3), np.float32) if head_rotation is None else head_rotation
        pose = np.concatenate([turned, self.jaw], 1).astype(np.float32)

        def tensor(values: np.ndarray) -> torch.Tensor:
            return torch.from_numpy(np.ascontiguousarray(values, np.float32))[:, None]

        return nf.FaceParameters(
            tensor(np.tile(self.shape, (self.frames, 1))),
            tensor(self.expression),
            tensor(pose),
            torch.tensor([8.0, 0, 0]).expand(self.frames, 1, 3).clone(),
            eyes=tensor(self.eyes),
        )


@pytest.fixture(scope="session")
def small_head(head: nf.FaceModel) -> nf.FaceModel:
    return head.sized(N_SHAPE, N_EXPRESSION)


@pytest.fixture(scope="session")
def faces() -> Faces:
    return Faces()


def still(head: nf.FaceModel, faces: Faces, head_rotation: np.ndarray | None = None) -> np.ndarray:
    """Vertices [F, N, 3], the head not turned unless told."""
    return head.vertices(faces.parameters(head_rotation))[:, 0].double().numpy()


def six(axis_angle: np.ndarray) -> np.ndarray:
    """The first two rows of the matrices [..., 3] -> [..., 6]."""
    return (
        Rotation.from_rotvec(axis_angle.reshape(-1, 3)).as_matrix()[:, :2].reshape(*axis_angle.shape[:-1], 6)
    )


K = np.array([[1400.0, 0, 260], [0, 1400.0, 250], [0, 0, 1]])
TO_OPENCV = np.diag([1.0, -1.0, -1.0])


def seen_by(points: np.ndarray, rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
    """OpenCV's pinhole: points [N, 3] -> pixels [N, 2]."""
    camera = points @ rotation.T + translation
    return (camera @ K.T)[:, :2] / camera[:, 2:]


def pixels(track: Any) -> np.ndarray:
    return np.stack([track.project(f, 0)[:, :2] for f in range(len(track.frame_indices))])


def write_frame(path: Path, faces: Faces, f: int, *, camera: tuple[np.ndarray, np.ndarray]) -> None:
    """One .frame file of metrical-tracker."""
    rotation, translation = camera

    def one(values: np.ndarray) -> np.ndarray:
        return np.asarray(values, np.float32)[None]

    content = {
        "flame": {
            "exp": one(faces.expression[f]),
            "shape": one(faces.shape),
            "tex": np.zeros((1, 140), np.float32),
            "sh": np.zeros((1, 9, 3), np.float32),
            "eyes": one(six(faces.eyes[f].reshape(2, 3)).reshape(12)),
            "eyelids": np.zeros((1, 2), np.float32),
            "jaw": one(six(faces.jaw[f])),
        },
        "camera": {"R": one(six(np.zeros(3))), "t": one(np.zeros(3)), "fl": one([5.0]), "pp": one([0, 0])},
        "opencv": {"R": one(rotation), "t": one(translation), "K": one(K)},
        "img_size": np.array([512, 520]),
        "frame_id": f"{f:05d}",
        "global_step": 7,
    }
    torch.save(content, path)


@pytest.fixture(scope="session")
def cameras(faces: Faces) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each frame: OpenCV's R and t that look at the head's face."""
    return [
        (TO_OPENCV @ Rotation.from_rotvec(turn).as_matrix(), np.array([0.01 * f, -0.02, 1.1]))
        for f, turn in enumerate(faces.rotation)
    ]


def _no_pictures(report: Any) -> Any:
    raise AssertionError("nobody needs the pictures here")


def synthetic_sequence(track: FaceTrack) -> Sequence:
    """Footage whose detections are the track's own landmarks (its pictures are never looked at)."""
    from neuface_engine.tracks.recorded import frame_to_crop

    frames, views = len(track.frame_indices), len(track.views)
    first = int(track.frame_indices[0])
    total = first + frames
    inside = crops.denormalise(track.projected_landmarks().numpy(), track.crop_size)
    points = np.zeros((total, views, 68, 2))
    points[first:] = crops.apply(crops.invert(track.crop_transforms), inside)
    points[:first] = points[first]
    transforms = crops.crop_transforms(crops.landmark_boxes(points), crop_size=256, crop_scale=1.65)
    return Sequence(
        name="clip",
        path=Path("clip"),
        views=track.views,
        fps=30.0,
        frames=LazyFrameStore(_no_pictures, length=total, sizes=track.image_sizes),
        frame_indices=np.arange(total),
        image_sizes=track.image_sizes,
        landmarks=torch.from_numpy(frame_to_crop(points, transforms, 256)),
        landmarks_dense=torch.zeros(total, views, 478, 3),
        confidence=torch.ones(total, views),
        detected=torch.ones(total, views, dtype=torch.bool),
        crops=torch.zeros(total, views, 3, 256, 256, dtype=torch.uint8),
        crop_transforms=transforms,
        content_hash="0" * 64,
        detector="none",
    )

"""Lays a foreign result upon the footage: cameras, crops and landmarks that its file does not hold."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from neuface_engine.errors import TrackError
from neuface_engine.face_model import FaceModel, FaceParameters, project
from neuface_engine.tracks.importers.reading import Pinhole, Reading, axis_angle, matrices
from neuface_engine.tracks.lens import Lens
from neuface_engine.tracks.recorded import frame_to_crop

Floats = NDArray[np.float64]
INNER = slice(17, 68)  # detectors agree on brows, nose, eyes and lips; less on where a contour is


@dataclass(frozen=True)
class Place:
    """Crops [F, V, 2, 3] (frame px -> crop px) of `size` px, and the size of each view's picture."""

    transforms: Floats
    size: int
    image_sizes: tuple[tuple[int, int], ...]


def whole_picture(frames: int, sizes: tuple[tuple[int, int], ...]) -> Place:
    """The crop is the picture itself (its longer side the crop's)."""
    side = max(max(size) for size in sizes)
    identity = np.tile(np.array([[1.0, 0, 0], [0, 1.0, 0]]), (frames, len(sizes), 1, 1))
    return Place(identity, side, sizes)


def similarity(source: Floats, target: Floats, *, turn: bool) -> tuple[Floats, float]:
    """Least squares source -> target [..., N, 2]: [..., 2, 3], and the median distance left, in target units.

    turn: with a rotation (Umeyama 1991), else scale and shift alone.
    """
    a, b = source.mean(-2, keepdims=True), target.mean(-2, keepdims=True)
    x, y = source - a, target - b
    power = np.maximum((x**2).sum((-1, -2)), 1e-12)
    cosine = (x * y).sum((-1, -2)) / power
    sine = (x[..., 0] * y[..., 1] - x[..., 1] * y[..., 0]).sum(-1) / power if turn else np.zeros_like(cosine)
    linear = np.stack([np.stack([cosine, -sine], -1), np.stack([sine, cosine], -1)], -2)
    shift = b[..., 0, :] - (linear @ a[..., 0, :, None])[..., 0]
    moved = np.einsum("...ij,...nj->...ni", linear, source) + shift[..., None, :]
    left = float(np.median(np.linalg.norm(moved - target, axis=-1)))
    return np.concatenate([linear, shift[..., None]], -1), left


def crops_from_landmarks(
    reading: Reading, crop_points: Floats, frame_points: Floats, sizes: tuple[tuple[int, int], ...], size: int
) -> tuple[Place, str]:
    """Where the crops lay, from the same landmarks in crop units and in frame pixels [F, V, 68, 2]."""
    inside = (crop_points[..., INNER, :] + 1) * (size / 2)
    transforms, left = similarity(frame_points[..., INNER, :], inside, turn=reading.may_turn)
    if (np.linalg.det(transforms[..., :2]) < 1e-9).any():
        raise TrackError(f"{reading.path}: its landmarks do not fit the footage; give its own footage")
    pixels = left / float(np.median(np.sqrt(np.linalg.det(transforms[..., :2]))))
    note = f"where the crops lay was found from the landmarks (median {pixels:.1f} px apart in the video)"
    return Place(transforms, size, sizes), note


@torch.no_grad()
def lens_of(
    pinhole: Pinhole, theta: FaceParameters, head: FaceModel, path: object
) -> tuple[FaceParameters, Lens]:
    """The head orientation and lens that put every point (above the neck) where the tracker's camera had it.

    theta's own head rotation is ignored: R of the pinhole, and its neck, hold it.
    """
    joints = head.joint_template + torch.einsum(
        "...k,kjc->...jc", torch.cat([theta.shape, theta.expression], dim=-1), head.joint_basis
    )
    root, neck = joints[..., 0, :].numpy(), joints[..., 1, :].numpy()

    def turned(rotation: NDArray[np.floating], points: NDArray[np.floating]) -> NDArray[np.floating]:
        return (rotation @ points[..., None])[..., 0]

    rotation, shift = pinhole.rotation, pinhole.translation
    if pinhole.on_root:  # x -> R (x - root) + root + t
        shift = shift + root - turned(rotation, root)
    if pinhole.neck is not None:  # first x -> N (x - neck) + neck
        shift = shift + turned(rotation, neck - turned(pinhole.neck, neck))
        rotation = rotation @ pinhole.neck
    if pinhole.world is not None:  # then x -> W x + w
        world, place = pinhole.world[..., :3], pinhole.world[..., 3]
        rotation, shift = world @ rotation, turned(world, shift) + place
    # ours: x -> R (x - root) + root, then + shift of the lens
    theta = theta.replace(
        pose=torch.cat([torch.from_numpy(axis_angle(rotation)), theta.pose[..., 3:]], dim=-1)
    )
    lens = Lens(
        pinhole.focal.astype(np.float64),
        pinhole.centre.astype(np.float64),
        (shift + turned(rotation, root) - root).astype(np.float64),
    )
    if (lens.shift[..., 2] > -0.05).any():
        raise TrackError(f"{path}: its head lies behind the camera; the file is damaged")
    return theta, lens


def moved(pinhole: Pinhole, transforms: Floats) -> Pinhole:
    """The camera of a picture cut out of the video (`transforms`: frame px -> picture px) as the video's own."""
    linear = np.linalg.inv(transforms[..., :2])
    scale = np.sqrt(np.linalg.det(linear))
    centre = (linear @ (pinhole.centre - transforms[..., 2])[..., None])[..., 0]
    # a turn of the picture is a turn of the head about the line of sight; pictures have y down
    angle = -np.arctan2(linear[..., 1, 0], linear[..., 0, 0])
    turn = matrices((angle[..., None] * np.array([0.0, 0.0, 1.0])).astype(np.float32))
    return replace(
        pinhole,
        rotation=turn @ pinhole.rotation,
        translation=(turn @ pinhole.translation[..., None])[..., 0],
        focal=pinhole.focal * scale[..., None],
        centre=centre,
    )


@torch.no_grad()
def nearest_weak_perspective(
    theta: FaceParameters, head: FaceModel, lens: Lens, place: Place
) -> FaceParameters:
    """theta with the camera (s, tx, ty) that comes nearest to the lens over the 68 landmarks, in crop units."""
    points = head.landmarks(theta)
    seen = frame_to_crop(lens.pixels(points.numpy())[..., :2], place.transforms, place.size)
    return theta.replace(camera=fitted_camera(points, torch.from_numpy(seen)))


def fitted_camera(points: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """(s, tx, ty) [..., 3] of `project`, least squares: posed points [..., N, 3] seen at [..., N, 2] crop units."""
    flat = points[..., :2] * torch.tensor([1.0, -1.0])
    x, y = flat - flat.mean(-2, keepdim=True), seen - seen.mean(-2, keepdim=True)
    scale = (x * y).sum((-1, -2)) / (x * x).sum((-1, -2)).clamp_min(1e-12)
    scale = scale.clamp_min(1e-3)[..., None]
    shift = seen.mean(-2) / scale - flat.mean(-2)
    return torch.cat([scale, shift * torch.tensor([1.0, -1.0])], dim=-1)


@torch.no_grad()
def projected(theta: FaceParameters, head: FaceModel) -> Floats:
    """The head's 68 landmarks in crop units under theta's own camera."""
    return project(head.landmarks(theta), theta.camera).double().numpy()

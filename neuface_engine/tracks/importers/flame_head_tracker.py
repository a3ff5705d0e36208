"""flame-head-tracker (PeizhiYan/flame-head-tracker, tracker_video.py): VIDEO/0.npz, 1.npz, ... one for each frame.

shape [1, 300], exp [1, 100], head_pose, jaw_pose [1, 3] and eye_pose [1, 6] axis-angle, cam [1, 6] = Euler angles and
position of the camera in the head's world, K [1, 3, 3] of a square picture, tex, light; lmks_68 [1, 68, 2] in the
picture, -1 to 1 (version 4) or pixels. Before version 4 there was no K. It works on a picture that it has aligned to
the face unless told otherwise, and does not say where that lay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neuface_engine.errors import TrackError
from neuface_engine.tracks.importers.files import numbered, read_container
from neuface_engine.tracks.importers.reading import Arrays, Pinhole, Reading, frame_numbers, matrices

SOFTWARE = "flame-head-tracker"
POSE = ("yaw", "pitch", "roll", "x", "y", "z")
"""Of the camera."""
WITHIN = 2.0
"""Landmarks that are nowhere farther from 0 are in units of the picture's half."""
KEYS = ("shape", "exp", "head_pose", "jaw_pose", "cam", "K")


def matches(path: Path, content: Mapping[str, Any]) -> bool:
    old = {"shape", "exp", "pose", "eye_pose", "cam"} <= set(content) and np.size(content["cam"]) == len(POSE)
    return set(KEYS) <= set(content) or old


def read(path: Path, *, views: Sequence[str] | None = None) -> Reading:
    """One frame's npz or the folder of a video. Raises TrackError."""
    files = [(0, path)] if path.is_file() else numbered(path, ".npz") or numbered(path, ".npy")
    if not files:
        raise TrackError(f"{path}: no npz files named after frames; give the folder of one video")
    rows = [_read_one(file) for _, file in files]
    stacked = {
        name: np.stack([row[name] for row in rows])[:, None] for name in rows[0] if name != "landmarks"
    }
    world_to_camera = np.swapaxes(_camera_rotation(stacked["cam"][..., :3]), -1, -2)
    position = stacked["cam"][..., 3:]
    K = stacked["K"]
    side = round(float(2 * K[..., 0, 2].mean()))
    jaw = stacked["jaw_pose"]
    landmarks = None
    if all(row["landmarks"] is not None for row in rows):
        points = np.stack([row["landmarks"] for row in rows])[:, None]
        inside = np.abs(points).max() <= WITHIN
        landmarks = points if inside else (points / _picture_side(rows, side) * 2 - 1).astype(np.float32)
    return Reading(
        SOFTWARE,
        path,
        {
            "shape": stacked["shape"],
            "expression": stacked["exp"],
            "pose": np.concatenate([np.zeros_like(jaw), jaw], -1),
            "eyes": stacked["eye_pose"],
        },
        frame_numbers(path, np.array([number for number, _ in files])),
        pinhole=Pinhole(
            rotation=world_to_camera @ matrices(stacked["head_pose"]),
            translation=-(world_to_camera @ position[..., None])[..., 0],
            focal=K[..., [0, 1], [0, 1]],
            centre=K[..., :2, 2],
        ),
        crop_size=side,
        landmarks=landmarks,
        may_turn=True,
    )


def _picture_side(rows: list[dict[str, Any]], side: int) -> int:
    """Of the picture in which the landmarks are: that of the file's `img`, or else the camera's."""
    return int(rows[0]["img"] or side)


def _camera_rotation(angles: np.ndarray) -> np.ndarray:
    """[..., 3] yaw, pitch, roll -> camera-to-world R_z(roll) R_y(yaw) R_x(pitch) (graphics_utils.euler_to_matrix)."""
    from scipy.spatial.transform import Rotation

    order = angles.reshape(-1, 3)[:, [1, 0, 2]].astype(np.float64)  # about x, then y, then z
    turned = Rotation.from_euler("xyz", order).as_matrix()
    return turned.reshape(*angles.shape[:-1], 3, 3).astype(np.float32)


def _read_one(path: Path) -> dict[str, Any]:
    arrays = Arrays(path, read_container(path))
    if "K" not in arrays:
        raise TrackError(
            f"{path}: of flame-head-tracker before version 4, which has no lens of its camera; track with version 4"
        )
    row: dict[str, Any] = {
        "shape": arrays.numbers("shape", 1, None)[0],
        "exp": arrays.numbers("exp", 1, None)[0],
        "head_pose": arrays.numbers("head_pose", 1, 3)[0],
        "jaw_pose": arrays.numbers("jaw_pose", 1, 3)[0],
        "eye_pose": arrays.numbers("eye_pose", 1, 6)[0] if "eye_pose" in arrays else np.zeros(6, np.float32),
        "cam": arrays.numbers("cam", 1, 6)[0],
        "K": arrays.numbers("K", 1, 3, 3)[0],
    }
    if (row["K"][[0, 1], [0, 1]] <= 0).any() or not 1 <= row["K"][0, 2] <= 1e5:
        raise TrackError(f"{path}: its camera cannot be meant; track again")
    row["landmarks"] = arrays.numbers("lmks_68", 1, 68, 2)[0] if "lmks_68" in arrays else None
    picture = np.shape(arrays.content.get("img", ()))
    row["img"] = picture[1] if len(picture) == 4 else 0
    return row

"""Known camera rotations: files that hold them, and the same as the face model sees them in a crop."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuface_engine.errors import ConfigError

if TYPE_CHECKING:
    from neuface_engine.video import Sequence

NAMES = ("cameras.json", "cameras.npz")
_KEYS = ("world_2_cam", "R_world_to_cam", "rotations")
_IMAGE_TO_MODEL = np.diag([1.0, -1.0, -1.0])
"""OpenCV's camera axes (y down, z forward) to those of the face model (y up, z towards the camera)."""


def find_camera_file(sequence_path: Path, given: str | None) -> Path:
    """The file given, or cameras.json or cameras.npz in the folder of the sequence. Raises ConfigError without one."""
    if given is not None:
        return Path(given)
    folder = sequence_path if sequence_path.is_dir() else sequence_path.parent
    for name in NAMES:
        if (folder / name).is_file():
            return folder / name
    raise ConfigError(f"{folder}: has no {' or '.join(NAMES)}, which camera_weight needs; give camera_file")


def load_camera_rotations(path: Path, views: tuple[str, ...]) -> NDArray[np.float64]:
    """Rotations [V, 3, 3] from the world to each camera, OpenCV's axes (x right, y down, z forward).

    The file maps the names of the views to matrices, 3x3, 3x4 or 4x4 (the rotation stands at the upper left), or
    lists them in the order of the views; either may stand under "world_2_cam", "R_world_to_cam" or "rotations".
    Raises ConfigError for a file that cannot be read, lacks a view, or holds what is no rotation.
    """
    entries = _entries(path)
    if isinstance(entries, Mapping):
        missing = [view for view in views if view not in entries]
        if missing:
            raise ConfigError(
                f"{path}: has no camera {missing[0]!r}; name the cameras as the views are named"
            )
        listed = [entries[view] for view in views]
    else:
        listed = list(entries)
        if len(listed) != len(views):
            raise ConfigError(f"{path}: {len(listed)} cameras for {len(views)} views; give one for each view")
    return np.stack([_rotation(path, name, value) for name, value in zip(views, listed, strict=True)])


def cameras_of_crops(sequence: Sequence, rotations: NDArray[np.float64]) -> Tensor:
    """[F, V, 3, 3]: from the world to the face model's axes in each crop, which may be turned in the picture's plane.

    rotations [V, 3, 3] as `load_camera_rotations` gives them.
    """
    turn = sequence.crop_transforms[..., :2].astype(np.float64)  # [F, V, 2, 2], a similarity
    turn = turn / np.sqrt(np.linalg.det(turn))[..., None, None]
    in_plane = np.broadcast_to(np.eye(3), (*turn.shape[:2], 3, 3)).copy()
    in_plane[..., :2, :2] = turn
    return torch.from_numpy((_IMAGE_TO_MODEL @ in_plane @ rotations).astype(np.float32))


def _entries(path: Path) -> Any:
    try:
        if path.suffix.lower() == ".npz":
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                content: Any = {name: file[name] for name in file.files}
        else:
            content = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise ConfigError(f"{path}: cannot be read; give a json or npz file of camera rotations") from None
    except (ValueError, RecursionError, EOFError, zipfile.BadZipFile):
        raise ConfigError(f"{path}: neither json nor npz; give a file of camera rotations") from None
    if isinstance(content, Mapping):
        content = next((content[key] for key in _KEYS if key in content), content)
    many = isinstance(content, (Mapping, list)) or (isinstance(content, np.ndarray) and content.ndim > 0)
    if not many or len(content) == 0:
        raise ConfigError(f"{path}: holds no camera rotations; give one matrix for each view")
    return content


def _rotation(path: Path, name: str, value: Any) -> NDArray[np.float64]:
    """The nearest rotation to the upper left 3x3 of `value`."""
    try:
        matrix = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        matrix = np.zeros(0)
    if matrix.shape not in ((3, 3), (3, 4), (4, 4)) or not np.isfinite(matrix).all():
        raise ConfigError(f"{path}: camera {name!r} is no 3x3, 3x4 or 4x4 matrix; give a rotation")
    u, stretch, vt = np.linalg.svd(matrix[:3, :3])
    if np.abs(stretch - 1).max() > 0.01 or np.linalg.det(u @ vt) < 0:
        raise ConfigError(f"{path}: the matrix of camera {name!r} is no rotation; give an orthonormal one")
    return np.asarray(u @ vt)

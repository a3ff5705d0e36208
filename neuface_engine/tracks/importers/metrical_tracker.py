"""metrical-tracker (Zielon/metrical-tracker, tracker.py: save_checkpoint): ACTOR/checkpoint/00000.frame.

torch.save of {flame: {exp 100, shape 300, eyes 12 and jaw 6 as 6D rotations, eyelids 2, tex, sh}, opencv: {R, t, K},
img_size, frame_id, ...}, each with a leading 1. The head does not turn: its pose is that of the camera.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neuface_engine.errors import TrackError
from neuface_engine.tracks.importers.files import numbered, read_container
from neuface_engine.tracks.importers.reading import (
    Arrays,
    Pinhole,
    Reading,
    axis_angle,
    frame_numbers,
    rotation_from_six,
)

SOFTWARE = "metrical-tracker"
SUFFIX = ".frame"
_UPRIGHT = np.diag([1.0, -1.0, -1.0]).astype(np.float32)  # OpenCV's camera axes -> ours


def matches_folder(path: Path) -> bool:
    return any(_folder(path).glob(f"*{SUFFIX}"))


def matches(path: Path, content: Mapping[str, Any]) -> bool:
    return path.suffix == SUFFIX or {"flame", "opencv"} <= set(content)


def _folder(path: Path) -> Path:
    return path / "checkpoint" if (path / "checkpoint").is_dir() else path


def read(path: Path, *, views: Sequence[str] | None = None) -> Reading:
    """A .frame file, a folder of them, or the actor's folder. Raises TrackError."""
    files = [(0, path)] if path.is_file() else numbered(_folder(path), SUFFIX)
    if not files:
        raise TrackError(f"{path}: no {SUFFIX} files; give the tracker's checkpoint folder")
    rows = [_read_one(file) for _, file in files]
    stacked = {name: np.stack([row[name] for row in rows])[:, None] for name in rows[0]}
    rotation = _UPRIGHT @ stacked["R"]
    translation = stacked["t"] @ _UPRIGHT
    K = stacked["K"]
    eyes = axis_angle(rotation_from_six(path, stacked["eyes"].reshape(len(rows), 1, 2, 6))).reshape(
        len(rows), 1, 6
    )
    jaw = axis_angle(rotation_from_six(path, stacked["jaw"]))
    sizes = np.unique(stacked["size"].reshape(-1, 2), axis=0)
    if len(sizes) > 1:
        raise TrackError(f"{path}: frames of different size; import each size by itself")
    height, width = (int(n) for n in sizes[0])
    return Reading(
        SOFTWARE,
        path,
        {
            "shape": stacked["shape"],
            "expression": stacked["exp"],
            "pose": np.concatenate([np.zeros_like(jaw), jaw], -1),
            "eyes": eyes,
            "eyelids": stacked["eyelids"],
        },
        frame_numbers(path, np.array([number for number, _ in files])),
        pinhole=Pinhole(
            rotation=rotation,
            translation=translation,
            focal=K[..., [0, 1], [0, 1]],
            centre=K[..., :2, 2],
        ),
        image_sizes=((width, height),),
    )


def _read_one(path: Path) -> dict[str, np.ndarray]:
    content = read_container(path)
    parts = {name: content.get(name) for name in ("flame", "opencv")}
    for name, part in parts.items():
        if not isinstance(part, Mapping):
            raise TrackError(f"{path}: has no {name!r}; it is no result of metrical-tracker")
    flame, camera = Arrays(path, parts["flame"]), Arrays(path, parts["opencv"])  # type: ignore[arg-type]
    row = {
        "shape": flame.numbers("shape", 1, None)[0],
        "exp": flame.numbers("exp", 1, None)[0],
        "jaw": flame.numbers("jaw", 1, 6)[0],
        "eyes": flame.numbers("eyes", 1, 12)[0],
        "eyelids": flame.numbers("eyelids", 1, 2)[0] if "eyelids" in flame else np.zeros(2, np.float32),
        "R": camera.numbers("R", 1, 3, 3)[0],
        "t": camera.numbers("t", 1, 3)[0],
        "K": camera.numbers("K", 1, 3, 3)[0],
        "size": Arrays(path, content).numbers("img_size", 2),
    }
    if (row["K"][[0, 1], [0, 1]] <= 0).any() or (row["size"] < 1).any():
        raise TrackError(f"{path}: its camera cannot be meant (focal length or size of 0); track again")
    if np.abs(row["R"] @ row["R"].T - np.eye(3)).max() > 1e-2 or np.linalg.det(row["R"]) < 0:
        raise TrackError(f"{path}: 'R' is no rotation; track again")
    return row

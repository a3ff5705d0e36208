"""VHAP (ShenhanQian/VHAP, vhap/model/tracker.py: save_result): tracked_flame_params_EPOCH.npz, and its dataset.

rotation, translation, neck_pose, jaw_pose [F, 3], eyes_pose [F, 6] axis-angle and metres, shape [300], expr [F, 100],
timestep_id [F] (text: the digits of the pictures' names), image_size (height, width), focal_length [1] in units of the
longer side where the footage was not calibrated; the camera then stands 1 m in front of the origin. Of calibrated
footage the file has no cameras; the dataset has (vhap_dataset).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuface_engine.errors import TrackError
from neuface_engine.tracks.importers import vhap_dataset
from neuface_engine.tracks.importers.files import number_of, read_container
from neuface_engine.tracks.importers.reading import Arrays, Pinhole, Reading, frame_numbers, matrices

SOFTWARE = "VHAP"
KEYS = ("rotation", "translation", "neck_pose", "jaw_pose", "eyes_pose", "shape", "expr")
DISTANCE = 1.0  # metres between the uncalibrated camera and the world's origin


def matches(path: Path, content: Mapping[str, Any]) -> bool:
    return set(KEYS) <= set(content)


def matches_folder(path: Path) -> bool:
    return vhap_dataset.matches_folder(path) or bool(_runs(path))


def _runs(path: Path) -> list[Path]:
    """The folders of runs: the folder itself, or those in it, which are named by their time."""
    return [run for run in (path, *sorted(path.glob("*/"))) if any(run.glob("tracked_flame_params*.npz"))]


def read(path: Path, *, views: Sequence[str] | None = None) -> Reading:
    """The npz, a run's folder (its last epoch), one of runs (the last), or the exported dataset. Raises TrackError."""
    if path.is_dir() and vhap_dataset.matches_folder(path):
        return vhap_dataset.read(path, views=views)
    if path.is_dir():
        runs = _runs(path)
        if not runs:
            raise TrackError(f"{path}: no tracked_flame_params*.npz; give the folder of a run")
        epochs = sorted(runs[-1].glob("tracked_flame_params*.npz"), key=lambda file: number_of(file) or 0)
        path = epochs[-1]
    arrays = Arrays(path, read_container(path))
    rotation = arrays.numbers("rotation", None, 3)
    frames = len(rotation)
    turned = matrices(rotation)[:, None]
    shape = np.asarray(arrays.content.get("shape"))
    betas = arrays.numbers("shape", None) if shape.ndim == 1 else arrays.numbers("shape", 1, None)[0]
    notes = left_out(arrays)
    translation = arrays.numbers("translation", frames, 3)[:, None]
    jaw = arrays.numbers("jaw_pose", frames, 3)[:, None]
    height, width = (int(n) for n in arrays.numbers("image_size", 2))
    if min(width, height) < 1:
        raise TrackError(f"{path}: its image_size cannot be meant; track again")
    parameters = {
        "shape": np.tile(betas, (frames, 1, 1)),
        "expression": arrays.numbers("expr", frames, None)[:, None],
        "pose": np.concatenate([np.zeros_like(jaw), jaw], -1),
        "eyes": arrays.numbers("eyes_pose", frames, 6)[:, None],
    }
    neck = matrices(arrays.numbers("neck_pose", frames, 3))[:, None]
    if np.abs(neck - np.eye(3)).max() > 1e-4:
        notes.append("the neck's rotation is taken into the head's: the mesh is exact above the neck")
    pinhole = None
    if "focal_length" in arrays:
        focal = float(arrays.numbers("focal_length", 1)[0]) * max(width, height)
        if focal <= 0:
            raise TrackError(f"{path}: its focal_length cannot be meant; track again")
        pinhole = Pinhole(
            rotation=turned,
            translation=translation - np.array([0, 0, DISTANCE], np.float32),
            focal=np.full((frames, 1, 2), focal, np.float32),
            centre=np.tile(np.array([width / 2, height / 2], np.float32), (frames, 1, 1)),
            neck=neck,
            on_root=True,
        )
    else:
        parameters["pose"] = np.concatenate([rotation[:, None], jaw], -1)
        notes.append(
            "the footage was calibrated and the file has no cameras, so the head stands in world axes; "
            "the dataset that VHAP exports (transforms.json) has them"
        )
    numbers, told = _timesteps(arrays, frames)
    if not told:
        notes.append("its frames are counted from 0: what it says of time steps is of other frames")
    return Reading(
        SOFTWARE,
        path,
        parameters,
        frame_numbers(path, numbers),
        pinhole=pinhole,
        image_sizes=((width, height),),
        notes=tuple(notes),
    )


def left_out(arrays: Arrays) -> list[str]:
    """A note for each offset of vertices that the file has."""
    return [
        f"{name} is not part of the head and left out"
        for name in ("static_offset", "dynamic_offset")
        if name in arrays and np.abs(arrays.numbers(name, *[None] * np.ndim(arrays.content[name]))).max() > 0
    ]


def _timesteps(arrays: Arrays, frames: int) -> tuple[NDArray[Any], bool]:
    """The frames' numbers, and whether the file tells them: of a part of the footage it has those of the whole."""
    ids = np.asarray(arrays.content.get("timestep_id", ()))
    if ids.shape != (frames,):
        return np.arange(frames), "timestep_id" not in arrays
    if ids.dtype.kind not in "US":
        return arrays.numbers("timestep_id", frames), True
    found = [
        re.search(r"\d{1,9}$", text.decode("latin1") if isinstance(text, bytes) else text)
        for text in ids.tolist()
    ]
    if any(match is None for match in found):
        return np.arange(frames), False
    return np.array([int(match.group()) for match in found if match is not None]), True

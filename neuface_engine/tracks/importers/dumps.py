"""Codes that people save from DECA, EMOCA and SMIRK (and NeuFace-like encoders), in whatever container.

One file with [S, n] arrays, a folder with one file a frame, or EMOCA's NAME/{shape,exp,pose,tex}.npy (save_codes).
Keys by project, each as its code dict names them:
  DECA    shape exp pose[6] cam tex light, and tform [3, 3] (frame px -> crop px) where the dataset's dict was saved too
  EMOCA   shapecode expcode posecode[6] cam texcode lightcode; as files shape exp pose tex without a camera
  SMIRK   shape_params expression_params pose_params[3] jaw_params[3] eyelid_params cam
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neuface_engine.errors import TrackError
from neuface_engine.tracks.importers.files import CONTAINERS, number_of, numbered, read_container
from neuface_engine.tracks.importers.reading import Arrays, Reading, frame_numbers

SOFTWARE = "DECA, EMOCA or SMIRK"
CROP_SIZE = 224
_NAMES = {
    "shape": ("shape", "shapecode", "shape_params", "shapes"),
    "expression": ("exp", "expcode", "expression_params", "expr", "expression"),
    "pose": ("pose", "posecode", "pose_params"),
    "jaw": ("jaw_params",),
    "camera": ("cam", "camera"),
    "eyelids": ("eyelid_params",),
    "texture": ("tex", "texcode"),
    "light": ("light", "lightcode"),
}
_NEEDED = ("shape", "expression", "pose")


def matches(path: Path, content: Mapping[str, Any]) -> bool:
    return all(any(name in content for name in _NAMES[kind]) for kind in _NEEDED)


def matches_folder(path: Path) -> bool:
    return bool(_emoca(path))


def _emoca(folder: Path) -> list[Path]:
    here = [folder] if (folder / "shape.npy").is_file() else []
    return here or sorted(sub for sub in folder.iterdir() if (sub / "shape.npy").is_file())


def read(path: Path, *, views: Sequence[str] | None = None) -> Reading:
    """A file, a folder of per-frame files, or EMOCA's output folder. Raises TrackError."""
    if path.is_file():
        return _reading(path, [_rows(path, read_container(path))], None)
    folders = _emoca(path)
    if folders:
        rows = [_rows(folder, _codes(folder)) for folder in folders]
        numbers = [number_of(folder) for folder in folders]
        whole = all(n is not None for n in numbers) and len(set(numbers)) == len(numbers)
        return _reading(path, rows, np.array(numbers) if whole else None)
    for suffix in CONTAINERS:
        files = numbered(path, suffix)
        if files:
            rows = [_rows(file, read_container(file)) for _, file in files]
            return _reading(path, rows, np.array([number for number, _ in files]))
    raise TrackError(f"{path}: no saved codes (npz, npy, pkl or pt); give a file or folder of them")


def _codes(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for file in folder.glob("*.npy"):
        if file.stem in ("shape", "exp", "pose", "tex", "cam", "light"):
            content[file.stem] = np.atleast_2d(next(iter(read_container(file).values())))
    return content


def _rows(path: Path, content: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Of one file, [S, n] each; a frame's bare vectors [n] count as one row."""
    arrays = Arrays(path, {name: _as_rows(name, value) for name, value in content.items()})
    found = {kind: arrays.first(*names) for kind, names in _NAMES.items()}
    for kind in _NEEDED:
        if found[kind] is None:
            raise TrackError(f"{path}: has no {_NAMES[kind][0]!r}; save the codes of {SOFTWARE}")
    rows = {kind: arrays.numbers(name, None, None) for kind, name in found.items() if name is not None}
    if "tform" in arrays:
        rows["tform"] = arrays.numbers("tform", None, 3, 3)
    count = len(rows["shape"])
    for kind, values in rows.items():
        if len(values) != count:
            raise TrackError(f"{path}: {len(values)} rows of {kind}, {count} of shape; save them again")
    pose = rows["pose"]
    if "jaw" in rows and pose.shape[1] == 3 and rows["jaw"].shape[1] == 3:
        rows["pose"] = np.concatenate([pose, rows.pop("jaw")], 1)
    for kind, width in {"pose": 6, "camera": 3, "eyelids": 2}.items():
        if kind in rows and rows[kind].shape[1] != width:
            raise TrackError(
                f"{path}: {kind} has {rows[kind].shape[1]} numbers, expected {width}; save it again"
            )
    return rows


def _as_rows(name: str, value: Any) -> Any:
    array = np.asarray(value) if not isinstance(value, Mapping | str) else np.empty(0)
    if name in ("light", "lightcode") and array.ndim >= 2 and array.shape[-2:] == (9, 3):
        return array.reshape(-1, 27)
    if name == "tform":
        return array.reshape(-1, 3, 3) if array.shape[-2:] == (3, 3) else array
    return array[None] if array.ndim == 1 else array


def _reading(path: Path, files: list[dict[str, np.ndarray]], numbers: np.ndarray | None) -> Reading:
    kinds = set.intersection(*(set(rows) for rows in files))
    try:
        joined = {kind: np.concatenate([rows[kind] for rows in files])[:, None] for kind in kinds}
    except ValueError:
        raise TrackError(f"{path}: its frames have codes of different length; save them again") from None
    frames = len(joined["shape"])
    if numbers is None or len(numbers) != frames:
        numbers = np.arange(frames)
    tform = joined.pop("tform", None)
    notes = [] if "camera" in joined else ["no camera in the file"]
    joined.pop("jaw", None)
    return Reading(
        SOFTWARE,
        path,
        {kind: np.ascontiguousarray(values, np.float32) for kind, values in joined.items()},
        frame_numbers(path, numbers),
        crop_size=CROP_SIZE,
        crop_transforms=None if tform is None else _transforms(path, tform),
        notes=tuple(notes),
    )


def _transforms(path: Path, tform: np.ndarray) -> np.ndarray:
    """[F, 1, 3, 3], also transposed as DECA hands it to torch -> [F, 1, 2, 3]."""
    matrix = tform.astype(np.float64)
    if np.abs(matrix[..., 2, :2]).max() > 1e-6:
        matrix = np.swapaxes(matrix, -1, -2)
    if np.abs(matrix[..., 2, :2]).max() > 1e-6 or (np.abs(np.linalg.det(matrix[..., :2, :2])) < 1e-9).any():
        raise TrackError(f"{path}: 'tform' is no similarity of the picture; leave it out")
    # skimage counts from the centre of the first pixel, we from its corner
    linear, shift = matrix[..., :2, :2], matrix[..., :2, 2]
    shift = shift + 0.5 - linear @ np.array([0.5, 0.5])
    return np.concatenate([linear, shift[..., None]], -1)

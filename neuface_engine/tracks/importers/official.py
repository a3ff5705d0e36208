"""params.npz of the NeuFace authors' code (kaist-ami/NeuFace, neuface/pipeline.py).

cam [S, 3], pose [S, 6], expr [S, 50], shapes [S, 100], landmarks2d [S, 68, 2]; rows frame-major, then views in
alphabetical order; 224 px crops after DECA's rule, whose place in the picture is not in the file. What our export put
beside it (the same name with .json) is read where it is there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from neuface_engine.errors import TrackError
from neuface_engine.tracks.importers.files import read_container
from neuface_engine.tracks.importers.reading import Arrays, Reading

SOFTWARE = "NeuFace (official)"
KEYS = ("cam", "pose", "expr", "shapes", "landmarks2d")
CROP_SIZE = 224
MEAD_VIEWS = 7


def matches(path: Path, content: Mapping[str, Any]) -> bool:
    return set(KEYS) <= set(content)


def read(path: Path, *, views: Sequence[str] | None = None) -> Reading:
    """views: their names in alphabetical order, where there are several. Raises TrackError."""
    arrays = Arrays(path, read_container(path))
    cam = arrays.numbers("cam", None, 3)
    rows = len(cam)
    parameters = {
        "camera": cam,
        "pose": arrays.numbers("pose", rows, 6),
        "expression": arrays.numbers("expr", rows, None),
        "shape": arrays.numbers("shapes", rows, None),
    }
    landmarks = np.asarray(arrays.content.get("landmarks2d"))
    if landmarks.shape != (rows, 68, 2) or landmarks.dtype.kind != "f":
        raise TrackError(f"{path}: 'landmarks2d' is not of shape [{rows}, 68, 2]; export it again")
    beside = _beside(path)
    notes: list[str] = []
    names = beside.get("views") or (sorted(views) if views else None)
    count = len(names) if names else 1
    if names is None and rows % MEAD_VIEWS == 0:
        notes.append(
            f"taken as one view of {rows} frames; give --views A,B,... if the rows are of several views"
        )
    if rows % count:
        raise TrackError(f"{path}: {rows} rows are not whole frames of {count} views; correct --views")
    frames = rows // count

    def grid(array: np.ndarray) -> np.ndarray:
        return array.reshape(frames, count, *array.shape[1:])

    reading = Reading(
        SOFTWARE,
        path,
        {name: grid(array) for name, array in parameters.items()},
        np.arange(frames),
        views=tuple(names) if names else None,
        crop_size=CROP_SIZE,
        landmarks=grid(landmarks.astype(np.float32)),
        notes=tuple(notes),
    )
    return _completed(reading, beside) if beside else reading


def _beside(path: Path) -> dict[str, Any]:
    file = path.with_suffix(".json")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, RecursionError):
        raise TrackError(f"{file}: damaged; restore it, or take it away") from None
    if not isinstance(content, dict) or not isinstance(content.get("views"), list):
        return {}
    return content


def _completed(reading: Reading, beside: Mapping[str, Any]) -> Reading:
    """With frames, crops, sizes and head as our export wrote them."""
    file = reading.path.with_suffix(".json")
    try:
        shape = reading.parameters["shape"].shape[:2]
        crops = np.asarray(beside["crop_transforms"], np.float64)
        detected = np.asarray(beside["detected"], bool)
        sizes = tuple((int(w), int(h)) for w, h in beside["image_sizes"])
        frames = np.asarray(beside["frame_indices"], np.int64)
        if (
            crops.shape != (*shape, 2, 3)
            or not np.isfinite(crops).all()
            or (np.abs(np.linalg.det(crops[..., :2])) < 1e-12).any()
            or detected.shape != shape
            or len(sizes) != shape[1]
            or frames.shape != shape[:1]
            or (np.diff(frames) <= 0).any()
        ):
            raise ValueError
        return replace(
            reading,
            views=tuple(str(name) for name in beside["views"]),
            frames=frames,
            crop_size=int(beside["crop_size"]),
            crop_transforms=crops,
            image_sizes=sizes,
            detected=detected,
            fps=float(beside["fps"]),
            head=beside["provenance"]["head"],
            exact_frames=True,
        )
    except (KeyError, ValueError, TypeError, OverflowError, np.linalg.LinAlgError):
        raise TrackError(f"{file}: does not belong to {reading.path.name}; take it away") from None

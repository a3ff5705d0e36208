"""What synthetic footage knows about itself: `ground_truth.npz` beside its videos."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from neuface_engine.errors import MediaError
from neuface_engine.face_model.parameters import FaceParameters

FILE_NAME = "ground_truth.npz"
_PARAMETERS = ("shape", "expression", "pose", "camera")


@dataclass(frozen=True)
class GroundTruth:
    """True geometry of synthetic footage; what the file lacks is None.

    parameters           FaceParameters [F, V, ...]; pose is the head's in the view's camera
    vertices             float32 [F, V, N, 3] metres, posed in each view's camera axes
    vertices_canonical   float32 [F, N, 3] metres, without global rotation (the jaw kept)
    head_fingerprint     of the face model that the parameters belong to
    """

    parameters: FaceParameters | None
    vertices: NDArray[np.float32] | None
    vertices_canonical: NDArray[np.float32] | None
    head_fingerprint: str | None = None

    def select(self, frames: NDArray[np.int64], views: NDArray[np.int64]) -> GroundTruth:
        f, v = torch.from_numpy(frames), torch.from_numpy(views)
        return GroundTruth(
            self.parameters.map(lambda t: t[f][:, v]) if self.parameters is not None else None,
            self.vertices[frames][:, views] if self.vertices is not None else None,
            self.vertices_canonical[frames] if self.vertices_canonical is not None else None,
            self.head_fingerprint,
        )


def load_ground_truth(folder: Path, views: tuple[str, ...], num_frames: int) -> GroundTruth | None:
    """Reads `folder`/ground_truth.npz, views matched by name and cut to `num_frames`; None where there is none.

    Keys: `views` [V] names; `shape`, `expression`, `pose`, `camera` ([F, V, n], or [F, n] / [n] where the views or
    frames share them); `vertices`, `vertices_canonical`. Raises MediaError where the file is damaged.
    """
    path = folder / FILE_NAME
    if not folder.is_dir() or not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise MediaError(f"{path}: damaged ground truth; copy it again, or take it away") from error
    names = [str(name) for name in arrays.get("views", np.array(views))]
    if not set(views) <= set(names):
        return None
    order = [names.index(view) for view in views]
    try:
        return GroundTruth(
            _parameters(arrays, order, len(names), num_frames),
            _cut(arrays.get("vertices"), num_frames, order),
            _cut(arrays.get("vertices_canonical"), num_frames, None),
            str(arrays["head_fingerprint"]) if "head_fingerprint" in arrays else None,
        )
    except (ValueError, IndexError) as error:
        raise MediaError(
            f"{path}: its arrays do not fit the {num_frames} frames and {len(views)} views"
        ) from error


def _parameters(
    arrays: dict[str, NDArray], order: list[int], num_views: int, num_frames: int
) -> FaceParameters | None:
    if not all(name in arrays for name in _PARAMETERS):
        return None
    tensors = {}
    for name in _PARAMETERS:
        array = np.asarray(arrays[name], np.float32)
        if array.ndim == 1:
            array = array[None, None]
        elif array.ndim == 2:
            array = array[:, None]
        frames = array.shape[0] if array.shape[0] > 1 else num_frames
        array = np.broadcast_to(array, (frames, num_views, array.shape[-1]))
        tensors[name] = torch.from_numpy(array[:num_frames][:, order].copy())
    return FaceParameters(**tensors)


def _cut(array: NDArray | None, num_frames: int, order: list[int] | None) -> NDArray[np.float32] | None:
    if array is None:
        return None
    if len(array) < num_frames:
        raise ValueError("too few frames")
    array = array[:num_frames]
    return np.asarray(array if order is None else array[:, order], np.float32)

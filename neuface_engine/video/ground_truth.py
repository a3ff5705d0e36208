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
from neuface_engine.video.patterns import natural_key

FILE_NAME = "ground_truth.npz"
_PARAMETERS = ("shape", "expression", "pose", "camera")


@dataclass(frozen=True)
class GroundTruth:
    """True parameters [F, V, ...] of synthetic footage, and the fingerprint of the head they belong to.

    `pose` is the head's in each view's camera axes; `camera` is weak perspective in the units of the whole frame, not
    of a crop.
    """

    parameters: FaceParameters
    head_fingerprint: str

    def select(self, frames: NDArray[np.int64], views: NDArray[np.int64]) -> GroundTruth:
        f, v = torch.from_numpy(frames), torch.from_numpy(views)
        return GroundTruth(self.parameters.map(lambda tensor: tensor[f][:, v]), self.head_fingerprint)


@dataclass(frozen=True)
class MeshTruth:
    """True canonical meshes (no head motion) in FLAME's topology: vertices [F, V, N, 3] in metres."""

    vertices: torch.Tensor

    def select(self, frames: NDArray[np.int64], views: NDArray[np.int64]) -> MeshTruth:
        return MeshTruth(self.vertices[torch.from_numpy(frames)][:, torch.from_numpy(views)])


def load_true_meshes(folder: Path, view_frames: NDArray[np.int64]) -> MeshTruth | None:
    """The meshes of `folder`, one ply or obj a frame in natural order, at the frames view_frames [F, V].

    None where there are none. Raises MediaError where there are fewer than frames, or a mesh is damaged or of another
    number of vertices.
    """
    from neuface_engine.metrics.scan_files import read_scan

    try:
        files = [entry for entry in folder.iterdir() if entry.suffix.lower() in (".ply", ".obj")]
    except OSError as error:
        raise MediaError(f"{folder}: cannot be read ({error.strerror}); check the true meshes") from None
    if not files:
        return None
    files.sort(key=lambda file: natural_key(file.name))
    last = int(view_frames.max(initial=-1))
    if last >= len(files):
        raise MediaError(
            f"{folder}: {len(files)} true meshes for {last + 1} frames; give one for each, or fewer frames "
            "(--max-frames)"
        )
    meshes: dict[int, NDArray[np.float64]] = {}
    for number in np.unique(view_frames).tolist():
        meshes[number] = read_scan(files[number])
        first = meshes[min(meshes)]
        if meshes[number].shape != first.shape:
            raise MediaError(
                f"{files[number]}: {len(meshes[number])} vertices, the first mesh has {len(first)}; give one topology"
            )
    stacked = np.stack([[meshes[f] for f in row] for row in view_frames.tolist()])
    return MeshTruth(torch.from_numpy(stacked.astype(np.float32)))


def load_ground_truth(folder: Path, views: tuple[str, ...], num_frames: int) -> GroundTruth | None:
    """Reads `folder`/ground_truth.npz, views matched by name and cut to `num_frames`; None where there is none.

    Keys: `views` [V] names; `head_fingerprint`; `shape`, `expression`, `pose`, `camera`, each [F, V, n], or [F, n] or
    [n] where views or frames share it. Raises MediaError where the file is damaged.
    """
    path = folder / FILE_NAME
    if not folder.is_dir() or not path.is_file():
        return None
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in (*_PARAMETERS, "views", "head_fingerprint")}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise MediaError(f"{path}: damaged ground truth; copy it again, or take it away") from error
    names = [str(name) for name in arrays["views"].reshape(-1)]
    if not set(views) <= set(names):
        return None
    order = [names.index(view) for view in views]
    try:
        tensors = {name: _expand(arrays[name], order, len(names), num_frames) for name in _PARAMETERS}
        return GroundTruth(FaceParameters(**tensors), str(arrays["head_fingerprint"]))
    except (ValueError, IndexError) as error:
        raise MediaError(
            f"{path}: its arrays do not fit the {num_frames} frames and {len(views)} views"
        ) from error


def _expand(array: NDArray[np.floating], order: list[int], num_views: int, num_frames: int) -> torch.Tensor:
    array = np.asarray(array, np.float32)
    if array.ndim == 1:
        array = array[None, None]
    elif array.ndim == 2:
        array = array[:, None]
    frames = num_frames if array.shape[0] == 1 else array.shape[0]
    array = np.broadcast_to(array, (frames, num_views, array.shape[-1]))
    return torch.from_numpy(array[:num_frames][:, order].copy())

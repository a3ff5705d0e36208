"""What is distributed beside FLAME: MediaPipe's landmarks on its surface, named regions, eyelid shapes.

Formats: mediapipe_landmark_embedding.npz (105 of the 478 points), FLAME_masks.pkl (name -> vertex numbers),
l_eyelid.npy and r_eyelid.npy (vertex offsets for a closed lid).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuface_engine.errors import AssetError, in_short
from neuface_engine.face_model.flame_files import read_arrays, read_npz

NUM_MEDIAPIPE = 478
MEDIAPIPE = "mediapipe_landmark_embedding.npz"
MEDIAPIPE_REMEDY = f"give {MEDIAPIPE}, which is distributed with SMIRK"
STORED_MEDIAPIPE = ("mp_lmk_faces_idx", "mp_lmk_bary_coords", "mp_landmark_indices")
"""The same in a converted file."""
MASKS = "FLAME_masks.pkl"
EYELIDS = ("l_eyelid.npy", "r_eyelid.npy")

Mediapipe = tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]

OUR_NAMES = {
    "face": ("face",),
    "lips": ("lips",),
    "nose": ("nose",),
    "forehead": ("forehead",),
    "scalp": ("scalp",),
    "neck": ("neck",),
    "ear_left": ("left_ear",),
    "ear_right": ("right_ear",),
    "ears": ("left_ear", "right_ear"),
    "lids_left": ("left_eye_region",),
    "lids_right": ("right_eye_region",),
    "lids": ("left_eye_region", "right_eye_region"),
    "eyeball_left": ("left_eyeball",),
    "eyeball_right": ("right_eyeball",),
    "eyeballs": ("left_eyeball", "right_eyeball"),
}
"""Our regions, made of FLAME's masks. FLAME's eye regions are wider than the lids."""


def read_mediapipe(path: Path, num_faces: int | None = None) -> Mediapipe:
    """Triangles [K], barycentric [K, 3] and which of MediaPipe's 478 landmarks they are [K]. Raises AssetError."""
    content = read_npz(path, what="a MediaPipe embedding", remedy=MEDIAPIPE_REMEDY)
    parts = [content.get(key) for key in ("lmk_face_idx", "lmk_b_coords", "landmark_indices")]
    return checked_mediapipe(parts, path, num_faces)


def checked_mediapipe(parts: list[Any], path: Path, num_faces: int | None = None) -> Mediapipe:
    """As `read_mediapipe`, of arrays as they were stored; `num_faces`: of the model."""
    try:
        faces = np.asarray(parts[0]).astype(np.int64).reshape(-1)
        barycentric = np.asarray(parts[1]).astype(np.float32).reshape(len(faces), 3)
        numbers = np.asarray(parts[2]).astype(np.int64).reshape(len(faces))
    except (ValueError, TypeError, OverflowError) as error:
        raise AssetError(
            f"{path}: not a MediaPipe embedding ({str(error)[:80]}); {MEDIAPIPE_REMEDY}"
        ) from None
    sound = len(faces) > 0 and np.isfinite(barycentric).all() and faces.min() >= 0
    if not sound or numbers.min() < 0 or numbers.max() >= NUM_MEDIAPIPE:
        raise AssetError(f"{path}: landmark numbers or coordinates are out of range; {MEDIAPIPE_REMEDY}")
    if num_faces is not None and faces.max() >= num_faces:
        raise AssetError(
            f"{path}: names triangle {faces.max()}, the model has {num_faces}; give the embedding of this model"
        )
    return faces, barycentric, numbers


def checked_eyelids(offsets: Any, path: Path, num_vertices: int) -> NDArray[np.float32]:
    """Of a converted file. Raises AssetError."""
    lids = np.asarray(offsets)
    if lids.shape != (2, num_vertices, 3) or lids.dtype.kind != "f" or not np.isfinite(lids).all():
        raise AssetError(f"{path}: its eyelids are damaged; convert the model again")
    return lids.astype(np.float32)


def checked_regions(masks: dict[str, Any], path: Path, num_vertices: int) -> dict[str, NDArray[np.bool_]]:
    """Of a converted file. Raises AssetError."""
    if any(
        np.asarray(mask).shape != (num_vertices,) or np.asarray(mask).dtype.kind not in "bu"
        for mask in masks.values()
    ):
        raise AssetError(f"{path}: its regions are damaged; convert the model again")
    return {name: np.asarray(mask).astype(bool) for name, mask in masks.items()}


def read_masks(path: Path, num_vertices: int) -> dict[str, NDArray[np.bool_]]:
    """Regions under our names, [V] each. Raises AssetError."""
    remedy = f"give FLAME's {MASKS}"
    content = read_arrays(path, what="FLAME's masks", remedy=remedy)
    masks: dict[str, NDArray[np.bool_]] = {}
    for name, value in content.items():
        try:
            numbers = np.asarray(value).astype(np.int64).reshape(-1)
        except (TypeError, ValueError, OverflowError):
            raise AssetError(f"{path}: {name} holds no vertex numbers; {remedy}") from None
        if len(numbers) and (numbers.min() < 0 or numbers.max() >= num_vertices):
            raise AssetError(
                f"{path}: {name} has vertex {numbers.max()}, the model {num_vertices}; "
                f"give the masks of this model"
            )
        masks[name] = np.isin(np.arange(num_vertices), numbers)
    if "face" not in masks:
        raise AssetError(f"{path}: has no mask 'face'; {remedy}")
    return {
        ours: np.any([masks[name] for name in parts], axis=0)
        for ours, parts in OUR_NAMES.items()
        if all(name in masks for name in parts)
    }


def read_eyelids(left: Path, right: Path, num_vertices: int) -> NDArray[np.float32]:
    """Offsets [2, V, 3] in metres of the left and the right lid, closed. Raises AssetError."""
    offsets = [read_offsets(path) for path in (left, right)]
    for path, each in zip((left, right), offsets, strict=True):
        if len(each) != num_vertices:
            raise AssetError(
                f"{path}: is of {len(each)} vertices, the model has {num_vertices}; give the shapes of this model"
            )
    return np.stack(offsets)


def read_offsets(path: Path) -> NDArray[np.float32]:
    """One lid's offsets [V, 3]. Raises AssetError."""
    remedy = f"give {' and '.join(EYELIDS)}, which are distributed with SMIRK"
    try:
        with path.open("rb") as stream:
            content: Any = np.load(stream, allow_pickle=False)
        offsets = np.asarray(content, np.float32)
    except Exception as error:  # numpy parses the header as Python source
        raise AssetError(f"{path}: cannot be read as an eyelid shape ({in_short(error)}); {remedy}") from None
    if offsets.ndim != 2 or offsets.shape[1] != 3 or not np.isfinite(offsets).all():
        raise AssetError(f"{path}: is {list(offsets.shape)}, not offsets of vertices; {remedy}")
    return offsets

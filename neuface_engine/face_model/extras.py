"""What is distributed beside FLAME: MediaPipe's landmarks on its surface, named regions, eyelid shapes.

Formats: mediapipe_landmark_embedding.npz (105 of the 478 points), FLAME_masks.pkl (name -> vertex numbers),
l_eyelid.npy and r_eyelid.npy (vertex offsets for a closed lid).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuface_engine.errors import AssetError
from neuface_engine.face_model.flame_files import read_arrays, read_npz

NUM_MEDIAPIPE = 478
MEDIAPIPE = "mediapipe_landmark_embedding.npz"
MASKS = "FLAME_masks.pkl"
EYELIDS = ("l_eyelid.npy", "r_eyelid.npy")

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


def read_mediapipe(path: Path) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
    """Triangles [K], barycentric [K, 3] and which of MediaPipe's 478 landmarks they are [K]. Raises AssetError."""
    remedy = f"give {MEDIAPIPE}, which is distributed with SMIRK"
    content = read_npz(path, what="a MediaPipe embedding", remedy=remedy)
    try:
        faces = content["lmk_face_idx"].astype(np.int64).reshape(-1)
        barycentric = content["lmk_b_coords"].astype(np.float32).reshape(len(faces), 3)
        numbers = content["landmark_indices"].astype(np.int64).reshape(len(faces))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise AssetError(
            f"{path}: not a MediaPipe embedding ({str(error)[:80] or type(error).__name__}); {remedy}"
        ) from None
    if len(faces) and (
        numbers.min() < 0 or numbers.max() >= NUM_MEDIAPIPE or not np.isfinite(barycentric).all()
    ):
        raise AssetError(f"{path}: landmark numbers or coordinates are out of range; {remedy}")
    return faces, barycentric, numbers


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
        content: Any = np.load(path, allow_pickle=False)
        offsets = np.asarray(content, np.float32)
    except Exception as error:  # numpy parses the header as Python source
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise AssetError(f"{path}: cannot be read as an eyelid shape ({reason}); {remedy}") from None
    if offsets.ndim != 2 or offsets.shape[1] != 3 or not np.isfinite(offsets).all():
        raise AssetError(f"{path}: is {list(offsets.shape)}, not offsets of vertices; {remedy}")
    return offsets

"""A FLAME model with what lies beside it: landmark tables, regions, eyelid shapes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuface_engine.errors import AssetError
from neuface_engine.face_model import extras
from neuface_engine.face_model.assets import HeadArrays, LandmarkTable
from neuface_engine.face_model.embeddings import NAME, Embedding, embedding_of, read_embedding
from neuface_engine.face_model.flame_files import SHAPE_COMPONENTS, read_flame_file
from neuface_engine.face_model.releases import Release, declared, recognise

EMBEDDINGS = (
    NAME,
    "landmark_embedding_with_eyes.npy",
    "flame_static_embedding.pkl",
    "flame_static_embedding_68.pkl",
)
RELEASE_KEY = "neuface_release"
"""In a converted file: the release, as text in bytes."""


def read_flame(
    path: Path, landmarks: Path | None = None, *, eyelids: Path | None = None, release: str | None = None
) -> HeadArrays:
    """All 300 + 100 components of a FLAME model: .pkl of any release, .npz or .safetensors.

    `landmarks`: its landmark embedding; where not given, the one in the file, beside it, one folder up or in the
    folder of assets. Masks, MediaPipe's landmarks and eyelid shapes (`eyelids`: the folder of l_eyelid.npy) are taken
    from there too where they are found and fit. `release`: what a file of unknown name is.
    Raises AssetError where a file is missing or of another layout, and ConfigError for a release that there is not.
    """
    places = _places(path, landmarks)
    found = None if landmarks is not None else _find_embedding(path, places)
    model = read_flame_file(path)
    table = _embedding(path, model, landmarks, found)
    _check_topology(table, len(model["f"]), landmarks or path)
    vertices, bases = model["v_template"], model["shapedirs"]
    mediapipe, numbers = _mediapipe(model, places)
    lids = _eyelids(model, eyelids, places, len(vertices))
    regions = _regions(model, places, len(vertices))
    return HeadArrays(
        v_template=vertices,
        faces=model["f"],
        shape_basis=bases[..., :SHAPE_COMPONENTS],
        expression_basis=bases[..., SHAPE_COMPONENTS:],
        pose_basis=model["posedirs"],
        joint_regressor=model["J_regressor"],
        weights=model["weights"],
        static=LandmarkTable(*table.static),
        full=LandmarkTable(*table.full),
        contour=LandmarkTable(*table.contour),
        mediapipe=mediapipe,
        mediapipe_numbers=numbers,
        eyelids=lids,
        regions=regions,
        part=_part(regions, model["f"]),
        name=path.stem,
        release=_release(path, model, release),
        notes=table.notes,
    )


def _places(path: Path, landmarks: Path | None) -> list[Path]:
    """Folders in which the files beside a model are looked for."""
    beside = [landmarks.parent] if landmarks is not None else []
    return [*beside, path.parent, path.resolve().parent.parent]


def _find(name: str, places: Iterable[Path]) -> Path | None:
    from neuface_engine.assets.folder import find_file

    for place in places:
        for folder in (place, place / Path(name).stem, place / "FLAME_masks"):
            if (folder / name).is_file():
                return folder / name
    return find_file(name)


def _find_embedding(path: Path, places: list[Path]) -> Path | None:
    """Of a pickle. Raises AssetError where there is none."""
    found = next((f for name in EMBEDDINGS if (f := _find(name, places)) is not None), None)
    if found is None and path.is_file() and path.suffix == ".pkl":
        raise AssetError(
            f"{path}: FLAME needs its landmark embedding; give it with --head-landmarks FILE or put it beside the "
            f"model ({NAME}, distributed with DECA)"
        )
    return found


def _embedding(path: Path, model: dict[str, Any], given: Path | None, found: Path | None) -> Embedding:
    if given is None and "static_lmk_faces_idx" in model:
        return embedding_of(model, path)
    table = given or found
    if table is None:
        raise AssetError(
            f"{path}: holds no landmark tables; give {NAME}, distributed with DECA, with --head-landmarks FILE"
        )
    return read_embedding(table)


def _check_topology(table: Embedding, num_faces: int, path: Path) -> None:
    for faces, _ in (table.static, table.full, table.contour):
        if faces.min() < 0 or faces.max() >= num_faces:
            raise AssetError(
                f"{path}: names triangle {faces.max()}, the model has {num_faces}; give the embedding of this model"
            )


def _mediapipe(
    model: dict[str, Any], places: list[Path]
) -> tuple[LandmarkTable | None, NDArray[np.int64] | None]:
    if "mp_lmk_faces_idx" in model:
        faces, barycentric, numbers = (
            model[key] for key in ("mp_lmk_faces_idx", "mp_lmk_bary_coords", "mp_landmark_indices")
        )
    else:
        found = _find(extras.MEDIAPIPE, places)
        if found is None:
            return None, None
        faces, barycentric, numbers = extras.read_mediapipe(found)
    if len(faces) and not 0 <= faces.max() < len(model["f"]):
        return None, None  # of another head: the folder of assets may hold several
    return LandmarkTable(faces.astype(np.int64), barycentric.astype(np.float32)), numbers.astype(np.int64)


def _eyelids(
    model: dict[str, Any], folder: Path | None, places: list[Path], num_vertices: int
) -> NDArray[np.float32] | None:
    if "eyelids" in model and folder is None:
        return np.asarray(model["eyelids"], np.float32)
    if folder is not None:
        folder = folder.parent if folder.is_file() else folder
        return extras.read_eyelids(folder / extras.EYELIDS[0], folder / extras.EYELIDS[1], num_vertices)
    left, right = (_find(name, places) for name in extras.EYELIDS)
    if left is None or right is None:
        return None
    offsets = [extras.read_offsets(path) for path in (left, right)]
    if any(len(each) != num_vertices for each in offsets):
        return None  # of another head: the folder of assets may hold several
    return np.stack(offsets)


def _regions(model: dict[str, Any], places: list[Path], num_vertices: int) -> dict[str, NDArray[np.bool_]]:
    stored = {k.removeprefix("region/"): v.astype(bool) for k, v in model.items() if k.startswith("region/")}
    if stored:
        return stored
    found = _find(extras.MASKS, places)
    return {} if found is None else extras.read_masks(found, num_vertices)


def _part(regions: dict[str, NDArray[np.bool_]], faces: NDArray[np.int64]) -> NDArray[np.uint8] | None:
    """1 for the triangles of the eyeballs, 0 for skin."""
    eyes = regions.get("eyeballs")
    return None if eyes is None else eyes[faces].all(1).astype(np.uint8)


def _release(path: Path, model: dict[str, Any], given: str | None) -> Release:
    if given is not None:
        return declared(given)
    stored = model.get(RELEASE_KEY)
    if stored is not None and len(stored):
        return declared(bytes(np.asarray(stored, np.uint8)).decode("ascii", "replace"))
    return recognise(path)

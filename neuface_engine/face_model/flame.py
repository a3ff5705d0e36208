"""A FLAME model with what lies beside it: landmark tables, regions, eyelid shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from neuface_engine.errors import AssetError, ConfigError
from neuface_engine.face_model import extras
from neuface_engine.face_model.assets import HeadArrays, LandmarkTable
from neuface_engine.face_model.embeddings import NAME, Embedding, embedding_of, read_embedding
from neuface_engine.face_model.flame_files import SHAPE_COMPONENTS, read_flame_file
from neuface_engine.face_model.releases import Release, declared, recognise

T = TypeVar("T")

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
    beside = _Beside(path, model, places)
    mediapipe, lids, regions = beside.mediapipe(), beside.eyelids(eyelids), beside.regions()
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
        mediapipe=None if mediapipe is None else LandmarkTable(*mediapipe[:2]),
        mediapipe_numbers=None if mediapipe is None else mediapipe[2],
        eyelids=lids,
        regions=regions,
        part=_part(regions, model["f"]),
        name=path.stem,
        release=_release(path, model, release),
        notes=(*table.notes, *beside.notes),
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


class _Beside:
    """What a model may have besides: from a converted file, else from files beside it. A file that was only found, not
    given, and that does not fit is left out, with a line in `notes`."""

    def __init__(self, path: Path, model: dict[str, Any], places: list[Path]) -> None:
        self.path, self.model, self.places = path, model, places
        self.num_vertices, self.num_faces = len(model["v_template"]), len(model["f"])
        self.notes: list[str] = []

    def mediapipe(self) -> extras.Mediapipe | None:
        stored = [self.model.get(key) for key in extras.STORED_MEDIAPIPE]
        if stored[0] is not None:
            return extras.checked_mediapipe(stored, self.path, self.num_faces)
        return self._found(lambda file: extras.read_mediapipe(file, self.num_faces), extras.MEDIAPIPE)

    def eyelids(self, folder: Path | None) -> NDArray[np.float32] | None:
        if folder is not None:
            folder = folder.parent if folder.is_file() else folder
            left, right = (folder / name for name in extras.EYELIDS)
            return extras.read_eyelids(left, right, self.num_vertices)
        if "eyelids" in self.model:
            return extras.checked_eyelids(self.model["eyelids"], self.path, self.num_vertices)
        return self._found(lambda a, b: extras.read_eyelids(a, b, self.num_vertices), *extras.EYELIDS)

    def regions(self) -> dict[str, NDArray[np.bool_]]:
        stored = {k.removeprefix("region/"): v for k, v in self.model.items() if k.startswith("region/")}
        if stored:
            return extras.checked_regions(stored, self.path, self.num_vertices)
        return self._found(lambda file: extras.read_masks(file, self.num_vertices), extras.MASKS) or {}

    def _found(self, read: Callable[..., T], *names: str) -> T | None:
        files = [_find(name, self.places) for name in names]
        if any(file is None for file in files):
            return None
        try:
            return read(*files)
        except AssetError as error:
            self.notes.append(f"left out: {error}")
            return None


def _part(regions: dict[str, NDArray[np.bool_]], faces: NDArray[np.int64]) -> NDArray[np.uint8] | None:
    """1 for the triangles of the eyeballs, 0 for skin."""
    eyes = regions.get("eyeballs")
    return None if eyes is None else np.asarray(eyes[faces].all(1), np.uint8)


def _release(path: Path, model: dict[str, Any], given: str | None) -> Release:
    if given is not None:
        return declared(given)
    stored = model.get(RELEASE_KEY)
    if stored is None:
        return recognise(path)
    try:
        return declared(bytes(np.asarray(stored, np.uint8)).decode("ascii"))
    except (ConfigError, ValueError, TypeError, OverflowError):
        raise AssetError(f"{path}: says no release of FLAME that there is; convert the model again") from None

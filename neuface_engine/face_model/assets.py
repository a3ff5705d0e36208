"""The arrays of a head model in FLAME's layout, read from the open head or from FLAME's own files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuface_engine import resources
from neuface_engine.errors import AssetError
from neuface_engine.face_model.flame_files import read_embedding, read_flame_pickle

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class LandmarkTable:
    """Points on the surface: triangle index [..., K] and barycentric coordinates [..., K, 3]."""

    faces: Ints
    barycentric: Floats


@dataclass(frozen=True)
class HeadArrays:
    """FLAME's arrays, metres. V vertices, T triangles, 5 joints (root, neck, jaw, left eye, right eye).

    v_template [V, 3], faces [T, 3], shape_basis [V, 3, n_shape], expression_basis [V, 3, n_expression],
    pose_basis [V, 3, 36] (neck, jaw, eyes; rotation minus identity, row-major), joint_regressor [5, V],
    weights [V, 5]; landmarks static 51, full 68, dynamic contour [79, 17], mediapipe (where the model has it).
    """

    v_template: Floats
    faces: Ints
    shape_basis: Floats
    expression_basis: Floats
    pose_basis: Floats
    joint_regressor: Floats
    weights: Floats
    static: LandmarkTable
    full: LandmarkTable
    contour: LandmarkTable
    mediapipe: LandmarkTable | None = None
    expression_names: tuple[str, ...] = ()
    regions: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    part: NDArray[np.uint8] | None = None
    name: str = "head"

    def fingerprint(self) -> str:
        """sha256 of template and bases: which release of which head this is."""
        digest = hashlib.sha256()
        for array in (self.v_template, self.shape_basis, self.expression_basis):
            digest.update(np.ascontiguousarray(array, dtype=np.float32).tobytes())
        return digest.hexdigest()


def read_open_head(path: Path | None = None) -> HeadArrays:
    """The embedded open head (docs/open_head.md says what it is)."""
    path = path or resources.path("open_head.npz")
    with np.load(path, allow_pickle=False) as file:
        a = {key: file[key] for key in file.files}

    def table(name: str) -> LandmarkTable:
        return LandmarkTable(
            a[f"{name}_faces_idx"].astype(np.int64), a[f"{name}_bary_coords"].astype(np.float32)
        )

    try:
        bases = a["shapedirs"].astype(np.float32)
        return HeadArrays(
            v_template=a["v_template"].astype(np.float32),
            faces=a["f"].astype(np.int64),
            shape_basis=bases[..., :100],
            expression_basis=bases[..., 100:],
            pose_basis=a["posedirs"].astype(np.float32),
            joint_regressor=a["J_regressor"].astype(np.float32),
            weights=a["weights"].astype(np.float32),
            static=table("static_lmk"),
            full=table("full_lmk"),
            contour=table("dynamic_lmk"),
            mediapipe=table("mp_lmk"),
            expression_names=tuple(str(name) for name in a["expression_names"]),
            regions={
                str(n): m.astype(bool) for n, m in zip(a["region_names"], a["region_masks"], strict=True)
            },
            part=a["part"],
            name="open",
        )
    except KeyError as missing:
        raise AssetError(
            f"{path}: no array {missing}; this is not an open head file of this version"
        ) from None


def read_flame(path: Path, landmarks: Path | None, n_shape: int = 100, n_expression: int = 50) -> HeadArrays:
    """A FLAME model file (.pkl of 2016 to 2023, or .npz of the same keys) and its landmark_embedding.npy.

    The first 300 columns of shapedirs are identity, the rest expression (FLAME's file format).
    Raises AssetError where a file is missing or of another layout.
    """
    if not path.is_file():
        raise AssetError(f"{path}: no such face model; FLAME is obtained from flame.is.tue.mpg.de")
    if landmarks is None:
        beside = path.with_name("landmark_embedding.npy")
        if not beside.is_file():
            raise AssetError(
                f"{path}: FLAME needs its landmark embedding; give it with --head-landmarks FILE "
                "(landmark_embedding.npy, distributed with DECA)"
            )
        landmarks = beside
    model = _read_npz(path) if path.suffix == ".npz" else read_flame_pickle(path)
    wanted = ("v_template", "f", "shapedirs", "posedirs", "J_regressor", "weights")
    missing = [key for key in wanted if key not in model]
    if missing:
        raise AssetError(f"{path}: lacks {', '.join(missing)}; this is not a FLAME model file")
    bases = np.asarray(model["shapedirs"], np.float32)
    vertices = np.asarray(model["v_template"], np.float32)
    if bases.ndim != 3 or bases.shape[:2] != vertices.shape or bases.shape[2] < 300 + n_expression:
        raise AssetError(f"{path}: shapedirs is {list(bases.shape)}; FLAME has [{len(vertices)}, 3, 400]")
    static, full, contour = read_embedding(landmarks)
    return HeadArrays(
        v_template=vertices,
        faces=np.asarray(model["f"]).astype(np.int64),
        shape_basis=bases[..., :n_shape],
        expression_basis=bases[..., 300 : 300 + n_expression],
        pose_basis=np.asarray(model["posedirs"], np.float32),
        joint_regressor=np.asarray(model["J_regressor"], np.float32),
        weights=np.asarray(model["weights"], np.float32),
        static=LandmarkTable(*static),
        full=LandmarkTable(*full),
        contour=LandmarkTable(*contour),
        name=path.stem,
    )


def _read_npz(path: Path) -> dict[str, NDArray[np.generic]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except (ValueError, OSError) as error:
        raise AssetError(f"{path}: cannot be read as npz ({error}); give an uncorrupted file") from None

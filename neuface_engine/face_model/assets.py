"""The arrays of a head model in FLAME's layout, read from the open head or from FLAME's own files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuface_engine import resources
from neuface_engine.errors import AssetError
from neuface_engine.face_model.releases import Release

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
    weights [V, 5]; landmarks static 51, full 68, dynamic contour [79, 17], mediapipe (where the model has it, of
    all 478 points or of those in mediapipe_numbers); eyelids [2, V, 3]: offsets of the left and the right lid, closed.
    identity: fingerprint of the whole model, where these bases are a part of it; notes: what had to be made up.
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
    mediapipe_numbers: Ints | None = None
    eyelids: Floats | None = None
    expression_names: tuple[str, ...] = ()
    regions: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    part: NDArray[np.uint8] | None = None
    name: str = "head"
    release: Release | None = None
    identity: str = ""
    notes: tuple[str, ...] = ()

    def fingerprint(self) -> str:
        """sha256 of the whole model's template and bases: which release of which head this is."""
        if self.identity:
            return self.identity
        digest = hashlib.sha256()
        for array in (self.v_template, self.shape_basis, self.expression_basis):
            digest.update(np.ascontiguousarray(array, dtype=np.float32).tobytes())
        return digest.hexdigest()

    def sized(self, n_shape: int, n_expression: int) -> HeadArrays:
        """The first components alone; the fingerprint stays. Raises AssetError where there are not so many."""
        have = self.shape_basis.shape[2], self.expression_basis.shape[2]
        if (n_shape, n_expression) == have:
            return self
        if not (0 < n_shape <= have[0] and 0 < n_expression <= have[1]):
            raise AssetError(
                f"head {self.name!r} has {have[0]} shape and {have[1]} expression components, not {n_shape} and "
                f"{n_expression}; give the face model that the encoder was trained with"
            )
        return replace(
            self,
            identity=self.fingerprint(),
            shape_basis=self.shape_basis[..., :n_shape],
            expression_basis=self.expression_basis[..., :n_expression],
            expression_names=self.expression_names[:n_expression],
        )


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

"""Models as files without pickles that load to the same bits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from neuface_engine.errors import AssetError, ConfigError, NeuFaceError
from neuface_engine.files import written_whole

FORMATS = (".safetensors", ".npz")
CHECKPOINTS = (".ckpt", ".pt", ".pth", ".safetensors", ".tar", ".zip")
"""Endings of encoders' files."""


def convert(source: Path, out: Path, *, landmarks: Path | None = None, release: str | None = None) -> str:
    """Writes a FLAME model (with its landmark tables, and what else was found beside it), a landmark embedding (.npy)
    or an encoder's checkpoint (the weights alone) as .safetensors or .npz, all or nothing; says in words what it is.

    Raises AssetError for an input that is neither, and ConfigError for another ending of `out`.
    """
    if out.suffix not in FORMATS:
        raise ConfigError(f"{out}: give a name that ends in {' or '.join(FORMATS)}")
    if not source.exists():
        raise AssetError(f"{source}: no such file; give a FLAME model or an encoder's checkpoint")
    if source.suffix == ".npy":
        _write(out, embedding_arrays(source), {"made_from": source.name, "content": "landmarks of FLAME"})
        return "68 landmarks of FLAME"
    try:
        arrays = head_arrays(source, landmarks, release)
        words = f"FLAME, {len(arrays['v_template'])} vertices, {arrays['shapedirs'].shape[2]} components"
    except NeuFaceError as not_a_head:
        if landmarks is not None or release is not None or source.suffix in (".pkl", ".npz"):
            raise
        if not _is_checkpoint(source):
            raise not_a_head from None
        name, words = _encoder_of(source)
        if out.suffix == ".npz":
            raise ConfigError(f"{out}: an encoder is written as .safetensors") from None
        arrays = _encoder_arrays(name, source)
    _write(out, arrays, {"made_from": source.name, "content": words})
    return words


def head_arrays(
    source: Path, landmarks: Path | None = None, release: str | None = None
) -> dict[str, NDArray[Any]]:
    """All arrays of a FLAME model by the names of its files. Raises AssetError."""
    from neuface_engine.face_model.flame import RELEASE_KEY, read_flame

    head = read_flame(source, landmarks, release=release)
    arrays: dict[str, NDArray[Any]] = {
        "v_template": head.v_template,
        "f": head.faces,
        "shapedirs": np.concatenate([head.shape_basis, head.expression_basis], axis=2),
        "posedirs": head.pose_basis,
        "J_regressor": head.joint_regressor,
        "weights": head.weights,
    }
    tables = {"static": head.static, "full": head.full, "dynamic": head.contour}
    for name, table in tables.items():
        arrays[f"{name}_lmk_faces_idx"] = table.faces
        arrays[f"{name}_lmk_bary_coords"] = table.barycentric
    if head.mediapipe is not None and head.mediapipe_numbers is not None:
        arrays["mp_lmk_faces_idx"] = head.mediapipe.faces
        arrays["mp_lmk_bary_coords"] = head.mediapipe.barycentric
        arrays["mp_landmark_indices"] = head.mediapipe_numbers
    if head.eyelids is not None:
        arrays["eyelids"] = head.eyelids
    for name, mask in head.regions.items():
        arrays[f"region/{name}"] = mask
    if head.release is not None and head.release.name is not None:
        arrays[RELEASE_KEY] = np.frombuffer(head.release.name.encode("ascii"), np.uint8)
    return arrays


def embedding_arrays(source: Path) -> dict[str, NDArray[Any]]:
    """Those of a landmark embedding alone, without torch's tensors. Raises AssetError."""
    from neuface_engine.face_model.embeddings import read_embedding

    table = read_embedding(source)
    arrays: dict[str, NDArray[Any]] = {}
    for name, (faces, barycentric) in (
        ("static", table.static),
        ("full", table.full),
        ("dynamic", table.contour),
    ):
        arrays[f"{name}_lmk_faces_idx"], arrays[f"{name}_lmk_bary_coords"] = faces, barycentric
    return arrays


def _is_checkpoint(source: Path) -> bool:
    """Whether it is a folder, or called what checkpoints are called."""
    return source.is_dir() or source.suffix.lower() in CHECKPOINTS


def _encoder_of(source: Path) -> tuple[str, str]:
    """The encoder or shape prior that takes a checkpoint, and what it says of it.

    Raises AssetError: what the one says whose name the file has, or else that it is none of theirs.
    """
    from neuface_engine.encoders import ENCODER_FILES, check_checkpoint

    reasons: dict[str, NeuFaceError] = {}
    for name in ENCODER_FILES:
        try:
            return name, check_checkpoint(name, source)
        except NeuFaceError as reason:
            reasons[name] = reason
    meant = [name for name in reasons if name in source.name.lower()]
    if len(meant) == 1 or len(set(map(str, reasons.values()))) == 1:
        raise reasons[(meant or list(reasons))[0]]
    raise AssetError(
        f"{source}: neither a FLAME model nor a checkpoint of {', '.join(reasons)}; give the file as it was downloaded"
    )


def _encoder_arrays(name: str, source: Path) -> dict[str, NDArray[Any]]:
    from neuface_engine.encoders import checkpoint_weights

    return {key: np.asarray(value) for key, value in checkpoint_weights(name, source).items()}


def _write(out: Path, arrays: dict[str, NDArray[Any]], metadata: dict[str, str]) -> None:
    with written_whole(out, AssetError) as stream:
        if out.suffix == ".npz":
            np.savez(stream, allow_pickle=False, **arrays)
        else:
            whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
            stream.write(safetensors.numpy.save(whole, {"neuface": json.dumps(metadata)}))

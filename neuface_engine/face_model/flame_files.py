"""FLAME's public files without chumpy: pickles are read with a whitelist that can build arrays and nothing else.

Formats: FLAME's generic_model.pkl (Python 2 pickle of numpy, chumpy and scipy.sparse objects) and DECA's
landmark_embedding.npy (a 0-d object array holding a dict, two of its entries torch tensors).
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from neuface_engine.errors import AssetError

Table = tuple[NDArray[np.int64], NDArray[np.float32]]


class _Chumpy:
    """Stands for any chumpy object: keeps its array, forgets its graph."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.x = state.get("x")


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        root = module.split(".")[0]
        if root == "chumpy":
            return _Chumpy
        if root == "scipy" and name == "csc_matrix":
            return sparse.csc_matrix
        if root == "numpy" and name in ("_reconstruct", "scalar"):
            from numpy._core import multiarray

            return getattr(multiarray, name)
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        if (module, name) == ("collections", "OrderedDict"):
            return dict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return torch._utils._rebuild_tensor_v2
        if (module, name) == ("torch.storage", "_load_from_bytes"):
            return _load_storage
        if (module, name) in (
            ("_codecs", "encode"),
            ("copy_reg", "_reconstructor"),
            ("copyreg", "_reconstructor"),
        ):
            return super().find_class("copyreg" if root.startswith("copy") else module, name)
        if (module, name) in (("__builtin__", "object"), ("builtins", "object")):
            return object
        raise pickle.UnpicklingError(f"it wants to call {module}.{name}")


def _load_storage(data: bytes) -> Any:
    return torch.load(io.BytesIO(data), weights_only=True)


def _unpickle(stream: Any, path: Path, what: str) -> Any:
    try:
        return _ArrayUnpickler(stream, encoding="latin1").load()
    except Exception as error:  # a damaged pickle can raise anything
        reason = " ".join(str(error).split())[:120]
        raise AssetError(f"{path}: cannot be read as {what} ({reason}); obtain the file again") from None


def read_flame_pickle(path: Path) -> dict[str, Any]:
    """The arrays of a FLAME .pkl by name, dense. Raises AssetError for anything else."""
    with path.open("rb") as stream:
        content = _unpickle(stream, path, "a FLAME model")
    if not isinstance(content, dict):
        raise AssetError(
            f"{path}: holds a {type(content).__name__}, not a FLAME model; obtain the file again"
        )
    return {str(key): _dense(value) for key, value in content.items()}


def _dense(value: Any) -> Any:
    if isinstance(value, _Chumpy):
        return np.asarray(value.x)
    if sparse.issparse(value):
        return value.toarray()
    return value


def read_embedding(path: Path) -> tuple[Table, Table, Table]:
    """DECA's landmark_embedding.npy: static 51, full 68 and dynamic [79, 17] tables (triangles, barycentrics).

    Raises AssetError where the file is missing or of another layout.
    """
    if not path.is_file():
        raise AssetError(
            f"{path}: no such landmark embedding; landmark_embedding.npy is distributed with DECA"
        )
    with path.open("rb") as stream:
        try:
            version = np.lib.format.read_magic(stream)
            read = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            read(stream)
        except ValueError:
            raise AssetError(f"{path}: not a .npy file; give DECA's landmark_embedding.npy") from None
        content = _unpickle(stream, path, "a landmark embedding")
    content = content.item() if isinstance(content, np.ndarray) and content.shape == () else content
    try:
        return (
            _table(content["static_lmk_faces_idx"], content["static_lmk_bary_coords"], (51,)),
            _table(content["full_lmk_faces_idx"], content["full_lmk_bary_coords"], (68,)),
            _table(content["dynamic_lmk_faces_idx"], content["dynamic_lmk_bary_coords"], (79, 17)),
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise AssetError(
            f"{path}: not DECA's landmark embedding ({error}); give landmark_embedding.npy"
        ) from None


def _table(faces: Any, barycentric: Any, shape: tuple[int, ...]) -> Table:
    return np.asarray(faces, np.int64).reshape(shape), np.asarray(barycentric, np.float32).reshape(*shape, 3)

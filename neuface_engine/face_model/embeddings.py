"""Where the 68 landmarks lie on FLAME's surface: the embedding files of DECA, VHAP and FLAME_PyTorch.

Formats: DECA's landmark_embedding.npy (a 0-d object array with a dict, its dynamic tables torch tensors), VHAP's with
two eye points at the end of each table, flame_static_embedding.pkl (51) or _68.pkl with flame_dynamic_embedding.npy
beside it, and converted files. Rows of the dynamic table: yaw 0 to 39 deg, then -1 to -39.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from neuface_engine.errors import AssetError, in_short
from neuface_engine.face_model.flame_files import read_arrays
from neuface_engine.torch_files import find_tensors
from neuface_engine.unpickling import Refused, unpickle

Table = tuple[NDArray[np.int64], NDArray[np.float32]]
"""Triangles [...] and barycentric coordinates [..., 3]."""

NAME = "landmark_embedding.npy"
DYNAMIC = "flame_dynamic_embedding.npy"
ROWS, CONTOUR, INNER = 79, 17, 51
AGAIN = f"give {NAME}, which is distributed with DECA"


@dataclass(frozen=True)
class Embedding:
    """Tables static 51, full 68 (contour fixed), contour [79, 17]; notes: what had to be made up."""

    static: Table
    full: Table
    contour: Table
    notes: tuple[str, ...] = ()


def read_embedding(path: Path) -> Embedding:
    """Raises AssetError where the file is missing or of another layout."""
    if not path.is_file():
        raise AssetError(f"{path}: no such landmark embedding; {AGAIN}")
    return embedding_of(read_object(path), path)


def embedding_of(content: Any, path: Path) -> Embedding:
    """The tables of what a file holds."""
    if not isinstance(content, dict):
        raise AssetError(f"{path}: holds no landmark embedding; {AGAIN}")
    try:
        if "static_lmk_faces_idx" in content:
            return _whole(content)
        if "lmk_face_idx" in content:
            return _from_parts(content, path)
    except KeyError as missing:
        raise AssetError(f"{path}: not a landmark embedding (it lacks {missing.args[0]}); {AGAIN}") from None
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        raise AssetError(f"{path}: not a landmark embedding ({in_short(error)}); {AGAIN}") from None
    raise AssetError(f"{path}: not a landmark embedding (it has {_named(content)}); {AGAIN}")


def read_object(path: Path) -> Any:
    """What a .npy file with one pickled object holds, or the dict of a .pkl, .npz or .safetensors."""
    try:
        with path.open("rb") as stream:
            if stream.read(6) == b"\x93NUMPY":
                stream.seek(0)
                return _read_npy(stream)
    except Refused as reason:
        raise AssetError(f"{path}: cannot be read ({reason}); {AGAIN}") from None
    except OSError as error:
        raise AssetError(f"{path}: cannot be read ({error.strerror or error}); {AGAIN}") from None
    return read_arrays(path, what="a landmark embedding", remedy=AGAIN)


def _read_npy(stream: BinaryIO) -> Any:
    try:
        version = np.lib.format.read_magic(stream)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read(stream)
        if not dtype.hasobject:
            stream.seek(0)
            return np.load(stream, allow_pickle=False)
    except Exception as error:  # the header is parsed as Python source
        raise Refused(f"not a .npy file: {in_short(error)}") from None
    content = unpickle(stream, find_tensors)
    return content[0] if shape == (1,) and isinstance(content, list) and len(content) == 1 else content


def _whole(content: dict[str, Any]) -> Embedding:
    """DECA's; VHAP's has the eyes after the others."""
    return Embedding(
        _table(content["static_lmk_faces_idx"], content["static_lmk_bary_coords"], INNER),
        _table(content["full_lmk_faces_idx"], content["full_lmk_bary_coords"], CONTOUR + INNER),
        _contour(content["dynamic_lmk_faces_idx"], content["dynamic_lmk_bary_coords"]),
    )


def _from_parts(content: dict[str, Any], path: Path) -> Embedding:
    """FLAME_PyTorch's: one file of the static points, one of the contour."""
    faces = np.asarray(content["lmk_face_idx"]).reshape(-1)
    if len(faces) not in (INNER, CONTOUR + INNER):
        raise AssetError(
            f"{path}: has {len(faces)} points; a landmark embedding has {INNER} or {CONTOUR + INNER}: {AGAIN}"
        )
    points = _table(faces, content["lmk_b_coords"], len(faces))
    static = (points[0][-INNER:], points[1][-INNER:])
    dynamic = path.with_name(DYNAMIC)
    if dynamic.is_file():
        table = read_object(dynamic)
        contour = _contour(table["lmk_face_idx"], table["lmk_b_coords"])
        notes: tuple[str, ...] = ()
    elif len(faces) == CONTOUR + INNER:
        contour = (np.tile(points[0][:CONTOUR], (ROWS, 1)), np.tile(points[1][:CONTOUR], (ROWS, 1, 1)))
        notes = (
            f"{path}: without {DYNAMIC} beside it the contour of the face does not follow the head's turn; "
            f"{AGAIN}",
        )
    else:
        raise AssetError(f"{path}: has {len(faces)} points and {DYNAMIC} is not beside it; {AGAIN}")
    if len(faces) == CONTOUR + INNER:
        full = points
    else:
        full = (np.concatenate([contour[0][0], static[0]]), np.concatenate([contour[1][0], static[1]]))
    return Embedding(static, full, contour, notes)


def _table(faces: Any, barycentric: Any, count: int) -> Table:
    """The first `count` points."""
    index = np.asarray(faces).astype(np.int64).reshape(-1)
    weights = np.asarray(barycentric, np.float32).reshape(-1, 3)
    if len(index) != len(weights) or len(index) < count or count < INNER or not np.isfinite(weights).all():
        raise ValueError(f"{len(index)} triangles and {len(weights)} coordinates for {count} points")
    return index[:count], weights[:count]


def _contour(faces: Any, barycentric: Any) -> Table:
    index = np.asarray(faces).astype(np.int64).reshape(ROWS, CONTOUR)
    weights = np.asarray(barycentric, np.float32).reshape(ROWS, CONTOUR, 3)
    if not np.isfinite(weights).all():
        raise ValueError("coordinates that are not finite")
    return index, weights


def _named(content: dict[str, Any]) -> str:
    return ", ".join(list(map(str, content))[:4]) or "nothing"

"""FLAME's model files: the pickles of all releases, and the same arrays as npz or safetensors.

Formats: generic_model.pkl and its like (Python 2 or 3 pickle of numpy, chumpy and scipy.sparse objects; keys
v_template, f, shapedirs, posedirs, J_regressor, weights, kintree_table); files of `neuface assets convert`.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from neuface_engine.errors import AssetError, in_short
from neuface_engine.mistaken import members_of, mistaken, unfolds
from neuface_engine.unpickling import Refused, find_arrays, unpickle

Arrays = dict[str, NDArray[Any]]

WANTED = ("v_template", "f", "shapedirs", "posedirs", "J_regressor", "weights")
NUM_JOINTS = 5
PARENTS = [0, 1, 1, 1]
"""Of all joints but the root, whose parent is written in several ways."""
SHAPE_COMPONENTS = 300
"""Columns of shapedirs that are identity; what follows is expression."""
AGAIN = "obtain the file again from flame.is.tue.mpg.de"


def read_flame_file(path: Path) -> Arrays:
    """The arrays of a FLAME model by name, dense; checked for the layout. float32 and int64.

    v_template [V, 3] metres, f [T, 3], shapedirs [V, 3, 300 + n], posedirs [V, 3, 36], J_regressor [5, V],
    weights [V, 5]; of a converted file also what it was given besides (landmark tables, eyelids, masks).
    Raises AssetError, naming the file and the remedy, for a file that is missing, damaged or of another layout.
    """
    if not path.is_file():
        raise AssetError(f"{path}: no such face model; FLAME is obtained from flame.is.tue.mpg.de")
    content = read_arrays(path, what="a FLAME model", remedy=AGAIN)
    missing = [key for key in WANTED if key not in content]
    if missing:
        raise AssetError(f"{path}: lacks {', '.join(missing)}; this is not a FLAME model file")
    try:
        if any(np.asarray(content[key]).dtype.kind not in "fiu" for key in WANTED):
            raise TypeError
        model = {key: np.asarray(content[key], np.int64 if key == "f" else np.float32) for key in WANTED}
    except (TypeError, ValueError, OverflowError):
        raise AssetError(f"{path}: an array holds something else than numbers; {AGAIN}") from None
    _check_layout(path, model)
    _check_joints(path, content.get("kintree_table"))
    rest = {key: value for key, value in content.items() if key not in WANTED}
    return {**rest, **model}


def read_arrays(path: Path, *, what: str, remedy: str) -> dict[str, Any]:
    """A dict from a .pkl, .npz or .safetensors file (by its content, not its name). Raises AssetError."""
    try:
        wrong = mistaken(path)
        if wrong is not None:
            raise AssetError(f"{path}: {wrong}")
        with path.open("rb") as stream:
            head = stream.read(9)
            if head[:4] == b"PK\x03\x04":
                return read_npz(path, what=what, remedy=remedy)
            if head[8:9] == b"{" or path.suffix == ".safetensors":
                return _read_safetensors(path, what=what, remedy=remedy)
            stream.seek(0)
            content = unpickle(stream, find_arrays)
    except Refused as reason:
        raise AssetError(f"{path}: cannot be read as {what} ({reason}); {remedy}") from None
    except OSError as error:
        raise AssetError(f"{path}: cannot be read ({error.strerror or error}); {remedy}") from None
    if not isinstance(content, dict):
        raise AssetError(f"{path}: holds a {type(content).__name__}, not {what}; {remedy}")
    return {str(key): value for key, value in content.items()}


def read_npz(path: Path, *, what: str, remedy: str) -> dict[str, Any]:
    """The arrays of an npz file; none of objects. Raises AssetError."""
    wrong = members_of(path, (".npy",)) or unfolds(path)
    if wrong is not None:
        raise AssetError(f"{path}: {wrong}")
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {str(key): file[key] for key in file.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, NotImplementedError) as error:
        raise _unreadable(path, what, error, remedy) from None
    except (
        MemoryError,
        OverflowError,
        TypeError,
        AttributeError,
        SyntaxError,
        RuntimeError,
        zipfile.LargeZipFile,
    ) as error:
        raise _unreadable(path, what, error, remedy) from None
    except Exception as error:  # zlib and numpy's header parser have errors of their own
        raise _unreadable(path, what, error, remedy) from None


def _read_safetensors(path: Path, *, what: str, remedy: str) -> dict[str, Any]:
    try:
        with safe_open(str(path), framework="np") as file:
            return {str(name): file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        raise _unreadable(path, what, error, remedy) from None


def _unreadable(path: Path, what: str, error: BaseException, remedy: str) -> AssetError:
    return AssetError(f"{path}: cannot be read as {what} ({in_short(error)}); {remedy}")


def _check_layout(path: Path, model: Arrays) -> None:
    vertices, bases = model["v_template"], model["shapedirs"]
    joints = model["weights"].shape[-1] if model["weights"].ndim == 2 else 0
    if joints > NUM_JOINTS:
        raise AssetError(
            f"{path}: has {joints} joints, a body model of SMPL's kind; FLAME has {NUM_JOINTS}: give FLAME's file"
        )
    if vertices.ndim != 2 or vertices.shape[1] != 3 or not len(vertices):
        raise AssetError(f"{path}: v_template is {list(vertices.shape)}; FLAME has [5023, 3]; {AGAIN}")
    count = len(vertices)
    if bases.ndim == 3 and len(bases) != count:
        raise AssetError(f"{path}: v_template has {count} vertices, shapedirs {len(bases)}; {AGAIN}")
    if bases.ndim != 3 or bases.shape[:2] != vertices.shape or bases.shape[2] < SHAPE_COMPONENTS + 50:
        raise AssetError(f"{path}: shapedirs is {list(bases.shape)}; FLAME has [{count}, 3, 400]; {AGAIN}")
    shapes = {"posedirs": (count, 3, 36), "J_regressor": (NUM_JOINTS, count), "weights": (count, NUM_JOINTS)}
    for name, shape in shapes.items():
        if model[name].shape != shape:
            raise AssetError(f"{path}: {name} is {list(model[name].shape)}; FLAME has {list(shape)}; {AGAIN}")
    faces = model["f"]
    if faces.ndim != 2 or faces.shape[1] != 3 or not len(faces) or faces.min() < 0 or faces.max() >= count:
        raise AssetError(f"{path}: f does not hold triangles of {count} vertices; {AGAIN}")
    for name in WANTED:
        if not np.isfinite(model[name]).all():
            raise AssetError(f"{path}: {name} is not finite; {AGAIN}")


def _check_joints(path: Path, table: Any) -> None:
    """The joints' parents, where the file has them: root, neck, then jaw and both eyes below the neck."""
    if table is None:
        return
    joints = np.asarray(table)
    if joints.shape != (2, NUM_JOINTS):
        raise AssetError(
            f"{path}: kintree_table is {list(joints.shape)}; FLAME has [2, {NUM_JOINTS}]; {AGAIN}"
        )
    if joints.dtype.kind not in "fiu" or joints[0, 1:].tolist() != PARENTS:
        raise AssetError(
            f"{path}: kintree_table hangs the joints together in another way than FLAME; {AGAIN}"
        )

"""FLAME's layout on sixty vertices, and the ways in which its files have been written."""

from __future__ import annotations

import contextlib
import pickle
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from scipy import sparse

VERTICES, TRIANGLES = 60, 90


def model(seed: int = 0) -> dict[str, Any]:
    """The arrays of generic_model.pkl, dense."""
    rng = np.random.default_rng(seed)
    regressor = np.zeros((5, VERTICES))
    for joint in range(5):
        regressor[joint, rng.choice(VERTICES, 6, replace=False)] = 1 / 6
    weights = rng.random((VERTICES, 5))
    return {
        "v_template": rng.normal(0, 0.08, (VERTICES, 3)),
        "f": rng.integers(0, VERTICES, (TRIANGLES, 3)).astype(np.uint32),
        "shapedirs": rng.normal(0, 0.002, (VERTICES, 3, 400)),
        "posedirs": rng.normal(0, 0.001, (VERTICES, 3, 36)),
        "J_regressor": regressor,
        "weights": weights / weights.sum(1, keepdims=True),
        "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], dtype=np.uint32),
        "J": rng.normal(0, 0.05, (5, 3)),
        "bs_type": "lrotmin",
        "bs_style": "lbs",
    }


def embedding(seed: int = 1, *, extra: int = 0) -> dict[str, Any]:
    """DECA's landmark_embedding.npy; `extra` points of VHAP's eyes at the end."""
    rng = np.random.default_rng(seed)
    table = lambda *n: (rng.integers(0, TRIANGLES, n), rng.dirichlet((1, 1, 1), n))  # noqa: E731
    static, full, contour = table(51 + extra), table(1, 68 + extra), table(79, 17)
    return {
        "static_lmk_faces_idx": static[0],
        "static_lmk_bary_coords": static[1],
        "full_lmk_faces_idx": full[0],
        "full_lmk_bary_coords": full[1].astype(np.float32),
        "dynamic_lmk_faces_idx": torch.from_numpy(contour[0]),
        "dynamic_lmk_bary_coords": torch.from_numpy(contour[1]),
    }


def save_object(path: Path, content: Any) -> Path:
    """As numpy.save does with a dict."""
    np.save(path, np.array(content, dtype=object), allow_pickle=True)
    return path


@contextlib.contextmanager
def foreign_modules() -> Iterator[dict[str, type]]:
    """chumpy, and the module that scipy's sparse matrices lived in until 1.8, for as long as a file is written."""

    class Ch:
        def __init__(self, x: Any) -> None:
            self.x, self._itr, self._dirty_vars = x, None, {"x"}
            self._depends_on_deps: set[str] = set()

    class csc_matrix:
        def __init__(self, dense: Any) -> None:
            packed = sparse.csc_matrix(dense)
            self.data, self.indices, self.indptr = packed.data, packed.indices, packed.indptr
            self._shape, self.maxprint = packed.shape, 50

    names = {"chumpy": (), "chumpy.ch": (Ch,), "scipy.sparse.csc": (csc_matrix,)}
    before = {name: sys.modules.get(name) for name in names}
    for name, classes in names.items():
        module = types.ModuleType(name)
        for kind in classes:
            kind.__module__, kind.__qualname__ = name, kind.__name__
            setattr(module, kind.__name__, kind)
        sys.modules[name] = module
    try:
        yield {"Ch": Ch, "csc_matrix": csc_matrix}
    finally:
        for name, old in before.items():
            if old is None:
                del sys.modules[name]
            else:
                sys.modules[name] = old


class Python2Pickler(pickle._Pickler):
    """As Python 2 wrote it: byte strings for everything (escaped in protocol 0), and numpy.core as it was called."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_bytes(self, obj: bytes) -> None:
        if self.bin:
            self.write(pickle.BINSTRING + len(obj).to_bytes(4, "little") + obj)
        else:
            self.write(pickle.STRING + repr(obj)[1:].encode("ascii") + b"\n")

    def save_str(self, obj: str) -> None:
        self.save_bytes(obj.encode("latin1"))

    def save_global(self, obj: Any, name: str | None = None) -> None:
        module = getattr(obj, "__module__", None) or ""
        module = module.replace("numpy._core", "numpy.core").replace("builtins", "__builtin__")
        module = {"copyreg": "copy_reg"}.get(module, module)
        self.write(pickle.GLOBAL + f"{module}\n{name or obj.__qualname__}\n".encode())

    dispatch[bytes] = save_bytes
    dispatch[str] = save_str
    dispatch[type] = save_global
    dispatch[types.FunctionType] = save_global
    dispatch[types.BuiltinFunctionType] = save_global


def save_python2(path: Path, content: dict[str, Any], *, kinds: dict[str, type], protocol: int = 2) -> Path:
    """With shapedirs of chumpy and the regressor of scipy, as the released files have them."""
    whole = dict(content)
    whole["shapedirs"] = kinds["Ch"](whole["shapedirs"])
    whole["J_regressor"] = kinds["csc_matrix"](whole["J_regressor"])
    with path.open("wb") as stream:
        Python2Pickler(stream, protocol).dump(whole)
    return path

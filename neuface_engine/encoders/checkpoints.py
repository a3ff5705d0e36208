"""Other people's checkpoints: read without running anything in them, and only where every weight fits."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from neuface_engine.errors import AssetError

NAMED = 6
"""So many weights of a kind are named in an error; the rest is counted."""


def read_checkpoint(path: Path, *, remedy: str) -> dict[str, Any]:
    """The dict that torch.save wrote: tensors and plain containers, nothing that runs. Raises AssetError."""
    if not path.is_file():
        raise AssetError(f"{path}: no such checkpoint; {remedy}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = " ".join(str(error).split("\n")[0].split())[:120]
        raise AssetError(f"{path}: not a checkpoint of plain tensors ({reason}); {remedy}") from None
    except (
        RuntimeError,
        OSError,
        EOFError,
        ValueError,
        KeyError,
        IndexError,
        AttributeError,
        TypeError,
    ) as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise AssetError(f"{path}: cannot be read as a checkpoint ({reason}); {remedy}") from None
    except (zipfile.BadZipFile, UnicodeDecodeError, MemoryError, OverflowError):
        raise AssetError(f"{path}: damaged checkpoint; {remedy}") from None
    if not isinstance(content, dict):
        raise AssetError(f"{path}: holds a {type(content).__name__}, not a dict of weights; {remedy}")
    return content


def strict_load(module: nn.Module, weights: Any, path: Path, *, part: str, remedy: str) -> None:
    """Fill `module` where every weight is there, of its shape and finite, and there is none besides.

    BatchNorm's count of batches, which nothing reads, may be absent. Raises AssetError that lists what does not fit.
    """
    if not isinstance(weights, Mapping):
        raise AssetError(f"{path}: {part} is a {type(weights).__name__}, not a dict of weights; {remedy}")
    expected = module.state_dict()
    needed = {name for name in expected if not name.endswith("num_batches_tracked")}
    given = {str(name): value for name, value in weights.items()}
    tensors = {name: value for name, value in given.items() if isinstance(value, Tensor)}
    faults = {
        "lacks": sorted(needed - set(tensors)),
        "has of another shape": [
            f"{name} {list(value.shape)} instead of {list(expected[name].shape)}"
            for name, value in tensors.items()
            if name in expected and value.shape != expected[name].shape
        ],
        "has unknown": sorted(set(given) - set(expected)),
        "has not finite": [
            name for name, value in tensors.items() if name in expected and not bool(value.isfinite().all())
        ],
    }
    found = [f"{what} {_named(names)}" for what, names in faults.items() if names]
    if found:
        raise AssetError(f"{path}: {part} {'; '.join(found)}; {remedy}")
    module.load_state_dict({**expected, **tensors})


def _named(names: list[str]) -> str:
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest} more" if rest > 0 else "")

"""Other people's checkpoints: read without running anything in them, and only where every weight fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from neuface_engine.errors import AssetError, in_short
from neuface_engine.mistaken import members_of, mistaken
from neuface_engine.torch_files import Shape, is_zip, read_torch_stream, read_torch_zip
from neuface_engine.unpickling import Refused

M = TypeVar("M", bound=nn.Module)

NAMED = 6
"""So many weights of a kind are named in an error; the rest is counted."""


def read_checkpoint(path: Path, *, remedy: str, shapes_only: bool = False) -> dict[str, Any]:
    """The dict in a file of torch.save, or the flat one of a safetensors file; nothing in it is run.

    Tensors come as numpy arrays or tensors; with `shapes_only` as `Shape`, without reading them where the format
    allows it. Objects of a training run's libraries are left inert. Raises AssetError.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "no such checkpoint"
        raise AssetError(f"{path}: {what}; {remedy}")
    try:
        wrong = mistaken(path)
        if wrong is None and is_zip(path):
            wrong = members_of(path, ("data.pkl",))
        if wrong is not None:
            raise AssetError(f"{path}: {wrong}")
        with path.open("rb") as stream:
            head = stream.read(9)
        if head[8:9] == b"{":
            content = _read_safetensors(path, shapes_only=shapes_only)
        elif is_zip(path):
            content = read_torch_zip(path, shapes_only=shapes_only)
        else:
            content = read_torch_stream(path, shapes_only=shapes_only)
    except AssetError:
        raise
    except Refused as reason:
        raise AssetError(f"{path}: not a checkpoint of plain tensors ({reason}); {remedy}") from None
    except Exception as error:  # a damaged file can raise anything
        raise AssetError(f"{path}: cannot be read as a checkpoint ({in_short(error)}); {remedy}") from None
    if not isinstance(content, dict):
        raise AssetError(f"{path}: holds a {type(content).__name__}, not a dict of weights; {remedy}")
    return {str(key): value for key, value in content.items()}


def _read_safetensors(path: Path, *, shapes_only: bool) -> dict[str, Any]:
    try:
        with safe_open(str(path), framework="pt") as file:
            if shapes_only:
                return {n: Shape(file.get_slice(n).getshape_of()) for n in file.keys()}  # noqa: SIM118
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise Refused(str(error)) from None


def below(content: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """What the flat names that begin with `prefix` hold, without it."""
    return {name.removeprefix(prefix): v for name, v in content.items() if name.startswith(prefix)}


def part_of(content: Mapping[str, Any], name: str) -> Any:
    """The weights of one network: a dict under its name, or what its name precedes; None where neither is."""
    if name not in content:
        return below(content, f"{name}.") or None
    part = content[name]
    return {str(key): value for key, value in part.items()} if isinstance(part, Mapping) else part


def unfilled(make: Callable[[], M]) -> M:
    """A network whose weights have shapes alone, for `strict_load` and `check_weights`: made in no time."""
    with torch.device("meta"):
        return make()


def strict_load(module: nn.Module, weights: Any, path: Path, *, part: str, remedy: str) -> None:
    """Fill `module` where every weight is there, of its shape and finite, and there is none besides.

    `module` may be on torch's meta device (`unfilled`) and is on the CPU then. BatchNorm's count of batches, which
    nothing reads, may be absent. Raises AssetError that lists what does not fit.
    """
    check_weights(module, weights, path, part=part, remedy=remedy)
    given = {str(name): value for name, value in weights.items()}
    filled = {
        name: _tensor(given[name]).to(old.dtype) if name in given else torch.zeros(old.shape, dtype=old.dtype)
        for name, old in module.state_dict().items()
    }
    module.load_state_dict(filled, assign=True)


def load_parts(module: nn.Module, parts: Mapping[str, Any], path: Path, *, remedy: str) -> None:
    """`strict_load` of several networks within `module`: their weights by the names of the networks."""
    for part, weights in parts.items():
        strict_load(module.get_submodule(part), weights, path, part=part, remedy=remedy)


def check_parts(module: nn.Module, parts: Mapping[str, Any], path: Path, *, remedy: str) -> None:
    """`check_weights` of several networks within `module`."""
    for part, weights in parts.items():
        check_weights(module.get_submodule(part), weights, path, part=part, remedy=remedy)


def check_weights(module: nn.Module, weights: Any, path: Path, *, part: str, remedy: str) -> None:
    """Whether `weights`, tensors or their shapes alone, fit `module`, which may be on torch's meta device."""
    if not isinstance(weights, Mapping):
        what = "is missing" if weights is None else f"is a {type(weights).__name__}, not a dict of weights"
        raise AssetError(f"{path}: {part} {what}; {remedy}")
    expected = module.state_dict()
    needed = {name for name in expected if not name.endswith("num_batches_tracked")}
    given = {str(name): value for name, value in weights.items()}
    shapes = {name: shape_of(value) for name, value in given.items() if shape_of(value) is not None}
    faults = {
        "lacks": sorted(needed - set(shapes)),
        "has of another shape": [
            f"{name} {list(shape or ())} instead of {list(expected[name].shape)}"
            for name, shape in shapes.items()
            if name in expected and shape != tuple(expected[name].shape)
        ],
        "has no numbers in": [
            name
            for name, value in given.items()
            if name in expected and not _is_numeric(value, expected[name].is_floating_point())
        ],
        "has unknown": sorted(set(given) - set(expected)),
        "has not finite": [
            name for name, value in given.items() if name in expected and not _is_finite(value)
        ],
    }
    found = [f"{what} {_named(names)}" for what, names in faults.items() if names]
    if found:
        raise AssetError(f"{path}: {part} {'; '.join(found)}; {remedy}")


def _tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else torch.from_numpy(value)


def shape_of(value: Any) -> tuple[int, ...] | None:
    """Of a tensor, an array or a `Shape`; None of anything else."""
    if isinstance(value, Shape):
        return tuple(value)
    return tuple(value.shape) if isinstance(value, Tensor | np.ndarray) else None


def _is_numeric(value: Any, floating: bool) -> bool:
    """Whole numbers where weights should be are a sign of another file; floats for a count are not."""
    if isinstance(value, Tensor):
        return not floating or value.is_floating_point()
    if isinstance(value, np.ndarray):
        return value.dtype.kind in ("f" if floating else "fiub")
    return True


def _is_finite(value: Any) -> bool:
    if isinstance(value, Tensor):
        return bool(value.isfinite().all())
    return not (isinstance(value, np.ndarray) and value.dtype.kind == "f") or bool(np.isfinite(value).all())


def _named(names: list[str]) -> str:
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest} more" if rest > 0 else "")

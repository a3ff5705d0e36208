"""Reading network weights from safetensors files, which nobody has to trust."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from neuface_engine.errors import AssetError


def load_weights(path: Path, modules: Mapping[str, nn.Module], *, rebuild: str) -> dict[str, str]:
    """Fill ``modules`` from the tensors under their prefixes; returns the file's metadata.

    Raises AssetError unless every weight is there, with its shape and finite. ``rebuild``: the tool to name as remedy.
    """
    remedy = f"restore the file or rebuild it with {rebuild}"
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise AssetError(f"{path}: no such file; {remedy}") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise AssetError(f"{path}: not a safetensors file ({error}); {remedy}") from error
    for prefix, module in modules.items():
        state = {
            name.removeprefix(f"{prefix}."): t for name, t in tensors.items() if name.startswith(f"{prefix}.")
        }
        for name, expected in module.state_dict().items():
            given = state.get(name)
            if given is None or given.shape != expected.shape:
                what = (
                    "is missing"
                    if given is None
                    else f"has shape {tuple(given.shape)}, not {tuple(expected.shape)}"
                )
                raise AssetError(f"{path}: weight {prefix}.{name} {what}; {remedy}")
            if not torch.isfinite(given.float()).all():
                raise AssetError(f"{path}: weight {prefix}.{name} is not finite; {remedy}")
        module.load_state_dict({name: state[name].float() for name in module.state_dict()})
    return metadata


def weights_fingerprint(module: nn.Module) -> str:
    """sha256 over names and values of all weights and buffers of ``module``."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def use_channels_last(module: nn.Module) -> None:
    """Store the kernels of all convolutions with channels innermost, which is faster on CPU and GPU."""
    for parameter in module.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)

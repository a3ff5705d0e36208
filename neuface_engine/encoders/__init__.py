"""Encoders: networks from a face crop to FaceParameters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from neuface_engine.encoders.base import CropSide, Encoder, Trainable
from neuface_engine.encoders.deca import DecaEncoder
from neuface_engine.encoders.open import OpenEncoder
from neuface_engine.errors import AssetError, ConfigError

__all__ = ["CropSide", "DecaEncoder", "Encoder", "OpenEncoder", "Trainable", "load_encoder"]

_LOADERS: dict[str, Callable[[Path | str | None], Encoder]] = {
    OpenEncoder.name: OpenEncoder.load,
    DecaEncoder.name: DecaEncoder.load,
}


def load_encoder(name: str = "open", checkpoint: Path | str | None = None) -> Encoder:
    """The encoder ``name``: "open" with the embedded weights, or "deca"; ``checkpoint`` is the file of its weights.

    Raises ConfigError for an unknown name and AssetError for an unreadable file.
    """
    if name not in _LOADERS:
        raise ConfigError(f"there is no encoder {name!r}; give {' or '.join(_LOADERS)}")
    return _LOADERS[name](checkpoint)


def check_checkpoint(name: str, path: Path) -> str:
    """What the checkpoint of the encoder `name` is, in words; its weights are not read. Raises AssetError."""
    classes: dict[str, type[Encoder]] = {DecaEncoder.name: DecaEncoder}
    if name not in classes:
        raise AssetError(f"{path}: there is no encoder {name!r}")
    return classes[name].check_file(path)

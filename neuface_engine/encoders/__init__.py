"""Encoders: networks from a face crop to FaceParameters."""

from __future__ import annotations

from pathlib import Path

from neuface_engine.encoders.base import Encoder, Trainable
from neuface_engine.encoders.open import OpenEncoder
from neuface_engine.errors import ConfigError

__all__ = ["Encoder", "OpenEncoder", "Trainable", "load_encoder"]


def load_encoder(name: str = "open", checkpoint: Path | str | None = None) -> Encoder:
    """The encoder ``name`` with the embedded weights or those of the file ``checkpoint``.

    Raises ConfigError for an unknown name and AssetError for an unreadable file.
    """
    if name != OpenEncoder.name:
        raise ConfigError(f"there is no encoder {name!r}; the only one is {OpenEncoder.name!r}")
    return OpenEncoder.load(checkpoint)

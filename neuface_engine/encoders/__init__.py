"""Encoders: networks from a face crop to FaceParameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from neuface_engine.encoders.base import CropPoints, CropSide, Encoder, FlameEncoder, Trainable
from neuface_engine.encoders.deca import DecaEncoder
from neuface_engine.encoders.emoca import EmocaEncoder
from neuface_engine.encoders.mica import MicaShape
from neuface_engine.encoders.open import OpenEncoder
from neuface_engine.encoders.shape_prior import WithShape, check_shape_prior, with_shape_prior
from neuface_engine.encoders.smirk import SmirkEncoder
from neuface_engine.encoders.spectre import SpectreEncoder
from neuface_engine.errors import AssetError, ConfigError

__all__ = [
    "ENCODERS",
    "ENCODER_FILES",
    "SHAPE_PRIORS",
    "CropPoints",
    "CropSide",
    "DecaEncoder",
    "EmocaEncoder",
    "Encoder",
    "FlameEncoder",
    "MicaShape",
    "OpenEncoder",
    "SmirkEncoder",
    "SpectreEncoder",
    "Trainable",
    "WithShape",
    "check_checkpoint",
    "check_shape_prior",
    "checkpoint_weights",
    "load_encoder",
    "load_shape_prior",
    "with_shape_prior",
]

_LOADERS: dict[str, Callable[[Path | str | None], Encoder]] = {
    OpenEncoder.name: OpenEncoder.load,
    DecaEncoder.name: DecaEncoder.load,
    EmocaEncoder.name: EmocaEncoder.load,
    SmirkEncoder.name: SmirkEncoder.load,
    SpectreEncoder.name: SpectreEncoder.load,
}
ENCODERS = tuple(_LOADERS)
SHAPE_PRIORS = (MicaShape.name,)

_CHECKS: dict[str, Callable[[Path], str]] = {
    DecaEncoder.name: DecaEncoder.check_file,
    EmocaEncoder.name: EmocaEncoder.check_file,
    SmirkEncoder.name: SmirkEncoder.check_file,
    SpectreEncoder.name: SpectreEncoder.check_file,
    MicaShape.name: MicaShape.check_file,
}
ENCODER_FILES = ("emoca", "spectre", "deca", "smirk", "mica")
"""Those that come as files, in the order in which a file of unknown kind is tried: SPECTRE's and EMOCA's hold a whole
DECA."""


def load_encoder(
    name: str = "open", checkpoint: Path | str | None = None, *, moving: Sequence[str] | None = None
) -> Encoder:
    """The encoder ``name``: "open" with the embedded weights, "deca", "emoca", "smirk" or "spectre".

    ``checkpoint`` is the file (EMOCA: also the folder) of its weights; where not given, that in the folder of assets.
    ``moving``: the parts of its network that an optimisation moves (`Encoder.groups`); default all.
    Raises ConfigError for an unknown name or part and AssetError for an unreadable file.
    """
    if name not in _LOADERS:
        raise ConfigError(f"there is no encoder {name!r}; give {' or '.join(_LOADERS)}")
    return _LOADERS[name](checkpoint or _in_assets(name)).move(moving)


def load_shape_prior(name: str = "mica", checkpoint: Path | str | None = None) -> MicaShape:
    """The shape prior ``name``: "mica"; ``checkpoint`` as for `load_encoder`. To be used through `with_shape_prior`.

    Raises ConfigError for an unknown name and AssetError for an unreadable file.
    """
    if name not in SHAPE_PRIORS:
        raise ConfigError(f"there is no shape prior {name!r}; give {' or '.join(SHAPE_PRIORS)}")
    return MicaShape.load(checkpoint or _in_assets(name))


def check_checkpoint(name: str, path: Path) -> str:
    """What the checkpoint of the encoder or shape prior `name` is, in words; its weights are not read.

    Raises AssetError where it is missing, damaged or of another layout.
    """
    if name not in _CHECKS:
        raise AssetError(f"{path}: there is no encoder {name!r}; give {' or '.join(_CHECKS)}")
    return _CHECKS[name](path)


def checkpoint_weights(name: str, path: Path) -> dict[str, Any]:
    """The weights of a checkpoint by flat names under which the same encoder loads them again. Raises AssetError."""
    if name == MicaShape.name:
        prior = MicaShape.load(path)
        state = {f"arcface.{n}": t for n, t in prior.arcface.state_dict().items()}
        state |= {f"flameModel.regressor.{n}": t for n, t in prior.regressor.state_dict().items()}
        if prior.head_template is not None:
            state["flameModel.generator.v_template"] = prior.head_template
        return state
    encoder = _LOADERS[name](path)
    prefix = {"deca": "E_flame.", "smirk": "smirk_encoder."}.get(name, "")
    state = {f"{prefix}{n}": t for n, t in encoder.state_dict().items()}
    if encoder.head_template is not None:
        state["flame.v_template"] = encoder.head_template
    return state


def _in_assets(name: str) -> Path | None:
    """The file of a model in the folder of assets, where there is one."""
    from neuface_engine.assets.catalogue import asset
    from neuface_engine.assets.folder import find, is_asset

    return next(iter(find(asset(name))), None) if is_asset(name) else None

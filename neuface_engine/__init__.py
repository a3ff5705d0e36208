"""NeuFace: 3D face meshes for video by re-optimising a face-regression network on that video.

    import neuface_engine as nf
    run = nf.NeuFace(nf.load_sequence("clips/001"), nf.load_encoder("open"), nf.FaceModel.load("open"))

Submodules are imported when first used: `import neuface_engine` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from neuface_engine.errors import (
    AssetError,
    CheckpointError,
    ConfigError,
    DivergedError,
    MediaError,
    NeuFaceError,
    NoFaceError,
    OutOfMemoryError,
    ProjectError,
    TrackError,
)

__version__ = "0.1.0"

if TYPE_CHECKING:
    from neuface_engine import (
        assets,
        encoders,
        face_model,
        landmarks,
        metrics,
        optimization,
        raster,
        resources,
        review,
        tracks,
        video,
    )
    from neuface_engine.encoders import Encoder, load_encoder
    from neuface_engine.face_model import FaceModel, FaceParameters, Mesh, project, project_depth, rotations
    from neuface_engine.optimization import (
        FlameFitting,
        FlameFittingConfig,
        Iteration,
        Losses,
        NeuFace,
        NeuFaceConfig,
    )
    from neuface_engine.tracks import FaceTrack
    from neuface_engine.video import Sequence, SequenceSource, find_sequences, load_sequence

_HOME = {
    "Encoder": "encoders",
    "load_encoder": "encoders",
    "FaceModel": "face_model",
    "FaceParameters": "face_model",
    "Mesh": "face_model",
    "project": "face_model",
    "project_depth": "face_model",
    "rotations": "face_model",
    "FlameFitting": "optimization",
    "FlameFittingConfig": "optimization",
    "Iteration": "optimization",
    "Losses": "optimization",
    "NeuFace": "optimization",
    "NeuFaceConfig": "optimization",
    "FaceTrack": "tracks",
    "Sequence": "video",
    "SequenceSource": "video",
    "find_sequences": "video",
    "load_sequence": "video",
}
_MODULES = (
    "assets",
    "encoders",
    "face_model",
    "landmarks",
    "metrics",
    "optimization",
    "raster",
    "resources",
    "review",
    "tracks",
    "video",
)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"neuface_engine.{name}")
    if name in _HOME:
        return getattr(importlib.import_module(f"neuface_engine.{_HOME[name]}"), name)
    raise AttributeError(f"module 'neuface_engine' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__doc__", "__file__", "__name__", "__path__", "__version__"]


__all__ = [
    "AssetError",
    "CheckpointError",
    "ConfigError",
    "DivergedError",
    "Encoder",
    "FaceModel",
    "FaceParameters",
    "FaceTrack",
    "FlameFitting",
    "FlameFittingConfig",
    "Iteration",
    "Losses",
    "MediaError",
    "Mesh",
    "NeuFace",
    "NeuFaceConfig",
    "NeuFaceError",
    "NoFaceError",
    "OutOfMemoryError",
    "ProjectError",
    "Sequence",
    "SequenceSource",
    "TrackError",
    "assets",
    "encoders",
    "face_model",
    "find_sequences",
    "landmarks",
    "load_encoder",
    "load_sequence",
    "metrics",
    "optimization",
    "project",
    "project_depth",
    "raster",
    "resources",
    "review",
    "rotations",
    "tracks",
    "video",
]

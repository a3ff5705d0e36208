"""Where a track comes from: enough to make it again, as JSON values."""

from __future__ import annotations

import platform
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from neuface_engine.encoders import Encoder
    from neuface_engine.face_model import FaceModel
    from neuface_engine.optimization.config import NeuFaceConfig
    from neuface_engine.video import Sequence


def provenance(
    *,
    method: str,
    iterations: int,
    encoder: Encoder,
    head: FaceModel,
    sequence: Sequence,
    config: NeuFaceConfig | None,
) -> dict[str, Any]:
    """Software, method, model fingerprints, detector, source and settings of a track."""
    from neuface_engine import __version__

    return {
        "software": {
            "neuface-studio": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "method": method,
        "iterations": iterations,
        "config": None if config is None else asdict(config),
        "encoder": {"name": encoder.name, "fingerprint": encoder.fingerprint},
        "head": {"name": head.name, "fingerprint": head.fingerprint},
        "detector": sequence.detector,
        "source": {
            "name": sequence.name,
            "path": str(sequence.path.resolve()),
            "content_hash": sequence.content_hash,
            "identity": sequence.identity,
            "face": list(sequence.face),
            "cuts": list(sequence.cuts),
            "view_frames": None if sequence.view_frames is None else sequence.view_frames.tolist(),
        },
        "warnings": list(sequence.warnings),
    }

"""Facial landmarks: the detectors, and the layouts of their points."""

from __future__ import annotations

from pathlib import Path

import torch

from neuface_engine import resources
from neuface_engine.errors import ConfigError
from neuface_engine.landmarks.base import Detections, Detector, FrameStore
from neuface_engine.landmarks.open import OpenDetector
from neuface_engine.landmarks.roi import Roi, extract_crop
from neuface_engine.landmarks.topology import MEDIAPIPE_TO_IBUG68, NUM_MEDIAPIPE

__all__ = [
    "MEDIAPIPE_TO_IBUG68",
    "NUM_MEDIAPIPE",
    "Detections",
    "Detector",
    "FrameStore",
    "OpenDetector",
    "Roi",
    "extract_crop",
    "load_detector",
]


def load_detector(
    name: str = "open", *, weights: Path | str | None = None, device: str | torch.device = "cpu"
) -> Detector:
    """The landmark detector ``name``, from the embedded weights or the file ``weights``.

    Raises ConfigError for an unknown name and AssetError for an unreadable file.
    """
    if name != OpenDetector.name:
        raise ConfigError(f"there is no landmark detector {name!r}; the only one is {OpenDetector.name!r}")
    return OpenDetector.load(
        Path(weights) if weights else resources.path("open_detector.safetensors"), device=device
    )

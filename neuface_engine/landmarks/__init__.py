"""Facial landmarks: the detectors, and the layouts of their points."""

from __future__ import annotations

from pathlib import Path

import torch

from neuface_engine import resources
from neuface_engine.errors import ConfigError
from neuface_engine.landmarks.base import Detections, Detector, FrameStore
from neuface_engine.landmarks.open import OpenDetector
from neuface_engine.landmarks.roi import Roi, extract_crop
from neuface_engine.landmarks.scene import FaceChoice, Pick, Scene
from neuface_engine.landmarks.topology import MEDIAPIPE_TO_IBUG68, NUM_MEDIAPIPE

__all__ = [
    "MEDIAPIPE_TO_IBUG68",
    "NUM_MEDIAPIPE",
    "Detections",
    "Detector",
    "FaceChoice",
    "FrameStore",
    "OpenDetector",
    "Pick",
    "Roi",
    "Scene",
    "extract_crop",
    "load_detector",
]


def load_detector(
    name: str | Path = "open", *, weights: Path | str | None = None, device: str | torch.device = "cpu"
) -> Detector:
    """A landmark detector: "open"; "fan" or "fan3d" (face-alignment; "fan:FINDER" takes another face detector than
    sfd: blazeface, retinaface, yunet, scrfd or open); or a file or folder with landmarks (see `landmarks.files`).

    `weights`: of "open" another file than the embedded one, of "fan" another folder than face-alignment's own. Raises
    ConfigError for an unknown name or an unusable landmark file and AssetError for weights that are missing or damaged.
    """
    kind, _, finder = str(name).partition(":")
    if kind in ("fan", "fan3d"):
        from neuface_engine.landmarks.fan import FanDetector

        folder = Path(weights) if weights else None
        return FanDetector.load(three_d=kind == "fan3d", finder=finder or "sfd", folder=folder, device=device)
    if str(name) == OpenDetector.name:
        return OpenDetector.load(
            Path(weights) if weights else resources.path("open_detector.safetensors"), device=device
        )
    if Path(name).exists():
        from neuface_engine.landmarks.files import LandmarkFile

        return LandmarkFile(name)
    raise ConfigError(
        f"there is no landmark detector {str(name)!r} and no such file; give open, fan, fan3d or a file with landmarks"
    )

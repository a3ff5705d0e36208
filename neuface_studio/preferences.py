"""What the user has set, over the program's defaults; kept in the settings, read by name."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QSettings, Signal

from neuface_studio.model import ITERATIONS

GROUP = "preferences"
WEIGHTS = (
    "landmark_weight",
    "dense_weight",
    "temporal_weight",
    "multiview_weight",
    "shape_weight",
    "expression_weight",
    "size_weight",
    "aperture_weight",
    "photometric_weight",
)
TEXT_SIZES = {"by the screen": 0.0, "small": 9.0, "normal": 10.0, "large": 12.0, "very large": 15.0}


@dataclass(frozen=True)
class Preferences:
    """Empty and 0 mean: as the program finds best.

    device        where torch computes: "auto", "cpu", "cuda" or "mps"
    threads       of the optimiser; 0 = one less than there are cores
    cache         folder of detections, crops and thumbnails; empty = the user's cache folder
    cache_mb      how large it may grow
    iterations    EM iterations of a run
    weights       of the loss terms that differ from the engine's
    encoder, head names of the models that new footage is opened with
    every_frame   playback shows every frame, and takes the time it takes; else it keeps to real time
    text_points   size of ordinary text
    """

    device: str = "auto"
    threads: int = 0
    cache: str = ""
    cache_mb: int = 4096
    iterations: int = ITERATIONS
    encoder: str = "open"
    head: str = "open"
    every_frame: bool = False
    text_points: float = TEXT_SIZES["by the screen"]
    weights: tuple[tuple[str, float], ...] = ()

    def config_changes(self) -> dict[str, Any]:
        """Fields of `NeuFaceConfig` that differ from its defaults."""
        return dict(self.weights)


class Settings(QObject):
    """The preferences in the settings file; every change is written at once and announced."""

    changed = Signal()

    def __init__(self, store: QSettings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self._ours = {name for name in ("NEUFACE_CACHE", "NEUFACE_CACHE_MB") if name not in os.environ}
        self.now = self._read()
        self._pass_on()

    def set(self, **changes: Any) -> None:
        """Change fields of `Preferences`."""
        before, self.now = self.now, replace(self.now, **changes)
        for name in changes:
            value = getattr(self.now, name)
            if name == "weights":
                value = "\t".join(f"{key}={number!r}" for key, number in value)
            self._store.setValue(f"{GROUP}/{name}", value)
        if self.now != before:
            self._pass_on()
            self.changed.emit()

    def models(self) -> dict[str, str]:
        """What new footage is opened with."""
        return {"encoder": self.now.encoder, "head": self.now.head}

    def set_weight(self, name: str, value: float | None) -> None:
        """Give a loss term another weight; None gives it the engine's again."""
        weights = dict(self.now.weights)
        weights.pop(name, None)
        if value is not None:
            weights[name] = value
        self.set(weights=tuple(sorted(weights.items())))

    def _read(self) -> Preferences:
        found: dict[str, Any] = {}
        for field in fields(Preferences):
            stored = self._store.value(f"{GROUP}/{field.name}")
            if stored is None:
                continue
            try:
                found[field.name] = _typed(field.name, getattr(Preferences, field.name), stored)
            except (TypeError, ValueError):
                continue  # a settings file is edited by hand now and then
        return Preferences(**found)

    def _pass_on(self) -> None:
        """Tell the engine and the threads; what the environment says already has precedence."""
        from neuface_studio.worker import threads

        threads.set_worker_threads(self.now.threads)
        for name, value in (("NEUFACE_CACHE", self.now.cache), ("NEUFACE_CACHE_MB", str(self.now.cache_mb))):
            if name in self._ours and value:
                os.environ[name] = value
            elif name in self._ours:
                os.environ.pop(name, None)


def is_weight(number: float) -> bool:
    """Whether a loss term can have this weight."""
    return 0 <= number < math.inf


def _typed(name: str, default: Any, stored: Any) -> Any:
    if name == "weights":
        pairs = (entry.partition("=") for entry in str(stored).split("\t") if entry)
        weights = ((key, float(number)) for key, _, number in pairs if key in WEIGHTS)
        return tuple((key, number) for key, number in weights if is_weight(number))
    if isinstance(default, bool):
        return str(stored).lower() == "true"
    return type(default)(stored)


def cache_folder() -> Path:
    """Where detections, crops and thumbnails are kept."""
    from neuface_engine.video import cache

    return cache.cache_folder()


def folder_bytes(folder: Path) -> int:
    """Bytes of the files in a folder and below; what vanishes meanwhile does not count."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(parent) / name).stat().st_size
            except OSError:
                continue
    return total


def clear_cache(folder: Path) -> int:
    """Remove what the program made there (arrays and thumbnails), and nothing else; bytes that were freed."""
    freed = 0
    for pattern in ("*.npz", "*.part", "thumbnails/*.jpg"):
        for path in folder.glob(pattern):
            try:
                size = path.stat().st_size
                path.unlink()
            except OSError:
                continue
            freed += size
    return freed


def devices() -> tuple[str, ...]:
    """Where torch can compute on this machine."""
    import torch

    found = ["auto", "cpu"]
    if torch.cuda.is_available():
        found.append("cuda")
    if torch.backends.mps.is_available():
        found.append("mps")
    return tuple(found)

"""Footage made here and a detector that needs no network: fast tests of everything around the real ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from neuface_engine.landmarks.base import Detections, FrameStore, Progress
from neuface_engine.landmarks.scene import Scene
from neuface_engine.video.writer import VideoWriter


class FakeDetector:
    """Finds the bright disc of `disc_frame`: landmarks on a grid around it; no face where there is no disc."""

    name = "fake"
    version = "1"

    def __init__(self) -> None:
        self.calls = 0

    def detect(
        self, frames: FrameStore, *, scene: Scene | None = None, progress: Progress | None = None
    ) -> Detections:
        self.calls += 1
        landmarks = np.zeros((len(frames), frames.num_views, 478, 3), np.float32)
        confidence = np.zeros((len(frames), frames.num_views), np.float32)
        grid = np.random.default_rng(0).uniform(-1, 1, (478, 3))
        for f in range(len(frames)):
            for v in range(frames.num_views):
                bright = frames[f, v][..., 1] > 200
                if bright.sum() > 20:
                    y, x = np.argwhere(bright).mean(0) + 0.5
                    radius = np.sqrt(bright.sum() / np.pi)
                    landmarks[f, v] = grid * radius + [x, y, 0]
                    confidence[f, v] = 0.9
            if progress is not None:
                progress(f + 1, len(frames))
        return Detections(landmarks, confidence)


def disc_frame(
    x: float, y: float, *, radius: float = 12, width: int = 96, height: int = 64
) -> NDArray[np.uint8]:
    """A white disc with its centre at (x, y), on grey."""
    rows, columns = np.mgrid[:height, :width] + 0.5
    frame = np.full((height, width, 3), 60, np.uint8)
    frame[(columns - x) ** 2 + (rows - y) ** 2 < radius**2] = 255
    return frame


@pytest.fixture(autouse=True)
def _cache_of_this_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEUFACE_CACHE", str(tmp_path / "neuface_cache"))


@pytest.fixture
def detector() -> FakeDetector:
    return FakeDetector()


@pytest.fixture
def make_video() -> Callable[..., Path]:
    def make(path: Path, *, frames: int = 8, fps: float = 25, face: bool = True, width: int = 96) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with VideoWriter(path, fps=fps, quality=1) as video:
            for t in range(frames):
                video.write(disc_frame(30 + 2 * t, 30, radius=12 if face else 0, width=width))
        return path

    return make


@pytest.fixture
def views(tmp_path: Path, make_video: Callable[..., Path]) -> Path:
    """A folder with three synchronous views of eight frames."""
    for name in ("cam1", "cam2", "cam10"):
        make_video(tmp_path / "clip" / f"{name}.mp4")
    return tmp_path / "clip"

"""What a landmark detector gives and takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from neuface_engine.landmarks.scene import Scene

Progress = Callable[[int, int], None]
"""Called with (steps done, steps in all)."""


class FrameStore(Protocol):
    """Frames of a sequence: ``frames[f, v]`` is an ``[H, W, 3]`` uint8 RGB image, ``len(frames)`` the frame count."""

    @property
    def num_views(self) -> int: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: tuple[int, int]) -> NDArray[np.uint8]: ...


@dataclass(frozen=True)
class Detections:
    """Landmarks of one face per frame and view.

    ``landmarks`` ``[F, V, N, 3]`` float32, N = 478 (MediaPipe's points) or 68 (iBUG's): x, y in pixels of the frame
    (the centre of the top-left pixel is (0.5, 0.5)), z in the same unit, growing away from the camera; zero where
    there is no face. ``confidence`` ``[F, V]`` float32 in 0..1; 0 = no face.
    """

    landmarks: NDArray[np.float32]
    confidence: NDArray[np.float32]


class Detector(Protocol):
    """Finds the landmarks of one face per view and follows it through the frames."""

    name: str
    version: str

    def detect(
        self, frames: FrameStore, *, scene: Scene | None = None, progress: Progress | None = None
    ) -> Detections:
        """`scene`: whose face is wanted, and the frames at which it has to be sought anew."""
        ...

"""What a track file says of itself at once: its views, its frames and how fast they follow, without decoding it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from neuface_engine.track_header import damaged, read_header


@dataclass(frozen=True)
class Outline:
    """views: their names, in order; frames: how many; fps: frames a second."""

    views: tuple[str, ...]
    frames: int
    fps: float

    @property
    def seconds(self) -> float:
        """How long the clip lasts when it is played once."""
        return self.frames / self.fps


def outline(path: Path) -> Outline:
    """Reads the header of a track (`FaceTrack` or `MeshTrack`). Raises TrackError for a file that is none."""
    header, frames = read_header(path)
    try:
        views = tuple(str(view) for view in header["views"])
        fps = float(header["fps"])
        if not views or not math.isfinite(fps) or fps <= 0:
            raise ValueError("no views, or no frame rate")
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(path, error) from None
    return Outline(views, frames, fps)

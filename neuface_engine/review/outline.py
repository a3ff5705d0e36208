"""What a track file says of itself at once: its views, its frames and how fast they follow, without decoding it."""

from __future__ import annotations

import json
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neuface_engine.errors import TrackError


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
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            header = json.loads(str(file["header"]))
            frames = len(file["frame_indices"])
        views = tuple(str(view) for view in header["views"])
        fps = float(header["fps"])
        if not views or not math.isfinite(fps) or fps <= 0:
            raise ValueError("no views, or no frame rate")
    except FileNotFoundError:
        raise TrackError(f"{path}: no such track; make one with `neuface track`") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise TrackError(
            f"{path}: not a readable track ({type(error).__name__}); track the footage again"
        ) from None
    return Outline(views, frames, fps)

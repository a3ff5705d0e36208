"""What a track file says of itself, read without its arrays and without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from neuface_engine.errors import TrackError
from neuface_engine.mistaken import unfolds

FACES_FORMAT, MESHES_FORMAT = "neuface-track", "neuface-meshes"


def read_header(path: Path) -> tuple[dict[str, Any], int]:
    """The header of a track file (`FaceTrack` or `MeshTrack`), with at least its format, and the number of frames.

    Raises TrackError for a file that is missing, damaged or no track.
    """
    try:
        wrong = unfolds(path)
        if wrong is not None:
            raise TrackError(f"{path}: {wrong}")
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            header = json.loads(str(file["header"]))
            return {**header, "format": header["format"]}, len(file["frame_indices"])
    except FileNotFoundError:
        raise TrackError(f"{path}: no such track; make one with `neuface track`") from None
    except TrackError:
        raise
    except Exception as error:  # a damaged archive can raise anything
        raise damaged(path, error) from None


def damaged(path: Path, error: Exception) -> TrackError:
    """The error for a file that is no track, or only part of one."""
    return TrackError(f"{path}: not a readable track ({type(error).__name__}); track the footage again")

"""Opens a track file of either kind."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np

from neuface_engine.errors import TrackError
from neuface_engine.face_model import FaceModel
from neuface_engine.tracks.meshes import MeshTrack
from neuface_engine.tracks.track import FaceTrack

Track = FaceTrack | MeshTrack


def load_track(path: str | Path, *, head: FaceModel | None = None) -> Track:
    """A FaceTrack or a MeshTrack, whichever the file holds. Raises TrackError."""
    kind = MeshTrack if _kind(Path(path)) == MeshTrack.format else FaceTrack
    return kind.load(path, head=head)


def _kind(path: Path) -> str:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return str(json.loads(str(file["header"]))["format"])
    except FileNotFoundError:
        raise TrackError(f"{path}: no such track; make one with `neuface track`") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise TrackError(
            f"{path}: not a readable track ({type(error).__name__}); track the footage again"
        ) from None

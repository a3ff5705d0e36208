"""Opens a track file of either kind."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from neuface_engine.errors import TrackError
from neuface_engine.face_model import FaceModel
from neuface_engine.mistaken import unfolds
from neuface_engine.tracks.meshes import MeshTrack
from neuface_engine.tracks.track import FaceTrack, named_head

Track = FaceTrack | MeshTrack


def load_track(path: str | Path, *, head: FaceModel | None = None) -> Track:
    """A FaceTrack or a MeshTrack, whichever the file holds. Raises TrackError."""
    kind = MeshTrack if _kind(Path(path)) == MeshTrack.format else FaceTrack
    return kind.load(path, head=head)


def own_head(path: str | Path) -> FaceModel:
    """The face model that a track names: the embedded one, or FLAME where it lies in the folder of assets.

    Raises TrackError where it is not there, and for a file that is no track.
    """
    try:
        wanted = _header(Path(path))["provenance"]["head"]
        name, fingerprint = str(wanted["name"]), str(wanted["fingerprint"])
    except (KeyError, TypeError):
        return FaceModel.load("open")  # meshes without parameters
    return named_head(name, fingerprint, path)


def _kind(path: Path) -> str:
    return str(_header(path)["format"])


def _header(path: Path) -> dict[str, Any]:
    try:
        wrong = unfolds(path)
        if wrong is not None:
            raise TrackError(f"{path}: {wrong}")
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            header = json.loads(str(file["header"]))
            return {**header, "format": header["format"]}
    except FileNotFoundError:
        raise TrackError(f"{path}: no such track; make one with `neuface track`") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise TrackError(
            f"{path}: not a readable track ({type(error).__name__}); track the footage again"
        ) from None

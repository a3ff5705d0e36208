"""Opens a track file of either kind."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from neuface_engine.errors import NeuFaceError, TrackError
from neuface_engine.face_model import FaceModel
from neuface_engine.tracks.meshes import MeshTrack
from neuface_engine.tracks.track import FaceTrack

Track = FaceTrack | MeshTrack


def load_track(path: str | Path, *, head: FaceModel | None = None) -> Track:
    """A FaceTrack or a MeshTrack, whichever the file holds. Raises TrackError."""
    kind = MeshTrack if _kind(Path(path)) == MeshTrack.format else FaceTrack
    return kind.load(path, head=head)


def own_head(path: str | Path) -> FaceModel:
    """The face model that a track names: the embedded one, or FLAME where it lies in the folder of assets.

    Raises TrackError where it is not there, and for a file that is no track.
    """
    from neuface_engine.assets.folder import head_files

    header = _header(Path(path))
    try:
        wanted = header["provenance"]["head"] or {}
        name, fingerprint = wanted.get("name", "open"), wanted.get("fingerprint")
    except (KeyError, TypeError, AttributeError):
        name, fingerprint = "open", None
    if name == "open":
        return FaceModel.load("open")
    for file in head_files():
        try:
            head = FaceModel.load(file)
        except NeuFaceError:  # one that is not whole; `neuface assets check` says so
            continue
        if head.fingerprint == fingerprint:
            return head
    raise TrackError(
        f"{path}: made with the head {name!r}, which is not in the folder of assets; give it with --head FILE"
    )


def _kind(path: Path) -> str:
    return str(_header(path)["format"])


def _header(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            header = json.loads(str(file["header"]))
            return {**header, "format": header["format"]}
    except FileNotFoundError:
        raise TrackError(f"{path}: no such track; make one with `neuface track`") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise TrackError(
            f"{path}: not a readable track ({type(error).__name__}); track the footage again"
        ) from None

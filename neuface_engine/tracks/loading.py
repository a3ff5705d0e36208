"""Opens a track file of either kind."""

from __future__ import annotations

from pathlib import Path

from neuface_engine.face_model import FaceModel
from neuface_engine.track_header import read_header
from neuface_engine.tracks.meshes import MeshTrack
from neuface_engine.tracks.track import FaceTrack, named_head

Track = FaceTrack | MeshTrack


def load_track(path: str | Path, *, head: FaceModel | None = None) -> Track:
    """A FaceTrack or a MeshTrack, whichever the file holds. Raises TrackError."""
    kind = MeshTrack if read_header(Path(path))[0]["format"] == MeshTrack.format else FaceTrack
    return kind.load(path, head=head)


def own_head(path: str | Path) -> FaceModel:
    """The face model that a track names: the embedded one, or FLAME where it lies in the folder of assets.

    Raises TrackError where it is not there, and for a file that is no track.
    """
    try:
        wanted = read_header(Path(path))[0]["provenance"]["head"]
        name, fingerprint = str(wanted["name"]), str(wanted["fingerprint"])
    except (KeyError, TypeError):
        return FaceModel.load("open")  # meshes without parameters
    return named_head(name, fingerprint, path)

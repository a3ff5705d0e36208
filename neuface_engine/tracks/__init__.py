"""FaceTrack, the result of a run, and its file; its exports and the importers of others' results lie below."""

from neuface_engine.tracks.lens import Lens
from neuface_engine.tracks.loading import Track, load_track
from neuface_engine.tracks.meshes import MeshTrack
from neuface_engine.tracks.provenance import provenance
from neuface_engine.tracks.recorded import RecordedTrack, crop_to_frame, frame_to_crop
from neuface_engine.tracks.track import FaceTrack

__all__ = [
    "FaceTrack",
    "Lens",
    "MeshTrack",
    "RecordedTrack",
    "Track",
    "crop_to_frame",
    "frame_to_crop",
    "load_track",
    "provenance",
]

"""FaceTrack, the result of a run, and its file."""

from neuface_engine.tracks.provenance import provenance
from neuface_engine.tracks.track import FaceTrack, crop_to_frame

__all__ = ["FaceTrack", "crop_to_frame", "provenance"]

"""Footage: reading views, the frames at hand, face crops, the cache."""

from __future__ import annotations

from neuface_engine.video.ground_truth import GroundTruth, MeshTruth
from neuface_engine.video.layouts import LAYOUTS, find_sequences, is_footage, open_source
from neuface_engine.video.loading import load_frames, load_sequence
from neuface_engine.video.reader import ProgressCallback, ViewReader, read_image
from neuface_engine.video.sequence import Sequence
from neuface_engine.video.sources import SequenceSource
from neuface_engine.video.store import FrameStore, LazyFrameStore
from neuface_engine.video.views import find_views

__all__ = [
    "LAYOUTS",
    "FrameStore",
    "GroundTruth",
    "LazyFrameStore",
    "MeshTruth",
    "ProgressCallback",
    "Sequence",
    "SequenceSource",
    "ViewReader",
    "find_sequences",
    "find_views",
    "is_footage",
    "load_frames",
    "load_sequence",
    "open_source",
    "read_image",
]

"""Footage: reading views, the frames at hand, face crops, the cache."""

from __future__ import annotations

from neuface_engine.video.ground_truth import GroundTruth
from neuface_engine.video.loading import load_frames, load_sequence
from neuface_engine.video.reader import ProgressCallback, ViewReader, read_image
from neuface_engine.video.sequence import Sequence
from neuface_engine.video.sources import SequenceSource
from neuface_engine.video.store import FrameStore, LazyFrameStore
from neuface_engine.video.views import find_views

__all__ = [
    "FrameStore",
    "GroundTruth",
    "LazyFrameStore",
    "ProgressCallback",
    "Sequence",
    "SequenceSource",
    "ViewReader",
    "find_views",
    "load_frames",
    "load_sequence",
    "read_image",
]

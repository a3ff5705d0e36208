"""The clip of one item of the queue: the footage with the mesh over it, as the window would show it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from neuface_engine.errors import TrackError

if TYPE_CHECKING:
    from neuface_engine.face_model import FaceModel
    from neuface_engine.review import Project
    from neuface_engine.review.proof import StreamItem

HEIGHT = 480
LAYERS = ("mesh", "landmarks")


@dataclass(frozen=True)
class Clip:
    """A video that was written. kind, effect_mm: of the planted failure in it; hash: sha256 of the file."""

    path: Path
    hash: str
    frames: int
    views: tuple[str, ...]
    kind: str | None = None
    effect_mm: float | None = None


def write_clip(project: Project, item: StreamItem, path: Path, *, head: FaceModel | None = None) -> Clip:
    """The clip of an item, its planted failure made now. Raises TrackError, MediaError where it cannot be made.

    head    the face model of the tracks, where it is not the open one
    """
    from neuface_engine.tracks.loading import load_track
    from neuface_engine.tracks.overlay import Painter, footage_of
    from neuface_engine.tracks.plants import visible_plant
    from neuface_engine.tracks.track import FaceTrack
    from neuface_engine.video.writer import VideoWriter

    file = project.track_file(item.sequence)
    track, kind, effect = load_track(file, head=head), None, None
    if isinstance(track, FaceTrack):
        track = replace(track, given_head=track.head)  # read once, also for what is planted
    frames = footage_of(track, file, project.source_of(item.sequence), None)
    if item.plant is not None:
        if not isinstance(track, FaceTrack):
            raise TrackError(
                f"{file}: meshes without parameters show no planted failure; draw an audit without plants"
            )
        plant = item.plant
        track, kind, effect = visible_plant(track, plant.kind, plant.severity, plant.seed)
    painter = Painter(file, track, frames, LAYERS, height=HEIGHT)
    count = len(track.frame_indices)
    with VideoWriter(path, fps=track.fps) as video:
        for number in range(count):
            video.write(painter.frame(number))
    return Clip(path, hashlib.sha256(path.read_bytes()).hexdigest(), count, track.views, kind, effect)

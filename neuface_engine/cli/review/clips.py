"""Clips to be looked at where there is no window: the footage with the mesh over it; of a blind trial, both sides."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neuface_engine.errors import TrackError

if TYPE_CHECKING:
    from neuface_engine.face_model import FaceModel
    from neuface_engine.review import Project
    from neuface_engine.review.proof import StreamItem, Trial

HEIGHT = 480
LAYERS = ("mesh", "landmarks")
_BETWEEN = 8  # pixels between the sides of a trial


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
    source = project.source_of(item.sequence)
    if source is not None and not source.exists():
        raise TrackError(
            f"{file}: its footage is not at {source}; `neuface review relink {project.folder} FOLDER` looks for it"
        )
    frames = footage_of(track, file, source, None)
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


def write_pair(
    project: Project,
    trial: Trial,
    tracks: Mapping[str, Path],
    path: Path,
    *,
    head: FaceModel | None = None,
) -> None:
    """Both sides of a blind trial, left and right, without a word which is which.

    tracks    {method: folder with a track SEQUENCE.npz each}; a method that is not in it has the project's own tracks
    Raises TrackError, MediaError where a side cannot be made, or the two are not of the same frames.
    """
    from neuface_engine.tracks.loading import load_track
    from neuface_engine.tracks.overlay import Painter, footage_of
    from neuface_engine.video.writer import VideoWriter

    own = project.track_file(trial.sequence)
    files = [
        tracks[name] / f"{trial.sequence}.npz" if name in tracks else own
        for name in (trial.left, trial.right)
    ]
    sides = [load_track(file, head=head) for file in files]
    left, right = sides
    if left.views != right.views or not np.array_equal(left.frame_indices, right.frame_indices):
        raise TrackError(
            f"{files[1]}: has other frames or views than {files[0]}; track both from the same footage"
        )
    frames = footage_of(left, files[0], project.source_of(trial.sequence), None)
    painters = [
        Painter(file, track, frames, ("mesh",), height=HEIGHT)
        for file, track in zip(files, sides, strict=True)
    ]
    with VideoWriter(path, fps=left.fps) as video:
        for number in range(len(left.frame_indices)):
            one, other = (painter.frame(number) for painter in painters)
            video.write(np.hstack([one, np.full((len(one), _BETWEEN, 3), 255, np.uint8), other]))

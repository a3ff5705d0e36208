"""Results that are not parameters of the footage's head: meshes, tracks of another head, tracks with pinhole cameras.

They are shown as they are. `IterationRecord.given` holds the track, and its parameters stand in: head orientation and
camera as far as they are known, everything else neutral.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from neuface_engine.errors import TrackError
from neuface_studio.model import Footage, IterationRecord

OWN_METHODS = ("neuface", "flame-fitting", "encoder")


def load_track(path: Path, footage: Footage) -> Any:
    """A track of either kind, with the footage's head where it is that one's, else with its own. Raises TrackError."""
    from neuface_engine.tracks.loading import load_track as load
    from neuface_engine.tracks.loading import own_head

    track = load(path, head=footage.head)
    wanted = track.provenance.get("head") or {}
    if wanted.get("fingerprint") in (None, footage.head.fingerprint):
        return track
    return load(path, head=own_head(path))


def record_of_track(track: Any, footage: Footage, *, name: str = "") -> IterationRecord:
    """A saved track as a shown iteration. Raises TrackError if it does not fit the footage."""
    expected = tuple(footage.sequence.landmarks.shape[:2])
    if tuple(track.detected.shape) != expected:
        raise TrackError(
            f"it has {tuple(track.detected.shape)} frames and views, the footage has {expected}; "
            "run again, or import it again for this footage"
        )
    empty = np.full(expected[1], np.nan)
    given = is_given(track, footage)
    method = str(track.provenance.get("method", ""))
    return IterationRecord(
        index=max(int(track.provenance.get("iterations", 0) or 0), 1),
        parameters=stand_in(track, footage) if given else track.parameters,
        losses={},
        cvd_mm=empty,
        msi=empty,
        nme_percent=empty,
        seconds=0.0,
        saved=True,
        run=name,
        given=track if given else None,
        origin="" if method in OWN_METHODS else method,
    )


def is_given(track: Any, footage: Footage) -> bool:
    """Whether the footage's head cannot show it exactly."""
    from neuface_engine.tracks import FaceTrack

    if not isinstance(track, FaceTrack) or track.lens is not None:
        return True
    return bool(track.head.fingerprint != footage.head.fingerprint)


def stand_in(track: Any, footage: Footage) -> Any:
    """FaceParameters [F, V] of the footage's head: orientation and camera of the track, the rest neutral."""
    import neuface_engine as nf
    from neuface_engine.face_model.rotations import matrix_to_axis_angle
    from neuface_engine.tracks import FaceTrack

    frames, views = track.detected.shape
    head = footage.head
    neutral = nf.FaceParameters.neutral(frames, views, n_shape=head.n_shape, n_expression=head.n_expression)
    if isinstance(track, FaceTrack):
        return neutral.replace(pose=track.parameters.pose.clone(), camera=track.parameters.camera.clone())
    pose = neutral.pose.clone()
    pose[..., :3] = matrix_to_axis_angle(track.rotations).nan_to_num()
    camera = neutral.camera if track.camera is None else track.camera.nan_to_num()
    return neutral.replace(pose=pose, camera=camera)


def why_not_drawn(track: Any, footage: Footage) -> str:
    """Why the track cannot be laid upon the video; empty where it can."""
    if not track.has_camera:
        return "no camera: not laid upon the video (import with --sequence)"
    if tuple(map(tuple, track.image_sizes)) != tuple(map(tuple, footage.sequence.image_sizes)):
        return "pictures of another size: not laid upon the video (import with --sequence)"
    return ""


def absent_figures(track: Any) -> dict[str, str]:
    """Which measures do not exist for a track, and why, by their keys."""
    from neuface_engine.tracks import MeshTrack

    reasons: dict[str, str] = {}
    if track.detected.shape[1] < 2:
        reasons["cvd"] = "one view alone"
    if not isinstance(track, MeshTrack):
        return reasons
    reasons["shape_rms_sd"] = "meshes have no identity coefficients"
    reasons["mpve_mm"] = "meshes of a topology of their own"
    unknown = "it is not known where the landmarks lie on meshes of this topology"
    if track.head is None:
        reasons |= dict.fromkeys(("msi", "nme", "lip_aperture_ratio"), unknown)
    elif not track.has_camera:
        reasons |= dict.fromkeys(("nme", "lip_aperture_ratio"), "the meshes have no camera")
    return reasons

"""A track that is shown as it is: its meshes in 3D and, where its cameras are known, in the pixels of the video."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from neuface_engine import raster
from neuface_engine.errors import TrackError
from neuface_engine.face_model.model import Space
from neuface_engine.tracks import FaceTrack, crop_to_frame
from neuface_studio.given_tracks import why_not_drawn
from neuface_studio.model import Footage

Floats = NDArray[np.float32]


class GivenMeshes:
    """NaN stands for what is not known: frames without a mesh, landmarks on an unknown topology."""

    def __init__(self, track: Any, footage: Footage) -> None:
        self.track = track
        self.faces = np.ascontiguousarray(track.faces, dtype=np.int32)
        self.drawable = not why_not_drawn(track, footage)

    def vertices(self, frame: int, *, posed: bool) -> Floats:
        """[V, N, 3] metres."""
        track = self.track
        space: Space = "posed" if posed else "canonical"
        if isinstance(track, FaceTrack):
            meshes = track.head.vertices(track.parameters[frame], space=space)
        else:
            meshes = track.vertices(space)[frame]
        return np.ascontiguousarray(meshes.numpy(), dtype=np.float32)

    def in_video(self, frame: int) -> Floats:
        """Posed vertices [V, N, 3] in px of the video frame, with depth. Only where `drawable`."""
        return np.stack([self.track.project(frame, view) for view in range(len(self.track.views))])

    def normals(self, frame: int) -> Floats:
        """[V, N, 3] of the posed meshes."""
        return np.asarray(
            raster.vertex_normals(self.vertices(frame, posed=True), self.faces), dtype=np.float32
        )

    def landmarks(self, frame: int) -> Floats:
        """[V, 68, 2] of the meshes in px of the video frame."""
        track, points = self.track, self._landmarks[frame].numpy()
        return np.stack(
            [
                crop_to_frame(points[view], track.crop_transforms[frame, view], track.crop_size)
                for view in range(len(track.views))
            ]
        )

    @cached_property
    def _landmarks(self) -> torch.Tensor:
        """[F, V, 68, 2] crop units."""
        try:
            return self.track.projected_landmarks()
        except TrackError:  # no head of this topology
            return torch.full((*self.track.detected.shape, 68, 2), torch.nan)

"""Parameters of one frame -> meshes of all views in pixels of their video frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

import neuface_engine as nf
from neuface_engine import raster
from neuface_studio.scene.given import GivenMeshes
from neuface_studio.scene.targets import target_vertices
from neuface_studio.session import Footage, IterationRecord

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class FrameMeshes:
    """The meshes of one frame and one EM iteration, one a view.

    points [V, N, 3]: px in the video frame and depth in px (larger = nearer); normals [V, N, 3]: x right, y up, z to
    the viewer; projected [V, 68, 2]: the mesh's landmarks in px; NaN: not known; faces [T, 3]: their triangles.
    """

    iteration: int
    frame: int
    points: Floats
    normals: Floats
    projected: Floats
    faces: NDArray[np.int32]
    ghost: Floats | None = None  # points [V, N, 3] of the E-step's targets


class MeshDecoder:
    """Decodes the shown frame only, and remembers the last few answers."""

    def __init__(self, footage: Footage, *, remember: int = 4) -> None:
        self._footage = footage
        self._head = footage.head
        self._faces = footage.faces
        self._sequence = footage.sequence
        transforms = np.asarray(footage.sequence.crop_transforms, dtype=np.float64)
        self._maps = frame_maps(transforms, footage.sequence.crops.shape[-1])
        self._remember = remember
        self._given: GivenMeshes | None = None
        self._recent: dict[tuple[object, int], FrameMeshes] = {}

    @torch.no_grad()
    def decode(self, record: IterationRecord, frame: int) -> FrameMeshes | None:
        """The meshes of ``frame`` under the parameters of ``record``, or as a given track has them; None where that
        cannot be laid upon the video."""
        given = self.given(record)
        if given is not None and not given.drawable:
            return None
        key = (record.drawn_key, frame)
        known = self._recent.pop(key, None)
        if known is None and given is not None:
            known = FrameMeshes(
                iteration=record.index,
                frame=frame,
                points=given.in_video(frame),
                normals=given.normals(frame),
                projected=given.landmarks(frame),
                faces=given.faces,
            )
        elif known is None:
            parameters = record.parameters[frame]
            posed = self._head.vertices(parameters)
            landmarks = self._head.landmarks(parameters, kind="dynamic")
            points = nf.project_depth(posed, parameters.camera).numpy()
            projected = nf.project(landmarks, parameters.camera).numpy()
            known = FrameMeshes(
                iteration=record.index,
                frame=frame,
                points=self._in_frame(points, frame),
                normals=np.asarray(raster.vertex_normals(posed.numpy(), self._faces), dtype=np.float32),
                projected=self._in_frame(projected, frame),
                faces=self._faces,
            )
        self._recent[key] = known
        while len(self._recent) > self._remember:
            self._recent.pop(next(iter(self._recent)))
        return known

    @torch.no_grad()
    def with_ghost(self, meshes: FrameMeshes, record: IterationRecord) -> FrameMeshes:
        """The same meshes with the E-step's targets in the pixels of the video."""
        if meshes.ghost is not None or record.given is not None:
            return meshes
        targets = torch.from_numpy(target_vertices(self._footage, record, meshes.frame))
        points = nf.project_depth(targets, record.parameters[meshes.frame].camera).numpy()
        full = replace(meshes, ghost=self._in_frame(points, meshes.frame))
        self._recent[record.drawn_key, meshes.frame] = full
        return full

    @torch.no_grad()
    def heads(self, record: IterationRecord, frame: int, *, posed: bool) -> Floats:
        """Vertices [V, N, 3] in metres: in the canonical pose, or turned as in the video."""
        given = self.given(record)
        if given is not None:
            return given.vertices(frame, posed=posed)
        parameters = record.parameters[frame]
        vertices = self._head.vertices(parameters, space="posed" if posed else "canonical")
        return np.ascontiguousarray(vertices.numpy(), dtype=np.float32)

    def given(self, record: IterationRecord) -> GivenMeshes | None:
        """The track of a result that is shown as it is; None of all others."""
        if record.given is None:
            return None
        if self._given is None or self._given.track is not record.given:
            self._given = GivenMeshes(record.given, self._footage)
        return self._given

    def faces_of(self, record: IterationRecord) -> NDArray[np.int32]:
        """Triangles [T, 3] of the meshes of a state."""
        given = self.given(record)
        return self._faces if given is None else given.faces

    def detected(self, frame: int) -> Floats:
        """The detector's landmarks [V, 68, 2] in px of the video frame."""
        return self.in_frame(self._sequence.landmarks[frame].numpy(), frame)

    def in_frame(self, points: NDArray[np.floating], frame: int) -> Floats:
        """Points [V, N, 2] in crop units -> px of the video frame."""
        return self._in_frame(points, frame)

    def in_frame_of(self, points: NDArray[np.floating], frame: int, view: int) -> Floats:
        """Points [N, 2 or 3] of one view in crop coordinates -> px of its video frame, as in `FrameMeshes`."""
        linear, shift, scale = self._maps[frame]
        out = np.empty(points.shape, dtype=np.float32)
        out[:, :2] = points[:, :2] @ linear[view] + shift[view]
        if points.shape[-1] == 3:
            out[:, 2] = points[:, 2] * scale[view]
        return out

    def repair(self, footage: Footage) -> None:
        """Go on with the same footage with repaired landmarks."""
        self._footage, self._sequence = footage, footage.sequence
        self.forget()

    def forget(self) -> None:
        self._recent.clear()

    def _in_frame(self, normalised: NDArray[np.floating], frame: int) -> Floats:
        """Crop coordinates [V, N, 2 or 3] in -1..1 -> px of the video frame; depth gets the similarity's scale."""
        linear, shift, scale = self._maps[frame]
        out = np.empty(normalised.shape, dtype=np.float32)
        np.matmul(normalised[..., :2], linear, out=out[..., :2])
        out[..., :2] += shift
        if normalised.shape[-1] == 3:
            np.multiply(normalised[..., 2], scale, out=out[..., 2])
        return out


def frame_maps(transforms: NDArray[np.float64], crop_size: int) -> list[tuple[Floats, Floats, Floats]]:
    """For each frame: linear part [V, 2, 2] (to multiply from the right), shift [V, 1, 2] and scale [V, 1] of the map
    from crop coordinates in -1..1 to px of the video frame."""
    inverse = invert_similarities(transforms)
    half = crop_size / 2.0
    linear = inverse[..., :2] * half
    shift = inverse[..., 2] + (inverse[..., :2] @ np.full(2, half))
    scale = np.sqrt(np.abs(np.linalg.det(linear)))
    return [
        (
            np.ascontiguousarray(linear[frame].transpose(0, 2, 1), dtype=np.float32),
            shift[frame][:, None].astype(np.float32),
            scale[frame][:, None].astype(np.float32),
        )
        for frame in range(len(transforms))
    ]


def invert_similarities(transforms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse of affine maps [..., 2, 3]."""
    linear = np.linalg.inv(transforms[..., :2])
    return np.concatenate([linear, -linear @ transforms[..., 2:]], axis=-1)

"""MeshTrack: a result that is meshes and nothing else (OBJ and PLY sequences); used like a FaceTrack where possible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuface_engine.errors import TrackError
from neuface_engine.face_model import FaceModel
from neuface_engine.face_model.model import Decoded, LandmarkKind, Space
from neuface_engine.track_header import MESHES_FORMAT
from neuface_engine.tracks.recorded import RecordedTrack


@dataclass(frozen=True)
class MeshTrack(RecordedTrack):
    """F frames, V views, N vertices; the fields of `RecordedTrack`, and:

    meshes [F, V, N, 3] metres, in the axes of each view's camera (x right, y up, z towards it); NaN where a frame has
    no mesh (its `detected` is False); triangles [T, 3]; camera [F, V, 3] weak perspective, or `lens`, or neither: then
    the meshes cannot be laid upon the video. given_head: a head of the same topology, for its landmarks.
    """

    format = MESHES_FORMAT
    made_by = "neuface import"
    again = "import the meshes again"

    meshes: Tensor
    triangles: NDArray[np.int32]
    camera: Tensor | None = None

    @property
    def faces(self) -> NDArray[np.int32]:
        """Triangles [T, 3]."""
        return self.triangles

    @property
    def has_camera(self) -> bool:
        """Whether the meshes can be laid upon the video."""
        return self.camera is not None or self.lens is not None

    @cached_property
    def head(self) -> FaceModel | None:
        """A head whose vertices are numbered like these: the given one, or the open head; None where none fits."""
        candidates = [self.given_head] if self.given_head is not None else []
        if not candidates and self.meshes.shape[2] == _OPEN_VERTICES:
            candidates.append(FaceModel.load("open"))
        for head in candidates:
            if head.num_vertices == self.meshes.shape[2]:
                return head
        return None

    def vertices(self, space: Space = "posed") -> Tensor:
        """[F, V, N, 3] metres; "canonical": each mesh laid rigidly upon the first one: no head motion is left."""
        return self.meshes if space == "posed" else self._aligned[0]

    @property
    def rotations(self) -> Tensor:
        """[F, V, 3, 3]: how each mesh is turned against the head's template, or else against the first mesh."""
        return self._aligned[1]

    @cached_property
    def _aligned(self) -> tuple[Tensor, Tensor]:
        known = self.detected & torch.isfinite(self.meshes).all(-1).all(-1)
        if not known.any():
            raise TrackError("this track has no mesh in any frame; import the meshes again")
        reference = self.meshes[known][0]
        upright = torch.eye(3)
        if self.head is not None:
            upright = rigid(torch.from_numpy(self.head.arrays.v_template), reference[None])[0][0]
            reference = (reference - reference.mean(0)) @ upright
        turned, middle = rigid(reference, self.meshes.flatten(0, 1))
        moved = (self.meshes.flatten(0, 1) - middle[:, None]) @ turned + reference.mean(0)
        shape = self.meshes.shape
        return moved.reshape(shape), turned.reshape(*shape[:2], 3, 3)

    def landmarks(self, space: Space = "posed", kind: LandmarkKind = "dynamic") -> Tensor:
        """[F, V, 68, 3] metres. Raises TrackError where no head of this topology is at hand."""
        if self.head is None:
            raise TrackError(
                f"meshes of {self.meshes.shape[2]} vertices: where their landmarks lie is not known; "
                "give the head of this topology with --head FILE"
            )
        table = self.head.landmark_table(kind)
        corners, weights = table.corners(_Turned(self.rotations.flatten(0, 1)))  # type: ignore[arg-type]
        corners = table.used[corners]
        vertices = self.vertices(space).flatten(0, 1)
        index = corners.expand(len(vertices), -1, -1).flatten(1)[..., None].expand(-1, -1, 3)
        triangles = vertices.gather(1, index).unflatten(1, (-1, 3))
        points = (triangles * weights[..., None]).sum(2)
        return points.reshape(*self.meshes.shape[:2], -1, 3)

    def posed_vertices(self, frame: int, view: int) -> Tensor:
        """[N, 3] metres."""
        return self.meshes[frame, view]

    def weak_perspective(self) -> Tensor:
        """Cameras [F, V, 3]. Raises TrackError where there are none."""
        if self.camera is None:
            raise TrackError(
                "these meshes have no camera and cannot be laid upon the video; import them with --sequence FOOTAGE"
            )
        return self.camera

    def _arrays(self) -> dict[str, NDArray[Any]]:
        camera = {} if self.camera is None else {"camera": self.camera.numpy()}
        return {"meshes": self.meshes.numpy(), "triangles": self.triangles, **camera}

    @classmethod
    def _own_fields(cls, arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        camera = torch.from_numpy(arrays["camera"]) if "camera" in arrays else None
        return {
            "meshes": torch.from_numpy(arrays["meshes"]),
            "triangles": arrays["triangles"],
            "camera": camera,
        }

    def _own_part(self, frames: Tensor, views: Tensor) -> dict[str, Any]:
        camera = None if self.camera is None else self.camera[frames, views]
        return {"meshes": self.meshes[frames, views], "camera": camera}


_OPEN_VERTICES = 4505


@dataclass(frozen=True)
class _Turned:
    """Stands for a decoded face where only its rotation is asked for."""

    rotation: Tensor
    contour_rows = Decoded.contour_rows


def rigid(source: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Least squares rotations R [B, 3, 3] (targets - middle ~ (source - its middle) R^T) and middles [B, 3].

    source [N, 3], targets [B, N, 3]; Kabsch 1976. NaN where a target is.
    """
    middle = targets.mean(1)
    centred = source - source.mean(0)
    covariance = torch.einsum(
        "bni,nj->bij", torch.nan_to_num(targets - middle[:, None]).double(), centred.double()
    )
    u, _, vt = torch.linalg.svd(covariance)
    sign = torch.ones(len(targets), 3, dtype=u.dtype)
    sign[:, 2] = torch.sign(torch.linalg.det(u @ vt))
    rotation = (u * sign[:, None]) @ vt
    return rotation.to(targets.dtype), middle

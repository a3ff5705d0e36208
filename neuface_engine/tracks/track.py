"""FaceTrack: the result. Parameters of every frame and view, and all that maps them back onto the video."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuface_engine.errors import TrackError
from neuface_engine.face_model import FaceModel, FaceParameters
from neuface_engine.face_model.model import LandmarkKind, Space
from neuface_engine.track_header import FACES_FORMAT
from neuface_engine.tracks.recorded import RecordedTrack

if TYPE_CHECKING:
    from neuface_engine.video import Sequence

_PARAMETERS = tuple(field.name for field in fields(FaceParameters))


@dataclass(frozen=True)
class FaceTrack(RecordedTrack):
    """F frames, V views; the fields of `RecordedTrack`, and:

    parameters [F, V, ...] on the CPU (where no face was `detected` they are a guess). provenance: software, method,
    config, encoder, head, detector, source. With a `lens`, of a track that was imported from a tracker with pinhole
    cameras, `parameters.camera` is the weak perspective that comes nearest; `project` and `projected_landmarks` are
    exact.
    """

    format = FACES_FORMAT
    made_by = "neuface track"
    again = "track the footage again"

    parameters: FaceParameters

    @classmethod
    def from_sequence(
        cls, sequence: Sequence, parameters: FaceParameters, *, head: FaceModel, provenance: dict[str, Any]
    ) -> FaceTrack:
        return cls(
            parameters=parameters,
            views=sequence.views,
            fps=sequence.fps,
            frame_indices=np.asarray(sequence.frame_indices),
            crop_transforms=np.asarray(sequence.crop_transforms),
            crop_size=int(sequence.crops.shape[-1]),
            image_sizes=tuple(sequence.image_sizes),
            detected=sequence.detected.cpu(),
            landmarks_2d=sequence.landmarks.cpu(),
            provenance=provenance,
            given_head=head,
        )

    @cached_property
    def head(self) -> FaceModel:
        """The face model that decodes this track. Raises TrackError where it is not at hand."""
        wanted = self.provenance["head"]
        head = self.given_head
        if head is None:
            head = named_head(wanted["name"], wanted["fingerprint"])
        if (
            head.fingerprint != wanted["fingerprint"]
            and "open" in (head.name, wanted["name"])
            and head.name != wanted["name"]
        ):
            raise TrackError(
                f"this track was made with the head {wanted['name']!r}, not with {head.name!r}; give that one (--head)"
            )
        if head.fingerprint != wanted["fingerprint"]:
            raise TrackError(
                f"this track was made with another release of the head {wanted['name']!r} "
                f"({wanted['fingerprint'][:12]}, here {head.fingerprint[:12]}); track again or give that release"
            )
        widths = self.parameters.shape.shape[-1], self.parameters.expression.shape[-1]
        if widths != (head.n_shape, head.n_expression):
            head = head.sized(*widths)
        # A module moves in place: a copy, so that a run on another device keeps its head there.
        return head if head.joint_template.device.type == "cpu" else copy.deepcopy(head).to("cpu")

    @torch.no_grad()
    def vertices(self, space: Space = "posed") -> Tensor:
        """[F, V, N, 3] metres; "canonical" leaves the head orientation out."""
        return self.head.vertices(self.parameters, space=space)

    @torch.no_grad()
    def landmarks(self, space: Space = "posed", kind: LandmarkKind = "dynamic") -> Tensor:
        """[F, V, 68, 3] metres (478 for kind "mediapipe")."""
        return self.head.landmarks(self.parameters, kind=kind, space=space)

    @torch.no_grad()
    def posed_vertices(self, frame: int, view: int) -> Tensor:
        """[N, 3] metres."""
        return self.head.vertices(self.parameters[frame, view])

    def weak_perspective(self) -> Tensor:
        """Cameras [F, V, 3]."""
        return self.parameters.camera

    @property
    def triangles(self) -> NDArray[np.int32]:
        """All triangles of the head [T, 3], eyeballs too."""
        return np.asarray(self.head.faces.cpu(), np.int32)

    @property
    def faces(self) -> NDArray[np.int32]:
        """Triangles [T, 3] of what is drawn: the skin, where the head tells it from what lies inside."""
        head = self.head
        return np.asarray(getattr(head, "skin_faces", head.faces).cpu(), np.int32)

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return {f"parameters/{name}": tensor.numpy() for name, tensor in self.parameters.items()}

    @classmethod
    def _own_fields(cls, arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        given = {name: arrays.get(f"parameters/{name}") for name in _PARAMETERS}
        tensors = {name: torch.from_numpy(array) for name, array in given.items() if array is not None}
        return {"parameters": FaceParameters(**tensors)}

    def _own_part(self, frames: Tensor, views: Tensor) -> dict[str, Any]:
        return {"parameters": self.parameters[frames, views]}


def named_head(name: str, fingerprint: str, path: object = "this track") -> FaceModel:
    """The face model that a track names: the embedded one, or FLAME where it lies in the folder of assets.

    Raises TrackError where it is not there.
    """
    if name == "open":
        return FaceModel.load("open")
    from neuface_engine.assets.heads import head_with

    head = head_with(fingerprint)
    if head is None:
        raise TrackError(
            f"{path}: made with the head {name!r}, which is not in the folder of assets; `neuface assets add` it, or "
            "give it with --head FILE (in Python head=FaceModel.load(FILE))"
        )
    return head

"""FaceTrack: the result. Parameters of every frame and view, and all that maps them back onto the video."""

from __future__ import annotations

import copy
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuface_engine.errors import TrackError
from neuface_engine.face_model import FaceModel, FaceParameters, project, project_depth
from neuface_engine.face_model.model import LandmarkKind, Space
from neuface_engine.files import written_whole
from neuface_engine.tracks.lens import Lens

if TYPE_CHECKING:
    from neuface_engine.video import Sequence

FORMAT = "neuface-track"
FORMAT_VERSION = 1
_PARAMETERS = tuple(field.name for field in fields(FaceParameters))
_LENS = tuple(field.name for field in fields(Lens))


@dataclass(frozen=True)
class FaceTrack:
    """F frames, V views.

    parameters [F, V, ...] on the CPU; detected [F, V] bool (False: no face found, the parameters there are a guess);
    landmarks_2d [F, V, 68, 2] detected, crop units (NaN: not known); crop_transforms [F, V, 2, 3]: frame pixels ->
    crop pixels; crop_size in pixels; frame_indices [F] in the source videos; image_sizes (width, height) per view; fps;
    provenance: software, method, config, encoder, head, detector, source (JSON values);
    lens: the pinhole cameras of a track that was imported from such a tracker; `parameters.camera` is then the weak
    perspective that comes nearest, and `project` and `projected_landmarks` are exact.
    """

    parameters: FaceParameters
    views: tuple[str, ...]
    fps: float
    frame_indices: NDArray[np.int64]
    crop_transforms: NDArray[np.float64]
    crop_size: int
    image_sizes: tuple[tuple[int, int], ...]
    detected: Tensor
    landmarks_2d: Tensor
    provenance: dict[str, Any]
    given_head: FaceModel | None = None
    lens: Lens | None = None

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
            if wanted["name"] != "open":
                raise TrackError(
                    f"this track was made with the head {wanted['name']!r}; load it with head=FaceModel.load(FILE)"
                )
            head = FaceModel.load("open")
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
    def project(self, frame: int, view: int) -> NDArray[np.float32]:
        """Posed vertices of one crop in the pixels of its video frame, [N, 3]: x, y, depth (larger is nearer)."""
        parameters = self.parameters[frame, view]
        vertices = self.head.vertices(parameters)
        if self.lens is not None:
            return self.lens[frame, view].pixels(vertices.numpy()).astype(np.float32)
        points = project_depth(vertices, parameters.camera)
        return crop_to_frame(points.numpy(), self.crop_transforms[frame, view], self.crop_size)

    @torch.no_grad()
    def projected_landmarks(self, kind: LandmarkKind = "dynamic") -> Tensor:
        """Landmarks of the mesh as the camera sees them, [F, V, 68, 2] in crop units."""
        landmarks = self.landmarks(kind=kind)
        if self.lens is None:
            return project(landmarks, self.parameters.camera)
        pixels = self.lens.pixels(landmarks.numpy())[..., :2]
        return torch.from_numpy(frame_to_crop(pixels, self.crop_transforms, self.crop_size))

    @property
    def triangles(self) -> NDArray[np.int32]:
        """All triangles of the head [T, 3], eyeballs too."""
        return np.asarray(self.head.faces.cpu(), np.int32)

    @property
    def faces(self) -> NDArray[np.int32]:
        """Triangles [T, 3] of what is drawn: the skin, where the head tells it from what lies inside."""
        head = self.head
        return np.asarray(getattr(head, "skin_faces", head.faces).cpu(), np.int32)

    def select(
        self, *, frames: Iterable[int] | slice = slice(None), views: Iterable[int] | slice = slice(None)
    ) -> FaceTrack:
        """A shorter track of the chosen frames and views, by position."""
        f = np.arange(len(self.frame_indices))[frames if isinstance(frames, slice) else list(frames)]
        v = np.arange(len(self.views))[views if isinstance(views, slice) else list(views)]
        grid = np.ix_(f, v)
        tensors = torch.from_numpy(grid[0]), torch.from_numpy(grid[1])
        return replace(
            self,
            parameters=self.parameters[tensors],
            views=tuple(self.views[i] for i in v),
            frame_indices=self.frame_indices[f],
            crop_transforms=self.crop_transforms[grid],
            image_sizes=tuple(self.image_sizes[i] for i in v),
            detected=self.detected[tensors],
            landmarks_2d=self.landmarks_2d[tensors],
            lens=None if self.lens is None else self.lens[grid],
        )

    def save(self, path: str | Path, *, extra: Mapping[str, NDArray[Any]] | None = None) -> None:
        """Write an npz without pickles, all or nothing; `extra`: more arrays, for readers that know them.

        Raises TrackError where the disk refuses.
        """
        path = Path(path)
        header = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "views": self.views,
            "fps": self.fps,
            "crop_size": self.crop_size,
            "image_sizes": self.image_sizes,
            "provenance": self.provenance,
        }
        arrays: dict[str, Any] = {
            f"parameters/{name}": tensor.numpy() for name, tensor in self.parameters.items()
        }
        arrays |= extra or {}
        if self.lens is not None:
            arrays |= {f"lens/{name}": array for name, array in vars(self.lens).items()}
        with written_whole(path, TrackError) as stream:
            np.savez_compressed(
                stream,
                header=np.array(json.dumps(header)),
                frame_indices=self.frame_indices,
                crop_transforms=self.crop_transforms,
                detected=self.detected.numpy(),
                landmarks_2d=self.landmarks_2d.numpy(),
                **arrays,
            )

    @classmethod
    def load(cls, path: str | Path, *, head: FaceModel | None = None) -> FaceTrack:
        """Read what `save` wrote. `head` is needed for tracks that were not made with the open head.

        Raises TrackError for a missing, damaged or foreign file.
        """
        path = Path(path)
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                arrays = {key: file[key] for key in file.files}
            header = json.loads(str(arrays["header"]))
            if header["format"] == "neuface-meshes":
                raise TrackError(
                    f"{path}: holds meshes without face parameters; this needs a track with them"
                )
            if header["format"] != FORMAT or header["version"] > FORMAT_VERSION:
                raise TrackError(
                    f"{path}: track format {header['version']} is newer than this software; update it"
                )
            parameters = FaceParameters(
                **{
                    n: torch.from_numpy(arrays[f"parameters/{n}"])
                    for n in _PARAMETERS
                    if f"parameters/{n}" in arrays
                }
            )
            return cls(
                parameters=parameters,
                views=tuple(header["views"]),
                fps=float(header["fps"]),
                frame_indices=arrays["frame_indices"],
                crop_transforms=arrays["crop_transforms"],
                crop_size=int(header["crop_size"]),
                image_sizes=tuple((int(w), int(h)) for w, h in header["image_sizes"]),
                detected=torch.from_numpy(arrays["detected"]),
                landmarks_2d=torch.from_numpy(arrays["landmarks_2d"]),
                provenance=header["provenance"],
                given_head=head,
                lens=Lens(*(arrays[f"lens/{n}"] for n in _LENS)) if "lens/focal" in arrays else None,
            )
        except FileNotFoundError:
            raise TrackError(f"{path}: no such track; make one with `neuface track`") from None
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise TrackError(
                f"{path}: not a readable track ({type(error).__name__}); track the footage again"
            ) from None


def crop_to_frame(
    points: NDArray[np.float32], transform: NDArray[np.float64], crop_size: int
) -> NDArray[np.float32]:
    """Crop units [-1, 1] to frame pixels: points [N, 2 or 3] (the third is a depth, scaled alike), transform [2, 3].

    `transform` maps frame pixels to crop pixels; a pixel's centre is at +0.5.
    """
    half = crop_size / 2
    linear = np.linalg.inv(transform[:, :2])
    pixels = (points[:, :2] + 1) * half
    xy = (pixels - transform[:, 2]) @ linear.T
    depth = points[:, 2:] * half * np.sqrt(abs(np.linalg.det(linear)))
    return np.concatenate([xy, depth], axis=1).astype(np.float32)


def frame_to_crop(
    points: NDArray[np.floating], transforms: NDArray[np.float64], crop_size: int
) -> NDArray[np.float32]:
    """Frame pixels [..., N, 2] to crop units [-1, 1]; transforms [..., 2, 3] as in `crop_to_frame`, its inverse."""
    pixels = np.einsum("...ij,...nj->...ni", transforms[..., :2], points) + transforms[..., None, :, 2]
    return (pixels * (2 / crop_size) - 1).astype(np.float32)

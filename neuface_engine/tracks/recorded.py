"""What tracks of every kind have in common: the footage they lie on, their cameras, their file."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuface_engine.errors import TrackError
from neuface_engine.face_model import FaceModel, project, project_depth
from neuface_engine.face_model.model import LandmarkKind, Space
from neuface_engine.files import written_whole
from neuface_engine.track_header import FACES_FORMAT, MESHES_FORMAT
from neuface_engine.tracks.lens import Lens

FORMAT_VERSION = 1
_LENS = tuple(field.name for field in fields(Lens))
_IN_HEADER = ("views", "fps", "crop_size", "image_sizes", "provenance")


@dataclass(frozen=True, kw_only=True)
class RecordedTrack(ABC):
    """F frames, V views.

    detected [F, V] bool (False: no face found); landmarks_2d [F, V, 68, 2] detected, crop units (NaN: not known);
    crop_transforms [F, V, 2, 3]: frame pixels -> crop pixels; crop_size in pixels; frame_indices [F] in the source
    videos; image_sizes (width, height) per view; fps; provenance: how it was made (JSON values); given_head: the face
    model, where it is not the open head; lens: pinhole cameras, where it has them: they go before the weak perspective.
    """

    format = ""
    made_by = ""  # the command that makes such a track
    again = ""  # what to do about a damaged one

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

    # --- what a kind says of itself --------------------------------------------------------------------------

    @abstractmethod
    def vertices(self, space: Space = "posed") -> Tensor:
        """[F, V, N, 3] metres; "canonical" leaves the head motion out."""

    @abstractmethod
    def landmarks(self, space: Space = "posed", kind: LandmarkKind = "dynamic") -> Tensor:
        """[F, V, 68, 3] metres."""

    @abstractmethod
    def posed_vertices(self, frame: int, view: int) -> Tensor:
        """[N, 3] metres of one frame and view."""

    @abstractmethod
    def weak_perspective(self) -> Tensor:
        """Cameras [F, V, 3]. Raises TrackError where there are none."""

    @abstractmethod
    def _arrays(self) -> dict[str, NDArray[Any]]:
        """What its file holds besides what all tracks have."""

    @classmethod
    @abstractmethod
    def _own_fields(cls, arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        """Fields of this kind out of the arrays of its file."""

    @abstractmethod
    def _own_part(self, frames: Tensor, views: Tensor) -> dict[str, Any]:
        """Fields of this kind at these frames [f, 1] and views [1, v]."""

    @property
    def has_camera(self) -> bool:
        """Whether the meshes can be laid upon the video."""
        return True

    # --- upon the video --------------------------------------------------------------------------------------

    @torch.no_grad()
    def project(self, frame: int, view: int) -> NDArray[np.float32]:
        """Posed vertices of one crop in the pixels of its video frame, [N, 3]: x, y, depth (larger is nearer).

        Raises TrackError where the track has no camera.
        """
        vertices = self.posed_vertices(frame, view)
        if self.lens is not None:
            return self.lens[frame, view].pixels(vertices.numpy()).astype(np.float32)
        points = project_depth(vertices, self.weak_perspective()[frame, view])
        return crop_to_frame(points.numpy(), self.crop_transforms[frame, view], self.crop_size)

    @torch.no_grad()
    def projected_landmarks(self, kind: LandmarkKind = "dynamic") -> Tensor:
        """Landmarks of the mesh as the camera sees them, [F, V, 68, 2] in crop units. Raises TrackError."""
        landmarks = self.landmarks(kind=kind)
        if self.lens is None:
            return project(landmarks, self.weak_perspective())
        pixels = self.lens.pixels(landmarks.numpy())[..., :2]
        return torch.from_numpy(frame_to_crop(pixels, self.crop_transforms, self.crop_size))

    def select(
        self, *, frames: Iterable[int] | slice = slice(None), views: Iterable[int] | slice = slice(None)
    ) -> Self:
        """A shorter track of the chosen frames and views, by position."""
        f = np.arange(len(self.frame_indices))[frames if isinstance(frames, slice) else list(frames)]
        v = np.arange(len(self.views))[views if isinstance(views, slice) else list(views)]
        grid = np.ix_(f, v)
        tensors = torch.from_numpy(grid[0]), torch.from_numpy(grid[1])
        return replace(
            self,
            views=tuple(self.views[i] for i in v),
            frame_indices=self.frame_indices[f],
            crop_transforms=self.crop_transforms[grid],
            image_sizes=tuple(self.image_sizes[i] for i in v),
            detected=self.detected[tensors],
            landmarks_2d=self.landmarks_2d[tensors],
            lens=None if self.lens is None else self.lens[grid],
            **self._own_part(*tensors),
        )

    # --- its file --------------------------------------------------------------------------------------------

    def save(self, path: str | Path, *, extra: Mapping[str, NDArray[Any]] | None = None) -> None:
        """Write an npz without pickles, all or nothing; `extra`: more arrays, for readers that know them.

        Raises TrackError where the disk refuses.
        """
        header = {"format": self.format, "version": FORMAT_VERSION}
        header |= {name: getattr(self, name) for name in _IN_HEADER}
        arrays = self._arrays() | dict(extra or {})
        if self.lens is not None:
            arrays |= {f"lens/{name}": array for name, array in vars(self.lens).items()}
        with written_whole(Path(path), TrackError) as stream:
            np.savez_compressed(
                stream,
                header=np.array(json.dumps(header)),
                frame_indices=self.frame_indices,
                crop_transforms=self.crop_transforms,
                detected=self.detected.numpy(),
                landmarks_2d=self.landmarks_2d.numpy(),
                **arrays,  # type: ignore[arg-type]
            )

    @classmethod
    def load(cls, path: str | Path, *, head: FaceModel | None = None) -> Self:
        """Read what `save` wrote. `head` is needed for tracks that were not made with the open head.

        Raises TrackError for a missing, damaged or foreign file.
        """
        path = Path(path)
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                arrays = {key: file[key] for key in file.files}
            header = json.loads(str(arrays["header"]))
            _check_format(path, header, cls.format)
            return cls(
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
                **cls._own_fields(arrays),
            )
        except FileNotFoundError:
            raise TrackError(f"{path}: no such track; make one with `{cls.made_by}`") from None
        except TrackError:
            raise
        except Exception as error:  # a damaged archive can raise anything
            raise TrackError(f"{path}: not a readable track ({type(error).__name__}); {cls.again}") from None


def _check_format(path: Path, header: Mapping[str, Any], wanted: str) -> None:
    """Raises TrackError for the other kind of track, or one of a later version."""
    found = header["format"]
    if found == MESHES_FORMAT and wanted == FACES_FORMAT:
        raise TrackError(f"{path}: holds meshes without face parameters; this needs a track with them")
    if found != wanted or header["version"] > FORMAT_VERSION:
        what = "track" if wanted == FACES_FORMAT else "mesh track"
        raise TrackError(
            f"{path}: not a {what} that this software can read ({found} {header['version']}); update it"
        )


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

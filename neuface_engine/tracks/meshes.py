"""MeshTrack: a result that is meshes and nothing else (OBJ and PLY sequences); used like a FaceTrack where possible."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuface_engine.errors import TrackError
from neuface_engine.face_model import FaceModel, project, project_depth
from neuface_engine.face_model.model import Decoded, LandmarkKind, Space
from neuface_engine.files import written_whole
from neuface_engine.tracks.lens import Lens
from neuface_engine.tracks.track import crop_to_frame, frame_to_crop

FORMAT = "neuface-meshes"
FORMAT_VERSION = 1
_LENS = tuple(field.name for field in fields(Lens))


@dataclass(frozen=True)
class MeshTrack:
    """F frames, V views, N vertices; the fields that FaceTrack has too mean the same.

    meshes [F, V, N, 3] metres, in the axes of each view's camera (x right, y up, z towards it); NaN where a frame has
    no mesh (its `detected` is False); triangles [T, 3]; camera [F, V, 3] weak perspective, or `lens`, or neither: then
    the meshes cannot be laid upon the video. given_head: a head of the same topology, for its landmarks.
    """

    meshes: Tensor
    triangles: NDArray[np.int32]
    views: tuple[str, ...]
    fps: float
    frame_indices: NDArray[np.int64]
    crop_transforms: NDArray[np.float64]
    crop_size: int
    image_sizes: tuple[tuple[int, int], ...]
    detected: Tensor
    landmarks_2d: Tensor
    provenance: dict[str, Any]
    camera: Tensor | None = None
    lens: Lens | None = None
    given_head: FaceModel | None = None

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

    def project(self, frame: int, view: int) -> NDArray[np.float32]:
        """One posed mesh in the pixels of its video frame, [N, 3], as `FaceTrack.project`. TrackError: no camera."""
        if self.lens is not None:
            return self.lens[frame, view].pixels(self.meshes[frame, view].numpy()).astype(np.float32)
        points = project_depth(self.meshes[frame, view], self._camera()[frame, view])
        return crop_to_frame(points.numpy(), self.crop_transforms[frame, view], self.crop_size)

    def projected_landmarks(self, kind: LandmarkKind = "dynamic") -> Tensor:
        """[F, V, 68, 2] crop units, as `FaceTrack.projected_landmarks`."""
        landmarks = self.landmarks(kind=kind)
        if self.lens is None:
            return project(landmarks, self._camera())
        pixels = self.lens.pixels(landmarks.numpy())[..., :2]
        return torch.from_numpy(frame_to_crop(pixels, self.crop_transforms, self.crop_size))

    def _camera(self) -> Tensor:
        if self.camera is None:
            raise TrackError(
                "these meshes have no camera and cannot be laid upon the video; import them with --sequence FOOTAGE"
            )
        return self.camera

    def select(
        self, *, frames: Iterable[int] | slice = slice(None), views: Iterable[int] | slice = slice(None)
    ) -> MeshTrack:
        """A shorter track of the chosen frames and views, by position."""
        f = np.arange(len(self.frame_indices))[frames if isinstance(frames, slice) else list(frames)]
        v = np.arange(len(self.views))[views if isinstance(views, slice) else list(views)]
        grid = np.ix_(f, v)
        tensors = torch.from_numpy(grid[0]), torch.from_numpy(grid[1])
        return replace(
            self,
            meshes=self.meshes[tensors],
            views=tuple(self.views[i] for i in v),
            frame_indices=self.frame_indices[f],
            crop_transforms=self.crop_transforms[grid],
            image_sizes=tuple(self.image_sizes[i] for i in v),
            detected=self.detected[tensors],
            landmarks_2d=self.landmarks_2d[tensors],
            camera=None if self.camera is None else self.camera[tensors],
            lens=None if self.lens is None else self.lens[grid],
        )

    def save(self, path: str | Path) -> None:
        """Write an npz without pickles, all or nothing. Raises TrackError where the disk refuses."""
        header = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "views": self.views,
            "fps": self.fps,
            "crop_size": self.crop_size,
            "image_sizes": self.image_sizes,
            "provenance": self.provenance,
        }
        arrays: dict[str, Any] = {} if self.camera is None else {"camera": self.camera.numpy()}
        if self.lens is not None:
            arrays |= {f"lens/{name}": array for name, array in vars(self.lens).items()}
        with written_whole(Path(path), TrackError) as stream:
            np.savez_compressed(
                stream,
                header=np.array(json.dumps(header)),
                meshes=self.meshes.numpy(),
                triangles=self.triangles,
                frame_indices=self.frame_indices,
                crop_transforms=self.crop_transforms,
                detected=self.detected.numpy(),
                landmarks_2d=self.landmarks_2d.numpy(),
                **arrays,
            )

    @classmethod
    def load(cls, path: str | Path, *, head: FaceModel | None = None) -> MeshTrack:
        """Read what `save` wrote. Raises TrackError for a missing, damaged or foreign file."""
        path = Path(path)
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                arrays = {key: file[key] for key in file.files}
            header = json.loads(str(arrays["header"]))
            if header["format"] != FORMAT or header["version"] > FORMAT_VERSION:
                raise TrackError(f"{path}: not meshes that this software can read; update it")
            return cls(
                meshes=torch.from_numpy(arrays["meshes"]),
                triangles=arrays["triangles"],
                views=tuple(header["views"]),
                fps=float(header["fps"]),
                frame_indices=arrays["frame_indices"],
                crop_transforms=arrays["crop_transforms"],
                crop_size=int(header["crop_size"]),
                image_sizes=tuple((int(w), int(h)) for w, h in header["image_sizes"]),
                detected=torch.from_numpy(arrays["detected"]),
                landmarks_2d=torch.from_numpy(arrays["landmarks_2d"]),
                provenance=header["provenance"],
                camera=torch.from_numpy(arrays["camera"]) if "camera" in arrays else None,
                lens=Lens(*(arrays[f"lens/{n}"] for n in _LENS)) if "lens/focal" in arrays else None,
                given_head=head,
            )
        except FileNotFoundError:
            raise TrackError(f"{path}: no such track; make one with `neuface import`") from None
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise TrackError(
                f"{path}: not a readable track ({type(error).__name__}); import the meshes again"
            ) from None


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

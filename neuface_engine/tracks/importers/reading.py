"""What a foreign file told, before it is a track; and the checks that every reader makes of its arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuface_engine.errors import TrackError

Floats = NDArray[np.float32]
MAX_FRAMES = 1_000_000
LARGEST = 1e6  # of any number in such a file: beyond it something else was read


@dataclass(frozen=True)
class Pinhole:
    """[F, V, ...]: a point p of the head (not yet turned) is at R p + t of the camera: x right, y up, looking along -z.

    rotation R [F, V, 3, 3], translation t [F, V, 3] metres; focal and centre [F, V, 2] pixels of the picture (y down);
    on_root: R turns about the head's root joint, not about the origin; neck [F, V, 3, 3]: rotation at the neck joint
    before that, where the tracker has one (our head's neck stays straight); world [F, V, 3, 4]: where R and t give
    points of the world, its rotation and translation to the camera's axes.
    """

    rotation: Floats
    translation: Floats
    focal: NDArray[np.floating[Any]]
    centre: NDArray[np.floating[Any]]
    neck: Floats | None = None
    world: Floats | None = None
    on_root: bool = False


@dataclass(frozen=True)
class Reading:
    """F frames, V views; None where the file does not tell.

    parameters: shape, expression, pose and perhaps camera (weak perspective in crop units), eyes, eyelids, texture,
    light, each [F, V, n]; frames [F]: numbers as the tracker counts; crop_transforms [F, V, 2, 3] frame px -> crop px;
    landmarks [F, V, 68, 2] detected by that tracker, crop units; may_turn: its crops may be rotated in the picture;
    exact_frames: the numbers are the video's, and frames between them were left out on purpose;
    notes: what had to be assumed or is lost, one line each.
    """

    software: str
    path: Path
    parameters: dict[str, Floats]
    frames: NDArray[np.int64]
    views: tuple[str, ...] | None = None
    pinhole: Pinhole | None = None
    crop_size: int | None = None
    crop_transforms: NDArray[np.float64] | None = None
    image_sizes: tuple[tuple[int, int], ...] | None = None
    landmarks: Floats | None = None
    detected: NDArray[np.bool_] | None = None
    fps: float | None = None
    head: Mapping[str, Any] | None = None
    may_turn: bool = False
    exact_frames: bool = False
    notes: tuple[str, ...] = field(default=())

    @property
    def num_views(self) -> int:
        return int(self.parameters["shape"].shape[1])

    def noted(self, *lines: str) -> Reading:
        """The same with more notes."""
        return replace(self, notes=(*self.notes, *lines))


class Arrays:
    """The arrays of one file by name, checked when they are asked for; every error names the file."""

    def __init__(self, path: Path, content: Mapping[str, Any]) -> None:
        self.path = path
        self.content = content

    def __contains__(self, name: str) -> bool:
        return name in self.content

    def first(self, *names: str) -> str | None:
        """The first of these names that there is."""
        return next((name for name in names if name in self.content), None)

    def numbers(self, name: str, *shape: int | None) -> Floats:
        """float32 array of that shape (None: any length). Raises TrackError: missing, misshapen, NaN or absurd."""
        if name not in self.content:
            raise TrackError(f"{self.path}: has no {name!r}; it is not whole, or from another tracker")
        try:
            array = np.asarray(self.content[name])
            if array.dtype.kind not in "fiub":
                raise ValueError
            wide = array.astype(np.float64)
        except (ValueError, TypeError, OverflowError, MemoryError):
            raise TrackError(f"{self.path}: {name!r} holds no numbers; export it again") from None
        wanted = [("n" if n is None else str(n)) for n in shape]
        if wide.ndim != len(shape) or any(n not in (None, m) for n, m in zip(shape, wide.shape, strict=True)):
            raise TrackError(
                f"{self.path}: {name!r} is of shape {list(wide.shape)}, expected [{', '.join(wanted)}]; "
                "it is damaged, or from another tracker"
            )
        if not wide.size or not np.isfinite(wide).all() or np.abs(wide).max() > LARGEST:
            raise TrackError(f"{self.path}: {name!r} is empty or not finite; track that footage again")
        return wide.astype(np.float32)


def frame_numbers(path: Path, numbers: NDArray[Any]) -> NDArray[np.int64]:
    """Checked and increasing [F]. Raises TrackError where they repeat or cannot be meant."""
    values = np.asarray(numbers, np.float64).reshape(-1)
    frames = values.astype(np.int64)
    if (
        not len(frames)
        or (frames != values).any()
        or (np.diff(frames) <= 0).any()
        or frames[0] < 0
        or frames[-1] > MAX_FRAMES
    ):
        raise TrackError(f"{path}: its frame numbers are damaged or do not increase; export it again")
    return frames


def rotation_from_six(path: Path, six: Floats) -> Floats:
    """[..., 6] -> [..., 3, 3]: two rows, orthonormalised (Zhou et al. 2019, as pytorch3d stores them).

    Raises TrackError where the rows do not span a plane.
    """
    if np.linalg.norm(np.cross(six[..., :3], six[..., 3:]), axis=-1).min() < 1e-6:
        raise TrackError(f"{path}: a 6D rotation is no rotation; track that footage again")
    first = six[..., :3] / np.maximum(np.linalg.norm(six[..., :3], axis=-1, keepdims=True), 1e-8)
    second = six[..., 3:] - (first * six[..., 3:]).sum(-1, keepdims=True) * first
    second = second / np.maximum(np.linalg.norm(second, axis=-1, keepdims=True), 1e-8)
    return np.stack([first, second, np.cross(first, second)], axis=-2)


def axis_angle(rotations: Floats) -> Floats:
    """[..., 3, 3] -> [..., 3]."""
    from scipy.spatial.transform import Rotation

    flat = Rotation.from_matrix(rotations.reshape(-1, 3, 3)).as_rotvec()
    return flat.reshape(*rotations.shape[:-2], 3).astype(np.float32)


def matrices(axis_angles: Floats) -> Floats:
    """[..., 3] -> [..., 3, 3]."""
    from scipy.spatial.transform import Rotation

    flat = Rotation.from_rotvec(axis_angles.reshape(-1, 3).astype(np.float64)).as_matrix()
    return flat.reshape(*axis_angles.shape[:-1], 3, 3).astype(np.float32)

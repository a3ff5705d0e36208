"""Sequence: the footage of one face from one or several views, decoded, with its landmarks and face crops."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuface_engine.video.cuts import cuts_between
from neuface_engine.video.ground_truth import GroundTruth, MeshTruth
from neuface_engine.video.store import FrameStore, SelectedFrames


@dataclass(frozen=True, repr=False)
class Sequence:
    """F frames of V synchronous views of one face. Immutable; every tensor is [frame, view, ...], on the CPU.

    name, path         of the footage
    views              names of the views
    fps                frames per second (of the first view)
    frames             frames[f, v] -> uint8 RGB [H, W, 3]; frames[f] -> those of all views
    frame_indices      [F] which frame of the first view's file each frame is
    view_frames        [F, V] the same of every view's file, where the views were put in step; None: as frame_indices
    image_sizes        (width, height) of each view, pixels
    landmarks          [F, V, 68, 2] iBUG points, crop coordinates in [-1, 1], y down
    landmarks_dense    [F, V, 478, 3] MediaPipe points; z has the scale of x and y, smaller = nearer to the camera;
                       None of a detector that gives the 68 alone
    contour            "visible": landmarks 0-16 lie on the outline that is seen, "fixed": on the jaw, seen or not
    confidence         [F, V] of the detector, 0..1; 0 = no face
    detected           [F, V] whether a face was found; where not, landmarks and crops are interpolated over time
                       (all zeros in a view that never shows a face)
    crops              uint8 [F, V, 3, S, S] RGB
    crop_transforms    float64 [F, V, 2, 3] similarities, frame px -> crop px (continuous pixel coordinates)
    content_hash       sha256 over the files used, their view names, and the number of frames
    detector           name and version
    face               which of several faces was followed, as `FaceChoice.parse` reads it
    warnings           one line each: what was left out or assumed
    ground_truth       of synthetic footage, or the true meshes of a dataset, else None
    cuts               frames at which a new shot begins in any view: the face there may be another person's
    identity           whose face it is, as far as its dataset says
    camera_file        rotations of the cameras, as far as its dataset has them
    seconds            spent on "decode" and "detect" (near zero where the cache answered)
    """

    name: str
    path: Path
    views: tuple[str, ...]
    fps: float
    frames: FrameStore
    frame_indices: NDArray[np.int64]
    image_sizes: tuple[tuple[int, int], ...]
    landmarks: Tensor
    landmarks_dense: Tensor | None
    confidence: Tensor
    detected: Tensor
    crops: Tensor
    crop_transforms: NDArray[np.float64]
    content_hash: str
    detector: str
    warnings: tuple[str, ...] = ()
    ground_truth: GroundTruth | MeshTruth | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    cuts: tuple[int, ...] = ()
    view_frames: NDArray[np.int64] | None = None
    contour: Literal["visible", "fixed"] = "visible"
    identity: str | None = None
    camera_file: Path | None = None
    face: tuple[str, ...] = ("main",)

    def __repr__(self) -> str:
        views = ", ".join(self.views)
        return f"Sequence({self.name!r}, {self.num_frames} frames, {self.fps:g} fps, views: {views})"

    @property
    def num_frames(self) -> int:
        return len(self.frame_indices)

    @property
    def num_views(self) -> int:
        return len(self.views)

    @property
    def crop_size(self) -> int:
        return int(self.crops.shape[-1])

    @property
    def frames_without_face(self) -> int:
        """How many (frame, view) pairs show no face."""
        return int((~self.detected).sum())

    def crop_batch(self, f: Any = slice(None), v: Any = slice(None)) -> Tensor:
        """Crops as float32 in 0..1: `crop_batch(f, v)` of crops[f, v], leading dimensions flattened to [B, 3, S, S]."""
        chosen = self.crops[f][v] if isinstance(f, int) else self.crops[f, v]
        return chosen.reshape(-1, *self.crops.shape[-3:]).float() / 255.0

    def select(
        self, *, frames: slice | Iterable[int] = slice(None), views: slice | Iterable[int] = slice(None)
    ) -> Sequence:
        """A shorter sequence of the chosen frames and views, by position."""
        f = np.arange(self.num_frames)[frames if isinstance(frames, slice) else list(frames)]
        v = np.arange(self.num_views)[views if isinstance(views, slice) else list(views)]
        grid = np.ix_(f, v)

        def pick(tensor: Tensor) -> Tensor:
            return tensor[torch.from_numpy(f)][:, torch.from_numpy(v)]

        return replace(
            self,
            views=tuple(self.views[i] for i in v),
            frames=SelectedFrames(self.frames, f.tolist(), v.tolist()),
            frame_indices=self.frame_indices[f],
            image_sizes=tuple(self.image_sizes[i] for i in v),
            landmarks=pick(self.landmarks),
            landmarks_dense=None if self.landmarks_dense is None else pick(self.landmarks_dense),
            confidence=pick(self.confidence),
            detected=pick(self.detected),
            crops=pick(self.crops),
            crop_transforms=self.crop_transforms[grid],
            ground_truth=self.ground_truth.select(f, v) if self.ground_truth else None,
            cuts=cuts_between(self.cuts, f),
            view_frames=None if self.view_frames is None else self.view_frames[grid],
        )

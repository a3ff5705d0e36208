"""The square crops around a face over a whole sequence: smoothed in time, as found frame by frame, or fixed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neuface_engine.video import crops
from neuface_engine.video.store import FrameStore

BOX_SMOOTHING_SECONDS = 0.2
CropMotion = Literal["smooth", "frame", "fixed"]
CROP_MOTIONS: tuple[CropMotion, ...] = ("smooth", "frame", "fixed")


def face_crops(
    landmarks: NDArray[np.float64],
    detected: NDArray[np.bool_],
    *,
    fps: float,
    sizes: tuple[tuple[int, int], ...],
    crop_size: int,
    crop_scale: float,
    crop_side: crops.Side = "larger",
    motion: CropMotion = "smooth",
    cuts: tuple[int, ...] = (),
    around: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Crop transforms [F, V, 2, 3] of landmarks [F, V, 68, 2] in frame px, view by view and shot by shot (`cuts`).

    The boxes are drawn around these landmarks, or around others of the same faces (`around` [F, V, N, 2]).

    `motion`: "smooth" boxes (Gaussian, 0.2 s), one box for each "frame" by its own landmarks, or one "fixed" box a
    shot that holds the face in all of its frames. Where a face lies on its side or stands on its head, the shot's
    crops are turned upright by quarter turns. A view that never shows a face gets the middle of its picture.
    """
    transforms = np.empty((*detected.shape, 2, 3))
    for v, (width, height) in enumerate(sizes):
        nowhere = np.array([width / 2, height / 2, min(width, height) / crop_scale])
        for first, end in shots(len(landmarks), cuts):
            part = slice(first, end)
            present = detected[part, v]
            turns = crops.quarter_turns(landmarks[part, v][present]) if present.any() else 0
            if present.any():
                boxed = landmarks if around is None else around
                boxes = crops.landmark_boxes(boxed[part, v], side=crop_side)
                boxes = _moved(boxes, present, motion, sigma_frames=BOX_SMOOTHING_SECONDS * fps)
            else:
                boxes = np.tile(nowhere, (end - first, 1))
            transforms[part, v] = crops.crop_transforms(
                boxes, crop_size=crop_size, crop_scale=crop_scale, turns=turns
            )
    return transforms


def shots(num_frames: int, cuts: tuple[int, ...]) -> list[tuple[int, int]]:
    """First frame and end of each shot."""
    return list(pairwise([0, *(cut for cut in cuts if 0 < cut < num_frames), num_frames]))


def fill_shots(
    values: NDArray[np.float64], present: NDArray[np.bool_], cuts: tuple[int, ...]
) -> NDArray[np.float64]:
    """`crops.fill_gaps` of values [F, ...] within each shot; a shot without any is filled from the others."""
    filled = crops.fill_gaps(values, present)
    for first, end in shots(len(values), cuts):
        if present[first:end].any():
            filled[first:end] = crops.fill_gaps(values[first:end], present[first:end])
    return filled


def cut_crops(
    frames: FrameStore,
    transforms: NDArray[np.float64],
    crop_size: int,
    report: Callable[[str, int, int], None],
) -> NDArray[np.uint8]:
    """The crops uint8 [F, V, 3, S, S]."""
    num_frames, num_views = transforms.shape[:2]
    out = np.empty((num_frames, num_views, 3, crop_size, crop_size), np.uint8)
    for v in range(num_views):  # view by view: the order in which frames lie in memory
        for f in range(num_frames):
            out[f, v] = crops.warp(frames[f, v], transforms[f, v], crop_size).transpose(2, 0, 1)
            report("crop", v * num_frames + f + 1, num_frames * num_views)
    return out


def _moved(
    boxes: NDArray[np.float64], present: NDArray[np.bool_], motion: CropMotion, *, sigma_frames: float
) -> NDArray[np.float64]:
    if motion == "smooth":
        return crops.smooth_boxes(boxes, present, sigma_frames=sigma_frames)
    if motion == "frame":
        return crops.fill_gaps(boxes, present)
    known = boxes[present]
    low, high = known[:, :2] - known[:, 2:] / 2, known[:, :2] + known[:, 2:] / 2
    low, high = low.min(0), high.max(0)
    box = np.concatenate([(low + high) / 2, [(high - low).max()]])
    return np.tile(box, (len(boxes), 1))

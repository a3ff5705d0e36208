"""Cuts in the video: one picture has little to do with the one before, and both have much to do with their own side."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SMALL = 24  # px: what is left of a picture, enough to tell two scenes apart
BINS = 24
REACH = 3  # frames on each side with which a step is compared
MIN_STEP = 0.25
TIMES = 3.0
Floats = NDArray[np.float64]


@torch.no_grad()
def cut_strength(crops: Tensor) -> Floats:
    """[F, V]: how much a picture differs from the one before, 0..1, above the most that its neighbourhood does.

    crops uint8 [F, V, 3, S, S]. The difference of two pictures is the mean of 1 - the correlation of their small
    grey versions (halved, 0..1) and the total variation of their grey histograms (0..1): motion changes the first, an
    exposure that drifts the second, a cut both. What is above three times the largest difference within three frames
    on either side is the strength; 0 elsewhere and in the first frame.
    """
    frames, views = crops.shape[:2]
    strength = np.zeros((frames, views))
    for view in range(views):
        small = np.stack([_small(crops[frame, view].numpy()) for frame in range(frames)])
        step = _steps(small)
        for frame in range(1, frames):
            around = np.r_[step[max(1, frame - REACH) : frame], step[frame + 1 : frame + 1 + REACH]]
            usual = float(np.median(around)) if around.size else 0.0
            if step[frame] >= MIN_STEP and step[frame] > TIMES * usual:
                strength[frame, view] = step[frame]
    return strength


def _small(crop: NDArray[np.uint8]) -> Floats:
    grey = cv2.cvtColor(np.ascontiguousarray(crop.transpose(1, 2, 0)), cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (SMALL, SMALL), interpolation=cv2.INTER_AREA), np.float64)


def _steps(small: Floats) -> Floats:
    """[F]: difference of each small picture [F, h, w] (0..255) to the one before; the first is 0."""
    flat = small.reshape(len(small), -1)
    centred = flat - flat.mean(1, keepdims=True)
    size = np.linalg.norm(centred, axis=1)
    correlation = (centred[1:] * centred[:-1]).sum(1) / np.maximum(size[1:] * size[:-1], 1e-9)
    blank = (size[1:] < 1e-6) | (size[:-1] < 1e-6)
    form = np.where(blank, 0.0, (1 - correlation) / 2)
    histograms = np.stack([np.histogram(picture, BINS, (0, 256))[0] for picture in flat]) / flat.shape[1]
    tone = np.abs(np.diff(histograms, axis=0)).sum(1) / 2
    return np.r_[0.0, (form + tone) / 2 if len(small) > 1 else []]

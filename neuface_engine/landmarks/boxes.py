"""The box of one face through the frames, from a face detector that looks at some of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neuface_engine.landmarks.following import Follower
from neuface_engine.landmarks.roi import EXPANSION, Roi
from neuface_engine.landmarks.scene import Scene

Floats = NDArray[np.float64]
Find = Callable[[int], tuple[Floats, tuple[int, int]]]
"""From a frame to the boxes [K, 4] (x0, y0, x1, y1) in it and its (width, height)."""


@dataclass(frozen=True)
class BoxPath:
    """boxes [F, 4] (x0, y0, x1, y1) in frame px; present [F]: whether the face is there."""

    boxes: Floats
    present: NDArray[np.bool_]


def follow_boxes(find: Find, num_frames: int, scene: Scene, v: int, *, interval: int) -> BoxPath:
    """The wanted face of view v: sought in every `interval`-th frame of each shot, interpolated between.

    Where it is found in one of two neighbouring searched frames alone, it is held up to the middle between them.
    """
    path = BoxPath(np.zeros((num_frames, 4)), np.zeros(num_frames, np.bool_))
    pick = scene.face.pick(scene.name(v))
    bounds = [0, *sorted(cut for cut in scene.cuts(v) if 0 < cut < num_frames), num_frames]
    for first, end in pairwise(bounds):
        start = pick.frame if pick is not None and first <= pick.frame < end else first
        found: dict[int, Floats | None] = {}
        ahead = sorted({*range(start, end, interval), end - 1})
        behind = sorted({*range(start, first - 1, -interval), first}, reverse=True)
        for frames in (ahead, behind if start > first else []):
            follower = Follower(scene.face.rule, pick)
            follower.begin(start)
            for f in frames:
                if found.get(f) is None:
                    found[f] = _step(follower, *find(f))
                else:
                    follower.seen(_region(found[f]))
        _fill(path, found, first, end)
    return path


def _step(follower: Follower, boxes: Floats, size: tuple[int, int]) -> Floats | None:
    rois = [_region(box) for box in boxes]
    order = follower.candidates(rois, *size)
    follower.seen(order[0] if order else None)
    if not order:
        return None
    return np.asarray(boxes[next(k for k, roi in enumerate(rois) if roi is order[0])], np.float64)


def _fill(path: BoxPath, found: dict[int, Floats | None], first: int, end: int) -> None:
    searched = sorted(found)
    for a, b in pairwise(searched):
        box_a, box_b = found[a], found[b]
        for f in range(a, b):
            weight = (f - a) / (b - a)
            if box_a is not None and box_b is not None:
                path.boxes[f], path.present[f] = (1 - weight) * box_a + weight * box_b, True
            elif (near := box_a if weight < 0.5 else box_b) is not None:
                path.boxes[f], path.present[f] = near, True
    last = found[searched[-1]]
    if last is not None:
        path.boxes[searched[-1]], path.present[searched[-1]] = last, True


def _region(box: Floats | None) -> Roi:
    assert box is not None
    x0, y0, x1, y1 = np.asarray(box, np.float64)[:4].tolist()
    return Roi((x0 + x1) / 2, (y0 + y1) / 2, EXPANSION * max(x1 - x0, y1 - y0), 0.0)

"""What is known of each frame of the open footage: ok, suspect, not fitted, or without a face."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from neuface_engine.optimization.repairs import Excluded
from neuface_engine.places import Place
from neuface_engine.review.flags import Flag

TOLD_APART = frozenset({"no_face_share", "unfitted_share"})  # flags that have states of their own


class FrameState(IntEnum):
    """From the least to the most that is amiss."""

    OK = 0
    SUSPECT = 1  # a flag's worst place
    PART = 2  # some views have no face, or are left out
    NOT_FITTED = 3  # left out by a repair in every view
    NO_FACE = 4


@dataclass(frozen=True)
class FrameRun:
    """Frames first..last (both included) in one state, and why, in words."""

    first: int
    last: int
    state: FrameState
    words: str


def frame_runs(
    detected: NDArray[np.bool_],
    view_names: Sequence[str],
    excluded: Iterable[Excluded] = (),
    flagged: Iterable[tuple[Flag, Sequence[Place]]] = (),
) -> list[FrameRun]:
    """The runs of frames that are not simply ok, in their order.

    detected [F, V]; `flagged` are the raised flags with where they were measured to be worst.
    """
    frames, views = detected.shape
    left_out = np.zeros((frames, views), bool)
    for entry in excluded:
        if entry.first is None and entry.last is None:
            continue  # a whole view: it says nothing of any frame
        of_view = [entry.view in (None, name) for name in view_names]
        left_out[np.ix_(np.asarray(entry.frames(frames)), np.flatnonzero(of_view))] = True
    suspicions = [list[str]() for _ in range(frames)]
    for flag, places in flagged:
        if flag.measure in TOLD_APART:
            continue
        for place in places:
            if place.first == 0 and place.last == frames - 1:
                continue  # of the whole clip, and no place to go to
            where = "" if place.view is None or place.view >= views else f" in {view_names[place.view]}"
            for frame in range(max(0, place.first), min(frames, place.last + 1)):
                suspicions[frame].append(f"{flag.name}{where}")
    described = [
        _describe(found, out, view_names, suspicion)
        for found, out, suspicion in zip(detected, left_out, suspicions, strict=True)
    ]
    edges = [f for f in range(frames) if f == 0 or described[f] != described[f - 1]]
    runs = [
        FrameRun(first, end - 1, *described[first])
        for first, end in zip(edges, [*edges[1:], frames], strict=True)
    ]
    return [run for run in runs if run.state != FrameState.OK]


def _describe(
    found: NDArray[np.bool_], out: NDArray[np.bool_], names: Sequence[str], suspicion: list[str]
) -> tuple[FrameState, str]:
    """State and words of one frame: what is found and left out in each view, and what is suspected."""
    if not found.any():
        return FrameState.NO_FACE, "no face in any view"
    if not (found & ~out).any():
        return FrameState.NOT_FITTED, "not fitted: left out by a repair"
    words = []
    for text, where in (("no face in", ~found), ("left out in", out)):
        if where.any():
            words.append(f"{text} {', '.join(names[int(view)] for view in np.flatnonzero(where))}")
    part = bool(words)
    if suspicion:
        words.append(f"suspect: {', '.join(dict.fromkeys(suspicion))}")
    if part:
        return FrameState.PART, "; ".join(words)
    return (FrameState.SUSPECT if suspicion else FrameState.OK), "; ".join(words)

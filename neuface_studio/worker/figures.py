"""Figures that need a whole track: of a run that rests, and of a result that was loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from neuface_studio.model import IterationRecord
from neuface_studio.worker.mailbox import SavedResult

Figures = dict[str, dict[str, float]]
"""``{"encoder": {measure: value}, "neuface": {...}}``."""


def tracks_of(run: Any) -> dict[str, Any]:
    """What the measures of a run are about: the encoder alone, and the newest iteration."""
    return {"encoder": run.track(iteration=0), "neuface": run.track()}


def figures_of(tracks: Mapping[str, Any], sequence: Any, stopped: Callable[[], bool]) -> Figures:
    """The measures of each track on its footage; none where ``stopped`` says so meanwhile."""
    import neuface_engine as nf

    figures: Figures = {}
    for name, track in tracks.items():
        if stopped():
            return {}
        values = nf.metrics.evaluate(track, sequence).as_dict()
        figures[name] = {
            key: float(value) for key, value in values.items() if isinstance(value, (int, float))
        }
    return figures


def measured(saved: SavedResult) -> IterationRecord:
    """A result that was loaded, with the figures that an iteration has."""
    import neuface_engine as nf

    track = saved.track
    valid = track.detected.float()
    landmarks = track.landmarks(kind="dynamic")
    projected = nf.project(landmarks, track.parameters.camera)
    return replace(
        saved.record,
        cvd_mm=nf.metrics.cross_view_distance(track.vertices(space="canonical"), valid).per_view_mm(),
        msi=nf.metrics.motion_stability(landmarks, valid),
        nme_percent=nf.metrics.landmark_error(projected, track.landmarks_2d, valid),
    )

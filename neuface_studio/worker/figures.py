"""Figures that need a whole track: of a run that rests, and of a result that was loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from neuface_studio.model import IterationRecord
from neuface_studio.worker.mailbox import SavedResult

Figures = dict[str, dict[str, float]]
"""``{"encoder": {measure: value}, "neuface": {...}}``."""


def tracks_of(run: Any) -> dict[str, Any]:
    """What the measures of a run are about: the encoder alone, and the newest iteration."""
    encoder = {"encoder": run.track(iteration=0)} if 0 in run.history.indices else {}
    return encoder | {"neuface": run.track()}


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

    track, record = saved.track, saved.record
    valid = track.detected.float()
    canonical = track.vertices(space="canonical").nan_to_num()
    record = replace(record, cvd_mm=nf.metrics.cross_view_distance(canonical, valid).per_view_mm())
    with suppress(nf.TrackError):  # meshes on which no landmarks are known
        stability = nf.metrics.motion_stability(track.landmarks(kind="dynamic").nan_to_num(), valid)
        record = replace(record, msi=stability)
    with suppress(nf.TrackError):  # and such without a camera
        projected = track.projected_landmarks().nan_to_num()
        error = nf.metrics.landmark_error(projected, track.landmarks_2d.nan_to_num(), valid)
        record = replace(record, nme_percent=error)
    return record

"""All metrics of one track against its sequence."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch

from neuface_engine.face_model import project
from neuface_engine.metrics.apertures import LIDS, LIPS, aperture_ratio
from neuface_engine.metrics.averages import nan_mean
from neuface_engine.metrics.cross_view import cross_view_distance
from neuface_engine.metrics.landmark_error import landmark_error
from neuface_engine.metrics.stability import motion_stability
from neuface_engine.metrics.vertex_error import vertex_error_mm

if TYPE_CHECKING:
    from neuface_engine.tracks import FaceTrack
    from neuface_engine.video import Sequence


@dataclass(frozen=True)
class Metrics:
    """See docs/metrics.md for the definitions; NaN where a metric does not exist.

    cvd_mm, cvd_mm_per_view   cross-view vertex distance, L1 per vertex, mm (two views or more)
    msi_landmark, msi_vertex  motion stability index, 1 / (mm^2 / frame^4), mean over views
    nme_percent               landmark error in percent of the landmark box
    lip_, lid_aperture_ratio  spread of the opening, mesh against landmarks
    shape_norm                mean 2-norm of beta
    shape_rms_sd              rms of beta in standard deviations
    mpve_mm                   mean vertex error, only where the sequence has ground truth (else None)
    """

    cvd_mm: float
    cvd_mm_per_view: dict[str, float]
    msi_landmark: float
    msi_vertex: float
    nme_percent: float
    lip_aperture_ratio: float
    lid_aperture_ratio: float
    shape_norm: float
    shape_rms_sd: float
    mpve_mm: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON: NaN becomes None; mpve_mm only where there is ground truth."""
        values = {k: _jsonable(v) for k, v in asdict(self).items()}
        if self.mpve_mm is None:
            del values["mpve_mm"]
        return values


@torch.no_grad()
def evaluate(track: FaceTrack, sequence: Sequence | None = None) -> Metrics:
    """Metrics of `track`; the detected landmarks come from the track, ground truth from `sequence` if it has any."""
    valid = track.detected.float()
    canonical = track.vertices(space="canonical")
    landmarks = track.landmarks(kind="dynamic")
    projected = project(landmarks, track.parameters.camera)
    detected = track.landmarks_2d
    cvd = cross_view_distance(canonical, valid)
    shape = track.parameters.shape[track.detected]
    truth = None if sequence is None else sequence.ground_truth
    mpve = None
    if (
        truth is not None
        and truth.parameters is not None
        and truth.head_fingerprint == track.head.fingerprint
    ):
        mpve = vertex_error_mm(canonical, track.head.canonical_vertices(truth.parameters), valid)
    return Metrics(
        cvd_mm=cvd.mean_mm(),
        cvd_mm_per_view=dict(zip(track.views, cvd.per_view_mm().tolist(), strict=True)),
        msi_landmark=nan_mean(motion_stability(landmarks, valid)),
        msi_vertex=nan_mean(motion_stability(track.vertices(space="posed"), valid)),
        nme_percent=nan_mean(landmark_error(projected, detected, valid)),
        lip_aperture_ratio=aperture_ratio(projected, detected, valid, LIPS),
        lid_aperture_ratio=aperture_ratio(projected, detected, valid, LIDS),
        shape_norm=float(shape.norm(dim=-1).mean()),
        shape_rms_sd=float(shape.square().mean().sqrt()),
        mpve_mm=mpve,
    )


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _jsonable(v) for k, v in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value

"""The figures of one track in one object: what `neuface track`, `compare` and the studio show."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from neuface_engine.arguments import expect
from neuface_engine.errors import ConfigError
from neuface_engine.landmarks.topology import LIDS, LIPS
from neuface_engine.metrics.apertures import aperture_ratio
from neuface_engine.metrics.averages import jsonable, nan_mean
from neuface_engine.metrics.cross_view import cross_view_distance
from neuface_engine.metrics.landmark_error import landmark_error
from neuface_engine.metrics.stability import motion_stability
from neuface_engine.metrics.vertex_error import vertex_error_mm

if TYPE_CHECKING:
    from neuface_engine.tracks import FaceTrack, MeshTrack
    from neuface_engine.video import GroundTruth, MeshTruth, Sequence


@dataclass(frozen=True)
class Metrics:
    """See docs/metrics.md for the definitions; NaN where a metric does not exist. `examine` has the rest.

    cvd_mm, cvd_mm_per_view   cross-view vertex distance, L1 per vertex, mm (two views or more)
    msi_landmark, msi_vertex  motion stability index, 1 / (mm^2 / frame^4), mean over views
    nme_percent               landmark error in percent of the landmark box, in every crop alike: the mean of the views
                              stays comparable between methods, which a length chosen by the yaw would not be
                              (`examine` gives that one and the inter-ocular one)
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

    @property
    def nme(self) -> float:
        """`nme_percent`."""
        return self.nme_percent

    def as_dict(self) -> dict[str, Any]:
        """For JSON: NaN becomes None; mpve_mm only where there is ground truth."""
        values: dict[str, Any] = jsonable(asdict(self))
        if self.mpve_mm is None:
            del values["mpve_mm"]
        return values


@torch.no_grad()
def evaluate(
    track: FaceTrack | MeshTrack,
    sequence: Sequence | None = None,
    *,
    truth: GroundTruth | MeshTruth | None = None,
) -> Metrics:
    """Metrics of `track`. The detected landmarks come from the track, ground truth from `truth` or else `sequence`.

    Of meshes without parameters: what needs neither parameters nor the head's orientation. Raises ConfigError for a
    sequence that the track was not made from.
    """
    from neuface_engine.tracks import FaceTrack
    from neuface_engine.tracks.meshes import MeshTrack
    from neuface_engine.video import Sequence

    expect(track, (FaceTrack, MeshTrack), "track", "a FaceTrack, as run.track() and FaceTrack.load return")
    expect(sequence, (Sequence, type(None)), "sequence", "what load_sequence returns")
    if sequence is not None and (sequence.views, sequence.num_frames) != (
        tuple(track.views),
        len(track.detected),
    ):
        raise ConfigError(
            f"the track has {len(track.detected)} frames of {', '.join(track.views)} and the sequence {sequence.name} "
            f"{sequence.num_frames} of {', '.join(sequence.views)}; give the footage that it was made from"
        )
    if isinstance(track, MeshTrack):
        return _evaluate_meshes(track)
    valid = track.detected.float()
    canonical = track.vertices(space="canonical")
    landmarks = track.landmarks(kind="dynamic")
    projected = track.projected_landmarks()
    detected = track.landmarks_2d
    cvd = cross_view_distance(canonical, valid)
    shape = track.parameters.shape[track.detected]
    true = true_vertices(track, sequence, truth)
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
        mpve_mm=None if true is None else vertex_error_mm(canonical, true, valid),
    )


def _evaluate_meshes(track: MeshTrack) -> Metrics:
    valid, nan = track.detected.float(), float("nan")
    cvd = cross_view_distance(track.vertices(space="canonical").nan_to_num(), valid)
    landmarks = None if track.head is None else track.landmarks().nan_to_num()
    projected = (
        track.projected_landmarks().nan_to_num() if track.head is not None and track.has_camera else None
    )
    detected = track.landmarks_2d
    return Metrics(
        cvd_mm=cvd.mean_mm(),
        cvd_mm_per_view=dict(zip(track.views, cvd.per_view_mm().tolist(), strict=True)),
        msi_landmark=nan if landmarks is None else nan_mean(motion_stability(landmarks, valid)),
        msi_vertex=nan_mean(motion_stability(track.vertices(space="posed").nan_to_num(), valid)),
        nme_percent=nan if projected is None else nan_mean(landmark_error(projected, detected, valid)),
        lip_aperture_ratio=nan if projected is None else aperture_ratio(projected, detected, valid, LIPS),
        lid_aperture_ratio=nan if projected is None else aperture_ratio(projected, detected, valid, LIDS),
        shape_norm=nan,
        shape_rms_sd=nan,
    )


def true_vertices(
    track: FaceTrack, sequence: Sequence | None = None, truth: GroundTruth | MeshTruth | None = None
) -> Tensor | None:
    """Canonical vertices [F, V, N, 3] of the ground truth; None where there is none, or it is of another head."""
    if truth is None and sequence is not None:
        truth = sequence.ground_truth
    if truth is None:
        return None
    from neuface_engine.video.ground_truth import MeshTruth

    if isinstance(truth, MeshTruth):  # in the topology of FLAME
        fits = truth.vertices.shape[-2] == track.head.num_vertices and track.head.name != "open"
        return truth.vertices if fits else None
    if truth.head_fingerprint != track.head.fingerprint:
        return None
    return track.head.canonical_vertices(truth.parameters)

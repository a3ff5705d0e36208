"""Everything that can be measured on one track, figure by figure, view by view, and crop by crop for the review."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuface_engine.landmarks.topology import LIDS, LIPS
from neuface_engine.metrics.apertures import aperture_ratio, opening
from neuface_engine.metrics.averages import to_numpy
from neuface_engine.metrics.cross_view import CrossViewDistance, cross_view_distance, vertex_confidence
from neuface_engine.metrics.evaluation import true_vertices
from neuface_engine.metrics.identity import IdentityDrift, identity_drift
from neuface_engine.metrics.landmark_error import LandmarkErrors, landmark_box, landmark_errors, yaw_deg
from neuface_engine.metrics.plausibility import CoefficientFigures, coefficient_figures
from neuface_engine.metrics.reference_normals import reference_normal_angles
from neuface_engine.metrics.report import report
from neuface_engine.metrics.scan import Alignment
from neuface_engine.metrics.stability import point_stability, region_stability, windowed_stability
from neuface_engine.metrics.track_scan import Scan, TrackScanDistance, track_scan_distance
from neuface_engine.metrics.vertex_error import vertex_error_mm

if TYPE_CHECKING:
    from neuface_engine.tracks import FaceTrack
    from neuface_engine.video import GroundTruth, Sequence

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Stability:
    """1 / variance of the acceleration, frame^4 / mm^2: of each point [V, K], and StableFace's windowed index [V]."""

    landmarks: Floats
    vertices: Floats
    canonical: Floats
    regions: dict[str, Floats]
    windowed: Floats
    windowed_detected: Floats


@dataclass(frozen=True)
class Openings:
    """Lip or lid opening in percent of the landmark box [F, V], of the mesh and of the landmarks; their ratio."""

    mesh_percent: Floats
    landmarks_percent: Floats
    ratio: float


@dataclass(frozen=True)
class Details:
    """F frames, V views; NaN where a figure does not exist. Figures of the reference, scan and truth only where given.

    cvd          "l1", "euclidean", "l1_visible", "euclidean_visible"
    identity     of the whole head, and of the face where the head has such a region
    normals_deg  [F, V]
    """

    views: tuple[str, ...]
    fps: float
    known: NDArray[np.bool_]
    yaw_deg: Floats
    cvd: dict[str, CrossViewDistance]
    msi: Stability
    nme: LandmarkErrors
    lips: Openings
    lids: Openings
    identity: dict[str, IdentityDrift]
    shape: CoefficientFigures
    expression: CoefficientFigures
    expression_names: tuple[str, ...] = ()
    mpve_mm: dict[str, float] | None = None
    normals_deg: Floats | None = None
    scan: TrackScanDistance | None = None

    def per_crop(self) -> dict[str, Floats]:
        """What a review can flag, each [F, V]."""
        crops = {
            "yaw_deg": np.where(self.known, self.yaw_deg, np.nan),
            "nme_box_percent": self.nme.box_percent,
            "nme_percent": self.nme.percent,
            "cvd_l1_mm": self.cvd["l1"].per_view_and_frame_mm(),
            "lip_opening_mesh_percent": self.lips.mesh_percent,
            "lip_opening_landmarks_percent": self.lips.landmarks_percent,
            "lid_opening_mesh_percent": self.lids.mesh_percent,
            "lid_opening_landmarks_percent": self.lids.landmarks_percent,
            "identity_mm": self.identity["head"].by_crop_mm,
        }
        return crops if self.normals_deg is None else {**crops, "normals_deg": self.normals_deg}

    def as_dict(self, *, per_crop: bool = False) -> dict[str, Any]:
        """For JSON, units in the names or beside them; NaN becomes None. With `per_crop` also lists [F][V]."""
        return report(self, per_crop=per_crop)


@torch.no_grad()
def examine(
    track: FaceTrack,
    sequence: Sequence | None = None,
    *,
    truth: GroundTruth | None = None,
    reference: str | Path | None = None,
    scans: Mapping[int, Scan] | None = None,
    align: Alignment = "rigid",
) -> Details:
    """All figures of a track. `reference`: folder of normal maps; `scans`: see `track_scan_distance`.

    Raises MediaError where the reference cannot be used.
    """
    head, valid = track.head, track.detected.float()
    canonical, posed = track.vertices(space="canonical"), track.vertices(space="posed")
    landmarks, detected = track.landmarks(kind="dynamic"), track.landmarks_2d
    projected = track.projected_landmarks()
    rotation = track.parameters.head_rotation
    visible = vertex_confidence(canonical, rotation, head.faces) if len(track.views) > 1 else None
    still = point_stability(canonical, valid)
    whole = {"head": identity_drift(head, track.parameters.shape, valid)}
    face = head.regions.get("face")
    if face is not None:
        whole["face"] = identity_drift(head, track.parameters.shape, valid, region=face)
    true = true_vertices(track, sequence, truth)
    mpve = None
    if true is not None:
        mpve = {"head": vertex_error_mm(canonical, true, valid)}
        if face is not None:
            mpve["face"] = vertex_error_mm(canonical[:, :, face], true[:, :, face], valid)
    return Details(
        views=track.views,
        fps=track.fps,
        known=track.detected.numpy(),
        yaw_deg=yaw_deg(rotation),
        cvd={
            "l1": cross_view_distance(canonical, valid),
            "euclidean": cross_view_distance(canonical, valid, norm="euclidean"),
            "l1_visible": cross_view_distance(canonical, valid, visibility=visible),
            "euclidean_visible": cross_view_distance(canonical, valid, norm="euclidean", visibility=visible),
        },
        msi=Stability(
            landmarks=point_stability(landmarks, valid),
            vertices=point_stability(posed, valid),
            canonical=still,
            regions=region_stability(still, head.regions),
            windowed=windowed_stability(_frame_pixels(projected, track), valid),
            windowed_detected=windowed_stability(_frame_pixels(detected, track), valid),
        ),
        nme=landmark_errors(projected, detected, valid, rotation),
        lips=_apertures(projected, detected, valid, LIPS),
        lids=_apertures(projected, detected, valid, LIDS),
        identity=whole,
        shape=coefficient_figures(track.parameters.shape, valid),
        expression=coefficient_figures(track.parameters.expression, valid),
        expression_names=head.expression_names,
        mpve_mm=mpve,
        normals_deg=None if reference is None else reference_normal_angles(track, Path(reference)),
        scan=None if scans is None else track_scan_distance(track, scans, align=align),
    )


def _frame_pixels(points: Tensor, track: FaceTrack) -> Tensor:
    """Crop units [F, V, K, 2] -> pixels of the video: a crop follows the face, and takes part of its jitter along."""
    transforms = torch.from_numpy(track.crop_transforms)
    pixels = (points.double() + 1) * (track.crop_size / 2) - transforms[:, :, None, :, 2]
    return pixels @ torch.linalg.inv(transforms[..., :2]).transpose(-1, -2)


def _apertures(projected: Tensor, detected: Tensor, valid: Tensor, pairs: Any) -> Openings:
    known = valid.numpy() > 0
    box = to_numpy(landmark_box(detected))

    def percent(points: Tensor) -> Floats:
        return np.where(known, 100 * to_numpy(opening(points, pairs)) / box, np.nan)

    return Openings(percent(projected), percent(detected), aperture_ratio(projected, detected, valid, pairs))

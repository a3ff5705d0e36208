"""The numbers by which a track is judged; docs/metrics.md says what each is good and bad for.

All take [frame, view, ...] and leave out crops in which no face was found (`valid` [F, V], 0 or 1).
"""

from neuface_engine.landmarks.topology import LIDS, LIPS
from neuface_engine.metrics.apertures import aperture_ratio, opening
from neuface_engine.metrics.cross_view import CrossViewDistance, cross_view_distance, vertex_confidence
from neuface_engine.metrics.details import Details, examine
from neuface_engine.metrics.evaluation import Metrics, evaluate
from neuface_engine.metrics.identity import IdentityDrift, identity_drift
from neuface_engine.metrics.landmark_error import LandmarkErrors, landmark_error, landmark_errors, yaw_deg
from neuface_engine.metrics.measuring import Measured, measure, measures
from neuface_engine.metrics.plausibility import CoefficientFigures, coefficient_figures
from neuface_engine.metrics.reference_normals import reference_normal_angles
from neuface_engine.metrics.scan import ScanDistance, scan_distance
from neuface_engine.metrics.stability import (
    motion_stability,
    point_stability,
    region_stability,
    stability_summary,
    windowed_stability,
)
from neuface_engine.metrics.track_scan import NEUTRAL, Scan, load_scans, track_scan_distance
from neuface_engine.metrics.vertex_error import vertex_error_mm

__all__ = [
    "LIDS",
    "LIPS",
    "NEUTRAL",
    "CoefficientFigures",
    "CrossViewDistance",
    "Details",
    "IdentityDrift",
    "LandmarkErrors",
    "Measured",
    "Metrics",
    "Scan",
    "ScanDistance",
    "aperture_ratio",
    "coefficient_figures",
    "cross_view_distance",
    "evaluate",
    "examine",
    "identity_drift",
    "landmark_error",
    "landmark_errors",
    "load_scans",
    "measure",
    "measures",
    "motion_stability",
    "opening",
    "point_stability",
    "reference_normal_angles",
    "region_stability",
    "scan_distance",
    "stability_summary",
    "track_scan_distance",
    "vertex_confidence",
    "vertex_error_mm",
    "windowed_stability",
    "yaw_deg",
]

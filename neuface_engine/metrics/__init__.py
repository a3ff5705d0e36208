"""The numbers by which a track is judged; docs/metrics.md says what each is good and bad for.

All take [frame, view, ...] and leave out crops in which no face was found (`valid` [F, V], 0 or 1).
"""

from neuface_engine.metrics.apertures import LIDS, LIPS, aperture_ratio, opening
from neuface_engine.metrics.cross_view import CrossViewDistance, cross_view_distance, vertex_confidence
from neuface_engine.metrics.evaluation import Metrics, evaluate
from neuface_engine.metrics.landmark_error import LandmarkErrors, landmark_error, landmark_errors, yaw_deg
from neuface_engine.metrics.stability import (
    motion_stability,
    point_stability,
    region_stability,
    stability_summary,
    windowed_stability,
)
from neuface_engine.metrics.vertex_error import vertex_error_mm

__all__ = [
    "LIDS",
    "LIPS",
    "CrossViewDistance",
    "LandmarkErrors",
    "Metrics",
    "aperture_ratio",
    "cross_view_distance",
    "evaluate",
    "landmark_error",
    "landmark_errors",
    "motion_stability",
    "opening",
    "point_stability",
    "region_stability",
    "stability_summary",
    "vertex_confidence",
    "vertex_error_mm",
    "windowed_stability",
    "yaw_deg",
]

"""Cross-view distance, motion stability, landmark error, apertures, vertex error."""

from neuface_engine.metrics.evaluation import Metrics, evaluate
from neuface_engine.metrics.measures import (
    LIDS,
    LIPS,
    CrossViewDistance,
    aperture_ratio,
    cross_view_distance,
    landmark_error,
    motion_stability,
    vertex_error_mm,
)

__all__ = [
    "LIDS",
    "LIPS",
    "CrossViewDistance",
    "Metrics",
    "aperture_ratio",
    "cross_view_distance",
    "evaluate",
    "landmark_error",
    "motion_stability",
    "vertex_error_mm",
]

"""The details of a track as JSON values: means over what was measured, units in the names or beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neuface_engine.metrics.averages import jsonable, masked_mean, nan_mean
from neuface_engine.metrics.cross_view import CrossViewDistance
from neuface_engine.metrics.identity import IdentityDrift
from neuface_engine.metrics.landmark_error import YAW_LIMIT_DEG, LandmarkErrors
from neuface_engine.metrics.plausibility import CoefficientFigures
from neuface_engine.metrics.stability import VARIANCE_FLOOR, stability_summary
from neuface_engine.metrics.track_scan import TrackScanDistance

if TYPE_CHECKING:
    from neuface_engine.metrics.details import Details, Openings, Stability

Floats = NDArray[np.float64]
Views = tuple[str, ...]


def report(details: Details, *, per_crop: bool) -> dict[str, Any]:
    """Nested values of `Details`; None for what does not exist, no key for what was not asked for."""
    views = details.views
    values: dict[str, Any] = {
        "fps": details.fps,
        "frames": len(details.known),
        "crops_with_face": int(details.known.sum()),
        "cvd": {"unit": "mm", **{name: _cvd(cvd, views) for name, cvd in details.cvd.items()}},
        "msi": _msi(details.msi, views, details.fps),
        "nme": _nme(details.nme, views, details.known),
        "apertures": {"lips": _openings(details.lips), "lids": _openings(details.lids)},
        "identity": {name: _identity(drift, views) for name, drift in details.identity.items()},
        "shape": {**_coefficients(details.shape, ()), "norm_percentile": details.shape.norm_percentile},
        "expression": _coefficients(details.expression, details.expression_names),
    }
    if details.mpve_mm is not None:
        values["mpve_mm"] = details.mpve_mm
    if details.normals_deg is not None:
        values["normals"] = {
            "mean_angle_deg": nan_mean(details.normals_deg),
            "per_view_deg": _named(views, _over_frames(details.normals_deg)),
            "crops": int(np.isfinite(details.normals_deg).sum()),
        }
    if details.scan is not None:
        values["scan"] = _scan(details.scan)
    if per_crop:
        values["per_crop"] = {name: figures.tolist() for name, figures in details.per_crop().items()}
    return jsonable(values)


def _named(views: Views, per_view: Floats) -> dict[str, float]:
    return dict(zip(views, per_view.tolist(), strict=True))


def _over_frames(values: Floats) -> Floats:
    """[F, V] -> [V]."""
    return masked_mean(values, np.isfinite(values))


def _cvd(cvd: CrossViewDistance, views: Views) -> dict[str, Any]:
    return {
        "mean": cvd.mean_mm(),
        "per_view": _named(views, cvd.per_view_mm()),
        "matrix": cvd.matrix_mm.tolist(),
    }


def _msi(msi: Stability, views: Views, fps: float) -> dict[str, Any]:
    def summary(per_point: Floats) -> dict[str, Any]:
        return {**stability_summary(per_point), "per_view": _named(views, per_point.mean(1))}

    return {
        "unit": "frame^4/mm^2",
        "fps": fps,
        "largest": 1 / VARIANCE_FLOOR,
        "landmark": summary(msi.landmarks),
        "vertex": summary(msi.vertices),
        "vertex_without_head_pose": summary(msi.canonical),
        "regions_without_head_pose": {name: nan_mean(values) for name, values in msi.regions.items()},
        "windowed": {
            "unit": "0 to 2",
            "mesh": nan_mean(msi.windowed),
            "detected_landmarks": nan_mean(msi.windowed_detected),
            "per_view": _named(views, msi.windowed),
        },
    }


def _nme(nme: LandmarkErrors, views: Views, known: NDArray[np.bool_]) -> dict[str, Any]:
    by_box = nme.side_view & known
    by_eyes = known & ~nme.side_view
    box, chosen = _over_frames(nme.box_percent), _over_frames(nme.percent)
    return {
        "unit": "%",
        "box": nan_mean(box),
        "interocular_up_to_yaw_limit": nan_mean(
            _over_frames(np.where(by_eyes, nme.interocular_percent, np.nan))
        ),
        "by_yaw": nan_mean(chosen),
        "yaw_limit_deg": YAW_LIMIT_DEG,
        "crops_by_box": int(by_box.sum()),
        "crops_by_interocular": int(by_eyes.sum()),
        "per_view": {
            name: {
                "box": float(box[v]),
                "by_yaw": float(chosen[v]),
                "normalised_by": _normaliser(bool(by_eyes[:, v].any()), bool(by_box[:, v].any())),
            }
            for v, name in enumerate(views)
        },
        "parts_box": {name: nan_mean(values) for name, values in nme.parts_percent().items()},
    }


def _normaliser(eyes: bool, box: bool) -> str | None:
    if eyes and box:
        return "both"
    return "eyes" if eyes else "box" if box else None


def _openings(openings: Openings) -> dict[str, Any]:
    return {
        "ratio": openings.ratio,
        "mesh_mean_percent": nan_mean(openings.mesh_percent),
        "landmarks_mean_percent": nan_mean(openings.landmarks_percent),
    }


def _identity(drift: IdentityDrift, views: Views) -> dict[str, Any]:
    return {
        "over_time_mm": nan_mean(drift.over_time_mm),
        "trend_mm": nan_mean(drift.trend_mm),
        "across_views_mm": nan_mean(drift.across_views_mm),
        "over_time_sd": nan_mean(drift.over_time_sd),
        "across_views_sd": nan_mean(drift.across_views_sd),
        "over_time_mm_per_view": _named(views, drift.over_time_mm),
        "across_views_mm_per_view": _named(views, drift.across_views_mm),
    }


def _coefficients(figures: CoefficientFigures, names: tuple[str, ...]) -> dict[str, Any]:
    component = figures.largest_component
    return {
        "rms": figures.rms,
        "norm": figures.norm,
        "largest": figures.largest,
        "largest_component": names[component] if names and component is not None else component,
        "share_beyond_3": figures.extreme_share,
        "per_component_rms": figures.per_component_rms.tolist(),
    }


def _scan(scan: TrackScanDistance) -> dict[str, Any]:
    return {
        "mean_mm": scan.mean_mm,
        "median_mm": scan.median_mm,
        "sd_mm": scan.sd_mm,
        "align": scan.align,
        "file_unit": scan.unit,
        "scale": scan.scale,
        "points": sum(len(values) for values in scan.by_view.values()),
        "per_view_mm": {name: nan_mean(values) for name, values in scan.by_view.items()},
        "frames": len(scan.by_frame),
    }

"""The numbers behind the review's automatic flags, and the frames and views in which to look."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuface_engine.face_model import project_depth
from neuface_engine.landmarks.topology import LIDS, LIPS
from neuface_engine.metrics.apertures import Pairs, aperture_ratio, opening
from neuface_engine.metrics.averages import nan_mean, to_numpy
from neuface_engine.metrics.cross_view import cross_view_distance
from neuface_engine.metrics.evaluation import evaluate
from neuface_engine.metrics.identity import identity_drift
from neuface_engine.metrics.jumps import jump_percent
from neuface_engine.metrics.landmark_error import landmark_box, landmark_errors, yaw_deg
from neuface_engine.metrics.plausibility import coefficient_figures
from neuface_engine.metrics.stability import motion_stability
from neuface_engine.metrics.synchrony import synchrony
from neuface_engine.places import Place, runs

if TYPE_CHECKING:
    from neuface_engine.tracks import FaceTrack, MeshTrack
    from neuface_engine.video import Sequence

Floats = NDArray[np.float64]
JUMP_PERCENT = 5.0  # of the face's size: where places of jumps begin; the flag's threshold is the project's
WORST_SHARE = 95.0  # percentile within the clip from which a picture is a place to look
PLACES = 6
PARAMETER = "parameter_"  # prefix of measures that say what the clip is, not how good it is
SHAPES, EXPRESSIONS = 8, 6


@dataclass(frozen=True)
class Measured:
    """values: what `measures` gives; places: measure -> where to look, the worst first (frames and views by position).

    Keys of `values` (NaN where a figure does not exist), means over what shows a face:
    shape_norm, shape_rms_sd              2-norm of beta; its rms in standard deviations of the model
    no_face_share, frames_without_face    of the pictures (frame and view) without a detected face: share, count
    unfitted_share, frames_not_fitted     of the footage's frames: no face in any view, excluded, or beyond the track
    nme_percent                           landmark error, percent of the landmark box
    residual_{contour,brows,nose,eyes,lips}_percent    the same of one part of the face
    cvd_mm, msi_landmark                  cross-view distance; motion stability, frame^4/mm^2
    lip_aperture_ratio, lid_aperture_ratio    how much the mesh opens for what the landmarks do; 0 = frozen
    identity_drift_mm, identity_across_views_mm   neutral face over time, and between the views
    jump_percent, jumps                   largest sudden step in percent of the face, and how many are above 5 %
    views_lag_frames                      largest lag of a view
    cuts                                  in the video; NaN without the footage
    frames, views                         of the track
    parameter_...                         mean shape, expression, head and jaw angles (degrees): what the clip is like
    """

    values: dict[str, float]
    places: dict[str, tuple[Place, ...]] = field(default_factory=dict)


def measures(track: FaceTrack | MeshTrack, sequence: Sequence | None = None) -> dict[str, float]:
    """The numbers of `measure` alone."""
    return measure(track, sequence).values


@torch.no_grad()
def measure(track: FaceTrack | MeshTrack, sequence: Sequence | None = None) -> Measured:
    """Everything the automatic flags look at. `sequence`: the footage; without it cuts are not known.

    Of meshes without parameters: what can be measured on meshes alone; the rest is NaN.
    Raises TrackError where the track's head is not at hand.
    """
    from neuface_engine.tracks.meshes import MeshTrack

    if isinstance(track, MeshTrack):
        return _of_meshes(track, sequence)
    valid, known = track.detected.float(), track.detected.numpy()
    parameters = track.parameters
    landmarks = track.landmarks(kind="dynamic")
    projected, detected = track.projected_landmarks(), track.landmarks_2d
    errors = landmark_errors(projected, detected, valid, parameters.head_rotation)
    cvd = cross_view_distance(track.vertices(space="canonical"), valid)
    identity = identity_drift(track.head, parameters.shape, valid)
    shape = coefficient_figures(parameters.shape, valid)
    together = synchrony(detected, valid)
    box = to_numpy(landmark_box(detected))
    jumps = jump_percent(*_in_frame(track, landmarks, box), known)
    fitted = _fitted(track, sequence)
    values = {
        "shape_norm": shape.norm,
        "shape_rms_sd": shape.rms,
        "no_face_share": float((~known).mean()) if known.size else float("nan"),
        "frames_without_face": float((~known).sum()),
        "unfitted_share": float((~fitted).mean()) if fitted.size else float("nan"),
        "frames_not_fitted": float((~fitted).sum()),
        "nme_percent": nan_mean(errors.box_percent),
        "cvd_mm": cvd.mean_mm(),
        "msi_landmark": nan_mean(motion_stability(landmarks, valid)),
        "lip_aperture_ratio": aperture_ratio(projected, detected, valid, LIPS),
        "lid_aperture_ratio": aperture_ratio(projected, detected, valid, LIDS),
        "identity_drift_mm": nan_mean(identity.over_time_mm),
        "identity_across_views_mm": nan_mean(identity.across_views_mm),
        "jump_percent": float(np.nanmax(jumps)) if np.isfinite(jumps).any() else float("nan"),
        "jumps": float(np.nansum(jumps > JUMP_PERCENT)),
        "views_lag_frames": together.largest_frames,
        "frames": float(known.shape[0]),
        "views": float(known.shape[1]),
    }
    parts = errors.parts_percent()
    values |= {f"residual_{part}_percent": nan_mean(error) for part, error in parts.items()}
    places = {
        "no_face_share": runs(~known),
        "unfitted_share": runs(~fitted),
        "nme_percent": worst(errors.box_percent),
        "cvd_mm": worst(cvd.per_view_and_frame_mm()),
        "identity_drift_mm": worst(identity.by_crop_mm),
        "lip_aperture_ratio": worst(_aperture_gap(projected, detected, known, LIPS)),
        "lid_aperture_ratio": worst(_aperture_gap(projected, detected, known, LIDS)),
        "jump_percent": runs(jumps > JUMP_PERCENT, jumps)[:PLACES] or worst(jumps)[:1],
        "msi_landmark": worst(jumps),
        "views_lag_frames": tuple(
            Place(0, len(known) - 1, view, abs(float(lag)))
            for view, lag in enumerate(together.per_view_frames)
            if np.isfinite(lag) and lag != 0
        ),
        **{f"residual_{part}_percent": worst(error) for part, error in parts.items()},
    }
    cuts = None if sequence is None else sequence.cuts
    values["cuts"] = float("nan") if cuts is None else float(len(cuts))
    places["cuts"] = tuple(Place(frame, frame) for frame in cuts or ())
    values |= _parameters(track, known)
    return Measured(values, {name: where for name, where in places.items() if where})


def _of_meshes(track: MeshTrack, sequence: Sequence | None) -> Measured:
    known = track.detected.numpy()
    cuts = None if sequence is None else sequence.cuts
    of_meshes = evaluate(track)
    values = {
        "no_face_share": float((~known).mean()) if known.size else float("nan"),
        "frames_without_face": float((~known).sum()),
        "nme_percent": of_meshes.nme_percent,
        "cvd_mm": of_meshes.cvd_mm,
        "msi_landmark": of_meshes.msi_landmark,
        "lip_aperture_ratio": of_meshes.lip_aperture_ratio,
        "lid_aperture_ratio": of_meshes.lid_aperture_ratio,
        "cuts": float("nan") if cuts is None else float(len(cuts)),
        "frames": float(known.shape[0]),
        "views": float(known.shape[1]),
    }
    places = {"no_face_share": runs(~known), "cuts": tuple(Place(frame, frame) for frame in cuts or ())}
    return Measured(values, {name: where for name, where in places.items() if where})


def worst(values: Floats, *, places: int = PLACES) -> tuple[Place, ...]:
    """The runs of pictures [F, V] with the largest 5 % of the clip's values, the worst first."""
    finite = values[np.isfinite(values)]
    if not finite.size or finite.max() <= 0:
        return ()
    return runs(np.nan_to_num(values, nan=-np.inf) >= np.percentile(finite, WORST_SHARE), values)[:places]


def _in_frame(track: FaceTrack, landmarks: Tensor, box: Floats) -> tuple[Floats, Floats]:
    """Landmarks [F, V, 68, 3] in the pixels of the video frame, with their depth, and the face's size there [F, V]."""
    points = to_numpy(project_depth(landmarks, track.parameters.camera))
    linear = np.linalg.inv(np.asarray(track.crop_transforms, np.float64)[..., :2])  # [F, V, 2, 2]
    half = track.crop_size / 2
    scale = half * np.sqrt(np.abs(np.linalg.det(linear)))
    shifted = (points[..., :2] + 1) * half - track.crop_transforms[:, :, None, :, 2]
    xy = np.einsum("fvij,fvkj->fvki", linear, shifted)
    return np.concatenate([xy, points[..., 2:] * scale[..., None, None]], -1), box * scale


def _fitted(track: FaceTrack, sequence: Sequence | None) -> NDArray[np.bool_]:
    """[F]: the frames (of the footage where it is longer) of which at least one view was evidence."""
    options = track.provenance.get("config") or {}
    evidence = track.detected.numpy().copy()
    evidence[[f for f in options.get("excluded_frames", ()) if f < len(evidence)]] = False
    evidence[:, [v for v, name in enumerate(track.views) if name in options.get("excluded_views", ())]] = (
        False
    )
    fitted = np.asarray(evidence.any(1))
    frames = len(fitted) if sequence is None else sequence.num_frames
    return np.concatenate([fitted, np.zeros(max(0, frames - len(fitted)), np.bool_)])


def _aperture_gap(projected: Tensor, detected: Tensor, known: NDArray[np.bool_], pairs: Pairs) -> Floats:
    """[F, V]: |opening of the mesh - that of the landmarks|, each without its mean over time."""
    gaps = []
    for points in (projected, detected):
        curve = np.where(known, to_numpy(opening(points, pairs)), np.nan)
        shown = known.any(0)
        middle = np.where(shown, np.nansum(curve, 0) / np.maximum(known.sum(0), 1), np.nan)
        gaps.append(curve - middle)
    return np.abs(gaps[0] - gaps[1])


def _parameters(track: FaceTrack, known: NDArray[np.bool_]) -> dict[str, float]:
    """What the clip is like: mean shape and expression, angles in degrees."""
    parameters = track.parameters
    columns: dict[str, Floats] = {"yaw_deg": yaw_deg(parameters.head_rotation)}
    pose = np.rad2deg(to_numpy(parameters.pose))
    columns |= {"pitch_deg": pose[..., 0], "roll_deg": pose[..., 2], "jaw_deg": pose[..., 3]}
    shape, expression = to_numpy(parameters.shape), to_numpy(parameters.expression)
    columns |= {f"shape_{i}": shape[..., i] for i in range(min(SHAPES, shape.shape[-1]))}
    columns |= {f"expression_{i}": expression[..., i] for i in range(min(EXPRESSIONS, expression.shape[-1]))}
    return {f"{PARAMETER}{name}": nan_mean(column[known]) for name, column in columns.items()}

"""Figures that need the meshes of every frame: worked out in the background, while nothing else is to be done."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PySide6.QtCore import Signal, Slot

import neuface_engine as nf
from neuface_engine.face_model.rotations import axis_angle_to_quaternion
from neuface_engine.optimization.evidence import believed
from neuface_engine.optimization.losses import departure
from neuface_engine.optimization.objective import orientation_target
from neuface_engine.optimization.targets import merged_mesh
from neuface_studio.model import Footage, IterationRecord
from neuface_studio.worker.threads import lower_priority
from neuface_studio.worker.waiting import WaitingWorker

log = logging.getLogger(__name__)

FRAMES_AT_ONCE = 6
REGIONS = ("lips", "lids", "brows", "nose", "cheeks", "jaw_line")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Analysis:
    """One state of one footage, frame by frame; NaN where a crop shows no face.

    matrix_mm [V, V]: mean distance of the meshes of two views; pairs_mm [F, V, V]: in each frame.
    nme_percent [F, V]. parts: the crop's part [F, V] in Eqs. (2), (3) and (4), unweighted; weights: those of the run
    that the state belongs to. region_msi: motion stability of the vertices of a region without the head's motion, mean
    over the views.
    """

    key: tuple[str, int, bool | str]
    matrix_mm: Floats
    pairs_mm: Floats
    nme_percent: Floats
    parts: dict[str, Floats]
    weights: dict[str, float]
    region_msi: dict[str, float]

    def terms(self, weights: dict[str, float] | None = None) -> dict[str, Floats]:
        """The weighted parts [F, V], under the run's own weights or under others."""
        given = self.weights if weights is None else weights
        return {name: given[name] * part for name, part in self.parts.items()}

    def loss(self, weights: dict[str, float] | None = None) -> Floats:
        """Their sum [F, V]; NaN where a crop is not believed."""
        terms = np.stack(list(self.terms(weights).values()))
        known = np.isfinite(terms).any(axis=0)
        return np.where(known, np.nansum(terms, axis=0), np.nan)


class AnalysisWorker(WaitingWorker):
    """Lives in its own thread; the newest wish wins, also over one that is half done."""

    analysed = Signal(object)
    failed = Signal(str)

    def __init__(self, footage: Footage) -> None:
        super().__init__()
        self.footage = footage  # another one counts from the next state on
        self._wanted: IterationRecord | None = None

    def want(self, record: IterationRecord | None) -> None:
        """From any thread: analyse this state next; None gives up what is under way."""
        with self._wake:
            self._wanted = record
            self._wake.notify()

    @Slot()
    def run(self) -> None:
        try:
            lower_priority(19)
            torch.set_num_threads(1)
            for record in self._items():
                self._work(record)
        finally:
            self.finished.emit()

    def _has_work(self) -> bool:
        return self._wanted is not None

    def _take(self) -> IterationRecord | None:
        return self._wanted  # it waits until it is done: a newer one gives it up

    def _work(self, record: IterationRecord) -> None:
        try:
            analysis = self._analyse(record)
        except Exception as error:
            log.exception("analysing failed")
            self.failed.emit(f"Fault while analysing the frames: {error!r}. Please report it.")
            analysis = None
        with self._wake:
            if self._wanted is record:
                self._wanted = None
        if analysis is not None:
            self.analysed.emit(analysis)

    def _given_up(self, record: IterationRecord) -> bool:
        return self._stop or self._wanted is not record

    @torch.no_grad()
    def _analyse(self, record: IterationRecord) -> Analysis | None:
        if record.given is not None:
            return analysis_of_track(record)
        footage = self.footage
        sequence, head = footage.sequence, footage.head
        config = record.settings or nf.NeuFaceConfig()
        parameters, valid = record.parameters, believed(sequence, config).float()
        kept = [k for k in range(sequence.landmarks.shape[2]) if k not in config.muted_landmarks]
        frames, views = valid.shape
        canonical = torch.empty(frames, views, head.num_vertices, 3)
        landmark, multiview, nme = (np.full((frames, views), np.nan) for _ in range(3))
        for start in range(0, frames, FRAMES_AT_ONCE):
            if self._given_up(record):
                return None
            chosen = slice(start, start + FRAMES_AT_ONCE)
            part = parameters[chosen]
            face = head.decode(part)
            meshes, rotation = face.vertices("canonical"), part.pose[..., :3]
            canonical[chosen] = meshes
            projected, detected = nf.project(face.landmarks(), part.camera), sequence.landmarks[chosen]
            landmark[chosen] = (projected - detected)[:, :, kept].abs().sum(-1).mean(-1).numpy()
            errors = nf.metrics.landmark_errors(projected, detected, valid[chosen], rotation)
            nme[chosen] = errors.box_percent
            if views > 1:
                merged = merged_views(meshes, rotation, head.faces, valid[chosen])
                multiview[chosen] = (meshes - merged[:, None]).abs().sum(-1).mean(-1).numpy()
        quaternions = axis_angle_to_quaternion(parameters.pose[..., :3])
        smooth = orientation_target(quaternions, valid, config, sequence.cuts)
        temporal = departure(quaternions, smooth).numpy().astype(np.float64)
        parts = {"landmarks": landmark, "motion": temporal, "views": multiview}
        for part in parts.values():
            part[valid.numpy() == 0] = np.nan
        weights = {
            "landmarks": config.landmark_weight,
            "motion": config.temporal_weight,
            "views": config.multiview_weight,
        }
        if self._given_up(record):
            return None
        cvd = nf.metrics.cross_view_distance(canonical, valid)
        stability = nf.metrics.point_stability(canonical, valid)
        regions = {name: mask for name, mask in head.regions.items() if name in REGIONS}
        by_region = nf.metrics.region_stability(stability, regions)
        return Analysis(
            key=record.key,
            matrix_mm=cvd.matrix_mm,
            pairs_mm=cvd.by_frame_mm,
            nme_percent=nme,
            parts=parts,
            weights=weights,
            region_msi={name: finite_mean(values) for name, values in by_region.items()},
        )


def analysis_of_track(record: IterationRecord) -> Analysis:
    """What can be said frame by frame of a track that is shown as it is: distances of the views and landmark errors,
    but no losses."""
    track = record.given
    valid = track.detected.float()
    cvd = nf.metrics.cross_view_distance(track.vertices("canonical").nan_to_num(), valid)
    unknown = np.full(tuple(valid.shape), np.nan)
    nme = unknown
    with suppress(nf.TrackError):  # no camera, or no landmarks on meshes of this topology
        projected = track.projected_landmarks().nan_to_num()
        rotation = record.parameters.pose[..., :3]
        nme = nf.metrics.landmark_errors(
            projected, track.landmarks_2d.nan_to_num(), valid, rotation
        ).box_percent
    return Analysis(
        key=record.key,
        matrix_mm=cvd.matrix_mm,
        pairs_mm=cvd.by_frame_mm,
        nme_percent=nme,
        parts=dict.fromkeys(("landmarks", "motion", "views"), unknown),
        weights=dict.fromkeys(("landmarks", "motion", "views"), 0.0),
        region_msi={},
    )


def merged_views(
    meshes: torch.Tensor, rotation: torch.Tensor, faces: torch.Tensor, valid: torch.Tensor
) -> torch.Tensor:
    """Mhat of the E-step [F, N, 3]: canonical meshes [F, V, N, 3] merged, each view trusted where it sees.

    rotation [F, V, 3] axis-angle of the head; valid [F, V], 0 where no face was found.
    """
    return merged_mesh(meshes, nf.metrics.vertex_confidence(meshes, rotation, faces) * valid[..., None])


def finite_mean(values: Floats) -> float:
    """Mean of the numbers among ``values``; NaN if there is none."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")

"""Scan-to-mesh distance of a track: which of its meshes is laid upon which scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuface_engine.errors import ConfigError, MediaError
from neuface_engine.face_model import FaceParameters
from neuface_engine.metrics.averages import nan_mean, nan_median
from neuface_engine.metrics.scan import Alignment, ScanDistance, Similarity, scan_distance
from neuface_engine.metrics.scan_files import UNITS, guess_unit, read_landmarks, read_scan
from neuface_engine.polygon_files import SUFFIXES
from neuface_engine.video.views import natural_key

if TYPE_CHECKING:
    from neuface_engine.tracks import FaceTrack

NEUTRAL = -1
"""Stands for a frame number: the face without expression."""


@dataclass(frozen=True)
class Scan:
    """points [P, 3] in metres; landmarks [7, 51 or 68, 3] where they were picked; `unit` of the file."""

    points: NDArray[np.float64]
    landmarks: NDArray[np.float64] | None = None
    unit: str = "m"

    @classmethod
    def load(cls, path: str | Path, *, landmarks: str | Path | None = None, unit: str = "auto") -> Scan:
        """An OBJ or PLY; unit "auto", "m", "cm" or "mm". Raises MediaError or ConfigError."""
        if unit not in ("auto", *UNITS):
            raise ConfigError(f"scan unit {unit!r} is unknown; give auto, m, cm or mm")
        points = read_scan(path)
        unit = guess_unit(points) if unit == "auto" else unit
        picked = None if landmarks is None else read_landmarks(landmarks) * UNITS[unit]
        return cls(points * UNITS[unit], picked, unit)


def load_scans(path: str | Path, *, unit: str = "auto", every: int = 10) -> dict[int, Scan]:
    """A folder with one OBJ or PLY a frame, in the order of the footage: {frame of the footage: scan}, every tenth.

    Raises MediaError where it holds none.
    """
    path = Path(path)
    files = [file for file in path.iterdir() if file.suffix.lower() in SUFFIXES]
    files.sort(key=lambda file: natural_key(file.name))
    if not files:
        raise MediaError(f"{path}: no OBJ or PLY in this folder; give scans, one a frame")
    return {number: Scan.load(files[number], unit=unit) for number in range(0, len(files), every)}


@dataclass(frozen=True)
class TrackScanDistance:
    """by_view: distances in mm of all scan points, all frames in one [P]; by_frame: mean, {frame: mm}."""

    align: Alignment
    unit: str
    by_view: dict[str, NDArray[np.float64]]
    by_frame: dict[int, float]
    scale: float

    @property
    def mean_mm(self) -> float:
        return nan_mean(self._all())

    @property
    def median_mm(self) -> float:
        return nan_median(self._all())

    @property
    def sd_mm(self) -> float:
        known = self._all()
        return float(known.std()) if known.size else float("nan")

    def _all(self) -> NDArray[np.float64]:
        return np.concatenate([*self.by_view.values(), np.zeros(0)])


@torch.no_grad()
def track_scan_distance(
    track: FaceTrack, scans: Mapping[int, Scan], *, align: Alignment = "rigid"
) -> TrackScanDistance:
    """Every view's mesh against the scan of its frame; median, mean and sd run over all distances (as NoW's do).

    scans {frame of the footage: Scan}; under NEUTRAL stands a scan at rest: it is met by the mesh of the view's mean
    shape over its frames with a face. Scans of frames that the track has not, and crops without a face, are left out.
    """
    head = track.head
    faces = head.faces.numpy()
    by_view: dict[str, list[NDArray[np.float64]]] = {view: [] for view in track.views}
    by_frame: dict[int, float] = {}
    scales: list[float] = []
    row_of = {int(number): row for row, number in enumerate(track.frame_indices)}
    for number, scan in scans.items():
        start: Similarity | None = None
        found: list[ScanDistance] = []
        for view, name in enumerate(track.views):
            parameters = (
                _neutral(track, view) if number == NEUTRAL else _of_frame(track, row_of.get(number), view)
            )
            if parameters is None:
                continue
            face = head.decode(parameters)
            result = scan_distance(
                scan.points,
                _array(face.vertices("canonical")),
                faces,
                _array(face.landmarks("static", "canonical")),
                align=align,
                scan_landmarks=scan.landmarks,
                start=start if scan.landmarks is None else None,
            )
            start = result.placed  # the views of a frame lie in one frame of axes
            found.append(result)
            by_view[name].append(result.distances_mm)
        if found:
            by_frame[number] = nan_mean(np.concatenate([result.distances_mm for result in found]))
            scales += [result.placed.scale for result in found]
    return TrackScanDistance(
        align=align,
        unit=next((scan.unit for scan in scans.values()), "m"),
        by_view={name: np.concatenate([*parts, np.zeros(0)]) for name, parts in by_view.items()},
        by_frame=by_frame,
        scale=nan_mean(np.array(scales)),
    )


def _neutral(track: FaceTrack, view: int) -> FaceParameters | None:
    known = track.detected[:, view]
    if not bool(known.any()):
        return None
    shape = track.parameters.shape[known, view].mean(0)
    rest = FaceParameters.neutral(n_shape=track.head.n_shape, n_expression=track.head.n_expression)
    return rest.replace(shape=shape)


def _of_frame(track: FaceTrack, row: int | None, view: int) -> FaceParameters | None:
    return None if row is None or not bool(track.detected[row, view]) else track.parameters[row, view]


def _array(points: Tensor) -> NDArray[np.float64]:
    return points.double().numpy()

"""What a run believes: the detector's landmarks, without what the options take out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from neuface_engine.errors import ConfigError
from neuface_engine.face_model import FaceModel, FaceParameters
from neuface_engine.landmarks.topology import LIDS, LIPS, MEDIAPIPE_TO_IBUG68
from neuface_engine.optimization.cameras import cameras_of_crops, find_camera_file, load_camera_rotations
from neuface_engine.optimization.options import NUM_LANDMARKS, Options
from neuface_engine.optimization.photometric import appearance

if TYPE_CHECKING:
    from neuface_engine.optimization.config import NeuFaceConfig
    from neuface_engine.video import Sequence


@dataclass(frozen=True)
class Evidence:
    """What is fixed during a run, in crop units: landmarks j [F, V, 68, 2], dense [F, V, 478, 2] (None where the
    head or the detector has none), valid [F, V] (0 or 1). Where known or asked for: confidence [F, V] of the detector,
    cameras [F, V, 3, 3] from the world to the face model's axes, kept and kept_dense, the numbers of the landmarks that
    are not muted (None = all), appearance [F, V, 2, S / 2, S / 2] of the crops (`photometric`); contour, the kind of
    the model's landmarks that the detector's first 17 stand for; cuts, the first frames of new shots."""

    landmarks: Tensor
    dense: Tensor | None
    valid: Tensor
    confidence: Tensor | None = None
    cameras: Tensor | None = None
    kept: Tensor | None = None
    kept_dense: Tensor | None = None
    appearance: Tensor | None = None
    contour: Literal["dynamic", "static"] = "dynamic"
    cuts: tuple[int, ...] = ()

    @classmethod
    def of(
        cls,
        sequence: Sequence,
        head: FaceModel,
        options: NeuFaceConfig,
        device: torch.device | str = "cpu",
        *,
        before: Evidence | None = None,
    ) -> Evidence:
        """Of a sequence. What takes long is taken over from `before`, the evidence of the same crops under other
        landmarks or options. Raises ConfigError where the options name frames, views or cameras that are not there."""
        points = sequence.landmarks_dense if head.has_dense_landmarks else None
        if points is not None and head.mediapipe_numbers is not None:
            points = points[:, :, head.mediapipe_numbers.cpu()]
        dense = None if points is None else points[..., :2].to(device)
        cameras = None
        if options.camera_weight > 0:
            known = options.camera_file or (str(sequence.camera_file) if sequence.camera_file else None)
            file = find_camera_file(sequence.path, known)
            cameras = cameras_of_crops(sequence, load_camera_rotations(file, sequence.views)).to(device)
        looks = None
        if options.photometric_weight > 0 and sequence.num_views > 1:
            looks = None if before is None else before.appearance
            if looks is None:
                looks = appearance(sequence.crops).to(device, sequence.landmarks.dtype)
        kept, kept_dense = _kept(head, options.muted_landmarks)
        return cls(
            sequence.landmarks.to(device),
            dense,
            believed(sequence, options).to(device, torch.float32),
            sequence.confidence.to(device, torch.float32),
            cameras,
            None if kept is None else kept.to(device),
            None if kept_dense is None else kept_dense.to(device),
            looks,
            contour="static" if sequence.contour == "fixed" else "dynamic",
            cuts=sequence.cuts,
        )

    @property
    def aperture_pairs(self) -> list[tuple[int, int]]:
        """The pairs across lids and lips of which neither landmark is muted."""
        kept = range(NUM_LANDMARKS) if self.kept is None else set(self.kept.tolist())
        return [pair for pair in (*LIDS, *LIPS) if pair[0] in kept and pair[1] in kept]

    def frames(self, chosen: slice) -> Evidence:
        """The evidence of some frames."""
        per_frame = ("landmarks", "dense", "valid", "confidence", "cameras", "appearance")
        cut: dict[str, Any] = {n: None if (t := getattr(self, n)) is None else t[chosen] for n in per_frame}
        start, stop, _ = chosen.indices(len(self.valid))
        return replace(self, cuts=tuple(c - start for c in self.cuts if start < c < stop), **cut)


def believed(sequence: Sequence, options: Options) -> Tensor:
    """bool [F, V]: a face was found and neither frame nor view is excluded."""
    beyond = [f for f in options.excluded_frames if f >= sequence.num_frames]
    if beyond:
        raise ConfigError(
            f"excluded_frames has {beyond[0]}; {sequence.name} has frames 0 to {sequence.num_frames - 1}"
        )
    unknown = [name for name in options.excluded_views if name not in sequence.views]
    if unknown:
        raise ConfigError(f"excluded_views has {unknown[0]!r}; there are: {', '.join(sequence.views)}")
    believed = sequence.detected.clone()
    believed[list(options.excluded_frames)] = False
    believed[:, [sequence.views.index(name) for name in options.excluded_views]] = False
    if not believed.any():
        raise ConfigError("excluded_frames and excluded_views leave no frame with a face; exclude fewer")
    return believed


@torch.no_grad()
def _kept(head: FaceModel, muted: tuple[int, ...]) -> tuple[Tensor | None, Tensor | None]:
    """Numbers of the landmarks, and of the dense ones, to be believed. A dense one is muted with the one of the 68 that
    is nearest to it on the mean face."""
    if not muted:
        return None, None
    kept = torch.tensor([k for k in range(NUM_LANDMARKS) if k not in muted])
    if not head.has_dense_landmarks:
        return kept, None
    mean = FaceParameters.neutral(1, n_shape=head.n_shape, n_expression=head.n_expression)
    mean = mean.to(next(head.buffers()).device)
    points = head.landmarks(mean, kind="mediapipe")[0].cpu()
    if head.mediapipe_numbers is None:
        sparse = points[list(MEDIAPIPE_TO_IBUG68)]
    else:
        sparse = head.landmarks(mean, kind="static")[0].cpu()
    nearest = torch.cdist(points, sparse).argmin(1)
    return kept, torch.isin(nearest, kept).nonzero()[:, 0]

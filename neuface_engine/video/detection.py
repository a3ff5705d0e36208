"""What is known of some footage but for its pixels: landmarks, sizes, names, pairing; detected once, then cached."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from neuface_engine.errors import ConfigError, MediaError
from neuface_engine.landmarks.scene import FaceChoice, Scene
from neuface_engine.landmarks.topology import MEDIAPIPE_TO_IBUG68, NUM_MEDIAPIPE
from neuface_engine.video import cache
from neuface_engine.video.cuts import cuts_between
from neuface_engine.video.footage import Footage, paired
from neuface_engine.video.reader import ProgressCallback
from neuface_engine.video.store import FrameStore, OneView
from neuface_engine.video.sync import Offsets, mouth_offsets, mouth_opening, shifted

if TYPE_CHECKING:
    from neuface_engine.landmarks import Detections, Detector

NUM_IBUG = 68
_IBUG = list(MEDIAPIPE_TO_IBUG68)


@dataclass(frozen=True)
class Known:
    """landmarks [F, V, 478 or 68, 3] in frame px; confidence and view_frames [F, V]; cuts: frames of the sequence."""

    landmarks: NDArray[np.float32]
    confidence: NDArray[np.float32]
    view_frames: NDArray[np.int64]
    sizes: tuple[tuple[int, int], ...]
    views: tuple[str, ...]
    fps: float
    cuts: tuple[int, ...]
    warnings: tuple[str, ...]

    @property
    def detected(self) -> NDArray[np.bool_]:
        return np.asarray(self.confidence > 0)

    @property
    def is_dense(self) -> bool:
        return self.landmarks.shape[2] == NUM_MEDIAPIPE

    def ibug(self) -> NDArray[np.float64]:
        """The 68 landmarks [F, V, 68, 2] in frame px."""
        return ibug_of(self.landmarks)

    def dense(self) -> NDArray[np.float64] | None:
        """MediaPipe's landmarks [F, V, 478, 2] in frame px, where the detector finds them."""
        return self.landmarks[..., :2].astype(np.float64) if self.is_dense else None

    @classmethod
    def detect(
        cls, footage: Footage, detector: Detector, face: FaceChoice, report: ProgressCallback
    ) -> tuple[Known, FrameStore]:
        """Decodes, pairs the views and detects. The frames of the sequence come with it."""
        store = footage.decode(report)
        timeline = footage.timeline(store)
        views = footage.views
        _check_picks(footage.path, face, views)
        shots = tuple(
            cuts_between(cuts, numbers) for cuts, numbers in zip(footage.cuts, timeline, strict=True)
        )
        scene = Scene(views, shots, face)
        found: Detections
        if footage.sync == "mouth" and len(views) > 1:
            view_frames, found, shots = _by_mouth(footage, store, timeline, detector, scene, report)
            frames = paired(store, view_frames)
        else:
            view_frames = shifted(timeline, np.zeros(len(views), np.int64))
            frames = paired(store, view_frames)
            if footage.max_frames is not None and footage.sync != "index":
                view_frames = view_frames[: footage.max_frames]
                frames = paired(store, view_frames)
            found = detector.detect(frames, scene=scene, progress=lambda d, t: report("detect", d, t))
            _tell_of_offsets(footage, found)
        count = len(view_frames)
        cuts = tuple(sorted({cut for view in shots for cut in view if 0 < cut < count}))
        known = cls(
            landmarks=np.asarray(found.landmarks, np.float32),
            confidence=np.asarray(found.confidence, np.float32),
            view_frames=view_frames,
            sizes=tuple(frames.size(v) for v in range(frames.num_views)),
            views=views,
            fps=footage.fps,
            cuts=cuts,
            warnings=(*footage.warnings, *_cut_warnings(views, shots, count, footage.fps)),
        )
        return known, frames

    def save(self, folder: Path, name: str) -> str | None:
        """Into the cache; a warning where that failed."""
        return cache.save(
            folder,
            name,
            {
                "landmarks": self.landmarks,
                "confidence": self.confidence,
                "view_frames": self.view_frames,
                "sizes": np.array(self.sizes),
                "views": np.array(self.views, dtype=np.str_),
                "fps": np.array(self.fps),
                "cuts": np.array(self.cuts, np.int64),
                "warnings": np.array(self.warnings, dtype=np.str_),
            },
        )

    @classmethod
    def load(cls, folder: Path, name: str) -> Known | None:
        """From the cache; None where it is not there or damaged."""
        fields = ["landmarks", "confidence", "view_frames", "sizes", "views", "fps", "cuts", "warnings"]
        arrays = cache.load(folder, name, fields)
        if arrays is None:
            return None
        known = cls(
            landmarks=arrays["landmarks"],
            confidence=arrays["confidence"],
            view_frames=arrays["view_frames"],
            sizes=tuple((int(w), int(h)) for w, h in arrays["sizes"].reshape(-1, 2)),
            views=tuple(map(str, arrays["views"].reshape(-1))),
            fps=float(arrays["fps"]),
            cuts=tuple(int(cut) for cut in arrays["cuts"].reshape(-1)),
            warnings=tuple(map(str, arrays["warnings"].reshape(-1))),
        )
        shape = known.landmarks.shape
        sound = (
            len(shape) == 4
            and shape[2:] in ((NUM_MEDIAPIPE, 3), (NUM_IBUG, 3))
            and known.confidence.shape == known.view_frames.shape == shape[:2]
        )
        return known if sound and len(known.views) == len(known.sizes) == shape[1] else None


def ibug_of(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """iBUG's 68 points [..., 68, 2] of either layout [..., 478 or 68, 3]."""
    points = landmarks if landmarks.shape[-2] == NUM_IBUG else landmarks[..., _IBUG, :]
    return np.asarray(points[..., :2], np.float64)


def face_warnings(views: tuple[str, ...], detected: NDArray[np.bool_]) -> list[str]:
    """Which views show no face, and when."""
    lines = []
    for name, column in zip(views, detected.T, strict=True):
        missing = int((~column).sum())
        first = int(column.argmax())
        if missing == len(column):
            lines.append(f"view {name}: no face in any frame; it takes no part")
        elif missing:
            late = f", the first one comes in frame {first}" if first else ""
            lines.append(
                f"view {name}: no face in {missing} of {len(column)} frames{late}; they are interpolated"
            )
    return lines


def _by_mouth(
    footage: Footage,
    store: FrameStore,
    timeline: list[NDArray[np.int64]],
    detector: Detector,
    scene: Scene,
    report: ProgressCallback,
) -> tuple[NDArray[np.int64], Detections, tuple[tuple[int, ...], ...]]:
    """Each view detected from end to end, then shifted into step: view_frames [F, V], detections and shots."""
    from neuface_engine.landmarks import Detections

    total = sum(len(numbers) for numbers in timeline)
    alone, done = [], 0
    for v, numbers in enumerate(timeline):

        def progress(now: int, _: int, before: int = done) -> None:
            report("detect", before + now, total)

        alone.append(detector.detect(OneView(store, v, numbers), scene=scene.view(v), progress=progress))
        done += len(numbers)
    offsets = _offsets(alone, footage.fps)
    late = np.where(offsets.believed, offsets.late, 0)
    names = footage.views
    for v, name in enumerate(names):
        if not offsets.believed[v]:
            footage.warnings.append(
                f"view {name}: its mouth moves unlike the others' (correlation {offsets.correlation[v]:.2f}); "
                "its offset is not known and taken for 0"
            )
    if late.any():
        told = ", ".join(f"{name} {n}" for name, n in zip(names, late.tolist(), strict=True) if n)
        footage.warnings.append(f"{footage.path}: views begin late, by frames: {told}; shifted into step")
    view_frames = shifted(timeline, late)
    if len(view_frames) == 0:
        raise MediaError(f"{footage.path}: its views have no moment in common; give views of one take")
    skip = late.max() - late
    count = min(len(view_frames), footage.max_frames or len(view_frames))
    landmarks = np.stack([a.landmarks[s : s + count, 0] for a, s in zip(alone, skip, strict=True)], 1)
    confidence = np.stack([a.confidence[s : s + count, 0] for a, s in zip(alone, skip, strict=True)], 1)
    shots = tuple(
        tuple(cut - int(s) for cut in cuts if 0 < cut - int(s) < count)
        for cuts, s in zip(scene.shots, skip, strict=True)
    )
    return view_frames[:count], Detections(landmarks, confidence), shots


def _offsets(alone: list[Detections], fps: float) -> Offsets:
    return mouth_offsets(
        [mouth_opening(ibug_of(a.landmarks[:, 0]), np.asarray(a.confidence[:, 0] > 0)) for a in alone], fps
    )


def _tell_of_offsets(footage: Footage, found: Detections) -> None:
    """A warning where the mouths say that the views are out of step."""
    from neuface_engine.landmarks import Detections

    same_rate = all(abs(reader.fps - footage.fps) <= 0.02 * footage.fps for reader in footage.readers)
    drifting = footage.sync == "index" and not same_rate
    if len(footage.views) < 2 or len(found.confidence) < footage.fps or drifting:
        return
    alone = [
        Detections(found.landmarks[:, [v]], found.confidence[:, [v]])
        for v in range(found.confidence.shape[1])
    ]
    offsets = _offsets(alone, footage.fps)
    if offsets.out_of_step:
        told = ", ".join(f"{n} {k}" for n, k in zip(footage.views, offsets.late.tolist(), strict=True) if k)
        footage.warnings.append(
            f"{footage.path}: views seem to begin late, by frames: {told} (the mouth moves alike at that shift); "
            "--sync mouth puts them in step"
        )


def _cut_warnings(
    views: tuple[str, ...], shots: tuple[tuple[int, ...], ...], count: int, fps: float
) -> list[str]:
    lines = []
    for name, cuts in zip(views, shots, strict=True):
        inside = [cut for cut in cuts if 0 < cut < count]
        if inside:
            told = ", ".join(f"{cut} ({cut / fps:.2f} s)" for cut in inside[:8])
            more = f" and {len(inside) - 8} more" if len(inside) > 8 else ""
            lines.append(
                f"view {name}: cut before frame {told}{more}; the face is sought anew there and may be another person's"
            )
    return lines


def _check_picks(path: Path, face: FaceChoice, views: tuple[str, ...]) -> None:
    for pick in face.picks:
        if pick.view is not None and pick.view not in views:
            raise ConfigError(f"{path}: face picked in view {pick.view!r}; there are: {', '.join(views)}")

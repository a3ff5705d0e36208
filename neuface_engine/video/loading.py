"""`load_sequence`: from files to a Sequence, by way of the caches of detections and crops."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from neuface_engine.arguments import expect
from neuface_engine.errors import ConfigError, MediaError, NoFaceError
from neuface_engine.landmarks.scene import FaceChoice
from neuface_engine.landmarks.topology import MEDIAPIPE_TO_IBUG68
from neuface_engine.video import cache, crops
from neuface_engine.video.detection import Known, face_warnings
from neuface_engine.video.face_crops import (
    BOX_SMOOTHING_SECONDS,
    CROP_MOTIONS,
    CropMotion,
    cut_crops,
    face_crops,
    fill_shots,
)  # fmt: skip
from neuface_engine.video.footage import Footage
from neuface_engine.video.ground_truth import GroundTruth, MeshTruth, load_ground_truth, load_true_meshes
from neuface_engine.video.layouts import open_source
from neuface_engine.video.reader import ProgressCallback
from neuface_engine.video.sequence import Sequence
from neuface_engine.video.sources import SequenceSource
from neuface_engine.video.store import FrameStore, LazyFrameStore, PairedFrames
from neuface_engine.video.sync import SYNCS, Sync

if TYPE_CHECKING:
    from neuface_engine.landmarks import Detector

DEFAULT_CROP_SIZE = 256
DEFAULT_CROP_SCALE = 1.65
_IBUG = list(MEDIAPIPE_TO_IBUG68)


def load_sequence(
    path: str | Path | SequenceSource,
    *,
    views: str | None = None,
    max_frames: int | None = None,
    detector: str | Path | Detector = "open",
    face: str | FaceChoice | Iterable[str] = "main",
    sync: Sync = "index",
    crop_size: int = DEFAULT_CROP_SIZE,
    crop_scale: float = DEFAULT_CROP_SCALE,
    crop_side: crops.Side = "larger",
    crop_points: crops.Points = "ibug68",
    crop_motion: CropMotion = "smooth",
    cache_dir: str | Path | None = None,
    progress: ProgressCallback | None = None,
) -> Sequence:
    """Reads footage and finds the face in it: a video, an image, a folder or a pattern (see `views.find_views`), or
    one sequence of a dataset (`layouts.find_sequences`).

    `views`: glob on view names. `max_frames`: only the first N frames. `detector`: see `landmarks.load_detector`.
    `face`: which of several faces, see `FaceChoice.parse`. `sync`: how the views are paired: by "index" (number of
    the frame), by "timestamp" (at the lowest frame rate among them), or by the "mouth" (time stamps, then shifted so
    that the mouths open together). `crop_scale`: side of the crop = crop_scale * side of the box of the 68 landmarks,
    the larger one or the mean of both (`crop_side`), or of the box of MediaPipe's landmarks (`crop_points`, where the
    detector finds them); `crop_motion`: see `face_crops`. Detections and crops are cached
    beside the content hash of the files; with both in the cache the frames are decoded only when first asked for.
    `progress(stage, done, total)` is called with stage "decode", "detect" or "crop" (total 0 = unknown); what it
    raises cancels the work.

    A view that cannot be used is left out with a warning; views are cut to the shortest. Raises MediaError where no
    view can be used, NoFaceError where none shows a face and ConfigError for an option that means nothing.
    """
    expect(path, (str, os.PathLike, SequenceSource), "path", "the path of a video, a folder or a pattern")
    source = path if isinstance(path, SequenceSource) else open_source(path)
    path = source.path
    if max_frames is not None and (not isinstance(max_frames, (int, np.integer)) or max_frames < 1):
        raise ConfigError(f"{path}: {max_frames!r} frames asked for; ask for a whole number, at least one")
    if crop_size < 16 or not 0 < crop_scale < 100:
        raise ConfigError(
            f"crop_size is {crop_size} and crop_scale {crop_scale:g}; give pixels, 16 or more, and a factor above 0"
        )
    if sync not in SYNCS or crop_motion not in CROP_MOTIONS:
        raise ConfigError(
            f"sync is {sync!r} and crop_motion {crop_motion!r}; give {SYNCS} and {CROP_MOTIONS}"
        )
    report = progress or (lambda stage, done, total: None)
    choice = FaceChoice.parse(face)
    if isinstance(detector, (str, Path)):
        from neuface_engine import landmarks

        detector = landmarks.load_detector(detector)
    footage = Footage.open(source, pattern=views, max_frames=max_frames, sync=sync)
    folder = cache.cache_folder(cache_dir)
    detections_key = "detections-" + cache.key(
        footage.key, max_frames, detector.name, detector.version, choice, sync
    )
    crops_key = "crops-" + cache.key(
        detections_key, crop_size, crop_scale, crop_side, crop_motion, BOX_SMOOTHING_SECONDS, "upright"
    )
    if crop_points == "mediapipe":
        crops_key += "-mediapipe"

    began = time.perf_counter()
    marks = {"detect": began}

    def timed(stage: str, done: int, total: int) -> None:
        if stage == "decode":
            marks["detect"] = time.perf_counter()
        report(stage, done, total)

    frames: FrameStore | None = None
    known = Known.load(folder, detections_key)
    if known is None:
        known, frames = Known.detect(footage, detector, choice, timed)
        footage.warn(known.save(folder, detections_key))
    detect_seconds = time.perf_counter() - marks["detect"]

    detected = known.detected
    if not detected.any():
        raise NoFaceError(f"{path}: no face found in any view; {_no_face_remedy(choice)}")
    transforms = face_crops(
        known.ibug(),
        detected,
        fps=known.fps,
        sizes=known.sizes,
        crop_size=crop_size,
        crop_scale=crop_scale,
        crop_side=crop_side,
        motion=crop_motion,
        cuts=known.cuts,
        around=known.dense() if crop_points == "mediapipe" else None,
    )
    began_crops = time.perf_counter()
    pixels = _stored_crops(folder, crops_key, (*detected.shape, 3, crop_size, crop_size))
    if pixels is None:
        if frames is None:
            frames = footage.decode_paired(known.view_frames)
        pixels = cut_crops(frames, transforms, crop_size, report)
        footage.warn(cache.save(folder, crops_key, {"crops": pixels}))
    crop_seconds = time.perf_counter() - began_crops
    if frames is None:
        pairing = known.view_frames
        frames = LazyFrameStore(
            lambda: footage.decode_paired(pairing), length=len(detected), sizes=known.sizes
        )

    points = torch.from_numpy(_normalised(known, transforms, crop_size).astype(np.float32))
    in_step = bool((known.view_frames == np.arange(len(detected))[:, None]).all())
    hashed = [footage.key, known.views, len(detected)]
    warnings = [*known.warnings, *face_warnings(known.views, detected)]
    if not known.is_dense:
        warnings.append(f"detector {detector.name} gives 68 landmarks: the term of the 478 dense ones is off")
    return Sequence(
        name=source.name,
        path=path,
        views=known.views,
        fps=known.fps,
        frames=frames,
        frame_indices=np.ascontiguousarray(known.view_frames[:, 0]),
        image_sizes=known.sizes,
        landmarks=(points[..., _IBUG, :2] if known.is_dense else points[..., :2]).contiguous(),
        landmarks_dense=points if known.is_dense else None,
        confidence=torch.from_numpy(known.confidence.copy()),
        detected=torch.from_numpy(detected),
        crops=torch.from_numpy(pixels),
        crop_transforms=transforms,
        content_hash=cache.key(*hashed, *([] if in_step else known.view_frames.ravel().tolist())),
        detector=f"{detector.name} {detector.version}",
        warnings=(*warnings, *footage.cache_warnings),
        ground_truth=_ground_truth(source, known),
        seconds={"decode": marks["detect"] - began + crop_seconds, "detect": detect_seconds},
        cuts=known.cuts,
        view_frames=None if in_step else known.view_frames,
        contour="fixed" if getattr(detector, "contour", "visible") == "fixed" else "visible",
        identity=source.identity,
        camera_file=source.cameras,
        face=choice.texts(),
    )


def load_frames(
    path: str | Path | SequenceSource,
    *,
    views: Iterable[str] | None = None,
    max_frames: int | None = None,
    view_frames: NDArray[np.int64] | None = None,
    progress: ProgressCallback | None = None,
) -> FrameStore:
    """The frames alone, nothing detected: views named `views` in that order (default: all), cut to the shortest.

    With view_frames [F, V], frame f of view v is that number of its file (`max_frames` then counts nothing).
    Raises MediaError where a view is missing, cannot be used, or has not these frames.
    """
    source = path if isinstance(path, SequenceSource) else open_source(path)
    readers, where = source.readers(), source.path
    if views is not None:
        known = {reader.name: reader for reader in readers}
        missing = [name for name in views if name not in known]
        if missing:
            raise MediaError(f"{where}: has no view {missing[0]}; there are: {', '.join(known)}")
        readers = [known[name] for name in views]
    store = FrameStore(len(readers))
    total = sum(reader.expected_frames() for reader in readers)
    done = 0
    for v, reader in enumerate(readers):
        limit = max_frames if view_frames is None else int(view_frames[:, v].max(initial=0)) + 1
        for frame in reader.frames(max_frames=limit):
            store.append(v, frame)
            done += 1
            if progress is not None:
                progress("decode", done, max(total, done) if total else 0)
    if view_frames is None:
        store.truncate(min(store.count(v) for v in range(len(readers))))
        return store
    for v, reader in enumerate(readers):
        if store.count(v) <= int(view_frames[:, v].max(initial=-1)):
            raise MediaError(f"{where}: {reader.name} has {store.count(v)} frames, fewer than are asked for")
    return PairedFrames(store, view_frames)


def _ground_truth(source: SequenceSource, known: Known) -> GroundTruth | MeshTruth | None:
    if source.ground_truth is not None:
        return load_true_meshes(source.ground_truth, known.view_frames)
    return load_ground_truth(source.path, known.views, len(known.view_frames))


def _stored_crops(folder: Path, name: str, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    stored = cache.load(folder, name, ["crops"])
    if stored is None or stored["crops"].shape != shape or stored["crops"].dtype != np.uint8:
        return None
    return stored["crops"]


def _normalised(known: Known, transforms: NDArray[np.float64], crop_size: int) -> NDArray[np.float64]:
    """Landmarks [F, V, N, 3] in crop units, gaps filled over time; zeros in a view that never shows a face."""
    points = known.landmarks.astype(np.float64)
    detected = known.detected
    filled = np.stack(
        [fill_shots(points[:, v], detected[:, v], known.cuts) for v in range(points.shape[1])], 1
    )
    normalised = crops.normalise(crops.apply(transforms, filled), crop_size)
    normalised[:, ~detected.any(0)] = 0.0
    return normalised


def _no_face_remedy(choice: FaceChoice) -> str:
    if choice.picks:
        return "point at a face (--face FRAME:X,Y, pixels of the picture)"
    return "give footage in which a face is visible and upright"

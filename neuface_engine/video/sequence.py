"""Sequence: the footage of one face from one or several views, decoded, with its landmarks and face crops."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neuface_engine.errors import MediaError, NoFaceError
from neuface_engine.landmarks.topology import MEDIAPIPE_TO_IBUG68
from neuface_engine.video import cache, crops
from neuface_engine.video.ground_truth import GroundTruth, load_ground_truth
from neuface_engine.video.reader import ProgressCallback, ViewReader
from neuface_engine.video.store import FrameStore, LazyFrameStore, SelectedFrames
from neuface_engine.video.views import find_views

if TYPE_CHECKING:
    from neuface_engine.landmarks import Detections, Detector

DEFAULT_CROP_SIZE = 256
DEFAULT_CROP_SCALE = 1.65
BOX_SMOOTHING_SECONDS = 0.2
_IBUG = list(MEDIAPIPE_TO_IBUG68)


@dataclass(frozen=True)
class Sequence:
    """F frames of V synchronous views of one face. Immutable; every tensor is [frame, view, ...], on the CPU.

    name, path         of the footage
    views              names of the views
    fps                frames per second (of the first view)
    frames             frames[f, v] -> uint8 RGB [H, W, 3]
    frame_indices      [F] which frame of the file each frame is
    image_sizes        (width, height) of each view, pixels
    landmarks          [F, V, 68, 2] iBUG points, crop coordinates in [-1, 1], y down
    landmarks_dense    [F, V, 478, 3] MediaPipe points; z has the scale of x and y, smaller = nearer to the camera
    confidence         [F, V] of the detector, 0..1; 0 = no face
    detected           [F, V] whether a face was found; where not, landmarks and crops are interpolated over time
                       (all zeros in a view that never shows a face)
    crops              uint8 [F, V, 3, S, S] RGB
    crop_transforms    float64 [F, V, 2, 3] similarities, frame px -> crop px (continuous pixel coordinates)
    content_hash       sha256 over the files used, their view names, and the number of frames
    detector           name and version
    warnings           one line each: what was left out or assumed
    ground_truth       of synthetic footage, else None
    seconds            spent on "decode" and "detect" (near zero where the cache answered)
    """

    name: str
    path: Path
    views: tuple[str, ...]
    fps: float
    frames: FrameStore
    frame_indices: NDArray[np.int64]
    image_sizes: tuple[tuple[int, int], ...]
    landmarks: Tensor
    landmarks_dense: Tensor
    confidence: Tensor
    detected: Tensor
    crops: Tensor
    crop_transforms: NDArray[np.float64]
    content_hash: str
    detector: str
    warnings: tuple[str, ...] = ()
    ground_truth: GroundTruth | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def num_frames(self) -> int:
        return len(self.frame_indices)

    @property
    def num_views(self) -> int:
        return len(self.views)

    @property
    def crop_size(self) -> int:
        return int(self.crops.shape[-1])

    @property
    def frames_without_face(self) -> int:
        """How many (frame, view) pairs show no face."""
        return int((~self.detected).sum())

    def crop_batch(self, f: Any = slice(None), v: Any = slice(None)) -> Tensor:
        """Crops as float32 in 0..1: `crop_batch(f, v)` of crops[f, v], leading dimensions flattened to [B, 3, S, S]."""
        chosen = self.crops[f][v] if isinstance(f, int) else self.crops[f, v]
        return chosen.reshape(-1, *self.crops.shape[-3:]).float() / 255.0

    def select(
        self, *, frames: slice | Iterable[int] = slice(None), views: slice | Iterable[int] = slice(None)
    ) -> Sequence:
        """A shorter sequence of the chosen frames and views, by position."""
        f = np.arange(self.num_frames)[frames if isinstance(frames, slice) else list(frames)]
        v = np.arange(self.num_views)[views if isinstance(views, slice) else list(views)]
        grid = np.ix_(f, v)

        def pick(tensor: Tensor) -> Tensor:
            return tensor[torch.from_numpy(f)][:, torch.from_numpy(v)]

        return replace(
            self,
            views=tuple(self.views[i] for i in v),
            frames=SelectedFrames(self.frames, f.tolist(), v.tolist()),
            frame_indices=self.frame_indices[f],
            image_sizes=tuple(self.image_sizes[i] for i in v),
            landmarks=pick(self.landmarks),
            landmarks_dense=pick(self.landmarks_dense),
            confidence=pick(self.confidence),
            detected=pick(self.detected),
            crops=pick(self.crops),
            crop_transforms=self.crop_transforms[grid],
            ground_truth=self.ground_truth.select(f, v) if self.ground_truth else None,
        )


def load_sequence(
    path: str | Path,
    *,
    views: str | None = None,
    max_frames: int | None = None,
    detector: str | Detector = "open",
    crop_size: int = DEFAULT_CROP_SIZE,
    crop_scale: float = DEFAULT_CROP_SCALE,
    crop_side: crops.Side = "larger",
    cache_dir: str | Path | None = None,
    progress: ProgressCallback | None = None,
) -> Sequence:
    """Reads footage and finds the face in it: a video, an image, or a folder (see `views.find_views`).

    `views`: glob on view names. `max_frames`: only the first N frames. `crop_scale`: side of the crop = crop_scale
    * side of the box of the 68 landmarks, the larger one or the mean of both (`crop_side`). Detections and crops are
    cached beside the content hash of the files; with both in the cache the frames are decoded only when first asked
    for. `progress(stage, done, total)` is called with stage "decode", "detect" or "crop" (total 0 = unknown); what it
    raises cancels the work.

    In a folder a view that cannot be used is left out with a warning; views are cut to the shortest. Raises
    MediaError where no view can be used and NoFaceError where none shows a face.
    """
    path = Path(path)
    if max_frames is not None and max_frames < 1:
        raise MediaError(f"{path}: {max_frames} frames asked for; ask for at least one")
    report = progress or (lambda stage, done, total: None)
    if isinstance(detector, str):
        from neuface_engine import landmarks

        detector = landmarks.load_detector(detector)
    footage = _Footage.open(path, pattern=views, max_frames=max_frames)
    folder = cache.cache_folder(cache_dir)
    detections_key = f"detections-{cache.key(footage.key, max_frames, detector.name, detector.version)}"
    crops_key = f"crops-{cache.key(detections_key, crop_size, crop_scale, crop_side, BOX_SMOOTHING_SECONDS, 'upright')}"

    began = time.perf_counter()
    frames: FrameStore | None = None
    known = _read_detections(folder, detections_key)
    if known is None:
        frames = footage.decode(report)
        decoded = time.perf_counter()
        known = _Known.detect(footage, frames, detector, report)
        footage.warn(cache.save(folder, detections_key, known.arrays()))
    else:
        decoded = began
    detect_seconds = time.perf_counter() - decoded

    detected = known.confidence > 0
    if not detected.any():
        raise NoFaceError(
            f"{path}: no face found in any view; give footage in which a face is visible and upright"
        )
    points = known.landmarks.astype(np.float64)
    transforms = face_crops(
        points[..., _IBUG, :2],
        detected,
        fps=known.fps,
        sizes=known.sizes,
        crop_size=crop_size,
        crop_scale=crop_scale,
        crop_side=crop_side,
    )
    began_crops = time.perf_counter()
    stored = cache.load(folder, crops_key, ["crops"])
    pixels = stored["crops"] if stored else None
    if (
        pixels is None
        or pixels.shape != (*detected.shape, 3, crop_size, crop_size)
        or pixels.dtype != np.uint8
    ):
        if frames is None:
            frames = footage.decode(report)
        pixels = _cut(frames, transforms, crop_size, report)
        footage.warn(cache.save(folder, crops_key, {"crops": pixels}))
    crop_seconds = time.perf_counter() - began_crops
    if frames is None:
        frames = LazyFrameStore(footage.decode, length=len(points), sizes=known.sizes)

    filled = np.stack([crops.fill_gaps(points[:, v], detected[:, v]) for v in range(points.shape[1])], 1)
    normalised = crops.normalise(crops.apply(transforms, filled), crop_size)
    normalised[:, ~detected.any(0)] = 0.0
    dense = torch.from_numpy(normalised.astype(np.float32))
    return Sequence(
        name=path.resolve().stem if path.is_file() else path.resolve().name,
        path=path,
        views=known.views,
        fps=known.fps,
        frames=frames,
        frame_indices=np.arange(len(points), dtype=np.int64),
        image_sizes=known.sizes,
        landmarks=dense[..., _IBUG, :2].contiguous(),
        landmarks_dense=dense,
        confidence=torch.from_numpy(known.confidence.copy()),
        detected=torch.from_numpy(detected),
        crops=torch.from_numpy(pixels),
        crop_transforms=transforms,
        content_hash=cache.key(footage.key, known.views, len(points)),
        detector=f"{detector.name} {detector.version}",
        warnings=(*known.warnings, *_face_warnings(known.views, detected), *footage.cache_warnings),
        ground_truth=load_ground_truth(path, known.views, len(points)),
        seconds={"decode": decoded - began + crop_seconds, "detect": detect_seconds},
    )


def load_frames(
    path: str | Path,
    *,
    views: Iterable[str] | None = None,
    max_frames: int | None = None,
    progress: ProgressCallback | None = None,
) -> FrameStore:
    """The frames alone, nothing detected: views named `views` in that order (default: all), cut to the shortest.

    Raises MediaError where a view is missing or cannot be used.
    """
    path = Path(path)
    readers = find_views(path)
    if views is not None:
        known = {reader.name: reader for reader in readers}
        missing = [name for name in views if name not in known]
        if missing:
            raise MediaError(f"{path}: has no view {missing[0]}; there are: {', '.join(known)}")
        readers = [known[name] for name in views]
    store = FrameStore(len(readers))
    total = sum(reader.expected_frames() for reader in readers)
    done = 0
    for v, reader in enumerate(readers):
        for frame in reader.frames(max_frames=max_frames):
            store.append(v, frame)
            done += 1
            if progress is not None:
                progress("decode", done, max(total, done) if total else 0)
    store.truncate(min(store.count(v) for v in range(len(readers))))
    return store


def face_crops(
    landmarks: NDArray[np.float64],
    detected: NDArray[np.bool_],
    *,
    fps: float,
    sizes: tuple[tuple[int, int], ...],
    crop_size: int,
    crop_scale: float,
    crop_side: crops.Side = "larger",
) -> NDArray[np.float64]:
    """Crop transforms [F, V, 2, 3] of landmarks [F, V, 68, 2] in frame px, smoothed in time view by view.

    Where a face lies on its side or stands on its head, the view's crops are turned upright by quarter turns. A view
    that never shows a face gets the middle of its picture.
    """
    transforms = []
    for v, (width, height) in enumerate(sizes):
        present = detected[:, v]
        turns = crops.quarter_turns(landmarks[present, v]) if present.any() else 0
        if present.any():
            boxes = crops.landmark_boxes(landmarks[:, v], side=crop_side)
            boxes = crops.smooth_boxes(boxes, present, sigma_frames=BOX_SMOOTHING_SECONDS * fps)
        else:
            middle = [width / 2, height / 2, min(width, height) / crop_scale]
            boxes = np.tile(np.array(middle), (len(landmarks), 1))
        transforms.append(
            crops.crop_transforms(boxes, crop_size=crop_size, crop_scale=crop_scale, turns=turns)
        )
    return np.stack(transforms, 1)


class _Footage:
    """The files of a sequence; decodes those that can be used."""

    def __init__(
        self, path: Path, readers: list[ViewReader], hashes: list[str], max_frames: int | None
    ) -> None:
        self.path, self.readers, self.max_frames = path, readers, max_frames
        self.key = cache.key(*(f"{r.name}:{h}" for r, h in zip(readers, hashes, strict=True)))
        self.fps = 0.0
        self.warnings: list[str] = []
        self.cache_warnings: list[str] = []

    @classmethod
    def open(cls, path: Path, *, pattern: str | None, max_frames: int | None) -> _Footage:
        readers, hashes, faults = [], [], []
        for reader in find_views(path, pattern=pattern):
            files = reader.files if max_frames is None or reader.is_video else reader.files[:max_frames]
            try:
                hashes.append(cache.key(*(cache.file_hash(file) for file in files)))
                readers.append(reader)
            except MediaError as error:
                faults.append(error)
        _all_bad(path, readers, faults)
        footage = cls(path, readers, hashes, max_frames)
        footage.warnings += [f"left out: {fault}" for fault in faults]
        return footage

    def warn(self, message: str | None) -> None:
        if message is not None and message not in self.cache_warnings:
            self.cache_warnings.append(message)

    def decode(self, report: ProgressCallback = lambda stage, done, total: None) -> FrameStore:
        """Decodes all views; afterwards `readers` are those that could be used, and `fps` is known."""
        total = sum(self._expected(reader) for reader in self.readers)
        store = FrameStore(len(self.readers))
        good: list[ViewReader] = []
        faults: list[MediaError] = []
        done = 0
        for reader in self.readers:
            reader.timestamps.clear()
            reader.warnings.clear()
            try:
                for frame in reader.frames(max_frames=self.max_frames):
                    store.append(len(good), frame)
                    done += 1
                    report("decode", done, max(total, done) if total else 0)
                good.append(reader)
            except MediaError as error:
                store.clear(len(good))
                faults.append(error)
        _all_bad(self.path, good, faults)
        store.keep_views(len(good))
        self.readers = good
        self.warnings += [f"left out: {fault}" for fault in faults]
        self.warnings += [text for reader in good for text in reader.warnings]
        counts = [store.count(v) for v in range(len(good))]
        if min(counts) < max(counts):
            longer = ", ".join(f"{r.name} {n}" for r, n in zip(good, counts, strict=True))
            self.warnings.append(
                f"{self.path}: views of different length, cut to {min(counts)} frames ({longer})"
            )
        store.truncate(min(counts))
        self.fps = good[0].fps
        if any(abs(reader.fps - self.fps) > 0.02 * self.fps for reader in good):
            rates = ", ".join(f"{reader.name} {reader.fps:.4g}" for reader in good)
            self.warnings.append(
                f"{self.path}: views of different frame rate ({rates} fps); frames are paired by number, "
                "resample the views to one rate if they drift apart"
            )
        return store

    def _expected(self, reader: ViewReader) -> int:
        expected = reader.expected_frames()
        return min(expected, self.max_frames) if self.max_frames is not None else expected


@dataclass(frozen=True)
class _Known:
    """What the cache keeps of the footage: everything about it but its pixels."""

    landmarks: NDArray[np.float32]
    confidence: NDArray[np.float32]
    sizes: tuple[tuple[int, int], ...]
    views: tuple[str, ...]
    fps: float
    warnings: tuple[str, ...]

    @classmethod
    def detect(
        cls, footage: _Footage, frames: FrameStore, detector: Detector, report: ProgressCallback
    ) -> _Known:
        found: Detections = detector.detect(
            frames, progress=lambda done, total: report("detect", done, total)
        )
        return cls(
            landmarks=np.asarray(found.landmarks, np.float32),
            confidence=np.asarray(found.confidence, np.float32),
            sizes=tuple(frames.size(v) for v in range(frames.num_views)),
            views=tuple(reader.name for reader in footage.readers),
            fps=footage.fps,
            warnings=tuple(footage.warnings),
        )

    def arrays(self) -> dict[str, NDArray]:
        return {
            "landmarks": self.landmarks,
            "confidence": self.confidence,
            "sizes": np.array(self.sizes),
            "views": np.array(self.views, dtype=np.str_),
            "fps": np.array(self.fps),
            "warnings": np.array(self.warnings, dtype=np.str_),
        }


def _read_detections(folder: Path, name: str) -> _Known | None:
    arrays = cache.load(folder, name, ["landmarks", "confidence", "sizes", "views", "fps", "warnings"])
    if arrays is None:
        return None
    known = _Known(
        landmarks=arrays["landmarks"],
        confidence=arrays["confidence"],
        sizes=tuple((int(w), int(h)) for w, h in arrays["sizes"].reshape(-1, 2)),
        views=tuple(map(str, arrays["views"].reshape(-1))),
        fps=float(arrays["fps"]),
        warnings=tuple(map(str, arrays["warnings"].reshape(-1))),
    )
    shape = known.landmarks.shape
    sound = len(shape) == 4 and shape[2:] == (478, 3) and known.confidence.shape == shape[:2]
    return known if sound and len(known.views) == len(known.sizes) == shape[1] else None


def _cut(
    frames: FrameStore,
    transforms: NDArray[np.float64],
    crop_size: int,
    report: Callable[[str, int, int], None],
) -> NDArray[np.uint8]:
    num_frames, num_views = transforms.shape[:2]
    out = np.empty((num_frames, num_views, 3, crop_size, crop_size), np.uint8)
    for v in range(num_views):  # view by view: the order in which frames lie in memory
        for f in range(num_frames):
            out[f, v] = crops.warp(frames[f, v], transforms[f, v], crop_size).transpose(2, 0, 1)
            report("crop", v * num_frames + f + 1, num_frames * num_views)
    return out


def _face_warnings(views: tuple[str, ...], detected: NDArray[np.bool_]) -> list[str]:
    lines = []
    for name, column in zip(views, detected.T, strict=True):
        missing = int((~column).sum())
        if missing == len(column):
            lines.append(f"view {name}: no face in any frame; it takes no part")
        elif missing:
            lines.append(f"view {name}: no face in {missing} of {len(column)} frames; they are interpolated")
    return lines


def _all_bad(path: Path, good: list[ViewReader], faults: list[MediaError]) -> None:
    if good:
        return
    if len(faults) == 1:
        raise faults[0]
    raise MediaError(f"{path}: none of the {len(faults)} views can be used; the first: {faults[0]}")

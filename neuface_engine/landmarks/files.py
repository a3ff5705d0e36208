"""Landmarks from files instead of a detector: npy, npz, 300-W pts, and the csv of OpenFace.

    npy    [F, N, 2 or 3] of one view or [F, V, N, 2 or 3], N = 68 (iBUG) or 478 (MediaPipe), pixels of the frame
    npz    the same as `landmarks` (or its only array), with `confidence` [F] or [F, V] and `views` (names), if given
    pts    300-W's "version: 1 / n_points: 68 / { x y ... }", one file a frame, in the natural order of their names
    csv    OpenFace 2: columns x_0 .. x_67, y_0 .. y_67, and where given frame (from 1), face_id, confidence, success
    FOLDER one of these for each view, named as the view is: left.npy, left.csv, or left/ with pts files

The centre of the first pixel is (0, 0) in npy, npz and csv, as OpenCV and face-alignment count, and (1, 1) in pts,
as in Matlab; (0.5, 0.5) here. A frame with a number that is not finite, or with zeros alone, has no face.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuface_engine.errors import ConfigError, in_short
from neuface_engine.landmarks.base import Detections, FrameStore, Progress
from neuface_engine.landmarks.scene import Scene
from neuface_engine.landmarks.topology import NUM_MEDIAPIPE
from neuface_engine.mistaken import unfolds

NUM_IBUG = 68
SUFFIXES = (".npy", ".npz", ".csv", ".pts")
_COUNTS = (NUM_IBUG, NUM_MEDIAPIPE)
_LARGEST_BYTES = 4 * 2**30
_LARGEST_PICTURE = 1e6
_SMALLEST_FACE = 3  # pixels


@dataclass(frozen=True)
class _Points:
    """points [F, V, N, 2 or 3]; confidence [F, V]; views: names, or None where the file has none."""

    points: NDArray[np.float64]
    confidence: NDArray[np.float64]
    views: tuple[str, ...] | None = None


class LandmarkFile:
    """Landmarks that another program found, under the interface of a detector."""

    def __init__(self, path: str | Path) -> None:
        """Raises ConfigError where there is no file of a known kind."""
        self.path = Path(path)
        self._files = _files_of(self.path)
        self.name = f"file:{self.path.name}"
        self.version = _fingerprint(self._files)

    def detect(
        self, frames: FrameStore, *, scene: Scene | None = None, progress: Progress | None = None
    ) -> Detections:
        """The first frames of the file. Raises ConfigError where it has fewer, or not these views."""
        scene = scene or Scene()
        count, num_views = len(frames), frames.num_views
        names = [scene.name(v) for v in range(num_views)]
        if self.path.is_dir() and not any(
            file.parent == self.path and file.suffix == ".pts" for file in self._files
        ):
            views = [_one_view(_of_view(self.path, name), count) for name in names]
        else:
            views = _split(self.path, self._read(count), names)
        sizes = {view.points.shape[2] for view in views}
        if len(sizes) > 1:
            raise ConfigError(
                f"{self.path}: its views have {sorted(sizes)} landmarks; give one number for all"
            )
        landmarks = np.zeros((count, num_views, sizes.pop(), 3), np.float32)
        confidence = np.zeros((count, num_views), np.float32)
        for v, view in enumerate(views):
            if len(view.points) < count:
                raise ConfigError(
                    f"{self.path}: landmarks of {len(view.points)} frames, {names[v]} has {count}; give as many "
                    "(or fewer frames: --max-frames)"
                )
            points = view.points[:count, 0]
            finite = np.isfinite(points).all((1, 2)) & (np.abs(np.nan_to_num(points)) < _LARGEST_PICTURE).all(
                (1, 2)
            )
            seen = finite & (points[..., :2] != 0).any((1, 2)) & (view.confidence[:count, 0] > 0)
            landmarks[seen, v, :, : points.shape[-1]] = points[seen]
            confidence[seen, v] = np.clip(view.confidence[:count, 0][seen], 0, 1)
        seen_points = landmarks[confidence > 0][..., :2]
        if len(seen_points) and np.abs(seen_points).max() < _SMALLEST_FACE:
            raise ConfigError(
                f"{self.path}: every landmark lies within {_SMALLEST_FACE} px of the corner, as shares of the picture "
                "do; give pixels of the frame"
            )
        if progress is not None:
            progress(count, count)
        return Detections(landmarks, confidence)

    def _read(self, count: int) -> _Points:
        if self.path.is_dir():
            return _pts(self._files, count)
        return _read_file(self.path, count)


def _files_of(path: Path) -> tuple[Path, ...]:
    if path.is_file() and path.suffix.lower() in SUFFIXES:
        return (path,)
    if path.is_dir():
        found = [
            f
            for f in (*path.iterdir(), *path.glob("*/*.pts"))
            if f.suffix.lower() in SUFFIXES and f.is_file()
        ]
        if found:
            return tuple(sorted(found, key=lambda f: _natural(f.relative_to(path).as_posix())))
    raise ConfigError(
        f"{path}: no landmarks there; give an npy, npz, pts or OpenFace csv file, or a folder with one for each view"
    )


def _of_view(folder: Path, name: str) -> Path:
    for suffix in (".npy", ".npz", ".csv", ".pts"):
        if (folder / f"{name}{suffix}").is_file():
            return folder / f"{name}{suffix}"
    if (folder / name).is_dir():
        return folder / name
    raise ConfigError(f"{folder}: has no landmarks of view {name!r}; name the files as the views are named")


def _one_view(path: Path, count: int) -> _Points:
    if path.is_dir():
        files = [file for file in path.iterdir() if file.suffix.lower() == ".pts"]
        return _pts(tuple(sorted(files, key=lambda f: _natural(f.name))), count)
    found = _read_file(path, count)
    if found.points.shape[1] != 1:
        raise ConfigError(f"{path}: landmarks of {found.points.shape[1]} views; give one view a file")
    return found


def _split(path: Path, whole: _Points, names: list[str]) -> list[_Points]:
    """The views asked for: by name where the file names them, else by number."""
    num_views = whole.points.shape[1]
    if whole.views is not None:
        missing = [name for name in names if name not in whole.views]
        if missing:
            raise ConfigError(
                f"{path}: has no view {missing[0]!r}; there are: {', '.join(map(repr, whole.views))}"
            )
        order = [whole.views.index(name) for name in names]
    elif num_views == len(names):
        order = list(range(num_views))
    else:
        raise ConfigError(
            f"{path}: landmarks of {num_views} views for {len(names)}; give as many, or a folder with a file a view"
        )
    return [_Points(whole.points[:, [v]], whole.confidence[:, [v]]) for v in order]


def _read_file(path: Path, count: int) -> _Points:
    suffix = path.suffix.lower()
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise ConfigError(
                f"{path}: larger than {_LARGEST_BYTES >> 30} GB; give the landmarks of one sequence"
            )
        if suffix == ".pts":
            return _pts((path,), count)
        if suffix == ".csv":
            return _openface(path, count)
        return _arrays(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or error}); copy it again") from None
    except ConfigError:
        raise
    except Exception as error:  # a damaged file can raise anything
        raise ConfigError(f"{path}: not landmarks, or damaged ({in_short(error)}); write it again") from None


def _arrays(path: Path) -> _Points:
    views: tuple[str, ...] | None = None
    confidence = None
    if path.suffix.lower() == ".npy":
        with path.open("rb") as stream:
            points = np.load(stream, allow_pickle=False)
    else:
        wrong = unfolds(path)
        if wrong is not None:
            raise ConfigError(f"{path}: {wrong}")
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            names = archive.files
            if "landmarks" not in names and len(names) != 1:
                raise ConfigError(
                    f"{path}: has no array 'landmarks'; there are: {', '.join(map(repr, names))}"
                )
            points = archive["landmarks" if "landmarks" in names else names[0]]
            confidence = archive["confidence"] if "confidence" in names else None
            if "views" in names:
                views = tuple(str(name) for name in archive["views"].reshape(-1))
    points = np.asarray(points)
    if points.ndim == 3:
        points = points[:, None]
    kind = points.dtype.kind
    if (
        points.ndim != 4
        or points.shape[2] not in _COUNTS
        or points.shape[3] not in (2, 3)
        or kind not in "fiu"
    ):
        raise ConfigError(
            f"{path}: an array {list(points.shape)} of {points.dtype}; give numbers [F, N, 2 or 3] or "
            "[F, V, N, 2 or 3] with N 68 or 478"
        )
    points = points.astype(np.float64)
    points[..., :2] += 0.5
    shape = points.shape[:2]
    if confidence is None:
        empty = (points[..., :2] == 0.5).all((2, 3))
        known = np.where(empty, 0.0, 1.0)
    else:
        known = np.nan_to_num(np.asarray(confidence, np.float64))
        known = known[:, None] if known.ndim == 1 else known
    if known.shape != shape or (views is not None and len(views) != shape[1]):
        raise ConfigError(
            f"{path}: confidence {list(known.shape)} or {len(views or ())} view names do not fit landmarks "
            f"{list(points.shape)}"
        )
    return _Points(points, known, views)


def _openface(path: Path, count: int) -> _Points:
    with path.open(encoding="utf-8", errors="strict", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = [column.strip() for column in next(reader, [])]
            columns = [[header.index(f"{axis}_{k}") for k in range(NUM_IBUG)] for axis in "xy"]
        except ValueError:
            raise ConfigError(
                f"{path}: has no columns x_0 to y_67; give the csv of OpenFace's 2D landmarks"
            ) from None
        except csv.Error as error:
            raise ValueError(str(error)) from None
        place = {
            name: header.index(name)
            for name in ("frame", "face_id", "confidence", "success")
            if name in header
        }
        faces: dict[int, dict[int, tuple[NDArray[np.float64], float]]] = {}
        last = 0
        try:
            for order, row in enumerate(reader):
                if not row:
                    continue
                if len(row) < len(header):
                    raise ConfigError(
                        f"{path}: line {reader.line_num}: {len(row)} of {len(header)} columns; it is cut off"
                    )
                frame = int(float(row[place["frame"]])) - 1 if "frame" in place else order
                last = max(last, frame + 1)
                if not 0 <= frame < count:
                    continue
                success = float(row[place["success"]]) if "success" in place else 1.0
                trust = float(row[place["confidence"]]) if "confidence" in place else 1.0
                face = int(float(row[place["face_id"]])) if "face_id" in place else 0
                points = np.array([[float(row[k]) for k in axis] for axis in columns]).T + 0.5
                faces.setdefault(face, {})[frame] = (points, trust if success > 0 else 0.0)
        except csv.Error as error:
            raise ValueError(str(error)) from None
    points = np.zeros((min(last, count), 1, NUM_IBUG, 2))
    confidence = np.zeros((min(last, count), 1))
    if faces:
        longest = max(faces.values(), key=len)
        for frame, (own, trust) in longest.items():
            points[frame, 0], confidence[frame, 0] = own, trust
    return _Points(points, confidence)


def _pts(files: tuple[Path, ...], count: int) -> _Points:
    points = np.zeros((len(files[:count]), 1, NUM_IBUG, 2))
    for row, file in enumerate(files[:count]):
        try:
            text = file.read_text(encoding="ascii")
            body = text[text.index("{") + 1 : text.index("}")]
            numbers = np.array([float(word) for word in body.split()]).reshape(-1, 2)
        except OSError as error:
            raise ConfigError(f"{file}: cannot be read ({error.strerror}); copy it again") from None
        except ValueError:
            raise ConfigError(f"{file}: not a pts file of 300-W, or damaged; write it again") from None
        if numbers.shape != (NUM_IBUG, 2):
            raise ConfigError(f"{file}: {len(numbers)} landmarks; give the 68 of 300-W")
        points[row, 0] = numbers - 0.5
    return _Points(points, np.ones(points.shape[:2]))


def _fingerprint(files: tuple[Path, ...]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode("utf-8", "replace"))
        try:
            with file.open("rb") as stream:
                while block := stream.read(2**20):
                    digest.update(block)
        except OSError as error:
            raise ConfigError(f"{file}: cannot be read ({error.strerror}); copy it again") from None
    return digest.hexdigest()[:12]


def _natural(text: str) -> list[tuple[int, int, str]]:
    from neuface_engine.video.patterns import natural_key

    return natural_key(text)

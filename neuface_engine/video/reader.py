"""One view's frames, decoded once and in order, from a video file, a folder of images or a single image.

What the container claims about itself (frame count, duration, rate) is a hint for the progress bar; what counts is
what was decoded.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from neuface_engine.errors import MediaError
from neuface_engine.mistaken import lacks_index, mistaken

Frame = NDArray[np.uint8]

_COMMON = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".gif")
VIDEO_SUFFIXES = frozenset((*_COMMON, ".wmv", ".flv", ".ts", ".mts", ".m2ts", ".ogv", ".3gp"))
IMAGE_SUFFIXES = frozenset([".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"])
DEFAULT_IMAGE_FPS = 25.0


@dataclass
class ViewReader:
    """Decodes one view. Iterate over `frames()` once; afterwards `fps`, `timestamps` and `warnings` are known.

    `files`: one video, or the images in order. `timestamps` are seconds from the first frame.
    """

    name: str
    files: tuple[Path, ...]
    fps: float = DEFAULT_IMAGE_FPS
    timestamps: list[float] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def is_video(self) -> bool:
        return len(self.files) == 1 and self.files[0].suffix.lower() not in IMAGE_SUFFIXES

    def nominal_fps(self) -> float:
        """The rate that the container announces, before anything is decoded; a guess is better than none."""
        if self.is_video:
            try:
                with av.open(str(self.files[0])) as container:
                    rate = container.streams.video[0].average_rate
                    return float(rate) if rate else DEFAULT_IMAGE_FPS
            except (OSError, ValueError, IndexError, av.FFmpegError):
                return DEFAULT_IMAGE_FPS  # the decoding that follows says what is wrong
        return self.fps

    def expected_frames(self) -> int:
        """The number of frames to expect, for a progress bar; 0 = unknown."""
        if not self.is_video:
            return len(self.files)
        try:
            with av.open(str(self.files[0])) as container:
                stream = container.streams.video[0]
                if stream.frames:
                    return int(stream.frames)
                if container.duration and stream.average_rate:
                    return round(container.duration / av.time_base * float(stream.average_rate))
        except (OSError, ValueError, IndexError, av.FFmpegError):
            pass  # the decoding that follows says what is wrong
        return 0

    def frames(self, *, max_frames: int | None = None) -> Iterator[Frame]:
        """Yields uint8 RGB [H, W, 3], upright (rotation metadata applied), all of one size.

        Raises MediaError where not a single frame can be decoded.
        """
        source = self._video_frames() if self.is_video else self._image_frames()
        for count, frame in enumerate(source, start=1):
            yield frame
            if count == max_frames:
                break

    def _image_frames(self) -> Iterator[Frame]:
        shape: tuple[int, ...] | None = None
        for index, file in enumerate(self.files):
            image = read_image(file)
            if shape is None:
                shape = image.shape
            elif image.shape != shape:
                raise MediaError(
                    f"{file}: {image.shape[1]}x{image.shape[0]} px but the first image of the folder has "
                    f"{shape[1]}x{shape[0]}; give one folder a view, all images of one size"
                )
            self.timestamps.append(index / self.fps)
            yield image

    def _video_frames(self) -> Iterator[Frame]:
        path = self.files[0]
        check_readable(path)
        try:
            container = av.open(str(path))
        except (OSError, ValueError, RuntimeError, MemoryError, av.FFmpegError) as error:
            raise MediaError(f"{path}: {_no_video(path, error)}") from error
        with container:
            if not container.streams.video:
                raise MediaError(f"{path}: has sound but no picture; give a file with a video track")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            size: tuple[int, int] | None = None
            times: list[float | None] = []
            try:
                for decoded in container.decode(stream):
                    frame = _upright(decoded)
                    if size is None:
                        size = frame.shape[0], frame.shape[1]
                    elif frame.shape[:2] != size:
                        frame = np.asarray(
                            cv2.resize(frame, size[::-1], interpolation=cv2.INTER_AREA), np.uint8
                        )
                    times.append(decoded.time)
                    self._note_time(times, stream.average_rate)
                    yield frame
            except (OSError, ValueError, RuntimeError, MemoryError, av.FFmpegError) as error:
                if times:
                    self.warnings.append(f"{path}: damaged after frame {len(times)}; the rest is left out")
                else:
                    raise MediaError(
                        f"{path}: no frame can be decoded ({_reason(error)}); convert the file, e.g. to H.264"
                    ) from error
            if not times:
                raise MediaError(f"{path}: contains no frame; record or export it again")
            claimed = int(stream.frames or 0)
            if claimed and len(times) < 0.9 * claimed:
                self.warnings.append(
                    f"{path}: {len(times)} frames decoded of {claimed} announced; the file is cut off, "
                    "what is there is used"
                )
            self._settle_rate(path, times, stream.average_rate)

    def _note_time(self, times: list[float | None], average_rate: object) -> None:
        rate = float(average_rate) if average_rate else DEFAULT_IMAGE_FPS  # type: ignore[arg-type]
        if len(times) == 1:
            self.fps = rate
        first, last = times[0], times[-1]
        known = first is not None and last is not None
        self.timestamps.append(last - first if known else (len(times) - 1) / rate)  # type: ignore[operator]

    def _settle_rate(self, path: Path, times: list[float | None], average_rate: object) -> None:
        steps = np.diff(np.asarray(self.timestamps))
        if len(steps) == 0 or not np.all(steps > 0):
            return
        self.fps = float(1.0 / steps.mean())
        nominal = float(average_rate) if average_rate else 0.0  # type: ignore[arg-type]
        if nominal and abs(self.fps - nominal) < 0.01 * nominal:
            self.fps = nominal
        median = statistics.median(steps.tolist())
        irregular = float(np.mean(np.abs(steps - median) > 0.2 * median))
        if irregular > 0.05:
            self.warnings.append(
                f"{path}: the frame rate varies ({irregular:.0%} of the frames are off the beat); "
                f"{self.fps:.3g} fps on average is assumed"
            )


def read_image(path: Path) -> Frame:
    """Reads an image as uint8 RGB [H, W, 3], its EXIF orientation applied. Raises MediaError."""
    check_readable(path)
    try:
        data = np.fromfile(path, np.uint8)  # imread cannot open every file name on Windows
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except (OSError, cv2.error) as error:
        raise MediaError(f"{path}: cannot be read ({_reason(error)})") from error
    if image is None:
        raise MediaError(
            f"{path}: not an image, or damaged; give a png or jpg file that an image viewer opens"
        )
    return np.ascontiguousarray(image[..., ::-1])


def check_readable(path: Path) -> None:
    """Raises MediaError with the remedy where the file is missing, empty or closed to us."""
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise MediaError(f"{path}: empty (zero bytes); copy or download it again")
    except FileNotFoundError:
        raise MediaError(f"{path}: no such file; check the path") from None
    except PermissionError:
        raise MediaError(f"{path}: may not be read; give yourself permission to read it") from None
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({_reason(error)})") from error


def _upright(decoded: av.VideoFrame) -> Frame:
    frame = np.asarray(decoded.to_ndarray(format="rgb24"), np.uint8)
    quarter_turns = round(decoded.rotation / 90) % 4  # metadata turns counter-clockwise, as rot90 does
    return np.ascontiguousarray(np.rot90(frame, quarter_turns)) if quarter_turns else frame


def _no_video(path: Path, error: BaseException) -> str:
    """What is wrong with a file that cannot be opened, and what to do."""
    wrong = mistaken(path)
    if wrong is not None:
        return wrong
    if lacks_index(path):
        return "damaged: its index (moov) is missing, recording or copying it was broken off; copy or record it again"
    return f"not a video, or damaged ({_reason(error)}); give a file that a video player opens"


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).splitlines()[0].rstrip(".")


ProgressCallback = Callable[[str, int, int], None]

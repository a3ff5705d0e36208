"""Writes an H.264 video that players everywhere open."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from numpy.typing import NDArray

from neuface_engine.errors import MediaError

_CODECS = ("libx264", "h264", "libopenh264", "mpeg4")


class VideoWriter:
    """`with VideoWriter(path, fps=25) as video: video.write(frame)`; frames uint8 RGB [H, W, 3] of one size.

    An odd row or column is left out (4:2:0 needs even sides). The file is complete when the block ends, and
    removed where it ends by an exception. Raises MediaError where the file cannot be written.
    """

    def __init__(self, path: str | Path, *, fps: float, quality: int = 18) -> None:
        self.path = Path(path)
        self._fps = Fraction(fps).limit_denominator(1001)
        self._quality = quality
        self._part = self.path.with_name(f".{self.path.stem}.part{self.path.suffix or '.mp4'}")
        self._container: av.container.OutputContainer | None = None
        self._stream: av.VideoStream | None = None

    def __enter__(self) -> VideoWriter:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._container = av.open(str(self._part), "w")
        except (OSError, ValueError) as error:
            raise MediaError(
                f"{self.path}: cannot be written ({error}); choose a folder you may write to "
                "and a name that ends in .mp4"
            ) from error
        return self

    def write(self, frame: NDArray[np.uint8]) -> None:
        assert self._container is not None, "use the writer in a with statement"
        frame = np.ascontiguousarray(frame[: frame.shape[0] // 2 * 2, : frame.shape[1] // 2 * 2])
        try:
            if self._stream is None:
                self._stream = self._open_stream(self._container, frame.shape[1], frame.shape[0])
            for packet in self._stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")):
                self._container.mux(packet)
        except OSError as error:
            raise MediaError(
                f"{self.path}: cannot be written ({error.strerror or error}); free some space"
            ) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._container is not None
        try:
            if self._stream is not None and kind is None:
                for packet in self._stream.encode():
                    self._container.mux(packet)
            self._container.close()
            if kind is None:
                self._part.replace(self.path)
        except OSError as fault:
            raise MediaError(
                f"{self.path}: cannot be written ({fault.strerror or fault}); free some space"
            ) from fault
        finally:
            self._part.unlink(missing_ok=True)

    def _open_stream(
        self, container: av.container.OutputContainer, width: int, height: int
    ) -> av.VideoStream:
        for name in _CODECS:
            try:
                stream = container.add_stream(name, rate=self._fps)
            except (ValueError, av.FFmpegError):
                continue
            if not isinstance(stream, av.VideoStream):
                continue
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            if name in ("libx264", "h264"):
                stream.options = {"crf": str(self._quality), "preset": "veryfast"}
            return stream
        raise MediaError(
            f"{self.path}: this installation of PyAV has no H.264 encoder; install the wheel from PyPI"
        )

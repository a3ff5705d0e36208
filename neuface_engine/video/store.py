"""The decoded frames of a sequence, any of them at hand at once, in bounded memory."""

from __future__ import annotations

import os
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, overload

import cv2
import numpy as np
from numpy.typing import NDArray

from neuface_engine.errors import MediaError

Frame = NDArray[np.uint8]

DEFAULT_BUDGET_BYTES = 640 * 2**20
_JPEG_OPTIONS = [
    int(cv2.IMWRITE_JPEG_QUALITY), 95,
    int(cv2.IMWRITE_JPEG_SAMPLING_FACTOR), int(cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
]  # fmt: skip
_DECODED_AT_HAND = 32


class FrameStore:
    """frames[f, v] -> uint8 RGB [H, W, 3], read-only; frames[f] -> those of all views. `len(frames)` = number of
    frames; safe to read from any thread.

    Frames stay as they are until `budget_bytes` are used; those beyond are kept as JPEG (quality 95, 4:4:4) in a
    temporary file that vanishes with the store.
    """

    def __init__(self, num_views: int, *, budget_bytes: int | None = None) -> None:
        if budget_bytes is None:
            budget_bytes = (
                int(float(os.environ.get("NEUFACE_FRAMES_MB", "0")) * 2**20) or DEFAULT_BUDGET_BYTES
            )
        self._views: list[list[Frame | tuple[int, int]]] = [[] for _ in range(num_views)]
        self._sizes: list[tuple[int, int]] = [(0, 0)] * num_views
        self._length: int | None = None
        self._budget = budget_bytes
        self._used = 0
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None
        self._recent: OrderedDict[tuple[int, int], Frame] = OrderedDict()

    def __len__(self) -> int:
        return min(len(view) for view in self._views) if self._length is None else self._length

    @property
    def num_views(self) -> int:
        return len(self._views)

    @property
    def memory_bytes(self) -> int:
        """Bytes of uncompressed frames held."""
        return self._used

    def size(self, view: int) -> tuple[int, int]:
        """(width, height) of a view in pixels."""
        return self._sizes[view]

    def count(self, view: int) -> int:
        """The number of frames stored for one view."""
        return len(self._views[view])

    def append(self, view: int, frame: Frame) -> None:
        """Adds the next frame of a view."""
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise ValueError(f"a frame is uint8 [H, W, 3], not {frame.dtype} {list(frame.shape)}")
        with self._lock:
            self._sizes[view] = frame.shape[1], frame.shape[0]
            entry: Frame | tuple[int, int]
            if self._used + frame.nbytes <= self._budget:
                entry = frame.copy() if frame.base is not None else frame
                entry.flags.writeable = False
                self._used += frame.nbytes
            else:
                entry = self._spill(frame)
            self._views[view].append(entry)

    def clear(self, view: int) -> None:
        """Forgets the frames of one view."""
        with self._lock:
            self._forget(self._views[view])
            self._views[view] = []
            self._sizes[view] = 0, 0
            self._recent.clear()

    def keep_views(self, count: int) -> None:
        """Keeps the first `count` views."""
        with self._lock:
            for view in self._views[count:]:
                self._forget(view)
            del self._views[count:], self._sizes[count:]
            self._recent.clear()

    def truncate(self, length: int) -> None:
        """Cuts all views to `length` frames."""
        with self._lock:
            for view in self._views:
                self._forget(view[length:])
                del view[length:]
            self._recent.clear()
            self._length = length

    @overload
    def __getitem__(self, index: int) -> tuple[Frame, ...]: ...

    @overload
    def __getitem__(self, index: tuple[int, int]) -> Frame: ...

    def __getitem__(self, index: int | tuple[int, int]) -> Frame | tuple[Frame, ...]:
        if not isinstance(index, tuple):
            return tuple(self[index, v] for v in range(self.num_views))
        f, v = index
        length = len(self)
        if not -length <= f < length or not -self.num_views <= v < self.num_views:
            raise IndexError(
                f"frame {f} of view {v} in a store of {length} frames and {self.num_views} views"
            )
        return self.frame_of_view(v % self.num_views, f % length)

    def frame_of_view(self, v: int, f: int) -> Frame:
        """Frame f of view v alone, which may have more frames than the store has in common."""
        key = f, v
        entry = self._views[key[1]][key[0]]
        if isinstance(entry, np.ndarray):
            return entry
        with self._lock:
            if key in self._recent:
                self._recent.move_to_end(key)
                return self._recent[key]
            data = self._fetch(*entry)
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None, "we encoded it ourselves"
        frame = np.ascontiguousarray(image[..., ::-1], np.uint8)
        frame.flags.writeable = False
        with self._lock:
            self._recent[key] = frame
            while len(self._recent) > _DECODED_AT_HAND:
                self._recent.popitem(last=False)
        return frame

    def close(self) -> None:
        """Gives the temporary file back; it goes by itself with the store."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __del__(self) -> None:
        if getattr(self, "_file", None) is not None:
            self.close()

    def _forget(self, entries: list[Frame | tuple[int, int]]) -> None:
        self._used -= sum(entry.nbytes for entry in entries if isinstance(entry, np.ndarray))

    def _spill(self, frame: Frame) -> tuple[int, int]:
        encoded = cv2.imencode(".jpg", frame[..., ::-1], _JPEG_OPTIONS)[1]
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="neuface_frames_")  # noqa: SIM115
            self._file.seek(0, os.SEEK_END)
            offset = self._file.tell()
            self._file.write(encoded.data)
        except OSError as error:
            raise MediaError(
                f"{Path(tempfile.gettempdir())}: no room for decoded frames ({error.strerror}); free some space, "
                "point TMPDIR to another disk, or limit the frames (--max-frames)"
            ) from error
        return offset, len(encoded)

    def _fetch(self, offset: int, length: int) -> bytes:
        assert self._file is not None
        self._file.seek(offset)
        return self._file.read(length)


class LazyFrameStore(FrameStore):
    """A store whose frames are decoded when the first of them is asked for, or by `load()`.

    `decode` returns the filled store; length and sizes are known before (they come from the cache).
    """

    def __init__(
        self, decode: Callable[[], FrameStore], *, length: int, sizes: Sequence[tuple[int, int]]
    ) -> None:
        super().__init__(len(sizes), budget_bytes=1)
        self._length = length
        self._sizes = list(sizes)
        self._decode = decode
        self._store: FrameStore | None = None
        self._load_lock = threading.Lock()

    @property
    def loaded(self) -> bool:
        return self._store is not None

    @property
    def memory_bytes(self) -> int:
        return self._store.memory_bytes if self._store else 0

    def load(self) -> FrameStore:
        """Decodes now (once, whichever thread asks first); may raise MediaError where the files have gone."""
        with self._load_lock:
            if self._store is None:
                self._store = self._decode()
            return self._store

    def frame_of_view(self, v: int, f: int) -> Frame:
        return self.load().frame_of_view(v, f)

    def append(self, view: int, frame: Frame) -> None:
        raise TypeError("a lazy store is filled by decoding")

    def truncate(self, length: int) -> None:
        raise TypeError("a lazy store is cut by decoding")


class SelectedFrames(FrameStore):
    """Some frames and views of another store, by index; shares its memory."""

    def __init__(self, store: FrameStore, frames: Sequence[int], views: Sequence[int]) -> None:
        super().__init__(len(views), budget_bytes=1)
        self._source = store
        self._frame_of = [int(f) for f in frames]
        self._view_of = [int(v) for v in views]
        self._length = len(self._frame_of)
        self._sizes = [store.size(v) for v in self._view_of]

    @property
    def memory_bytes(self) -> int:
        return self._source.memory_bytes

    def frame_of_view(self, v: int, f: int) -> Frame:
        return self._source[self._frame_of[f], self._view_of[v]]


class PairedFrames(FrameStore):
    """Another store whose views are taken at frame numbers of their own: view_frames [F, V]; shares its memory."""

    def __init__(self, store: FrameStore, view_frames: NDArray[np.int64]) -> None:
        super().__init__(store.num_views, budget_bytes=1)
        self._source = store
        self._frame_of = np.asarray(view_frames, np.int64).tolist()
        self._length = len(self._frame_of)
        self._sizes = [store.size(v) for v in range(store.num_views)]

    @property
    def memory_bytes(self) -> int:
        return self._source.memory_bytes

    def frame_of_view(self, v: int, f: int) -> Frame:
        return self._source.frame_of_view(v, self._frame_of[f][v])


class OneView(FrameStore):
    """One view of another store, at the given frame numbers; shares its memory."""

    def __init__(self, store: FrameStore, view: int, frames: NDArray[np.int64]) -> None:
        super().__init__(1, budget_bytes=1)
        self._source, self._view = store, view
        self._frame_of = np.asarray(frames, np.int64).tolist()
        self._length = len(self._frame_of)
        self._sizes = [store.size(view)]

    @property
    def memory_bytes(self) -> int:
        return self._source.memory_bytes

    def frame_of_view(self, v: int, f: int) -> Frame:
        return self._source.frame_of_view(self._view, self._frame_of[f])

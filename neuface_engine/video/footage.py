"""The files of one sequence: opened, hashed and decoded, as far as they can be used."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuface_engine.errors import MediaError
from neuface_engine.video import cache
from neuface_engine.video.cuts import CutFinder
from neuface_engine.video.reader import ProgressCallback, ViewReader
from neuface_engine.video.sources import SequenceSource
from neuface_engine.video.store import FrameStore, PairedFrames
from neuface_engine.video.sync import MAX_OFFSET_SECONDS, Sync, resampled
from neuface_engine.video.views import choose_views


def _silent(stage: str, done: int, total: int) -> None:
    return None


class Footage:
    """The views of a sequence and what was noticed about them."""

    def __init__(
        self, source: SequenceSource, readers: list[ViewReader], hashes: list[str], max_frames: int | None,
        sync: Sync,
    ) -> None:  # fmt: skip
        self.source, self.readers, self.max_frames, self.sync = source, readers, max_frames, sync
        self.path = source.path
        self.key = cache.key(*(f"{r.name}:{h}" for r, h in zip(readers, hashes, strict=True)))
        self.fps = 0.0
        self.cuts: list[tuple[int, ...]] = []
        """Of each view, in its own frames."""
        self.warnings: list[str] = []
        self.cache_warnings: list[str] = []

    @classmethod
    def open(
        cls, source: SequenceSource, *, pattern: str | None, max_frames: int | None, sync: Sync = "index"
    ) -> Footage:
        """Raises MediaError where no view can be used, ConfigError where the pattern matches none."""
        readers, hashes, faults = [], [], []
        for reader in choose_views(source.path, source.readers(), pattern):
            # images beyond the last frame that is read do not count
            limit = None if reader.is_video or sync != "index" else max_frames
            try:
                hashes.append(cache.key(*(cache.file_hash(file) for file in reader.files[:limit])))
                readers.append(reader)
            except MediaError as error:
                faults.append(error)
        all_bad(source.path, readers, faults)
        footage = cls(source, readers, hashes, max_frames, sync)
        if not all(reader.is_video for reader in readers) and source.fps:
            footage.key = cache.key(footage.key, source.fps)
        footage.warnings += [f"left out: {fault}" for fault in faults]
        return footage

    @property
    def views(self) -> tuple[str, ...]:
        return tuple(reader.name for reader in self.readers)

    def warn(self, message: str | None) -> None:
        if message is not None and message not in self.cache_warnings:
            self.cache_warnings.append(message)

    def decode(self, report: ProgressCallback = _silent) -> FrameStore:
        """Decodes all views, each to its own end; afterwards `readers` are those that could be used.

        `fps`, `cuts` and the readers' timestamps are then known.
        """
        limits = self._limits()
        total = sum(self._expected(reader, limit) for reader, limit in zip(self.readers, limits, strict=True))
        store = FrameStore(len(self.readers))
        good: list[ViewReader] = []
        faults: list[MediaError] = []
        self.cuts.clear()
        done = 0
        for reader, limit in zip(self.readers, limits, strict=True):
            reader.timestamps.clear()
            reader.warnings.clear()
            finder = CutFinder()
            try:
                for frame in reader.frames(max_frames=limit):
                    store.append(len(good), frame)
                    finder.add(frame)
                    done += 1
                    report("decode", done, max(total, done) if total else 0)
                good.append(reader)
                self.cuts.append(finder.cuts())
            except MediaError as error:
                store.clear(len(good))
                faults.append(error)
        all_bad(self.path, good, faults)
        store.keep_views(len(good))
        self.readers = good
        self.warnings += [f"left out: {fault}" for fault in faults]
        self.warnings += [text for reader in good for text in reader.warnings]
        self.fps = good[0].fps if self.sync == "index" else min(reader.fps for reader in good)
        self._tell_of_differences(store)
        return store

    def timeline(self, store: FrameStore) -> list[NDArray[np.int64]]:
        """For each view the numbers of its frames at the common rate `fps`, from its own beginning."""
        if self.sync == "index":
            return [np.arange(store.count(v)) for v in range(store.num_views)]
        return [resampled(reader.timestamps, self.fps) for reader in self.readers]

    def decode_paired(self, view_frames: NDArray[np.int64]) -> FrameStore:
        """The frames of a sequence whose pairing [F, V] is known. Raises MediaError where the files have changed."""
        store = self.decode()
        if store.num_views != view_frames.shape[1] or any(
            view_frames[:, v].max(initial=-1) >= store.count(v) for v in range(store.num_views)
        ):
            raise MediaError(f"{self.path}: the footage has changed since it was opened; open it again")
        return paired(store, view_frames)

    def _limits(self) -> list[int | None]:
        """How many frames of each view may be wanted."""
        if self.max_frames is None:
            return [None] * len(self.readers)
        if self.sync == "index":
            return [self.max_frames] * len(self.readers)
        rates = [reader.nominal_fps() for reader in self.readers]
        spare = MAX_OFFSET_SECONDS if self.sync == "mouth" else 0.0
        seconds = self.max_frames / min(rates) + spare
        return [math.ceil(seconds * rate * 1.1) + 2 for rate in rates]

    def _expected(self, reader: ViewReader, limit: int | None) -> int:
        expected = reader.expected_frames()
        return expected if limit is None else min(expected, limit)

    def _tell_of_differences(self, store: FrameStore) -> None:
        good = self.readers
        rates = ", ".join(f"{reader.name} {reader.fps:.4g}" for reader in good)
        differ = any(abs(reader.fps - self.fps) > 0.02 * self.fps for reader in good)
        if self.sync != "index":
            if differ:
                self.warnings.append(
                    f"{self.path}: views of different frame rate ({rates} fps), taken at {self.fps:.4g} fps "
                    "by their time stamps"
                )
            return
        counts = [store.count(v) for v in range(len(good))]
        if min(counts) < max(counts):
            longer = ", ".join(f"{r.name} {n}" for r, n in zip(good, counts, strict=True))
            self.warnings.append(
                f"{self.path}: views of different length, cut to {min(counts)} frames ({longer})"
            )
        if differ:
            self.warnings.append(
                f"{self.path}: views of different frame rate ({rates} fps); frames are paired by number, "
                "pair them by time stamp (--sync timestamp) if they drift apart"
            )


def paired(store: FrameStore, view_frames: NDArray[np.int64]) -> FrameStore:
    """The store seen through `view_frames` [F, V]; the store itself, cut, where every view is taken from its start."""
    plain = np.arange(len(view_frames))[:, None]
    if (view_frames == plain).all():
        store.truncate(len(view_frames))
        return store
    return PairedFrames(store, view_frames)


def all_bad(path: Path, good: list[ViewReader], faults: list[MediaError]) -> None:
    """Raises MediaError with the first fault where nothing is left."""
    if good:
        return
    if len(faults) == 1:
        raise faults[0]
    raise MediaError(f"{path}: none of the {len(faults)} views can be used; the first: {faults[0]}")

"""The frame store gives back what was put in, in order, in bounded memory, to any thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from neuface_engine.video.store import FrameStore, LazyFrameStore, SelectedFrames


def picture(f: int, v: int) -> NDArray[np.uint8]:
    return np.full((16, 24 + 8 * v, 3), (10 * f + v, 100, 200 - 10 * f), np.uint8)


def filled(*, budget: int | None = None, frames: int = 6, views: int = 2) -> FrameStore:
    store = FrameStore(views, budget_bytes=budget)
    for v in range(views):
        for f in range(frames):
            store.append(v, picture(f, v))
    return store


@pytest.mark.parametrize("budget", [None, 0, 5000])
def test_every_frame_is_where_it_belongs(budget: int | None) -> None:
    store = filled(budget=budget)
    assert len(store) == 6
    assert store.num_views == 2
    assert store.size(1) == (32, 16)
    for f in range(6):
        for v in range(2):
            np.testing.assert_allclose(store[f, v].astype(int), picture(f, v), atol=3)
    np.testing.assert_allclose(store[-1, -1].astype(int), picture(5, 1), atol=3)


def test_memory_stays_within_the_budget() -> None:
    assert filled(budget=5000).memory_bytes <= 5000
    assert filled().memory_bytes == sum(picture(f, v).nbytes for f in range(6) for v in range(2))


def test_frames_cannot_be_written_to() -> None:
    for budget in (None, 0):
        with pytest.raises(ValueError, match="read-only"):
            filled(budget=budget)[0, 0][0, 0] = 0


def test_beyond_the_end_is_an_index_error() -> None:
    for index in ((6, 0), (0, 2), (-7, 0)):
        with pytest.raises(IndexError):
            filled()[index]


def test_a_store_is_as_long_as_its_shortest_view() -> None:
    store = filled()
    store.append(0, picture(6, 0))
    assert len(store) == 6
    store.truncate(4)
    assert len(store) == 4
    assert store.memory_bytes == sum(picture(f, v).nbytes for f in range(4) for v in range(2))


def test_threads_read_at_once() -> None:
    store = filled(budget=0)
    wanted = [(f, v) for f in range(6) for v in range(2)] * 20
    with ThreadPoolExecutor(8) as pool:
        for (f, v), frame in zip(wanted, pool.map(store.__getitem__, wanted), strict=True):
            assert abs(int(frame[0, 0, 0]) - (10 * f + v)) <= 3


def test_a_lazy_store_decodes_once_and_only_when_asked() -> None:
    calls = []

    def decode() -> FrameStore:
        calls.append(1)
        return filled()

    store = LazyFrameStore(decode, length=6, sizes=[(24, 16), (32, 16)])
    assert (len(store), store.num_views, store.size(1), store.loaded) == (6, 2, (32, 16), False)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda f: store[f, 0], range(6)))
    assert len(calls) == 1


def test_a_selection_maps_its_indices() -> None:
    chosen = SelectedFrames(filled(), frames=[4, 2], views=[1])
    assert (len(chosen), chosen.num_views, chosen.size(0)) == (2, 1, (32, 16))
    np.testing.assert_array_equal(chosen[1, 0], picture(2, 1))
    with pytest.raises(IndexError):
        chosen[2, 0]


def test_only_pictures_are_taken() -> None:
    with pytest.raises(ValueError, match="uint8"):
        FrameStore(1).append(0, np.zeros((4, 4, 3), np.float32))  # type: ignore[arg-type]

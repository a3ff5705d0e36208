"""The cache saves work and never gets in the way."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from neuface_engine.video import cache, load_sequence
from neuface_engine.video.store import LazyFrameStore

from .conftest import FakeDetector


def test_the_second_time_nothing_is_detected_or_decoded(
    views: Path, detector: FakeDetector, tmp_path: Path
) -> None:
    first = load_sequence(views, detector=detector, cache_dir=tmp_path / "cache")
    stages: set[str] = set()
    second = load_sequence(
        views, detector=detector, cache_dir=tmp_path / "cache", progress=lambda stage, *_: stages.add(stage)
    )
    assert detector.calls == 1
    assert not stages
    assert isinstance(second.frames, LazyFrameStore)
    assert not second.frames.loaded
    torch.testing.assert_close(second.landmarks_dense, first.landmarks_dense, rtol=0, atol=0)
    assert torch.equal(second.crops, first.crops)
    assert second.content_hash == first.content_hash
    np.testing.assert_array_equal(second.frames[7, 2], first.frames[7, 2])


def test_other_content_or_another_detector_is_another_entry(
    views: Path, detector: FakeDetector, tmp_path: Path, make_video: object
) -> None:
    load_sequence(views, detector=detector, cache_dir=tmp_path)
    make_video(views / "cam1.mp4", frames=7)  # type: ignore[operator]
    load_sequence(views, detector=detector, cache_dir=tmp_path)
    assert detector.calls == 2
    detector.version = "2"
    load_sequence(views, detector=detector, cache_dir=tmp_path)
    assert detector.calls == 3


def test_another_crop_keeps_the_detections(views: Path, detector: FakeDetector, tmp_path: Path) -> None:
    load_sequence(views, detector=detector, cache_dir=tmp_path, crop_size=64)
    other = load_sequence(views, detector=detector, cache_dir=tmp_path, crop_size=32, crop_scale=2.0)
    assert detector.calls == 1
    assert other.crops.shape[-1] == 32


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "foreign"])
def test_a_damaged_entry_is_made_anew(
    views: Path, detector: FakeDetector, tmp_path: Path, damage: str
) -> None:
    whole = load_sequence(views, detector=detector, cache_dir=tmp_path / "cache")
    for file in (tmp_path / "cache").glob("*.npz"):
        if damage == "cut":
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        elif damage == "empty":
            file.write_bytes(b"")
        elif damage == "text":
            file.write_bytes(b"PK\x03\x04 nonsense")
        else:
            np.savez(file, other=np.zeros(3))
    again = load_sequence(views, detector=detector, cache_dir=tmp_path / "cache")
    assert detector.calls == 2
    torch.testing.assert_close(again.landmarks, whole.landmarks)
    load_sequence(views, detector=detector, cache_dir=tmp_path / "cache")
    assert detector.calls == 2


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    np.savez(tmp_path / "entry.npz", evil=np.array([{"a": 1}], dtype=object))
    assert cache.load(tmp_path, "entry", ["evil"]) is None


def test_where_nothing_can_be_written_the_work_goes_on(
    views: Path, detector: FakeDetector, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    sequence = load_sequence(views, detector=detector, cache_dir=tmp_path / "file")
    assert sequence.detected.all()
    assert any("nothing cached" in line for line in sequence.warnings)


def test_a_full_disk_leaves_no_half_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.np, "savez", full)
    warning = cache.save(tmp_path, "entry", {"a": np.zeros(3)})
    assert warning is not None
    assert "No space left" in warning
    assert not list(tmp_path.iterdir())


def test_the_cache_forgets_what_was_used_longest_ago(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEUFACE_CACHE_MB", "0.02")
    for number in range(4):
        cache.save(tmp_path, f"entry{number}", {"a": np.zeros(1000)})
        stamp = 1_000_000 + number
        os.utime(tmp_path / f"entry{number}.npz", (stamp, stamp))
    names = sorted(p.stem for p in tmp_path.glob("*.npz"))
    assert names == ["entry2", "entry3"]

"""Views in step: by time stamp, and by the opening of the mouth; real cameras of which one began five frames late."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuface_engine.errors import ConfigError
from neuface_engine.landmarks.base import Detections, FrameStore, Progress
from neuface_engine.landmarks.scene import Scene
from neuface_engine.video import load_frames, load_sequence
from neuface_engine.video.sync import mouth_offsets, mouth_opening, resampled, shifted

from .conftest import FakeDetector, disc_frame

Make = Callable[..., Path]


def curve(length: int, begin: int, *, seed: int = 0) -> np.ndarray:
    """Speech-like opening of a mouth, seen from frame `begin` on."""
    noise = np.random.default_rng(seed).normal(size=400)
    smooth = np.convolve(noise, np.hanning(9), mode="same")
    return smooth[begin : begin + length]


@given(st.lists(st.integers(0, 20), min_size=2, max_size=5), st.integers(0, 3))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_offsets_of_any_number_of_views_are_found(begins: list[int], seed: int) -> None:
    curves = [curve(90, 40 + begin, seed=seed) * (1 + v) + v for v, begin in enumerate(begins)]
    found = mouth_offsets(curves, 25.0)
    assert found.believed.all()
    assert found.late.tolist() == [begin - min(begins) for begin in begins]


def test_unrelated_mouths_are_not_believed() -> None:
    found = mouth_offsets([curve(90, 40, seed=1), curve(90, 40, seed=2)], 25.0)
    assert not found.believed.any() and not found.out_of_step
    still = mouth_offsets([np.zeros(90), curve(90, 40)], 25.0)
    assert not still.believed.any()


def test_views_in_step_stay() -> None:
    found = mouth_offsets([curve(90, 40), 3 * curve(90, 40)], 25.0)
    assert found.late.tolist() == [0, 0] and not found.out_of_step


def test_frames_nearest_in_time_are_taken() -> None:
    assert resampled([k / 50 for k in range(10)], 25).tolist() == [0, 2, 4, 6, 8]
    assert resampled([0, 0.04, 0.2, 0.24], 25).tolist() == [0, 1, 1, 1, 2, 2, 3]
    assert resampled([0.0], 25).tolist() == [0]
    thirty = resampled([k / 30 for k in range(30)], 25)
    assert len(thirty) == 25 and np.all(np.abs(thirty / 30 - np.arange(25) / 25) <= 0.5 / 30 + 1e-9)


def test_late_views_lose_nothing_and_the_others_their_beginning() -> None:
    pairs = shifted([np.arange(10), np.arange(7), np.arange(12)], np.array([0, 3, 1]))
    assert pairs.tolist()[0] == [3, 0, 2]
    assert pairs.shape == (7, 3)


def test_the_mouth_opens_in_units_of_the_nose() -> None:
    points = np.random.default_rng(0).normal(size=(5, 68, 2))
    present = np.ones(5, bool)
    np.testing.assert_allclose(
        mouth_opening(points * 3 + 7, present), mouth_opening(points, present), rtol=1e-9
    )


def test_different_rates_by_time_stamp(tmp_path: Path, detector: FakeDetector, make_video: Make) -> None:
    make_video(tmp_path / "clip/a.mp4", frames=12, fps=50)
    make_video(tmp_path / "clip/b.mp4", frames=6, fps=25)
    sequence = load_sequence(tmp_path / "clip", sync="timestamp", detector=detector)
    assert sequence.fps == 25
    assert sequence.view_frames is not None
    assert sequence.view_frames.tolist() == [[0, 0], [2, 1], [4, 2], [6, 3], [8, 4], [10, 5]]
    x = [np.argwhere(sequence.frames[3, v][..., 1] > 200).mean(0)[1] + 0.5 for v in range(2)]
    assert x == pytest.approx([42, 36], abs=0.8)
    assert any("taken at 25 fps by their time stamps" in line for line in sequence.warnings)
    again = load_sequence(tmp_path / "clip", sync="timestamp", detector=detector)
    np.testing.assert_array_equal(again.frames[3, 0], sequence.frames[3, 0])
    pairs = sequence.view_frames
    frames = load_frames(sequence.path, views=sequence.views, view_frames=pairs)
    np.testing.assert_array_equal(frames[3, 0], sequence.frames[3, 0])
    short = load_sequence(tmp_path / "clip", sync="timestamp", detector=detector, max_frames=4)
    assert short.view_frames is not None and short.view_frames.tolist() == pairs.tolist()[:4]
    with pytest.raises(ConfigError, match="sync"):
        load_sequence(tmp_path / "clip", sync="sound", detector=detector)  # type: ignore[arg-type]


class TalkingDetector:
    """A mouth that opens by the brightness of a picture's corner."""

    name, version = "talking", "1"

    def detect(
        self, frames: FrameStore, *, scene: Scene | None = None, progress: Progress | None = None
    ) -> Detections:
        points = np.tile(
            np.random.default_rng(0).uniform(20, 40, (68, 3)), (len(frames), frames.num_views, 1, 1)
        )
        points[:, :, 60:68, 1] = 30
        for f in range(len(frames)):
            for v in range(frames.num_views):
                points[f, v, 65:68, 1] += frames[f, v][:8, :8].mean() / 20
        return Detections(points.astype(np.float32), np.ones(points.shape[:2], np.float32))


def test_a_late_view_is_shifted_by_its_mouth(tmp_path: Path) -> None:
    import cv2

    talk = np.clip(128 + 60 * curve(90, 0), 0, 255)
    for name, begin in (("a", 0), ("b", 4)):
        (tmp_path / "clip" / name).mkdir(parents=True)
        for f in range(60):
            picture = disc_frame(40, 30)
            picture[:8, :8] = talk[begin + f]
            cv2.imwrite(str(tmp_path / "clip" / name / f"{f}.png"), picture)
    plain = load_sequence(tmp_path / "clip", detector=TalkingDetector())
    assert any("b 4" in line and "--sync mouth" in line for line in plain.warnings)
    sequence = load_sequence(tmp_path / "clip", sync="mouth", detector=TalkingDetector())
    assert sequence.view_frames is not None
    assert sequence.view_frames[0].tolist() == [4, 0]
    assert sequence.num_frames == 56
    np.testing.assert_array_equal(sequence.frames[10, 0][:8, :8], sequence.frames[10, 1][:8, :8])
    np.testing.assert_allclose(sequence.landmarks[:, 0], sequence.landmarks[:, 1], atol=1e-5)
    assert any("shifted into step" in line for line in sequence.warnings)


def test_the_real_view_that_is_five_frames_late_is_found(shared: Path, tmp_path: Path) -> None:
    """Two cameras of one take: one at 30 fps, one at 25 fps and five frames late."""
    broken, folder = shared / "media" / "broken", tmp_path / "clip"
    folder.mkdir()
    for view, name in (("a", "mv038_view0_resampled_30fps"), ("b", "mv038_view2_late_5_frames")):
        (folder / f"{view}.mp4").write_bytes((broken / f"{name}.mp4").read_bytes())
    sequence = load_sequence(folder, sync="mouth", max_frames=20)
    assert sequence.fps == 25
    assert sequence.view_frames is not None
    assert sequence.view_frames[0].tolist() == [6, 0], "at 30 fps five frames are six"
    assert any("begin late, by frames: b 5" in line for line in sequence.warnings)
    assert sequence.num_frames == 20

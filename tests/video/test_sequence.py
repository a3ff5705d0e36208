"""Sequences: what becomes of good, odd and bad footage."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from neuface_engine.errors import ConfigError, MediaError, NoFaceError
from neuface_engine.video import load_frames, load_sequence

from .conftest import FakeDetector, disc_frame

Make = Callable[..., Path]


def test_a_folder_has_one_view_a_video_in_natural_order(views: Path, detector: FakeDetector) -> None:
    sequence = load_sequence(views, detector=detector)
    assert sequence.name == "clip"
    assert sequence.views == ("cam1", "cam2", "cam10")
    assert sequence.fps == 25
    assert sequence.image_sizes == ((96, 64),) * 3
    assert sequence.landmarks.shape == (8, 3, 68, 2)
    assert sequence.landmarks_dense.shape == (8, 3, 478, 3)
    assert sequence.crops.shape == (8, 3, 3, 256, 256)
    assert sequence.crops.dtype == torch.uint8
    assert sequence.crop_transforms.shape == (8, 3, 2, 3)
    assert sequence.detected.all()
    assert sequence.landmarks.abs().max() < 1
    assert not sequence.warnings


def test_landmarks_lie_on_the_same_thing_in_crop_and_frame(views: Path, detector: FakeDetector) -> None:
    sequence = load_sequence(views, detector=detector)
    crop = sequence.crops[5, 1, 1].numpy() > 160
    centre = np.argwhere(crop).mean(0)[::-1] + 0.5
    middle = sequence.landmarks_dense[5, 1, :, :2].mean(0).numpy()
    offset = np.random.default_rng(0).uniform(-1, 1, (478, 3)).mean(0)[:2] * 12
    expected = centre + offset * sequence.crop_transforms[5, 1, 0, 0]
    np.testing.assert_allclose((middle + 1) * 128, expected, atol=1.5)


def test_frames_come_in_order(views: Path, detector: FakeDetector) -> None:
    frames = load_sequence(views, detector=detector).frames
    for f in range(8):
        column = np.argwhere(frames[f, 0][..., 1] > 200).mean(0)[1] + 0.5
        assert column == pytest.approx(30 + 2 * f, abs=0.7)


def test_a_single_video_and_a_folder_of_images_are_sequences(
    tmp_path: Path, detector: FakeDetector, make_video: Make
) -> None:
    video = load_sequence(make_video(tmp_path / "talk.mp4"), detector=detector)
    assert (video.name, video.views, video.num_frames) == ("talk", ("talk",), 8)
    images = tmp_path / "shots"
    images.mkdir()
    for t in (1, 2, 10):
        cv2.imwrite(str(images / f"shot{t}.png"), disc_frame(20 + t, 30)[..., ::-1])
    sequence = load_sequence(images, detector=detector)
    assert (sequence.name, sequence.views, sequence.num_frames) == ("shots", ("shots",), 3)
    np.testing.assert_array_equal(sequence.frames[2, 0], disc_frame(30, 30))


def test_a_pattern_chooses_views(views: Path, detector: FakeDetector) -> None:
    assert load_sequence(views, views="cam1*", detector=detector).views == ("cam1", "cam10")
    with pytest.raises(ConfigError, match="there are: cam1, cam2, cam10"):
        load_sequence(views, views="left*", detector=detector)


def test_max_frames_takes_the_first(views: Path, detector: FakeDetector) -> None:
    whole, short = (load_sequence(views, max_frames=n, detector=detector) for n in (None, 3))
    assert short.num_frames == len(short.frames) == 3
    np.testing.assert_array_equal(short.frames[2, 0], whole.frames[2, 0])
    assert short.content_hash != whole.content_hash


def test_a_selection_is_a_shorter_copy(views: Path, detector: FakeDetector) -> None:
    sequence = load_sequence(views, detector=detector)
    part = sequence.select(frames=slice(2, 8, 3), views=[2])
    assert part.views == ("cam10",)
    assert part.frame_indices.tolist() == [2, 5]
    torch.testing.assert_close(part.landmarks, sequence.landmarks[[2, 5]][:, [2]])
    np.testing.assert_array_equal(part.frames[1, 0], sequence.frames[5, 2])
    assert part.crop_transforms.shape == (2, 1, 2, 3)
    batch = sequence.crop_batch(slice(0, 2), 1)
    assert batch.shape == (2, 3, 256, 256)
    assert batch.min() >= 0 and batch.max() <= 1


def test_a_shorter_view_cuts_all_and_is_told(views: Path, detector: FakeDetector, make_video: Make) -> None:
    make_video(views / "cam2.mp4", frames=5)
    sequence = load_sequence(views, detector=detector)
    assert sequence.num_frames == 5
    assert any("cut to 5 frames" in line and "cam2 5" in line for line in sequence.warnings)


def test_another_frame_rate_is_told(views: Path, detector: FakeDetector, make_video: Make) -> None:
    make_video(views / "cam2.mp4", fps=30)
    assert any("different frame rate" in line for line in load_sequence(views, detector=detector).warnings)


def test_a_view_without_a_face_stays_and_takes_no_part(
    views: Path, detector: FakeDetector, make_video: Make
) -> None:
    make_video(views / "cam2.mp4", face=False)
    sequence = load_sequence(views, detector=detector)
    assert sequence.detected.all(0).tolist() == [True, False, True]
    assert not sequence.detected[:, 1].any()
    assert sequence.landmarks_dense.isfinite().all()
    assert np.isfinite(sequence.crop_transforms).all()
    assert any("cam2: no face in any frame" in line for line in sequence.warnings)
    assert sequence.frames_without_face == 8


def test_no_face_anywhere_is_an_error_the_second_time_too(
    tmp_path: Path, detector: FakeDetector, make_video: Make
) -> None:
    path = make_video(tmp_path / "wall.mp4", face=False)
    for _ in range(2):
        with pytest.raises(NoFaceError, match=r"wall\.mp4: no face"):
            load_sequence(path, detector=detector)


def test_one_bad_view_is_left_out_and_the_rest_goes_on(views: Path, detector: FakeDetector) -> None:
    (views / "cam2.mp4").write_bytes(b"this is text\n" * 100)
    (views / "cam3.mp4").write_bytes(b"")
    sequence = load_sequence(views, detector=detector)
    assert sequence.views == ("cam1", "cam10")
    assert sum("left out" in line for line in sequence.warnings) == 2
    again = load_sequence(views, detector=detector)
    assert sorted(again.warnings) == sorted(sequence.warnings)
    np.testing.assert_array_equal(again.frames[3, 1], sequence.frames[3, 1])
    assert detector.calls == 1


def test_only_bad_views_is_an_error(tmp_path: Path, detector: FakeDetector) -> None:
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(b"text")
    with pytest.raises(MediaError, match="none of the 2 views"):
        load_sequence(tmp_path, detector=detector)


def test_a_folder_without_media_and_a_path_that_is_not_there(tmp_path: Path, detector: FakeDetector) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(MediaError, match="no video and no image"):
        load_sequence(tmp_path, detector=detector)
    with pytest.raises(MediaError, match="no such file"):
        load_sequence(tmp_path / "nothing.mp4", detector=detector)


@pytest.mark.skipif(
    os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read"
)
def test_a_file_that_may_not_be_read(tmp_path: Path, detector: FakeDetector, make_video: Make) -> None:
    path = make_video(tmp_path / "closed.mp4")
    path.chmod(0)
    with pytest.raises(MediaError, match="may not be read"):
        load_sequence(path, detector=detector)


def test_images_of_two_sizes_are_refused_with_the_name(tmp_path: Path, detector: FakeDetector) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), disc_frame(30, 30))
    cv2.imwrite(str(tmp_path / "2.png"), disc_frame(30, 30, width=80))
    with pytest.raises(MediaError, match=r"2\.png: 80x64 px"):
        load_sequence(tmp_path, detector=detector)


def test_what_the_callback_raises_stops_the_work(views: Path, detector: FakeDetector) -> None:
    class CancelledError(Exception):
        pass

    for stage in ("decode", "detect", "crop"):

        def stop(now: str, done: int, total: int, stage: str = stage) -> None:
            if now == stage and done >= 2:
                raise CancelledError

        with pytest.raises(CancelledError):
            load_sequence(views, detector=detector, progress=stop)


def test_progress_counts_up_to_the_total(views: Path, detector: FakeDetector) -> None:
    seen: dict[str, tuple[int, int]] = {}
    load_sequence(
        views, detector=detector, progress=lambda stage, done, total: seen.update({stage: (done, total)})
    )
    assert seen == {"decode": (24, 24), "detect": (8, 8), "crop": (24, 24)}


def test_frames_alone_are_read_in_the_order_asked_for(views: Path) -> None:
    frames = load_frames(views, views=["cam10", "cam1"], max_frames=2)
    assert (len(frames), frames.num_views) == (2, 2)
    with pytest.raises(MediaError, match="no view left"):
        load_frames(views, views=["left"])

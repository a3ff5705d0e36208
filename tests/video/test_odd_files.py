"""Real files that are broken or odd: read as far as they go, or refused in one line that names the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neuface_engine.errors import MediaError
from neuface_engine.video import load_frames, load_sequence
from neuface_engine.video.reader import ViewReader, read_image

from .conftest import FakeDetector


def decode(path: Path, *, max_frames: int | None = None) -> tuple[ViewReader, list[np.ndarray]]:
    reader = ViewReader(path.stem, (path,))
    return reader, list(reader.frames(max_frames=max_frames))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("zero_bytes.mp4", "empty"),
        ("text_renamed.mp4", "not a video"),
        ("audio_only.mp4", "no picture"),
        ("truncated_no_moov.mp4", "damaged"),
        ("truncated_as_is.mp4", "damaged"),
    ],
)
def test_a_file_without_pictures_is_refused_in_one_line(
    shared: Path, detector: FakeDetector, name: str, words: str
) -> None:
    with pytest.raises(MediaError) as caught:
        load_sequence(shared / "media" / "broken" / name, detector=detector)
    message = str(caught.value)
    assert name in message
    assert words in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "frames", "size", "fps"),
    [
        ("anim.gif", 20, (240, 240), 10),
        ("hevc_10bit.mp4", 75, (512, 512), 25),
        ("odd_321x241_mjpeg.avi", 75, (321, 241), 25),
        ("one_frame.mp4", 1, (512, 512), 25),
        ("vp9.webm", 75, (512, 512), 25),
        ("vfr.mp4", 82, (512, 512), 82 / 5),
    ],
)
def test_odd_but_sound_files_are_read(
    shared: Path, name: str, frames: int, size: tuple[int, int], fps: float
) -> None:
    reader, decoded = decode(shared / "media" / "broken" / name)
    assert len(decoded) == frames == len(reader.timestamps)
    assert decoded[0].shape == (size[1], size[0], 3)
    assert reader.fps == pytest.approx(fps, rel=0.05)


def test_a_cut_off_file_is_used_as_far_as_it_goes_and_told(shared: Path) -> None:
    reader, decoded = decode(shared / "media" / "broken" / "truncated_faststart_half.mp4")
    assert len(decoded) == 48
    assert any("cut off" in line or "damaged" in line for line in reader.warnings)


def test_an_uneven_beat_is_told(shared: Path) -> None:
    reader, _ = decode(shared / "media" / "broken" / "vfr.mp4")
    assert any("frame rate varies" in line for line in reader.warnings)


def test_rotation_in_the_metadata_is_applied(shared: Path) -> None:
    """The same footage turned by metadata one quarter one way, and in its pixels one quarter the other way."""
    folder = shared / "media" / "broken"
    _, by_metadata = decode(folder / "rotated_metadata_90.mp4", max_frames=1)
    _, by_pixels = decode(folder / "rotated_pixels_90.mp4", max_frames=1)
    a, b = by_metadata[0].astype(float), by_pixels[0].astype(float)
    differences = [np.abs(np.rot90(a, turns) - b).mean() for turns in range(4)]
    assert min(differences) < 12, "not the same picture at any turn"
    assert int(np.argmin(differences)) == 2


def test_a_huge_video_stays_in_bounded_memory(shared: Path) -> None:
    frames = load_frames(shared / "media" / "broken" / "huge_3840x3840.mp4", max_frames=18)
    assert frames.memory_bytes <= 700e6
    assert frames[17, 0].shape == (3840, 3840, 3)


def test_every_shared_image_is_read(shared: Path) -> None:
    files = sorted((shared / "media" / "images").iterdir())
    for file in files:
        image = read_image(file)
        assert image.ndim == 3
        assert image.shape[2] == 3
        assert image.dtype == np.uint8


def test_real_views_of_different_length_and_rate(
    shared: Path, tmp_path: Path, detector: FakeDetector
) -> None:
    broken = shared / "media" / "broken"
    folder = tmp_path / "clip"
    folder.mkdir()
    for name, source in (
        ("a.mp4", broken / "mv038_view0_resampled_30fps.mp4"),
        ("b.mp4", broken / "mv038_view1_short_2s.mp4"),
        ("c.mp4", broken / "mv038_view2_late_5_frames.mp4"),
        ("d.mp4", broken / "audio_only.mp4"),
    ):
        (folder / name).write_bytes(source.read_bytes())
    try:
        sequence = load_sequence(folder, detector=detector)
    except Exception as error:  # the fake detector may see no bright disc; the reading is what counts
        assert "no face" in str(error)
        frames = load_frames(folder, views=["a", "b", "c"])
        assert len(frames) == 50
        return
    text = "\n".join(sequence.warnings)
    assert sequence.num_frames == 50
    assert "cut to 50 frames" in text
    assert "different frame rate" in text
    assert "left out" in text


def test_the_real_detector_on_real_footage(shared: Path, tmp_path: Path) -> None:
    sequence = load_sequence(shared / "media" / "mv_nersemble_038", max_frames=8)
    assert sequence.views == ("view0", "view1", "view2")
    assert sequence.detected.all()
    inside = (sequence.landmarks.abs() < 1).all(-1)
    assert inside.float().mean() > 0.99
    assert sequence.seconds.keys() == {"decode", "detect"}

"""Every odd or broken file of the shared media: what becomes of it (the table in docs/footage.md)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from neuface_engine.errors import MediaError, NoFaceError
from neuface_engine.landmarks import Detector, Scene, load_detector
from neuface_engine.video import load_sequence
from neuface_engine.video.reader import ViewReader

FRAMES = 2


@dataclass(frozen=True)
class Read:
    """It is read: size, rate, and words that its warnings contain."""

    size: tuple[int, int]
    fps: float
    frames: int = FRAMES
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refused:
    error: type[Exception]
    words: str


BROKEN: dict[str, Read | Refused] = {
    "anim.gif": Read((240, 240), 10),
    "audio_only.mp4": Refused(MediaError, "has sound but no picture"),
    "cut_black_other_person.mp4": Read((512, 512), 25),
    "hevc_10bit.mp4": Read((512, 512), 25),
    "huge_3840x3840.mp4": Read((3840, 3840), 30),
    "mv038_view0_resampled_30fps.mp4": Read((244, 356), 30),
    "mv038_view1_short_2s.mp4": Read((244, 356), 25),
    "mv038_view2_late_5_frames.mp4": Read((244, 356), 25),
    "odd_321x241_mjpeg.avi": Read((321, 241), 25),
    "one_frame.mp4": Read((512, 512), 25, frames=1),
    "rotated_metadata_90.mp4": Read((512, 512), 25),
    "rotated_pixels_90.mp4": Read((512, 512), 25),
    "text_renamed.mp4": Refused(MediaError, "not a video"),
    "truncated_as_is.mp4": Refused(MediaError, r"its index \(moov\) is missing"),
    "truncated_faststart_half.mp4": Read((512, 512), 25),
    "truncated_no_moov.mp4": Refused(MediaError, r"its index \(moov\) is missing"),
    "two_faces_side_by_side.mp4": Read((1024, 512), 25),
    "vfr.mp4": Read((512, 512), 50 / 3),
    "vp9.webm": Read((512, 512), 25),
    "zero_bytes.mp4": Refused(MediaError, "empty"),
}
"""Of the first frames; what is seen only at the end (cuts, cut-off files, uneven rates) has tests of its own."""


@pytest.fixture(scope="module")
def detector_() -> Detector:
    return load_detector("open")


def test_the_table_names_every_broken_file(shared: Path) -> None:
    assert {file.name for file in (shared / "media" / "broken").iterdir()} == set(BROKEN)


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_hard_file(shared: Path, detector_: Detector, name: str) -> None:
    path, expected = shared / "media" / "broken" / name, BROKEN[name]
    if isinstance(expected, Refused):
        with pytest.raises(expected.error, match=expected.words) as caught:
            load_sequence(path, max_frames=FRAMES, detector=detector_)
        assert name in str(caught.value) and "\n" not in str(caught.value)
        return
    sequence = load_sequence(path, max_frames=FRAMES, detector=detector_)
    assert sequence.num_frames == expected.frames
    assert sequence.image_sizes == (expected.size,)
    assert sequence.fps == pytest.approx(expected.fps, rel=0.02)
    assert sequence.detected.all(), "its face is found"
    eyes = sequence.landmarks[0, 0, 36:48, 1].mean()
    mouth = sequence.landmarks[0, 0, 48:68, 1].mean()
    assert eyes < mouth, "upright in the crop, however the film is turned"


def test_a_face_that_enters_late_is_followed_from_then_on(shared: Path, detector_: Detector) -> None:
    """A cartoon without a face, a cut, then a person, at an uneven rate in HEVC: seen from the cut on."""
    path = shared / "media" / "videos" / "pyfeat_noface_then_face_vfr_hevc.mov"
    every = list(ViewReader("late", (path,)).frames(max_frames=98))[94:]

    class Pictures:
        num_views = 1

        def __len__(self) -> int:
            return len(every)

        def __getitem__(self, index: tuple[int, int]) -> np.ndarray:
            return every[index[0]]

    found = detector_.detect(Pictures(), scene=Scene(("late",), ((2,),)))
    assert (found.confidence[:, 0] > 0).tolist() == [False] * 2 + [True] * 2


def test_a_film_without_a_person_is_refused(shared: Path, detector_: Detector) -> None:
    with pytest.raises(NoFaceError, match="no face found"):
        load_sequence(shared / "media" / "videos" / "pyfeat_no_face.mp4", max_frames=1, detector=detector_)

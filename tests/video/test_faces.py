"""Whose face: chosen by rule or by pointing, followed by position, never swapped for a neighbour's; cuts; dogs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neuface_engine.errors import ConfigError, NoFaceError
from neuface_engine.landmarks import Detections, FaceChoice, OpenDetector, Roi, Scene, load_detector
from neuface_engine.landmarks.following import Follower
from neuface_engine.video import load_sequence
from neuface_engine.video.cuts import CutFinder, cuts_between, find_cuts
from neuface_engine.video.face_crops import face_crops, fill_shots
from neuface_engine.video.reader import ViewReader, read_image

from .conftest import FakeDetector, disc_frame

LEFT, RIGHT = Roi(100, 100, 60, 0), Roi(400, 100, 80, 0)


class Pictures:
    def __init__(self, images: list[np.ndarray]) -> None:
        self.images, self.num_views = images, 1

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: tuple[int, int]) -> np.ndarray:
        return self.images[index[0]]


@pytest.fixture(scope="module")
def detector_() -> OpenDetector:
    detector = load_detector("open")
    assert isinstance(detector, OpenDetector)
    return detector


@pytest.fixture(scope="module")
def pair(shared: Path) -> list[np.ndarray]:
    """Twelve frames with two people side by side."""
    path = shared / "media" / "broken" / "two_faces_side_by_side.mp4"
    return list(ViewReader("pair", (path,)).frames(max_frames=12))


def middle(found: Detections) -> np.ndarray:
    return found.landmarks[:, 0, :, 0].mean(-1)


def test_a_choice_is_read_from_words() -> None:
    assert FaceChoice.parse("largest").rule == "largest"
    choice = FaceChoice.parse(["central", "left=12:340.5,20", "7:3,4"])
    assert choice.rule == "central"
    assert choice.pick("left") == FaceChoice.parse("left=12:340.5,20").picks[0]
    assert choice.pick("right") is choice.picks[1]
    assert FaceChoice.parse(str(choice).split(" ")) == choice
    for bad in ("biggest", "1", "1,2,3", "-1,2", "a:1,2", ""):
        with pytest.raises(ConfigError, match="means nothing"):
            FaceChoice.parse(bad)


def test_rules_order_the_faces() -> None:
    def first(rule: str) -> Roi:
        return Follower(rule).candidates([central, RIGHT], 400, 200)[0]  # type: ignore[arg-type]

    central = Roi(190, 100, 60, 0)

    assert first("largest") is RIGHT
    assert first("central") is central
    assert first("main") is central, "the larger one stands at the rim"


def test_a_lost_face_is_not_taken_for_another_one_that_was_there() -> None:
    follower = Follower()
    follower.candidates([LEFT, RIGHT], 200, 200)
    follower.seen(LEFT)
    for _ in range(100):
        assert follower.candidates([RIGHT], 200, 200) == []
        follower.seen(None)
    moved = Roi(130, 110, 60, 0)
    assert follower.candidates([RIGHT, moved], 200, 200) == [moved]


def test_a_face_that_was_always_alone_may_come_back_anywhere() -> None:
    follower = Follower()
    follower.candidates([LEFT], 200, 200)
    follower.seen(LEFT)
    follower.seen(None)
    assert follower.candidates([RIGHT], 200, 200) == [RIGHT]


def test_two_real_people_by_rule_and_by_pointing(detector_: OpenDetector, pair: list[np.ndarray]) -> None:
    by_place = {
        text: middle(detector_.detect(Pictures(pair[:4]), scene=Scene(("v",), ((),), FaceChoice.parse(text))))
        for text in ("256,256", "768,256", "2:768,256")
    }
    assert (by_place["256,256"] < 500).all() and (by_place["256,256"] > 0).all()
    assert (by_place["768,256"] > 524).all()
    assert (by_place["2:768,256"] > 524).all(), "also in the frames before"


def test_the_track_does_not_jump_while_its_person_is_hidden(
    detector_: OpenDetector, pair: list[np.ndarray]
) -> None:
    images = [image.copy() for image in pair]
    for image in images[3:9]:
        image[:, :512] = 0
    scene = Scene(("v",), ((),), FaceChoice.parse("256,256"))
    found = detector_.detect(Pictures(images), scene=scene)
    seen = found.confidence[:, 0] > 0
    assert seen.tolist() == [True] * 3 + [False] * 6 + [True] * 3
    assert (middle(found)[seen] < 500).all()


@pytest.mark.parametrize(
    ("name", "is_face"),
    [
        ("deca_aflw_hand.jpg", True),
        ("deca_aflw_hair_eyes_closed.jpg", True),
        ("pyfeat_alpha_hand_on_face.png", True),
        ("pyfeat_45-m7-di-ph.jpg", True),
        ("deca_aflw_profile_small_nodetect.jpg", False),  # a small profile on which no mesh holds still
        ("lp_s25_dog_false_positive.jpg", False),
    ],
)
def test_real_faces_hold_still_and_a_dog_does_not(
    shared: Path, detector_: OpenDetector, name: str, is_face: bool
) -> None:
    _, confidence = detector_.detect_image(read_image(shared / "media" / "images" / name))
    assert (confidence > 0) == is_face


def test_pointing_at_nobody_is_refused(shared: Path) -> None:
    with pytest.raises(NoFaceError, match="point at a face"):
        load_sequence(shared / "media" / "images" / "pyfeat_multi_face.jpg", face="5,5")


def test_a_cut_is_one_large_change_among_small_ones() -> None:
    changes = np.full(40, 0.01)
    changes[20] = 0.4
    assert find_cuts(changes) == (21,)
    changes[18:25] = 0.4  # a pan
    assert find_cuts(changes) == ()
    assert find_cuts(np.array([0.5])) == (1,)
    assert find_cuts(np.array([])) == ()
    assert cuts_between((21, 30), np.arange(0, 40, 4)) == (6, 8)


def test_a_film_with_cuts_is_told_and_the_face_sought_anew(tmp_path: Path, detector: FakeDetector) -> None:
    import cv2

    for f in range(14):
        picture = disc_frame(30, 30) if f < 7 else 255 - disc_frame(70, 20, radius=0)
        if f >= 7:
            picture = np.where(disc_frame(70, 20)[..., :1] > 200, 255, picture // 2).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"{f:02d}.png"), picture)
    sequence = load_sequence(tmp_path, detector=detector)
    assert sequence.cuts == (7,)
    assert any("cut before frame 7" in line for line in sequence.warnings)
    assert sequence.select(frames=range(5, 10)).cuts == (2,)
    scale = sequence.crop_transforms[:, 0, 0, 2]
    assert len(set(np.round(scale[:7], 6))) == 1 and len(set(np.round(scale[7:], 6))) == 1, (
        "no drift over the cut"
    )


def test_gaps_are_not_filled_across_a_cut() -> None:
    values = np.array([1.0, 1, 9, 9, 5, 5])
    present = np.array([True, False, False, True, False, False])
    np.testing.assert_allclose(fill_shots(values, present, (2,)), [1, 1, 9, 9, 9, 9])


@pytest.mark.parametrize("motion", ["smooth", "frame", "fixed"])
def test_crops_move_as_asked_for(motion: str) -> None:
    generator = np.random.default_rng(0)
    landmarks = generator.uniform(40, 60, (20, 1, 68, 2)) + np.arange(20)[:, None, None, None]
    landmarks[:, :, 36:42, 0], landmarks[:, :, 42:48, 0] = (
        45,
        55,
    )  # upright: the subject's left eye at the right
    present = np.ones((20, 1), bool)
    transforms = face_crops(
        landmarks,
        present,
        fps=25,
        sizes=((200, 200),),
        crop_size=100,
        crop_scale=1.25,
        motion=motion,  # type: ignore[arg-type]
    )
    steps = np.abs(np.diff(transforms[:, 0, 0, 0])).max()
    inside = (
        np.einsum("fij,fnj->fni", transforms[:, 0, :, :2], landmarks[:, 0]) + transforms[:, 0, None, :, 2]
    )
    assert (inside > 0).all() and (inside < 100).all()
    if motion == "fixed":
        assert steps == 0
    elif motion == "frame":
        box = landmarks[7, 0].max(0) - landmarks[7, 0].min(0)
        assert transforms[7, 0, 0, 0] == pytest.approx(100 / (1.25 * box.max()))


def test_the_cut_of_the_real_film_is_found(shared: Path) -> None:
    finder = CutFinder()
    path = shared / "media" / "broken" / "cut_black_other_person.mp4"
    for frame in ViewReader("cut", (path,)).frames():
        finder.add(frame)
    assert finder.cuts() == (50, 75)

"""Whatever is in a file: it is read, or refused by an error of ours in one line. Bounded, the same on every run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neuface_engine.errors import NeuFaceError
from neuface_engine.landmarks import FaceChoice, Scene, load_detector
from neuface_engine.video import find_sequences, load_frames
from neuface_engine.video.reader import read_image
from neuface_engine.video.writer import VideoWriter

from .conftest import disc_frame

bounded = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
damage = st.tuples(
    st.floats(0, 1), st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=12)
)
"""How much of a file is left, and which of its bytes are replaced by what."""


def damaged(data: bytes, how: tuple[float, list[tuple[float, int]]]) -> bytes:
    keep, flips = how
    out = bytearray(data[: max(1, round(keep * len(data)))])
    for place, value in flips:
        out[int(place * len(out))] = value
    return bytes(out)


def only_our_errors(work: Callable[[], object]) -> None:
    try:
        work()
    except NeuFaceError as error:
        assert "\n" not in str(error)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("originals")
    with VideoWriter(folder / "a.mp4", fps=25) as video:
        for t in range(6):
            video.write(disc_frame(30 + t, 30))
    for name in ("a.png", "a.jpg", "a.webp", "a.tif", "a.bmp"):
        cv2.imwrite(str(folder / name), disc_frame(30, 30))
    points = np.random.default_rng(0).uniform(0, 50, (3, 68, 2))
    np.save(folder / "a.npy", points)
    np.savez(folder / "a.npz", landmarks=points, confidence=np.ones(3))
    (folder / "a.pts").write_text(
        "version: 1\nn_points: 68\n{\n" + "\n".join(f"{x} {y}" for x, y in points[0]) + "\n}\n"
    )
    header = ["frame", "face_id", "confidence", "success", *(f"{a}_{k}" for a in "xy" for k in range(68))]
    rows = [[f + 1, 0, 0.9, 1, *points[f].T.ravel()] for f in range(3)]
    (folder / "a.csv").write_text("\n".join([", ".join(header), *(", ".join(map(str, r)) for r in rows)]))
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("name", ["a.mp4", "a.png", "a.jpg", "a.webp", "a.tif", "a.bmp"])
@given(how=damage)
@settings(bounded, max_examples=40)
def test_videos_and_images(
    originals: dict[str, bytes], tmp_path: Path, name: str, how: tuple[float, list[tuple[float, int]]]
) -> None:
    path = tmp_path / name
    path.write_bytes(damaged(originals[name], how))
    if name.endswith(".mp4"):
        only_our_errors(lambda: load_frames(path))
    else:
        only_our_errors(lambda: read_image(path))


class Frames:
    num_views = 1

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: tuple[int, int]) -> np.ndarray:
        raise AssertionError


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.pts", "a.csv"])
@given(how=damage)
@bounded
def test_landmark_files(
    originals: dict[str, bytes], tmp_path: Path, name: str, how: tuple[float, list[tuple[float, int]]]
) -> None:
    path = tmp_path / name
    path.write_bytes(damaged(originals[name], how))

    def work() -> None:
        found = load_detector(path).detect(Frames(), scene=Scene(("a",)))
        assert np.isfinite(found.landmarks).all() and found.landmarks.shape == (3, 1, 68, 3)

    only_our_errors(work)


cell = st.one_of(
    st.text(st.characters(blacklist_categories=["Cs"]), max_size=12),
    st.sampled_from(
        ["../x", "/etc/passwd", "v.png", "{frame}.png", "{view}", "C:\\x", "a\0b", "~", ".", "..", "nan"]
    ),
)


@given(
    header=st.permutations(["name", "view", "path", "identity", "fps", "cameras"]),
    rows=st.lists(st.lists(cell, max_size=7), max_size=4),
)
@bounded
def test_manifests_of_any_words_never_leave_their_folder(
    tmp_path: Path, header: list[str], rows: list[list[str]]
) -> None:
    folder = tmp_path / "data"
    folder.mkdir(exist_ok=True)
    cv2.imwrite(str(folder / "v.png"), disc_frame(30, 30))
    cv2.imwrite(str(tmp_path / "x.png"), disc_frame(30, 30))
    table = folder / "list.csv"
    quoted = [",".join('"' + value.replace('"', '""') + '"' for value in row) for row in rows]
    table.write_text("\n".join([",".join(header), *quoted]), encoding="utf-8", newline="")

    def work() -> None:
        for source in find_sequences(table):
            for view in source.views:
                assert all(file.is_relative_to(folder) for file in view.files)
                assert all(".." not in file.parts for file in view.files)

    only_our_errors(work)


@given(data=st.binary(max_size=200))
@bounded
def test_manifests_of_any_bytes(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "list.csv").write_bytes(data)
    only_our_errors(lambda: find_sequences(tmp_path / "list.csv"))


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=6)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                [
                    "clips",
                    "meta_info",
                    "appearance_mapping",
                    "a_1",
                    "ytb_id",
                    "attributes",
                    "emotion",
                    "appearance",
                ]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=15,
)


@given(content=json_values)
@bounded
def test_the_json_of_celebvhq(tmp_path: Path, content: object) -> None:
    (tmp_path / "a_1.mp4").write_bytes(b"x")
    (tmp_path / "celebvhq_info.json").write_text(json.dumps(content))
    only_our_errors(lambda: [json.dumps(s.as_dict()) for s in find_sequences(tmp_path)])


@given(pattern=st.text("{}viewframe*/.\\ab1", max_size=16))
@bounded
def test_any_pattern(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "d/a").mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(tmp_path / "d/a/1.png"), disc_frame(30, 30))

    def work() -> None:
        for source in find_sequences(tmp_path / "d", pattern=pattern):
            assert all(f.is_relative_to(tmp_path / "d") for view in source.views for f in view.files)

    only_our_errors(work)


@given(st.text(max_size=20))
@bounded
def test_any_words_for_a_face(text: str) -> None:
    only_our_errors(lambda: FaceChoice.parse(text))

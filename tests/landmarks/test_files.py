"""Landmarks of other programs: each format gives the points it holds, in our pixels; bad files say what is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neuface_engine.errors import ConfigError
from neuface_engine.landmarks import Scene, load_detector

F, V = 4, 2
POINTS = np.random.default_rng(1).uniform(10, 60, (F, V, 68, 2))


class Frames:
    def __init__(self, frames: int = F, views: int = 1) -> None:
        self.num_views, self._frames = views, frames

    def __len__(self) -> int:
        return self._frames

    def __getitem__(self, index: tuple[int, int]) -> np.ndarray:
        raise AssertionError("landmarks of a file need no picture")


def detect(path: Path, *, frames: int = F, views: tuple[str, ...] = ("left",)):
    return load_detector(path).detect(Frames(frames, len(views)), scene=Scene(views))


def pts(points: np.ndarray) -> str:
    rows = "\n".join(f"{x:.6f} {y:.6f}" for x, y in points)
    return f"version: 1\nn_points:  68\n{{\n{rows}\n}}\n"


def openface(path: Path, points: np.ndarray, *, success: list[int] | None = None) -> None:
    header = ["frame", " face_id", " timestamp", " confidence", " success"]
    header += [f" x_{k}" for k in range(68)] + [f" y_{k}" for k in range(68)]
    rows = [", ".join(header)]
    for f, own in enumerate(points):
        ok = 1 if success is None else success[f]
        rows.append(
            ", ".join([str(f + 1), "0", f"{f / 25}", "0.98", str(ok), *(f"{v:.4f}" for v in own.T.ravel())])
        )
    path.write_text("\n".join(rows) + "\n")


def test_an_array_of_one_view_and_of_several(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", POINTS[:, 0])
    found = detect(tmp_path / "one.npy")
    np.testing.assert_allclose(found.landmarks[:, 0, :, :2], POINTS[:, 0] + 0.5, atol=1e-4)
    assert (found.confidence == 1).all()
    np.savez(tmp_path / "two.npz", landmarks=POINTS, confidence=np.full((F, V), 0.7), views=["left", "right"])
    found = detect(tmp_path / "two.npz", views=("right",))
    np.testing.assert_allclose(found.landmarks[:, 0, :, :2], POINTS[:, 1] + 0.5, atol=1e-4)
    np.testing.assert_allclose(found.confidence, 0.7)


def test_dense_points_and_depth_are_kept(tmp_path: Path) -> None:
    dense = np.random.default_rng(2).uniform(5, 50, (F, 478, 3)).astype(np.float32)
    np.save(tmp_path / "dense.npy", dense)
    found = detect(tmp_path / "dense.npy")
    assert found.landmarks.shape == (F, 1, 478, 3)
    np.testing.assert_allclose(found.landmarks[:, 0, :, 2], dense[..., 2])


def test_frames_without_a_face_are_those_that_are_not_finite_or_zero(tmp_path: Path) -> None:
    points = POINTS[:, 0].copy()
    points[1], points[2, 5] = 0, np.nan
    np.save(tmp_path / "gaps.npy", points)
    found = detect(tmp_path / "gaps.npy")
    assert (found.confidence[:, 0] > 0).tolist() == [True, False, False, True]
    assert not found.landmarks[1:3].any()


def test_pts_count_from_one(tmp_path: Path) -> None:
    folder = tmp_path / "marks"
    folder.mkdir()
    for f, number in enumerate((1, 2, 10, 11)):
        (folder / f"shot{number}.pts").write_text(pts(POINTS[f, 0]))
    found = detect(folder)
    np.testing.assert_allclose(found.landmarks[:, 0, :, :2], POINTS[:, 0] - 0.5, atol=1e-4)


def test_openface_counts_frames_from_one_and_tells_success(tmp_path: Path) -> None:
    openface(tmp_path / "face.csv", POINTS[:, 0], success=[1, 0, 1, 1])
    found = detect(tmp_path / "face.csv")
    np.testing.assert_allclose(found.landmarks[0, 0, :, :2], POINTS[0, 0] + 0.5, atol=1e-3)
    np.testing.assert_allclose(found.confidence[:, 0], [0.98, 0, 0.98, 0.98])


def test_a_folder_has_one_file_for_each_view(tmp_path: Path) -> None:
    np.save(tmp_path / "left.npy", POINTS[:, 0])
    openface(tmp_path / "right.csv", POINTS[:, 1])
    found = detect(tmp_path, views=("left", "right"))
    np.testing.assert_allclose(found.landmarks[..., :2], POINTS + 0.5, atol=1e-3)
    with pytest.raises(ConfigError, match="no landmarks of view 'top'"):
        detect(tmp_path, views=("left", "top"))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.npy", b"\x93NUMPY", "damaged"),
        ("b.npz", b"PK\x03\x04 cut", "damaged"),
        ("c.csv", b"x_0,y_0\n1,2\n", "x_0 to y_67"),
        ("d.pts", b"n_points: 68", "not a pts file"),
        ("e.pts", b"version: 1\nn_points: 2\n{\n1 2\n3 4\n}", "2 landmarks"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        detect(tmp_path / name)
    assert name in str(caught.value) and words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_arrays_that_fit_nothing_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "wrong.npy", np.zeros((F, 51, 2)))
    with pytest.raises(ConfigError, match="N 68 or 478"):
        detect(tmp_path / "wrong.npy")
    np.save(tmp_path / "short.npy", POINTS[:2, 0])
    with pytest.raises(ConfigError, match="landmarks of 2 frames, left has 4"):
        detect(tmp_path / "short.npy")
    for name, shares in (("shares", POINTS[:, 0] / 64), ("crop", POINTS[:, 0] / 32 - 1)):
        np.save(tmp_path / f"{name}.npy", shares)
        with pytest.raises(ConfigError, match=f"{name}.npy: .*give pixels of the frame"):
            detect(tmp_path / f"{name}.npy")
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ConfigError, match="damaged"):
        detect(tmp_path / "objects.npy")
    with pytest.raises(ConfigError, match="no landmark detector 'haar'"):
        load_detector("haar")


def test_another_content_is_another_version(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", POINTS[:, 0])
    first = load_detector(tmp_path / "a.npy").version
    np.save(tmp_path / "a.npy", POINTS[:, 1])
    assert load_detector(tmp_path / "a.npy").version != first

"""The embedded demo: complete, in step, and true to the embedded head."""

from __future__ import annotations

import av
import numpy as np
import pytest
import torch

import neuface_engine as nf

VIEWS = ("down", "front", "left_30", "left_60", "right_30", "right_60", "top")


@pytest.fixture(scope="module")
def truth() -> dict[str, np.ndarray]:
    with np.load(nf.resources.path("demo") / "ground_truth.npz", allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


@pytest.fixture(scope="module")
def head() -> nf.FaceModel:
    return nf.FaceModel.load("open")


def parameters(truth: dict[str, np.ndarray]) -> nf.FaceParameters:
    frames, views = truth["pose"].shape[:2]
    return nf.FaceParameters(
        shape=torch.from_numpy(truth["shape"]).expand(frames, views, -1),
        expression=torch.from_numpy(truth["expression"])[:, None].expand(-1, views, -1),
        pose=torch.from_numpy(truth["pose"]),
        camera=torch.from_numpy(truth["camera"]),
    )


def world_landmarks(truth: dict[str, np.ndarray], head: nf.FaceModel) -> np.ndarray:
    """[F, 68, 3] m."""
    frames = len(truth["expression"])
    pose = np.concatenate([truth["world_rotation"], truth["jaw"]], axis=1)
    in_world = nf.FaceParameters(
        shape=torch.from_numpy(truth["shape"]).expand(frames, -1),
        expression=torch.from_numpy(truth["expression"]),
        pose=torch.from_numpy(pose),
        camera=torch.zeros(frames, 3),
    )
    with torch.no_grad():
        return head.landmarks(in_world, kind="static").numpy() + truth["world_translation"][:, None]


def test_seven_videos_of_equal_length_and_small() -> None:
    folder = nf.resources.path("demo")
    assert tuple(sorted(path.stem for path in folder.glob("*.mp4"))) == VIEWS
    assert sum(path.stat().st_size for path in folder.iterdir()) < 4e6
    for view in VIEWS:
        with av.open(str(folder / f"{view}.mp4")) as container:
            stream = container.streams.video[0]
            assert (stream.codec_context.name, stream.average_rate) == ("h264", 25)
            assert sum(1 for _ in container.decode(stream)) == 60


def test_truth_belongs_to_the_embedded_head(truth: dict[str, np.ndarray], head: nf.FaceModel) -> None:
    assert str(truth["head_fingerprint"]) == head.fingerprint
    assert tuple(truth["views"]) == VIEWS
    assert truth["expression"].shape == (60, head.n_expression)
    assert np.abs(truth["shape"]).max() <= 2.5


def test_the_views_agree_on_one_rigid_head(truth: dict[str, np.ndarray]) -> None:
    """A view's head rotation is its camera's rotation times the head's motion in the world."""
    seen = nf.rotations.axis_angle_to_matrix(torch.from_numpy(truth["head_rotation"])).numpy()
    world = nf.rotations.axis_angle_to_matrix(torch.from_numpy(truth["world_rotation"])).numpy()
    expected = truth["camera_rotation"][None] @ world[:, None]
    assert np.allclose(seen, expected, atol=1e-5)


def test_weak_perspective_truth_is_close_to_the_pinholes(
    truth: dict[str, np.ndarray], head: nf.FaceModel
) -> None:
    known = parameters(truth)
    with torch.no_grad():
        weak = nf.project(head.landmarks(known, kind="static"), known.camera).numpy()
    centre = truth["camera_centre_px"]
    weak_px = weak * centre[0] + centre
    turned = np.einsum(
        "vij,fnj->fvni", truth["camera_rotation"], world_landmarks(truth, head) - truth["camera_target"]
    )
    scale = truth["camera_focal_px"] / (truth["camera_distance"] - turned[..., 2:])
    pinhole_px = centre + scale * turned[..., :2] * [1, -1]
    error = np.linalg.norm(weak_px - pinhole_px, axis=-1)
    assert error.mean() < 2.0
    assert error.max() < 12.0
    assert (pinhole_px > 4).all()
    assert (pinhole_px < 2 * centre - 4).all()


def test_the_talker_talks_and_blinks(truth: dict[str, np.ndarray], head: nf.FaceModel) -> None:
    points = world_landmarks(truth, head)
    lips = np.linalg.norm(points[:, 62] - points[:, 66], axis=-1) * 1e3
    lids = np.linalg.norm(points[:, 37] - points[:, 41], axis=-1) * 1e3
    assert lips.max() > 8
    assert lips.min() < 3
    assert lids.min() < 0.4 * lids.max()

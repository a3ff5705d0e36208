"""benchmarks/known_geometry.py: a track of the very head that the truth shows has no error, a wrong one has its own."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from neuface_engine import rotations as R

FRAMES, VIEWS = 4, 2


@pytest.fixture(scope="module")
def benchmark_module() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "known_geometry.py"
    spec = importlib.util.spec_from_file_location("known_geometry", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look up their annotations
    spec.loader.exec_module(module)
    return module


def matrix(*axis_angle: float) -> np.ndarray:
    return R.axis_angle_to_matrix(torch.tensor(axis_angle, dtype=torch.float64)).numpy()


@pytest.fixture
def track_and_truth(make_track, benchmark_module, monkeypatch):
    """A head that turns in the world, seen by two cameras, and a track that has it exactly."""
    monkeypatch.setattr(benchmark_module, "POINTS", 200)
    track = make_track(frames=FRAMES, views=VIEWS)
    turns = np.stack([matrix(0.1 * f, 0.2 * f, 0) for f in range(FRAMES)])
    cameras = np.stack([matrix(0, 0.5, 0.1), matrix(0.2, -0.6, 0)])
    seen = R.matrix_to_axis_angle(torch.from_numpy(cameras[None] @ turns[:, None]))
    pose = torch.cat([seen.float(), track.parameters.pose[..., 3:]], -1)
    object.__setattr__(track, "parameters", track.parameters.replace(pose=pose))
    own = track.head.decode(track.parameters)
    move = [0.3, -0.1, 0.2]  # where in the world the head is makes no difference
    world = np.einsum("fij,fnj->fni", turns, own.vertices("canonical")[:, 0].double().numpy()) + move
    marks = np.einsum("fij,fnj->fni", turns, own.landmarks("static", "canonical")[:, 0].double().numpy())
    truth = benchmark_module.Truth(
        views=track.views[::-1],
        vertices=world,
        faces=track.head.faces.numpy(),
        seen=np.ones(world.shape[:2], bool),
        landmarks=marks + move,
        head_rotation=turns,
        camera_rotation=cameras[::-1],
    )
    return track, truth


def test_a_head_against_itself_has_no_error(track_and_truth, benchmark_module):
    found = benchmark_module.compare(*track_and_truth, every=FRAMES)
    assert found["scan_mm"] < 0.01 and found["scan_scaled_mm"] < 0.01
    assert found["pose_deg"] < 0.1
    assert found["motion_gain"] == pytest.approx(1, abs=1e-3)


def test_a_wrong_camera_shows_as_the_mean_and_a_still_head_as_lost_turning(track_and_truth, benchmark_module):
    track, truth = track_and_truth
    truth.camera_rotation[:] = matrix(0, np.radians(5), 0) @ truth.camera_rotation
    found = benchmark_module.compare(track, truth, every=FRAMES)
    assert found["pose_bias_deg"] == pytest.approx(5, abs=0.1)
    still = np.repeat(truth.head_in_views(track)[:1], FRAMES, axis=0)
    assert benchmark_module.motion_gain(still, truth.head_in_views(track)) == pytest.approx(0, abs=1e-6)


def test_what_differs_between_the_frames_is_spread(benchmark_module):
    errors = {"front": np.array([[1.0, 0, 0], [3.0, 0, 0]]), "side": np.array([[0, -2.0, 0], [0, -2.0, 0]])}
    found = benchmark_module.orientation_errors(errors)
    assert (found["pose_deg"], found["pose_bias_deg"]) == (2, 2)
    assert found["pose_spread_deg"] == pytest.approx(np.sqrt(0.5))


def test_points_on_a_surface_are_spread_by_area(benchmark_module):
    corners = np.array([[0, 0, 0], [3, 0, 0], [0, 3, 0], [10, 0, 0], [11, 0, 0], [10, 1, 0]], float)
    points = benchmark_module.sample_surface(corners, np.array([[0, 1, 2], [3, 4, 5]]), 4000)
    large = points[points[:, 0] < 5]
    assert len(large) == pytest.approx(3600, abs=120)  # 9 of 10 parts
    assert large[:, :2].mean(0) == pytest.approx([1, 1], abs=0.1)
    assert not points[:, 2].any()

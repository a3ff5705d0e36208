"""Planted failures: as large as their severity says, the same for the same seed, never stored."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import neuface_engine as nf
from neuface_engine.face_model.rotations import axis_angle_to_matrix, geodesic_angle
from neuface_engine.review.proof import KINDS
from neuface_engine.tracks import FaceTrack
from neuface_engine.tracks.plants import _KINDS, effect_mm, mirror_maps, plant, visible_plant

FRAMES, VIEWS = 24, 2


@pytest.fixture(scope="module")
def head():
    return nf.FaceModel.load("open")


@pytest.fixture(scope="module")
def track(head) -> FaceTrack:
    """A head that turns and talks."""
    time = torch.linspace(0, 6, FRAMES)[:, None, None]
    generator = torch.Generator().manual_seed(1)
    pose = torch.zeros(FRAMES, VIEWS, 6)
    pose[..., 1] = 0.3 * torch.sin(time[..., 0])
    pose[..., 3] = 0.12 * (1 + torch.sin(3 * time[..., 0]))
    parameters = nf.FaceParameters.neutral(FRAMES, VIEWS).replace(
        shape=torch.randn(1, 1, 100, generator=generator).expand(FRAMES, VIEWS, 100).clone(),
        expression=0.3
        * torch.sin(time * torch.rand(50, generator=generator)).abs().expand(FRAMES, VIEWS, 50),
        pose=pose,
    )
    return make(head, parameters)


def make(head, parameters) -> FaceTrack:
    frames, views = parameters.batch_shape
    return FaceTrack(
        parameters=parameters,
        views=tuple("abc"[:views]),
        fps=25.0,
        frame_indices=np.arange(frames),
        crop_transforms=np.tile(np.eye(2, 3), (frames, views, 1, 1)),
        crop_size=224,
        image_sizes=((224, 224),) * views,
        detected=torch.ones(frames, views, dtype=torch.bool),
        landmarks_2d=torch.zeros(frames, views, 68, 2),
        provenance={"head": {"name": "open", "fingerprint": head.fingerprint}},
        given_head=head,
    )


def test_the_engine_can_plant_what_the_review_draws() -> None:
    assert list(_KINDS) == list(KINDS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("severity", [1, 2, 3, 4])
def test_every_plant_shows_and_leaves_the_track_alone(track, kind: str, severity: int) -> None:
    before = track.parameters.clone()
    planted = plant(track, kind, severity, "seed")
    assert effect_mm(track, planted) > 1.0
    for name, tensor in track.parameters.items():
        assert torch.equal(tensor, getattr(before, name))
    again = plant(track, kind, severity, "seed").parameters
    for name, tensor in planted.parameters.items():
        assert torch.equal(tensor, getattr(again, name))
        assert tensor.isfinite().all()


@pytest.mark.parametrize(
    "kind", ["lag", "wrong_shape", "jaw", "closed_lips", "one_view_turned", "slow_drift"]
)
def test_the_ladder_rises(track, kind: str) -> None:
    true = track.landmarks()

    def mean_move(severity: int) -> float:
        planted = [plant(track, kind, severity, f"{seed}") for seed in range(2)]
        moves = [
            (p.landmarks() - true).norm(dim=-1).mean()
            + (p.parameters.camera - track.parameters.camera).norm(dim=-1).mean()
            for p in planted
        ]
        return float(sum(moves))

    sizes = [mean_move(severity) for severity in (1, 2, 3, 4)]
    assert sizes == sorted(sizes)
    assert sizes[3] > 1.5 * sizes[0]


def test_a_planted_failure_is_never_stored(track, tmp_path) -> None:
    with pytest.raises(nf.TrackError, match="never stored"):
        plant(track, "jaw", 2, "seed").save(tmp_path / "t.npz")
    assert not list(tmp_path.iterdir())


def test_severity_2_is_what_the_failure_is_named_by(track) -> None:
    jaw = plant(track, "jaw", 2, "s").parameters.pose - track.parameters.pose
    assert jaw.abs().amax() == pytest.approx(math.radians(3), rel=1e-5)
    assert torch.equal(jaw[..., :3], torch.zeros_like(jaw[..., :3]))
    turned = plant(track, "one_view_turned", 2, "s").parameters
    angle = geodesic_angle(
        axis_angle_to_matrix(turned.head_rotation), axis_angle_to_matrix(track.parameters.head_rotation)
    )
    assert sorted(torch.rad2deg(angle).amax(0).tolist()) == pytest.approx([0, 2], abs=0.01)
    late = plant(track, "lag", 2, "s").parameters
    assert torch.equal(late.expression[1:], track.parameters.expression[:-1])
    drift = (plant(track, "slow_drift", 2, "s").parameters.camera - track.parameters.camera)[..., 1:]
    assert drift[-1].norm(dim=-1).amax() == pytest.approx(0.004, rel=1e-3)
    assert drift[0].abs().amax() == 0
    shape = plant(track, "wrong_shape", 2, "s").parameters.shape - track.parameters.shape
    assert shape.norm(dim=-1).amax() == pytest.approx(2, rel=1e-4)


def test_both_ways_of_the_jaw_are_planted(track) -> None:
    signs = {
        float((plant(track, "jaw", 2, f"{i}").parameters.pose - track.parameters.pose)[0, 0, 3].sign())
        for i in range(12)
    }
    assert signs == {-1.0, 1.0}


def test_frozen_frames_stand_still_and_the_head_goes_on(track) -> None:
    frozen = plant(track, "frozen_frames", 2, "s").parameters
    still = (frozen.expression[1:] == frozen.expression[:-1]).all(-1).all(-1)
    assert still.sum() == FRAMES // 4 - 1
    assert torch.equal(frozen.head_rotation, track.parameters.head_rotation)


def test_closed_lips_close(track) -> None:
    def gap(t: FaceTrack) -> torch.Tensor:
        points = t.head.landmarks(t.parameters, kind="static", space="canonical")
        return (points[..., [61, 62, 63], 1] - points[..., [67, 66, 65], 1]).mean()

    neutral = make(track.head, nf.FaceParameters.neutral(1, 1))
    assert gap(plant(track, "closed_lips", 4, "s")) == pytest.approx(float(gap(neutral)), abs=5e-4)
    assert gap(track) > gap(neutral) + 5e-3


def test_mirroring_swaps_left_and_right_and_twice_is_nothing(head) -> None:
    shape, expression = mirror_maps(head)
    names = head.expression_names
    for name in ("mouthSmile", "jaw", "eyeBlink"):
        left, right = names.index(f"{name}Left"), names.index(f"{name}Right")
        assert expression[right, left] == pytest.approx(1, abs=0.01)
    for matrix in (shape, expression):
        assert (matrix @ matrix - torch.eye(len(matrix))).abs().max() < 0.05


def test_a_still_face_gets_a_failure_that_shows(head) -> None:
    still = make(head, nf.FaceParameters.neutral(10, 2))
    assert effect_mm(still, plant(still, "lag", 2, "s")) == 0
    planted, kind, effect = visible_plant(still, "lag", 2, "s")
    assert kind == "wrong_shape"  # neither lag nor frozen frames show
    assert effect == effect_mm(still, planted) > 0.5


def test_what_is_no_plant_is_refused(track) -> None:
    with pytest.raises(ValueError, match="no plant"):
        plant(track, "glasses", 2, "s")
    with pytest.raises(ValueError, match="no plant"):
        plant(track, "jaw", 5, "s")

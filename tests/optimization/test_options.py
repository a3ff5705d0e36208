"""Options beyond the paper: what each promises, and that none of them does anything unless it is asked for."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import neuface_engine as nf
from neuface_engine import rotations as R
from neuface_engine.errors import ConfigError
from neuface_engine.optimization import terms
from neuface_engine.optimization.cameras import cameras_of_crops, find_camera_file, load_camera_rotations
from neuface_engine.optimization.evidence import Evidence
from neuface_engine.optimization.objective import Objective

LIP_CORNER, FRAME = 48, 1


@pytest.fixture(scope="module")
def parts():
    sequence = nf.load_sequence(nf.resources.path("demo"), views="*_30", max_frames=4)
    return sequence, nf.load_encoder("open"), nf.FaceModel.load("open")


@pytest.fixture(scope="module")
def theta(parts):
    """What the encoder says of the sequence, with some disagreement between frames and views."""
    sequence, encoder, head = parts
    run = nf.NeuFace(sequence, encoder, head, config=nf.NeuFaceConfig(iterations=0), device="cpu")
    return run.initial.parameters


def fitted(parts, *, sequence=None, iterations=4, **options):
    config = nf.FlameFittingConfig(
        **{"iterations": iterations, "learning_rate": 0.04, "coarse_share": 0.25} | options
    )
    run = nf.FlameFitting(sequence or parts[0], *parts[1:], config=config, device="cpu")
    for _ in run:
        pass
    return run


def evaluated(parts, theta, *, sequence=None, **options):
    """One E-step and the losses at `theta`."""
    config = nf.NeuFaceConfig(**options)
    evidence = Evidence.of(sequence or parts[0], parts[2], config)
    objective = Objective(parts[2], evidence, config)
    prediction = objective.decode(theta)
    return objective.evaluate(prediction, objective.expectation(prediction, objective.visibility(prediction)))


def spoilt(sequence, frames=slice(None), views=slice(None), by=0.3):
    """The sequence with the landmarks of some crops moved."""
    landmarks, dense = sequence.landmarks.clone(), sequence.landmarks_dense.clone()
    landmarks[frames, views] += by
    dense[frames, views] += by
    return replace(sequence, landmarks=landmarks, landmarks_dense=dense)


def with_wild_landmark(sequence, k=LIP_CORNER, by=1.0):
    dense = sequence.landmarks_dense.clone()
    index = nf.landmarks.topology.MEDIAPIPE_TO_IBUG68[k]
    landmarks = sequence.landmarks.clone()
    landmarks[:, :, k] += by
    dense[:, :, index] += by
    return replace(sequence, landmarks=landmarks, landmarks_dense=dense)


def equal(a, b) -> bool:
    return all(torch.equal(x, y) for (_, x), (_, y) in zip(a.items(), b.items(), strict=True))


# --- off by default --------------------------------------------------------------------------------------------


def test_every_option_is_off_unless_given(parts, theta):
    losses = evaluated(parts, theta).losses
    assert losses.acceleration == losses.camera == losses.trust == 0
    evidence = Evidence.of(parts[0], parts[2], nf.NeuFaceConfig())
    assert evidence.kept is None and evidence.kept_dense is None and evidence.cameras is None
    assert torch.equal(evidence.valid > 0, parts[0].detected)


def test_without_options_the_landmark_loss_is_that_of_the_paper(parts, theta):
    sequence, _, head = parts
    points = head.landmarks(theta)
    projected = nf.face_model.project(points, theta.camera)
    expected = (projected - sequence.landmarks).abs().sum(-1).mean(-1)[sequence.detected].mean()
    assert evaluated(parts, theta).losses.landmark == pytest.approx(float(expected), rel=1e-5)


# --- muted landmarks -------------------------------------------------------------------------------------------


def test_a_muted_landmark_has_no_influence_on_the_result(parts):
    honest, wild = parts[0], with_wild_landmark(parts[0])
    muted = [fitted(parts, sequence=s, muted_landmarks=(LIP_CORNER,)) for s in (honest, wild)]
    assert equal(muted[0].history.parameters(4), muted[1].history.parameters(4))
    heard = fitted(parts, sequence=wild)
    assert not equal(muted[0].history.parameters(4), heard.history.parameters(4))


def test_dense_landmarks_around_a_muted_one_are_muted_with_it(parts):
    lips = tuple(range(48, 68))
    kept = Evidence.of(parts[0], parts[2], nf.NeuFaceConfig(muted_landmarks=lips)).kept_dense
    left_out = set(range(478)) - set(kept.tolist())
    assert {nf.landmarks.topology.MEDIAPIPE_TO_IBUG68[k] for k in lips} <= left_out
    assert 20 < len(left_out) < 150  # the mouth region, not the face


def test_an_opening_with_a_muted_landmark_does_not_count(parts, theta):
    muted = evaluated(parts, theta, muted_landmarks=(37, 38, 43, 44, 61, 62, 63))
    assert muted.losses.aperture == 0


# --- excluded frames and views ---------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"robust_scale": 0.05}, {"acceleration_weight": 50.0}])
def test_evidence_of_an_excluded_frame_does_not_change_the_losses(parts, theta, options):
    moved = spoilt(parts[0], frames=FRAME)
    excluded = {"excluded_frames": (FRAME,), **options}
    a, b = (evaluated(parts, theta, sequence=s, **excluded).losses for s in (parts[0], moved))
    assert a == b
    assert evaluated(parts, theta, sequence=moved, **options).losses.landmark > a.landmark


def test_an_excluded_view_has_no_influence_on_what_the_others_agree_on(parts, theta):
    views = parts[0].views
    moved = theta.replace(shape=theta.shape.clone())
    moved.shape[:, 1] += 1.0
    a, b = (evaluated(parts, t, excluded_views=(views[1],)) for t in (theta, moved))
    assert torch.allclose(a.targets.mesh, b.targets.mesh, atol=1e-6)
    assert a.losses.total == pytest.approx(b.losses.total, rel=1e-5)
    assert not torch.allclose(evaluated(parts, theta).targets.mesh, evaluated(parts, moved).targets.mesh)


def test_excluded_frames_get_meshes_all_the_same(parts):
    track = fitted(parts, iterations=2, excluded_frames=(FRAME,)).track()
    assert track.vertices().shape[:2] == parts[0].detected.shape
    assert track.vertices().isfinite().all()
    assert track.detected[FRAME].equal(parts[0].detected[FRAME])  # what the detector found stays on record


def test_a_branch_may_exclude_what_the_run_believed(parts):
    run = fitted(parts, iterations=2)
    branch = run.branch(1, config=replace(run.config, excluded_frames=(FRAME,)))
    assert branch.objective.evidence.valid[FRAME].sum() == 0
    assert run.objective.evidence.valid[FRAME].sum() > 0


# --- robust landmarks ------------------------------------------------------------------------------------------


def test_the_robust_loss_is_bounded_whatever_a_landmark_does():
    detected, valid = torch.zeros(2, 1, 68, 2), torch.ones(2, 1)
    far = torch.full((2, 1, 68, 2), 100.0)
    assert terms.robust_loss(detected, detected, valid, 0.05) == 0
    assert terms.robust_loss(far, detected, valid, 0.05) == pytest.approx(2 * 0.05, rel=1e-3)


def test_the_robust_loss_of_small_errors_grows_with_their_square():
    detected, valid = torch.zeros(1, 1, 68, 2), torch.ones(1, 1)
    one, two = (float(terms.robust_loss(detected + e, detected, valid, 0.05)) for e in (1e-4, 2e-4))
    assert two == pytest.approx(4 * one, rel=1e-3)


def test_one_wild_landmark_hardly_moves_a_robust_fit(parts):
    def shift(**options):
        options |= {"iterations": 6, "learning_rate": 0.02, "coarse_share": 0.3}
        fits = [fitted(parts, sequence=s, **options) for s in (parts[0], with_wild_landmark(parts[0]))]
        clean, wild = (fit.history.parameters(6) for fit in fits)
        return float((clean.expression - wild.expression).abs().mean())

    assert shift(robust_scale=0.03) < 0.5 * shift()


def test_crops_count_by_the_detectors_confidence():
    detected = torch.zeros(1, 2, 68, 2)
    projected = torch.stack([detected[:, 0], detected[:, 1] + 1.0], 1)
    sure, unsure = torch.tensor([[1.0, 1.0]]), torch.tensor([[1.0, 0.1]])
    assert terms.robust_loss(projected, detected, unsure, 0.05) < terms.robust_loss(
        projected, detected, sure, 0.05
    )


# --- acceleration ----------------------------------------------------------------------------------------------


def test_acceleration_is_zero_for_linear_motion_and_positive_for_a_jerk():
    time = torch.arange(6.0)[:, None, None, None]
    straight = torch.randn(1, 2, 68, 3) + time * torch.randn(1, 2, 68, 3)
    valid = torch.ones(6, 2)
    assert terms.acceleration_loss(straight, valid) < 1e-5
    jerk = straight.clone()
    jerk[3, 0, 66] += 0.1
    assert terms.acceleration_loss(jerk, valid) > 1e-4
    valid[3, 0] = 0
    assert terms.acceleration_loss(jerk, valid) < 1e-5  # a frame without a face says nothing


def test_acceleration_looks_at_jaw_lips_and_lids_only():
    points = torch.zeros(5, 1, 68, 3)
    points[2, 0, 17:36] = 1.0  # brows and nose
    assert terms.acceleration_loss(points, torch.ones(5, 1)) == 0
    assert terms.acceleration_loss(points[:2], torch.ones(2, 1)) == 0  # too short to have any


def test_acceleration_is_blind_to_the_heads_own_motion(parts, theta):
    turned = theta.replace(pose=torch.cat([torch.randn_like(theta.head_rotation), theta.jaw], -1))
    a, b = (evaluated(parts, t, acceleration_weight=1.0).losses.acceleration for t in (theta, turned))
    assert a > 0
    assert a == pytest.approx(b, rel=1e-4)


def test_acceleration_weight_smooths_the_jaw(parts):
    def jerk(run):
        still = parts[2].landmarks(run.history.parameters(12), kind="static", space="canonical")
        return float(terms.acceleration_loss(still, torch.ones(still.shape[:2])))

    assert jerk(fitted(parts, iterations=12, acceleration_weight=1000.0)) < 0.7 * jerk(
        fitted(parts, iterations=12)
    )


# --- known cameras ---------------------------------------------------------------------------------------------


def consistent(frames=5, views=3):
    """Camera rotations and the head rotations (axis-angle) that one head shows to them."""
    cameras = R.axis_angle_to_matrix(torch.randn(1, views, 3)).expand(frames, -1, -1, -1)
    world = R.axis_angle_to_matrix(torch.randn(frames, 1, 3))
    return R.matrix_to_axis_angle(cameras @ world), cameras


def test_consistent_rotations_cost_nothing():
    rotations, cameras = consistent()
    assert terms.camera_loss(rotations, cameras, torch.ones(5, 3)) < 1e-3


def test_the_camera_term_is_about_the_angle_by_which_views_disagree():
    rotations, cameras = consistent(views=2)
    turned = R.axis_angle_to_matrix(torch.tensor([0.0, 0.1, 0.0])) @ R.axis_angle_to_matrix(rotations[:, 1])
    rotations[:, 1] = R.matrix_to_axis_angle(turned)
    assert terms.camera_loss(rotations, cameras, torch.ones(5, 2)) == pytest.approx(0.05, rel=0.01)


def test_the_camera_term_does_not_depend_on_the_choice_of_the_world():
    rotations, cameras = torch.randn(5, 3, 3), consistent()[1]
    other_world = cameras @ R.axis_angle_to_matrix(torch.randn(3))
    a, b = (terms.camera_loss(rotations, c, torch.ones(5, 3)) for c in (cameras, other_world))
    assert a > 0.1
    assert torch.allclose(a, b, rtol=1e-4)


def test_a_view_without_a_face_does_not_count_nor_does_one_left_alone():
    rotations, cameras = consistent(views=2)
    rotations[0, 1] += 1.0
    valid = torch.ones(5, 2)
    valid[0, 1] = 0
    assert terms.camera_loss(rotations, cameras, valid) < 1e-3


def rotation_matrices(n):
    return R.axis_angle_to_matrix(torch.randn(n, 3, dtype=torch.float64)).numpy()


@pytest.mark.parametrize("form", ["list", "by name", "4x4", "npz"])
def test_camera_files_in_each_form(tmp_path, form):
    matrices, views = rotation_matrices(2), ("left", "right")
    path = tmp_path / ("cameras.npz" if form == "npz" else "cameras.json")
    if form == "npz":
        np.savez(path, right=matrices[1], left=matrices[0])
    else:
        whole = np.tile(np.eye(4), (2, 1, 1))
        whole[:, :3, :3] = matrices
        content = {
            "list": {"R_world_to_cam": matrices.tolist()},
            "by name": {"right": matrices[1].tolist(), "left": matrices[0].tolist()},
            "4x4": {"world_2_cam": {n: m.tolist() for n, m in zip(views, whole, strict=True)}},
        }[form]
        path.write_text(json.dumps(content))
    assert np.allclose(load_camera_rotations(find_camera_file(tmp_path, None), views), matrices)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("no json", "neither json nor npz"),
        ("{}", "no camera rotations"),
        ('{"left": [[1,0,0],[0,1,0],[0,0,1]]}', "no camera 'right'"),
        ("[[[1,0,0],[0,1,0],[0,0,1]]]", "1 cameras for 2 views"),
        ('{"left": [1, 2], "right": [1, 2]}', "no 3x3"),
        ('{"left": [[2,0,0],[0,1,0],[0,0,1]], "right": 1}', "no rotation"),
        ('{"left": [[-1,0,0],[0,1,0],[0,0,1]], "right": 1}', "no rotation"),
    ],
)
def test_a_bad_camera_file_is_named_with_its_fault(tmp_path, content, complaint):
    path = tmp_path / "cameras.json"
    path.write_text(content)
    with pytest.raises(ConfigError, match=complaint) as error:
        load_camera_rotations(path, ("left", "right"))
    assert str(path) in str(error.value)


def test_cameras_that_are_nowhere_are_missed(tmp_path):
    with pytest.raises(ConfigError, match=r"cameras\.json"):
        find_camera_file(tmp_path, None)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_camera_rotations(tmp_path / "none.json", ("left",))


def test_a_camera_that_looks_along_the_world_shows_the_head_as_it_is(parts):
    """OpenCV's axes in a world whose axes are the face model's; a crop turned in the plane turns the head with it."""
    sequence = parts[0]
    upright = cameras_of_crops(sequence, np.tile(np.diag([1.0, -1.0, -1.0]), (2, 1, 1)))
    assert torch.allclose(upright, torch.eye(3).expand(4, 2, 3, 3), atol=1e-5)
    quarter = np.array([[0.0, -1.0], [1.0, 0.0]])  # x to the right goes to y down: clockwise
    transforms = sequence.crop_transforms.copy()
    transforms[..., :2] = quarter @ transforms[..., :2]
    turned = cameras_of_crops(
        replace(sequence, crop_transforms=transforms), np.tile(np.diag([1.0, -1, -1]), (2, 1, 1))
    )
    assert torch.allclose(turned[0, 0] @ torch.tensor([1.0, 0, 0]), torch.tensor([0.0, -1, 0]), atol=1e-5)


def test_camera_weight_brings_the_views_orientations_together(parts, tmp_path):
    start = fitted(parts, iterations=0).history.parameters(0)
    view = R.axis_angle_to_matrix(start.head_rotation)
    apart = R.axis_angle_to_matrix(torch.tensor([0.0, 0.1, 0.0])) @ view[0, 1] @ view[0, 0].T
    to_opencv = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
    file = tmp_path / "cameras.json"
    rows = [(to_opencv @ m).tolist() for m in (torch.eye(3), apart)]
    file.write_text(json.dumps(rows))
    run = fitted(parts, iterations=12, coarse_share=1.0, camera_weight=80.0, camera_file=str(file))
    first, last = run.initial.losses.camera, run.history.iteration(12).losses.camera
    assert first > 0.03
    assert last < 0.5 * first


# --- one shape -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [nf.NeuFace, nf.FlameFitting])
def test_one_shape_is_the_same_in_every_crop_and_still_learns(parts, method):
    run = method(*parts, config=nf.NeuFaceConfig(iterations=2, one_shape=True), device="cpu")
    for _ in run:
        pass
    shape = run.track().parameters.shape
    assert torch.equal(shape, shape[:1, :1].expand_as(shape))
    assert torch.equal(run.history.parameters(2).shape, shape)
    assert method is nf.FlameFitting or not torch.equal(shape, run.track(0).parameters.shape)
    free = method(*parts, config=nf.NeuFaceConfig(iterations=0), device="cpu").track(0).parameters.shape
    assert not torch.equal(free, free[:1, :1].expand_as(free))


def test_one_shape_is_the_mean_of_the_crops_with_a_face():
    shape, valid = torch.randn(4, 2, 5), torch.ones(4, 2)
    valid[0, 0] = 0
    shape[0, 0] = 1e3
    assert torch.allclose(terms.mean_shape(shape, valid)[3, 1], shape[valid > 0].mean(0), atol=1e-5)


# --- trust region ----------------------------------------------------------------------------------------------


def departure(run):
    a, b = run.history.parameters(0), run.history.parameters(len(run.history) - 1)
    return float(terms.trust_loss(b, a))


def test_trust_of_zero_is_off_and_strong_trust_stays_at_the_prediction(parts):
    free, off, strong = (
        fitted(parts, iterations=10, **o) for o in ({}, {"trust_weight": 0.0}, {"trust_weight": 1e4})
    )
    assert equal(free.history.parameters(10), off.history.parameters(10))
    assert strong.initial.losses.trust == 0
    assert departure(strong) < 0.05 * departure(free)


def test_the_trust_term_measures_in_units_of_each_parameter(theta):
    moved = theta.replace(shape=theta.shape + 2.0)
    assert terms.trust_loss(moved, theta) == pytest.approx(4.0, rel=1e-4)
    turned = theta.replace(pose=theta.pose + torch.tensor([0.2, 0.2, 0.2, 0, 0, 0]))
    assert terms.trust_loss(turned, theta) == pytest.approx(1.0, rel=1e-4)


# --- what means nothing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"robust_scale": -1.0}, "robust_scale"),
        ({"trust_weight": float("nan")}, "trust_weight"),
        ({"acceleration_weight": float("inf")}, "acceleration_weight"),
        ({"muted_landmarks": (68,)}, "muted_landmarks"),
        ({"muted_landmarks": tuple(range(68))}, "muted_landmarks"),
        ({"excluded_frames": (-1,)}, "excluded_frames"),
        ({"excluded_views": "left"}, "excluded_views"),
        ({"camera_file": "cameras.json"}, "camera_weight"),
        ({"one_shape": True, "variant": "released"}, "one_shape"),
    ],
)
def test_values_that_mean_nothing_are_refused(options, named):
    with pytest.raises(ConfigError, match=named):
        nf.NeuFaceConfig(**options)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"excluded_frames": (4,)}, "excluded_frames"),
        ({"excluded_views": ("top",)}, "excluded_views"),
        ({"excluded_frames": (0, 1, 2, 3)}, "leave no frame"),
        ({"camera_weight": 1.0}, "cameras"),
    ],
)
def test_what_the_footage_does_not_have_is_refused(parts, options, named):
    with pytest.raises(ConfigError, match=named):
        Evidence.of(parts[0], parts[2], nf.NeuFaceConfig(**options))

"""The released code as a configuration of the same optimiser (tests/golden compares its numbers)."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import neuface_engine as nf
from neuface_engine.encoders import DecaEncoder
from neuface_engine.optimization.config import DEFAULTS
from neuface_engine.optimization.objective import Evidence, Objective
from neuface_engine.optimization.variant import PAPER, RELEASED, VARIANTS


@pytest.fixture(scope="module")
def head():
    return nf.FaceModel.load("open")


@pytest.fixture(scope="module")
def demo():
    return nf.load_sequence(nf.resources.path("demo"), views="front", max_frames=5)


def objective_of(head, frames=6, views=2, **settings):
    evidence = Evidence(torch.zeros(frames, views, 68, 2), None, torch.ones(frames, views))
    return Objective(head, evidence, nf.NeuFaceConfig(**{"variant": "released", **settings}))


def predicted(objective, seed=0):
    frames, views = objective.evidence.valid.shape
    draw = torch.Generator().manual_seed(seed)
    theta = nf.FaceParameters.neutral(frames, views)
    theta = theta.map(lambda t: (t + 0.1 * torch.randn(t.shape, generator=draw)).requires_grad_())
    return theta, objective.decode(theta)


def test_a_variant_brings_its_own_settings_and_given_ones_win():
    assert nf.NeuFaceConfig(variant="released").learning_rate == DEFAULTS["released"]["learning_rate"]
    same = nf.NeuFaceConfig(variant="released", landmark_weight=DEFAULTS["paper"]["landmark_weight"])
    assert same.landmark_weight == DEFAULTS["paper"]["landmark_weight"]
    assert replace(nf.NeuFaceConfig(variant="released"), iterations=3).learning_rate == pytest.approx(2e-5)
    assert DEFAULTS["paper"].keys() == DEFAULTS["released"].keys()
    assert VARIANTS == {"paper": PAPER, "released": RELEASED}


def test_the_learning_rate_is_the_encoders_unless_it_is_given():
    small, large = nf.load_encoder("open"), DecaEncoder
    assert (small.learning_rate, large.learning_rate) == (2e-4, 2e-5)
    assert nf.NeuFaceConfig().for_encoder(small).learning_rate == 2e-4
    assert nf.NeuFaceConfig(learning_rate=1e-3).for_encoder(small).learning_rate == 1e-3
    assert nf.NeuFaceConfig(variant="released").for_encoder(small).learning_rate == 2e-5
    with pytest.raises(nf.ConfigError, match="the encoder's"):
        nf.NeuFaceConfig().rate(0)


def test_an_unknown_variant_is_named():
    with pytest.raises(nf.ConfigError, match="'official' is unknown; give paper or released"):
        nf.NeuFaceConfig(variant="official")


def test_gradients_reach_the_parameters_through_the_targets_in_the_released_code_alone(head):
    for variant, flows in (("paper", False), ("released", True)):
        objective = objective_of(head, variant=variant, temporal_window=5 if variant == "paper" else 4)
        _, prediction = predicted(objective)
        targets = objective.expectation(prediction, objective.visibility(prediction))
        assert targets.orientation.requires_grad is flows
        assert targets.mesh.requires_grad is flows


def test_every_draw_of_frames_can_be_had_again(head):
    objective = objective_of(head, frames=12, seed=7)
    torch.manual_seed(7)
    for draw in range(4):
        chosen = torch.randperm(12)[:5]
        assert objective.sampled(draw).nonzero().flatten().tolist() == sorted(chosen.tolist())
    assert objective.sampled(2).tolist() == objective.sampled(2).tolist()
    assert objective_of(head, frames=12, variant="paper", temporal_window=5).sampled(0).sum() == 12


def test_frames_that_are_not_drawn_do_not_count_in_the_multiview_loss(head):
    objective = objective_of(head, frames=7, landmark_weight=0.0, temporal_weight=0.0)
    theta, prediction = predicted(objective)
    evaluation = objective.evaluate(prediction, objective.expectation(prediction, None), 3)
    (gradient,) = torch.autograd.grad(evaluation.total, theta.expression)
    moved = gradient.abs().sum((1, 2)) > 0
    assert torch.equal(moved, objective.sampled(3) > 0)


def test_the_shape_of_the_first_crop_stands_for_all_and_alone_gets_the_gradient(head):
    objective = objective_of(head, frames=3)
    theta, prediction = predicted(objective)
    assert torch.equal(prediction.faces.shape, theta.shape[:1, :1].expand_as(theta.shape))
    (gradient,) = torch.autograd.grad(
        objective.evaluate(prediction, objective.expectation(prediction, None)).total, theta.shape
    )
    assert gradient[0, 0].abs().sum() > 0
    assert gradient.flatten(0, 1)[1:].abs().sum() == 0


def test_the_exported_shape_is_that_of_the_front_view(head):
    objective = objective_of(head, frames=3, views=3)
    theta, _ = predicted(objective)
    exported = objective.exported(theta, ("down", "Front_1", "top")).shape
    assert torch.equal(exported, theta.shape[:1, 1:2].expand_as(theta.shape))
    assert torch.equal(objective.exported(theta, ("a", "b", "c")).shape[2, 2], theta.shape[0, 0])


def test_a_single_view_agrees_with_itself(head):
    objective = objective_of(head, frames=4, views=1)
    _, prediction = predicted(objective)
    evaluation = objective.evaluate(prediction, objective.expectation(prediction, None))
    assert evaluation.losses.multiview == 0
    assert evaluation.losses.landmark > 0


def test_one_view_without_a_held_size_is_fitted_without_its_mesh(head):
    objective = objective_of(head, frames=4, views=1)
    theta, first = predicted(objective)
    assert first.mesh is not None  # sets the size of the head, should it be asked for later
    whole = objective.evaluate(first, objective.expectation(first, None))
    light = objective.decode(theta)
    assert light.mesh is None
    alone = objective.evaluate(light, objective.expectation(light, None))
    assert alone.losses.total == pytest.approx(whole.losses.total, rel=1e-6)
    with pytest.raises(ValueError, match="meshes=True"):
        objective.vertex_gradient(alone)
    asked = objective.decode(theta, meshes=True)
    gradient = objective.vertex_gradient(objective.evaluate(asked, objective.expectation(asked, None)))
    assert gradient.shape == (4, 1, head.num_vertices)
    assert gradient.max() > 0


def test_chunks_of_twenty_frames_and_no_frame_left_out(head):
    objective = objective_of(head, frames=45)
    assert [(part.start, part.stop) for part, _ in objective.chunks()] == [(0, 20), (20, 40), (40, 45)]
    assert [len(o.evidence.valid) for _, o in objective.chunks()] == [20, 20, 5]
    assert objective_of(head, frames=45, variant="paper", temporal_window=5).chunks() != []
    assert len(objective_of(head, frames=45, variant="paper", temporal_window=5).chunks()) == 1


def test_one_pass_makes_one_step_a_chunk_and_fits_the_trailing_one(demo, head, monkeypatch):
    monkeypatch.setitem(VARIANTS, "released", replace(RELEASED, chunk=3))
    config = nf.NeuFaceConfig(variant="released", iterations=1, trainable="top", learning_rate=1e-4)
    run = nf.NeuFace(demo, nf.load_encoder("open"), head, config=config, device="cpu")
    for _ in run:
        pass
    steps = {float(state["step"]) for state in run._optimizer.state.values()}
    assert steps == {2.0}
    spoilt = demo.landmarks.clone()
    spoilt[3:] += 0.1
    other = nf.NeuFace(
        replace(demo, landmarks=spoilt), nf.load_encoder("open"), head, config=config, device="cpu"
    )
    other.step()
    a, b = run.history.parameters(1).pose, other.history.parameters(1).pose
    assert not torch.allclose(a[3:], b[3:], atol=1e-6)


def test_released_runs_on_real_footage_and_brings_the_landmarks_nearer(shared, head):
    footage = nf.load_sequence(shared / "media/mv_nersemble_038", max_frames=3)
    config = nf.NeuFaceConfig(variant="released", iterations=8, trainable="top")
    run = nf.NeuFace(footage, nf.load_encoder("open"), head, config=config, device="cpu")
    for _ in run:
        pass
    first, last = run.initial.losses, run.history.iteration(8).losses
    assert last.total < first.total
    assert last.landmark < first.landmark
    track = run.track()
    assert track.provenance["config"]["variant"] == "released"
    assert torch.isfinite(track.vertices()).all()
    assert len(track.parameters.shape.flatten(0, 1).unique(dim=0)) == 1

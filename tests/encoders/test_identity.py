"""What the maps say of the person: Bayes' rule, its limits, the embedded file, and its place in a run."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

import neuface_engine as nf
from neuface_engine import resources
from neuface_engine.encoders import OpenEncoder
from neuface_engine.encoders.identity import (
    DIRECTIONS,
    NUM_TURNS,
    IdentityModel,
    IdentityNumbers,
    head_angles,
    turned_from,
)
from neuface_engine.errors import AssetError
from neuface_engine.optimization.identity import identity_of
from neuface_engine.optimization.losses import shape_prior

D, COMPONENTS, N = 6, 4, 3
K = len(DIRECTIONS)


@pytest.fixture
def model() -> IdentityModel:
    """A small one, by chance."""
    generator = torch.Generator().manual_seed(0)
    numbers = IdentityNumbers(D, COMPONENTS, N)
    for buffer in (numbers.offset, numbers.mean, numbers.turns, numbers.loading):
        buffer.copy_(torch.randn(buffer.shape, generator=generator))
    numbers.basis.copy_(torch.linalg.qr(torch.randn(D, COMPONENTS, generator=generator))[0])
    root = torch.randn(K * COMPONENTS, K * COMPONENTS, generator=generator) / 6
    row, column = torch.tril_indices(K * COMPONENTS, K * COMPONENTS)
    numbers.covariance.copy_((root @ root.T + 0.1 * torch.eye(len(root)))[row, column])
    return IdentityModel(numbers)


def rotations(*yaw_pitch: tuple[float, float]) -> torch.Tensor:
    """Axis-angle of heads that the camera sees at these angles [deg]."""
    found = []
    for yaw, pitch in yaw_pitch:
        y, p = math.radians(yaw), math.radians(pitch)
        turn, nod = (nf.rotations.axis_angle_to_matrix(torch.tensor(v)) for v in ([0, y, 0], [-p, 0.0, 0]))
        found.append(nf.rotations.matrix_to_axis_angle(turn @ nod))
    return torch.stack(found)


def maps_of(
    model: IdentityModel, beta: torch.Tensor, rotation: torch.Tensor, number: list[int]
) -> torch.Tensor:
    """What crops show of a person, without noise."""
    numbers = model.numbers
    turned = turned_from(head_angles(rotation), torch.tensor([DIRECTIONS[k] for k in number]))
    z = numbers.mean[number] + torch.einsum("nt,ntd->nd", turned, numbers.turns[number])
    z = z + numbers.loading[number] @ beta
    return numbers.offset + z @ numbers.basis.T


def test_angles_are_those_of_the_head_as_the_camera_sees_it() -> None:
    angles = head_angles(rotations((30, 0), (0, -25), (-60, 10)))
    torch.testing.assert_close(angles[0], torch.tensor([30.0, 0.0, 0.0]), atol=1e-3, rtol=0)
    torch.testing.assert_close(angles[1], torch.tensor([0.0, -25.0, 0.0]), atol=1e-3, rtol=0)
    tilted = head_angles(torch.tensor([[0.0, 0.0, math.radians(10)]]))[0]
    torch.testing.assert_close(tilted.abs(), torch.tensor([0.0, 0.0, 10.0]), atol=1e-3, rtol=0)
    assert turned_from(angles, torch.zeros(2)).shape == (3, NUM_TURNS)


def test_the_posterior_is_bayes_rule(model) -> None:
    seen, beta = [0, 2], torch.tensor([0.5, -1.0, 0.3])
    rotation = rotations((4, 22), (-27, 3))
    found = model.posterior(maps_of(model, beta, rotation, seen), rotation)
    a = model.numbers.loading[seen].flatten(0, 1).double()
    information = a.T @ torch.linalg.inv(model.numbers.covariance_of(seen)) @ a
    assert found.strangeness < 1
    precision = torch.eye(N) + information.float()
    torch.testing.assert_close(found.precision, precision, rtol=1e-4, atol=1e-4)
    expected = torch.linalg.solve(precision, information.float() @ beta)
    torch.testing.assert_close(found.mean, expected, rtol=1e-3, atol=1e-3)


def test_more_directions_say_more_and_their_order_says_nothing(model) -> None:
    beta, rotation = torch.tensor([0.4, 0.2, -0.6]), rotations((0, 25), (0, 0), (-30, 0), (2, 3))
    maps = maps_of(model, beta, rotation, [0, 1, 2, 1])
    whole, some = model.posterior(maps, rotation), model.posterior(maps[:2], rotation[:2])
    assert (torch.linalg.eigvalsh(whole.precision - some.precision) > -1e-4).all()
    assert (torch.linalg.eigvalsh(some.precision - torch.eye(N)) > -1e-4).all()
    order = torch.tensor([3, 1, 0, 2])
    torch.testing.assert_close(model.posterior(maps[order], rotation[order]).mean, whole.mean)


def test_without_a_crop_near_to_a_direction_the_head_models_prior_is_left(model) -> None:
    found = model.posterior(torch.randn(2, D), rotations((85, 0), (0, 60)))
    assert torch.equal(found.mean, torch.zeros(N))
    assert torch.equal(found.precision, torch.eye(N))
    parameters = nf.FaceParameters.neutral(2, 1, n_shape=N).replace(shape=torch.randn(2, 1, N))
    valid = torch.ones(2, 1)
    torch.testing.assert_close(shape_prior(parameters, valid, found), shape_prior(parameters, valid))


def test_a_stranger_is_less_believed_the_stranger_they_are(model) -> None:
    rotation = rotations((0, 0), (30, 0))
    known = maps_of(model, torch.zeros(N), rotation, [1, 4])
    away = torch.randn(2, D, generator=torch.Generator().manual_seed(1))
    found = [model.posterior(known + size * away, rotation) for size in (0.0, 10.0, 1000.0)]
    assert found[0].strangeness < 1e-3 < 1 < found[1].strangeness < found[2].strangeness
    traces = [float(posterior.precision.trace()) for posterior in found]
    assert traces[0] > traces[1] > traces[2] >= N
    assert found[2].mean.norm() < 3 * math.sqrt(N)


@pytest.fixture(scope="module")
def demo():
    sequence = nf.load_sequence(nf.resources.path("demo"), max_frames=6)
    return sequence, nf.load_encoder("open"), nf.FaceModel.load("open")


def test_it_knows_the_demos_head_better_than_the_encoder_and_the_mean_head(demo) -> None:
    sequence, encoder, head = demo
    config = nf.NeuFaceConfig()
    said = identity_of(encoder, sequence, sequence.detected.float(), config, torch.device("cpu"))
    assert sequence.ground_truth is not None
    truth = sequence.ground_truth.parameters.shape[0, 0]
    with torch.no_grad():
        regressed = encoder(sequence.crop_batch()).shape.mean(0)
    basis = torch.from_numpy(head.arrays.shape_basis).float()

    def millimetres(beta: torch.Tensor) -> float:
        return 1000 * float(torch.linalg.vector_norm(basis @ (beta - truth), dim=-1).mean())

    assert millimetres(said.mean) < 0.85 * min(millimetres(regressed), millimetres(torch.zeros_like(truth)))
    one = sequence.detected.float()
    one[:, 1:] = 0
    less = identity_of(encoder, sequence, one, config, torch.device("cpu"))
    assert less.precision.trace() < said.precision.trace()
    assert identity_of(encoder, sequence, 0 * one, config, torch.device("cpu")) is None


def test_runs_have_it_unless_told_otherwise(demo) -> None:
    sequence, encoder, head = demo
    sequence = sequence.select(frames=slice(0, 2), views=slice(0, 2))

    def first(kind=nf.NeuFace, **settings):
        run = kind(sequence, encoder, head, config=nf.NeuFaceConfig(iterations=1, **settings), device="cpu")
        return run.initial.losses.shape, run

    plain, without = first(identity_prior=False)
    shape = without.initial.parameters.shape
    assert plain == pytest.approx(float(shape.square().mean()), rel=1e-4)
    about, run = first()
    assert run.identity is not None
    apart = shape - run.identity.mean
    assert about == pytest.approx(float(((apart @ run.identity.precision) * apart).mean()), rel=1e-4)
    assert first(shape_weight=0.0)[1].identity is None
    assert first(variant="released")[1].identity is None
    assert first(nf.FlameFitting)[1].identity is None
    excluded = nf.NeuFaceConfig(excluded_views=(sequence.views[0],))
    seen = nf.NeuFace(sequence, encoder, head, config=excluded, device="cpu").identity
    alone = nf.NeuFace(sequence.select(views=slice(1, 2)), encoder, head, device="cpu").identity
    torch.testing.assert_close(seen.mean, alone.mean, rtol=1e-3, atol=1e-4)


def test_a_checkpoint_of_ones_own_has_none(tmp_path) -> None:
    own = tmp_path / "mine.safetensors"
    own.write_bytes(resources.path("open_encoder.safetensors").read_bytes())
    encoder = OpenEncoder.load(own)
    assert encoder.identity is None
    with pytest.raises(NotImplementedError, match="identity"):
        nf.encoders.DecaEncoder.identity_maps(encoder, torch.zeros(1, 3, 256, 256))


def test_a_damaged_file_is_named_with_its_remedy(tmp_path) -> None:
    whole = resources.path("open_identity.safetensors")
    fingerprint = nf.load_encoder("open").fingerprint
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(whole.read_bytes()[:100_000])
    for path, of in ((cut, fingerprint), (tmp_path / "none.safetensors", fingerprint), (whole, "0" * 64)):
        with pytest.raises(AssetError, match="build_open_identity") as caught:
            IdentityModel.load(path, encoder_fingerprint=of)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_neuface_brings_the_demos_mesh_nearer_to_the_truth_by_a_quarter(demo) -> None:
    """The demand is 30 % after a whole run (`make demo`); here are 6 frames and 60 iterations."""
    sequence, encoder, head = demo
    config = replace(nf.NeuFaceConfig(), iterations=60)
    run = nf.NeuFace(sequence, encoder, head, config=config, device="cpu")
    for _ in run:
        pass
    errors = [nf.metrics.evaluate(run.track(iteration=t), sequence).as_dict()["mpve_mm"] for t in (0, 60)]
    assert errors[1] < 0.75 * errors[0], errors

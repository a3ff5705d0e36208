"""L_photometric: what it sees, what it does not, and that it draws the views together."""

from __future__ import annotations

from dataclasses import asdict

import pytest
import torch
from torch.nn import functional as F

import neuface_engine as nf
from neuface_engine.optimization import photometric
from neuface_engine.optimization.evidence import Evidence
from neuface_engine.optimization.kept_run import _config as settings_of
from neuface_engine.optimization.objective import Objective


@pytest.fixture(scope="module")
def parts():
    sequence = nf.load_sequence(nf.resources.path("demo"), views="[fl]*", max_frames=4)
    return sequence.select(views=slice(0, 3)), nf.load_encoder("open"), nf.FaceModel.load("open")


@pytest.fixture(scope="module")
def run(parts):
    run = nf.NeuFace(*parts, config=nf.NeuFaceConfig(iterations=30), device="cpu")
    for _ in run:
        pass
    return run


def evaluated(run, parameters):
    objective = Objective(run.head, run.objective.evidence, run.config)
    prediction = objective.decode(parameters)
    targets = objective.expectation(prediction, objective.visibility(prediction))
    return objective.evaluate(prediction, targets)


def test_sampling_is_the_same_on_every_device_and_has_its_gradient():
    images, points = torch.rand(2, 3, 4, 16, 12), 2.4 * torch.rand(2, 3, 50, 2) - 1.2
    found = photometric.sample(images, points)
    assert torch.allclose(found, photometric.gathered(images, points), atol=1e-5)
    centres = torch.tensor([[2 * 7.5 / 12 - 1, 2 * 3.5 / 16 - 1]]).expand(2, 3, 1, 2)
    assert torch.allclose(photometric.sample(images, centres)[:, :, 0], images[..., 3, 7], atol=1e-5)
    inside = (0.8 * points[:, :, :5]).double().requires_grad_()
    for function in (photometric.sample, photometric.gathered):
        assert torch.autograd.gradcheck(lambda at, f=function: f(images.double(), at), inside, eps=1e-7)


def test_exposure_and_white_balance_do_not_change_the_appearance(parts):
    crops = parts[0].crops[:1]
    darker = (crops.float() * torch.tensor([0.7, 0.6, 0.65])[:, None, None]).byte()
    bright = crops.float().mean(2) > 60  # where eight bits leave something to compare
    bright = F.avg_pool2d(bright.flatten(0, 1)[:, None].float(), 2)[:, 0] == 1
    before, after = (photometric.appearance(c).flatten(0, 1) for c in (crops, darker))
    assert before.shape == (3, 3, 128, 128)
    change = (after - before).abs()[:, 0][bright].mean()
    assert change < 0.15 * before[:, 0].abs()[bright].mean()
    assert photometric.appearance(torch.full_like(crops, 90)).abs().max() < 1e-3, "no contrast, no appearance"


def test_the_loss_asks_those_who_see_and_vanishes_where_they_agree():
    seen, weight = torch.randn(4, 3, 9, 3), torch.rand(4, 3, 9)
    same = seen[:, :1].expand_as(seen)
    assert photometric.photometric_loss(same, photometric.mean_appearance(same, weight), weight) < 1e-6
    weight[:, 1] = 0
    elsewhere = seen.clone()
    elsewhere[:, 1] += 5
    means = [photometric.mean_appearance(x, weight) for x in (seen, elsewhere)]
    assert torch.allclose(*means)
    losses = [photometric.photometric_loss(x, means[0], weight) for x in (seen, elsewhere)]
    assert losses[0] == losses[1] > 0
    weight[:, 2] = 0
    assert photometric.photometric_loss(seen, photometric.mean_appearance(seen, weight), weight) < 1e-6, (
        "one view alone agrees with itself"
    )


def test_the_face_is_what_lies_about_the_landmarks(parts):
    head = parts[2]
    chosen = torch.zeros(len(head.regions["lips"]), dtype=torch.bool)
    chosen[photometric.face_vertices(head)] = True
    share = {name: chosen[mask].float().mean() for name, mask in head.regions.items()}
    assert min(share[name] for name in ("lips", "lids", "brows", "nose")) > 0.95
    assert max(share[name] for name in ("ears", "neck")) < 0.05


def test_pixels_of_the_views_agree_better_after_optimisation(run):
    assert 0 < run.history.iteration(30).losses.photometric < 0.9 * run.initial.losses.photometric


def test_a_view_that_is_moved_aside_is_drawn_back(run):
    """Its camera shifted by 4 % of the crop: the loss rises, and falls again along its gradient."""
    fitted = run.history.parameters(30)
    before = evaluated(run, fitted).losses.photometric
    for by in ((0.08, 0.0), (-0.08, 0.0), (0.0, 0.08), (0.0, -0.08)):
        shift = torch.zeros_like(fitted.camera)
        shift[:, 1, 1:] = torch.tensor(by) / fitted.camera[:, 1, :1]
        camera = (fitted.camera + shift).requires_grad_()
        evaluation = evaluated(run, fitted.replace(camera=camera))
        prediction, targets = evaluation.prediction, evaluation.targets
        loss = photometric.photometric_loss(prediction.appearance, targets.appearance, targets.seen)
        (gradient,) = torch.autograd.grad(loss, camera)
        assert loss > 1.05 * before
        assert (gradient[:, 1, 1:] * shift[:, 1, 1:]).sum() > 0


def test_one_view_and_weight_0_leave_it_out(parts):
    sequence, encoder, head = parts
    alone = sequence.select(views=slice(0, 1))
    assert Evidence.of(alone, head, nf.NeuFaceConfig()).appearance is None
    assert Evidence.of(sequence, head, nf.NeuFaceConfig(photometric_weight=0)).appearance is None
    run = nf.NeuFace(alone, encoder, head, config=nf.NeuFaceConfig(iterations=1), device="cpu")
    assert run.step().losses.photometric == 0


def test_what_the_crops_look_like_is_worked_out_once(run, monkeypatch):
    before = run.objective.evidence
    monkeypatch.setattr("neuface_engine.optimization.evidence.appearance", None)
    again = run._evidence(before)
    assert again.appearance is before.appearance and again.landmarks is not None


def test_settings_of_before_the_term_had_none():
    entry = asdict(nf.NeuFaceConfig())
    del entry["photometric_weight"]
    assert settings_of(nf.NeuFaceConfig, entry).photometric_weight == 0
    assert settings_of(nf.NeuFaceConfig, entry | {"photometric_weight": 3.0}).photometric_weight == 3

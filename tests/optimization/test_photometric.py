"""L_photometric: what it sees, what it does not, and that it draws the views together."""

from __future__ import annotations

from dataclasses import asdict

import pytest
import torch

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


@pytest.fixture(scope="module")
def surface(parts):
    return photometric.Surface.of(parts[2])


@pytest.fixture(scope="module")
def places(parts, surface):
    head = parts[2]
    mean = nf.FaceParameters.neutral(1, n_shape=head.n_shape, n_expression=head.n_expression)
    return surface.at(head.decode(mean).vertices("canonical"))[0]


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


def test_what_changes_slowly_over_the_face_is_a_views_light(surface, places):
    """Exposure, white balance and a light from the side are taken from a view; what is fine is not."""
    skin = torch.randn(2, 1, len(places), 2).expand(-1, 3, -1, -1)
    weight = torch.rand(2, 3, len(places))
    light = torch.randn(2, 3, 1, 2) + 5 * places[:, :1] * torch.randn(
        2, 3, 1, 2
    )  # 5 per metre from left to right
    lit = photometric.expected_appearance(skin + light, weight, surface.near)
    apart = photometric.photometric_loss(skin + light, (skin + light).mean(1, keepdim=True), weight)
    assert photometric.photometric_loss(skin + light, lit, weight) < 0.05 * apart
    fine = torch.randn(2, 3, len(places), 2)
    left = photometric.photometric_loss(
        fine, photometric.expected_appearance(fine, weight, surface.near), weight
    )
    assert left > 0.8 * photometric.photometric_loss(fine, photometric._mean(fine, weight), weight)


def test_a_darker_camera_is_expected_to_see_it_darker(parts, surface):
    crops = parts[0].crops[:1, :1]
    darker = (crops.float() * torch.tensor([0.7, 0.6, 0.65])[:, None, None]).byte()
    looks = [photometric.appearance(c) for c in (crops, darker)]
    assert looks[0].shape == (1, 1, 2, 128, 128)
    at = 0.4 * (torch.rand(1, 2, photometric.POINTS, 2) - 0.5)  # in the middle of the face
    at[:, 1] = at[:, 0]
    seen = photometric.sample(torch.cat(looks, 1), at)
    weight = torch.ones(seen.shape[:3])
    expected = photometric.expected_appearance(seen, weight, torch.ones(photometric.POINTS, 1))
    apart = photometric.photometric_loss(seen, photometric._mean(seen, weight), weight)
    assert photometric.photometric_loss(seen, expected, weight) < 0.1 * apart


def test_the_loss_asks_those_who_see_and_vanishes_where_they_agree(surface, places):
    seen, weight = torch.randn(4, 3, len(places), 2), torch.rand(4, 3, len(places))

    def loss(seen):
        return photometric.photometric_loss(
            seen, photometric.expected_appearance(seen, weight, surface.near), weight
        )

    assert loss(seen[:, :1].expand_as(seen)) < 1e-6
    weight[:, 1] = 0
    elsewhere = seen.clone()
    elsewhere[:, 1] += 5 * torch.randn(4, len(places), 2)
    assert loss(seen) == loss(elsewhere) > 0
    weight[:, 2] = 0
    assert loss(seen) < 1e-6, "one view alone agrees with itself"


def test_places_lie_evenly_on_the_face(parts, surface, places):
    """Each region has as many as its area asks for; nearest neighbours are about as far apart everywhere."""
    head = parts[2]
    mean = nf.FaceParameters.neutral(1, n_shape=head.n_shape, n_expression=head.n_expression)
    vertices = head.decode(mean).vertices("canonical")[0]
    a, b, c = vertices[head.faces].unbind(1)
    area = torch.linalg.vector_norm(torch.linalg.cross(b - a, c - a), dim=-1) / 2
    face = torch.isin(head.faces, photometric.face_vertices(head)).all(1)
    for name in ("lips", "lids", "nose"):
        mask = torch.as_tensor(head.regions[name])
        expected = area[face & mask[head.faces].all(1)].sum() / area[face].sum()
        found = mask[surface.corners].all(1).float().mean()
        assert found == pytest.approx(float(expected), abs=0.01), name
    assert torch.allclose(surface.share.sum(1), torch.ones(len(places))) and (surface.share >= 0).all()
    on_plane = torch.einsum(
        "kx,kx->k", places - vertices[surface.corners[:, 0]], _normals(vertices[surface.corners])
    )
    assert on_plane.abs().max() < 1e-6


def _normals(corners):
    normal = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return normal / normal.norm(dim=-1, keepdim=True).clamp_min(1e-12)


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

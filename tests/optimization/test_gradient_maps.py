"""Maps of pixels, landmarks and vertices that drive a step, and of what it moves."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

import neuface_engine as nf
from neuface_engine.encoders import Encoder
from neuface_engine.face_model import FaceParameters
from neuface_engine.optimization import gradient_maps
from neuface_engine.optimization.spread import Spread

QUICK = nf.NeuFaceConfig(iterations=3)


class Window(Encoder):
    """A tiny smooth network that looks at a window of the crop alone."""

    name, input_size, crop_scale = "window", 256, 1.65
    TOP, SIDE = 100, 8

    def __init__(self, head):
        super().__init__()
        self.sizes = (head.n_shape, head.n_expression, 6, 3)
        self.layer = nn.Linear(3 * self.SIDE**2, sum(self.sizes))
        nn.init.normal_(self.layer.weight, std=0.02)

    def features(self, crops):
        inside = slice(self.TOP, self.TOP + self.SIDE)
        return (crops[..., inside, inside].flatten(1),)

    def decode(self, features):
        shape, expression, pose, camera = self.layer(features[0]).tanh().split(self.sizes, dim=1)
        scale = camera.new_tensor([8.0, 0.0, 0.0])
        return FaceParameters(
            shape=shape, expression=expression, pose=0.3 * pose, camera=scale + 0.1 * camera
        )

    def trainable_parameters(self, trainable):
        return list(self.parameters())


@pytest.fixture(scope="module")
def parts():
    sequence = nf.load_sequence(nf.resources.path("demo"), views="*_30", max_frames=3)
    return sequence, nf.load_encoder("open"), nf.FaceModel.load("open")


@pytest.fixture(scope="module")
def neuface(parts):
    return finished(nf.NeuFace(*parts, config=QUICK, device="cpu"))


@pytest.fixture(scope="module")
def fitting(parts):
    return finished(nf.FlameFitting(*parts, config=nf.FlameFittingConfig(iterations=3), device="cpu"))


def finished(run):
    for _ in run:
        pass
    return run


@pytest.fixture(scope="module")
def tiny(parts):
    """In float64, two frames of two views."""
    sequence, _, _ = parts
    sequence = sequence.select(frames=slice(0, 2))
    sequence = replace(
        sequence,
        crops=sequence.crops.double() / 255,
        landmarks=sequence.landmarks.double(),
        landmarks_dense=sequence.landmarks_dense.double(),
    )
    head = nf.FaceModel.load("open").double()
    return nf.NeuFace(sequence, Window(head).double(), head, config=QUICK, device="cpu")


def loss_of(run, crops):
    with torch.no_grad():
        theta = run.encoder(crops.flatten(0, 1)).map(lambda t: t.unflatten(0, crops.shape[:2]))
        prediction = run.objective.decode(theta)
        return float(run.objective.evaluate(prediction, run.evaluation.targets).total)


def test_the_pixel_gradient_is_that_of_the_loss_by_finite_differences(tiny):
    """At one of three steps: a large one may cross a kink of the loss, in a small one its rounding shows."""
    crops, (f, v, row, column) = tiny.sequence.crops, (1, 0, 103, 104)
    gradient = float(gradient_maps.pixel_gradient(tiny).unflatten(0, (2, 2))[f, v, row, column])

    def by_difference(step):
        slope = []
        for colour in range(3):
            moved = [crops.clone(), crops.clone()]
            moved[0][f, v, colour, row, column] += step
            moved[1][f, v, colour, row, column] -= step
            slope.append((loss_of(tiny, moved[0]) - loss_of(tiny, moved[1])) / (2 * step))
        return float(torch.tensor(slope, dtype=torch.float64).norm())

    assert gradient > 0
    assert min(abs(by_difference(step) / gradient - 1) for step in (1e-5, 1e-6, 1e-7)) < 1e-5


def test_pixels_the_network_does_not_look_at_drive_nothing(tiny):
    gradient = gradient_maps.pixel_gradient(tiny)
    inside = slice(Window.TOP, Window.TOP + Window.SIDE)
    assert (gradient[:, inside, inside] > 0).all()
    gradient[:, inside, inside] = 0
    assert not gradient.any()


def test_chosen_crops_are_rows_of_the_whole(neuface):
    whole = gradient_maps.pixel_gradient(neuface)
    assert whole.shape == (6, 256, 256)
    (chosen,) = gradient_maps.pixel_gradient(neuface, [(2, 1)])
    assert torch.allclose(chosen, whole[5], rtol=1e-3, atol=1e-5 * float(whole.max()))


def test_the_pixel_gradient_is_the_same_with_a_bound_on_memory_and_with_all_weights_free(parts):
    """Features kept of the frozen part, or none: the loss and its way back to the pixels are the same."""
    maps = [
        gradient_maps.pixel_gradient(
            nf.NeuFace(*parts, config=replace(QUICK, **changes), device="cpu"), [(1, 1)]
        )
        for changes in ({"trainable": "top"}, {"trainable": "all"}, {"max_memory_mb": 8000.0})
    ]
    for other in maps[1:]:
        assert torch.allclose(maps[0], other, rtol=1e-2, atol=1e-4 * float(maps[0].max()))


def test_a_run_that_is_looked_at_makes_the_same_bits(parts, neuface):
    run = nf.NeuFace(*parts, config=QUICK, device="cpu")
    for _ in run:
        gradient_maps.pixel_gradient(run, [(0, 0)])
        gradient_maps.landmark_gradient(run)
        gradient_maps.vertex_gradient(run)
        gradient_maps.mesh_update(run)
    pairs = zip(run.history.parameters(3).items(), neuface.history.parameters(3).items(), strict=True)
    assert all(torch.equal(a, b) for (_, a), (_, b) in pairs)


def test_the_update_is_the_difference_of_the_meshes(neuface, fitting):
    for run in (neuface, fitting):
        for space in ("posed", "canonical"):
            expected = run.track(2).vertices(space) - run.track(1).vertices(space)
            update = gradient_maps.mesh_update(run, 2, space=space)
            assert torch.allclose(update, expected.norm(dim=-1), atol=1e-7)
        assert torch.equal(gradient_maps.mesh_update(run), gradient_maps.mesh_update(run, 3))
    with pytest.raises(nf.ConfigError, match="iteration 0"):
        gradient_maps.mesh_update(neuface, 0)
    with pytest.raises(nf.ConfigError, match="1 to 3"):
        gradient_maps.mesh_update(neuface, 4)


def test_the_vertex_gradient_is_the_one_of_the_step(parts):
    sequence, encoder, head = parts
    for views in (slice(0, 2), slice(0, 1)):
        run = nf.NeuFace(sequence.select(views=views), encoder, head, config=QUICK, device="cpu")
        run.watch_vertex_gradient = True
        live = run.step().vertex_gradient
        run.watch_vertex_gradient = False
        assert torch.allclose(gradient_maps.vertex_gradient(run), live, rtol=1e-4, atol=1e-7)
        finished(run)
        assert gradient_maps.vertex_gradient(run).max() > 0


def test_flame_fitting_sees_landmarks_and_no_pixel(fitting):
    with pytest.raises(nf.ConfigError, match="zero by definition"):
        gradient_maps.pixel_gradient(fitting, [(0, 0)])
    strength = gradient_maps.landmark_gradient(fitting)
    assert strength.shape == (3, 2, 68 + 478)
    dots = gradient_maps.landmark_map(fitting)
    assert dots.shape == (6, 256, 256)
    assert torch.allclose(dots.sum((1, 2)), strength.flatten(0, 1).sum(-1), rtol=1e-4)
    assert int((dots[0] > 0).sum()) <= 68 + 478
    x, y = ((fitting.sequence.landmarks[0, 0, 30] + 1) * 128).floor().long().tolist()
    assert dots[0, y, x] >= strength[0, 0, 30]


def test_the_image_drives_neuface_densely_and_flame_fitting_sparsely(neuface, fitting):
    """The paper's claim (Fig. 3) as a number."""
    dense = Spread.of(gradient_maps.pixel_gradient(neuface, [(0, 0), (2, 1)]).flatten(1))
    sparse = Spread.of(gradient_maps.landmark_map(fitting).flatten(1))
    assert dense.share > 0.2
    assert sparse.share < 0.01
    assert dense.gini < 0.8 < 0.99 < sparse.gini


def test_a_crop_that_is_not_there_is_refused(neuface):
    with pytest.raises(nf.ConfigError, match=r"no crop \(3, 0\); frames are 0 to 2"):
        gradient_maps.pixel_gradient(neuface, [(3, 0)])
    with pytest.raises(nf.ConfigError, match="no crop is chosen"):
        gradient_maps.landmark_map(neuface, [])

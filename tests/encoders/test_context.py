"""An encoder that looks at several frames gets them in order, whatever the batches, and its whole gradient."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

import neuface_engine as nf
from neuface_engine.encoders import Encoder, MicaShape
from neuface_engine.encoders.base import FlameEncoder
from neuface_engine.encoders.shape_prior import with_shape_prior
from neuface_engine.optimization.encoder_query import EncoderQuery

FRAMES, VIEWS, CONTEXT = 9, 2, 2


class Blurred(Encoder):
    """beta is a weighted sum over five frames of the mean colours; everything else is of the frame alone."""

    name, input_size, crop_scale, temporal_context = "blurred", 8, 1.0, CONTEXT

    def __init__(self) -> None:
        super().__init__()
        self.colours = nn.Linear(3, 4, bias=False)
        self.over_time = nn.Conv1d(4, 100, 2 * CONTEXT + 1)

    def features(self, crops):
        return (crops.mean((-1, -2)),)

    def decode(self, features):
        shape = self.over_time(torch.tanh(self.colours(features[0])).T[None])[0].T
        inner = features[0][CONTEXT:-CONTEXT]
        zeros = inner.new_zeros
        return nf.FaceParameters(shape, zeros(len(inner), 50), zeros(len(inner), 6), inner)

    def trainable_parameters(self, trainable):
        return list(self.parameters())


@pytest.fixture
def sequence():
    crops = torch.randint(0, 256, (FRAMES, VIEWS, 3, 8, 8), dtype=torch.uint8)
    return SimpleNamespace(
        crops=crops, cuts=(5,), path="clip", detected=torch.ones(FRAMES, VIEWS, dtype=torch.bool)
    )


def query(encoder, sequence, **settings):
    config = nf.NeuFaceConfig(**settings)
    return EncoderQuery(encoder, sequence, config, torch.device("cpu"))


def by_hand(encoder, sequence):
    """Frame by frame; before the first and behind the last frame of a shot stands that frame again."""
    shapes = torch.empty(FRAMES, VIEWS, 100)
    for v in range(VIEWS):
        for first, end in ((0, 5), (5, FRAMES)):
            for f in range(first, end):
                around = [min(max(t, first), end - 1) for t in range(f - CONTEXT, f + CONTEXT + 1)]
                shapes[f, v] = encoder(sequence.crops[around, v].float() / 255).shape[0]
    return shapes


@pytest.mark.parametrize("batch", [1, 6, 7, 64])
@pytest.mark.parametrize("trainable", ["all", "top"])
def test_every_frame_gets_its_neighbours(sequence, batch, trainable):
    encoder = Blurred()
    found = query(encoder, sequence, max_batch=batch, trainable=trainable).query()
    wanted = by_hand(encoder, sequence)
    assert torch.allclose(found.shape, wanted, atol=1e-5)
    assert torch.allclose(found.camera, sequence.crops.float().mean((-1, -2)) / 255, atol=1e-6)
    part = query(encoder, sequence, max_batch=batch, trainable=trainable).query(slice(3, 7))
    assert torch.allclose(part.shape, wanted[3:7], atol=1e-5)


@pytest.mark.parametrize("batch", [1, 6, 64])
def test_the_gradient_does_not_depend_on_the_batches(sequence, batch):
    encoder, weights = Blurred(), torch.randn(FRAMES, VIEWS, 100)
    (by_hand(encoder, sequence) * weights).sum().backward()
    wanted = [p.grad.clone() for p in encoder.parameters()]
    run = query(encoder, sequence, max_batch=batch)
    run.query()
    run.backward({"shape": weights})
    for parameter, gradient in zip(encoder.parameters(), wanted, strict=True):
        assert torch.allclose(parameter.grad, gradient, atol=1e-4)


class Flat(FlameEncoder):
    """beta is the mean colour, a hundred times."""

    name, input_size, crop_scale = "flat", 8, 1.0

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def features(self, crops):
        return (crops.mean((-1, -2, -3))[:, None],)

    def decode(self, features):
        rows, zeros = len(features[0]), features[0].new_zeros
        shape = (self.scale * features[0]).expand(-1, 100)
        return nf.FaceParameters(shape, zeros(rows, 50), zeros(rows, 6), zeros(rows, 3))

    def group_modules(self, group, trainable):
        return [self]


def test_a_shape_prior_sets_the_mean_shape_and_leaves_the_network_its_say(sequence):
    target = torch.randn(300)
    prior = MicaShape.__new__(MicaShape)
    nn.Module.__init__(prior)
    prior.of_sequence = lambda given: target
    encoder = Flat()
    shaped = with_shape_prior(encoder, prior, sequence)
    found = query(shaped, sequence).query().shape
    assert torch.allclose(found.mean((0, 1)), target, atol=1e-5)
    assert (found.std((0, 1))[:100] > 0).all()
    assert (shaped.n_shape, shaped.name) == (300, "flat+mica")
    assert shaped.fingerprint != encoder.fingerprint
    (theta,) = shaped.trainable_parameters("all")
    theta.data *= 2
    assert not torch.allclose(query(shaped, sequence).query().shape.mean((0, 1)), target, atol=1e-2)
    assert encoder.scale.item() == 1

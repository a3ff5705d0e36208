"""Five steps of Adam against the released code's trace, through the public run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import neuface_engine as nf
from neuface_engine.encoders.deca import SPLIT
from neuface_engine.video import Sequence
from neuface_engine.video.store import FrameStore

NOISE = (5e-7, 2e-4, 8e-4, 3e-3, 6e-3, 8e-3)
"""Relative: how well the rows of this trace repeat at all (shared/design/released_code.md)."""
MARGIN = 3
FLOAT32 = 4e-6
"""A run in float64 stays within the noise (docs/released.md); one in float32 has a noise of its own."""

pytestmark = pytest.mark.slow


def sequence_of(crops, landmarks):
    """A sequence that is nothing but crops [F, V, 3, S, S] in 0..1 and landmarks [F, V, 68, 2]."""
    frames, views = crops.shape[:2]
    return Sequence(
        name="trace",
        path=Path("trace"),
        views=tuple(f"view{v}" for v in range(views)),
        fps=30.0,
        frames=FrameStore(views),
        frame_indices=np.arange(frames),
        image_sizes=((224, 224),) * views,
        landmarks=landmarks,
        landmarks_dense=torch.zeros(frames, views, 478, 3),
        confidence=torch.ones(frames, views),
        detected=torch.ones(frames, views, dtype=torch.bool),
        crops=crops,
        crop_transforms=np.tile(np.eye(3)[:2], (frames, views, 1, 1)),
        content_hash="trace",
        detector="none",
    )


@pytest.fixture(scope="module")
def trace(golden):
    known = golden.arrays("trace_mead_2x7")
    images = golden.assets.make_images(14, int(known["image_seed"]))
    encoder = nf.load_encoder("deca", checkpoint=golden.deca)
    with torch.no_grad():
        encoder.layers[2].weight.mul_(float(known["head_weight_factor"]))
    crops = torch.from_numpy(images).unflatten(0, (2, 7))
    landmarks = torch.from_numpy(known["gt"][..., :2]).unflatten(0, (2, 7)).contiguous()
    config = nf.NeuFaceConfig(variant="released", iterations=5, seed=int(known["torch_seed"]))
    run = nf.NeuFace(sequence_of(crops, landmarks), encoder, golden.head(), config=config, device="cpu")
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    for _ in run:
        pass
    return known, run, before


def test_the_variants_settings_are_the_released_codes(trace):
    known, run, _ = trace
    config = run.config
    assert [config.multiview_weight, config.temporal_weight, config.landmark_weight] == known[
        "weights"
    ].tolist()
    assert all(config.rate(t) == pytest.approx(float(known["lr"])) for t in (0, 1, 50, 99))


def test_losses_of_every_step(trace):
    known, run, _ = trace
    c = run.config
    for row, noise in enumerate(NOISE):
        x = run.history.iteration(row).losses
        found = [
            c.multiview_weight * x.multiview,
            c.temporal_weight * x.temporal,
            c.landmark_weight * x.landmark,
            x.total,
        ]
        tolerance = max(MARGIN * noise, FLOAT32)
        assert found == pytest.approx(known["losses"][row].tolist(), rel=tolerance), row


def test_what_the_encoder_says_before_and_after(trace):
    known, run, _ = trace
    images = run.sequence.crops.flatten(0, 1)
    before = run.pretrained(images)
    with torch.no_grad():
        raw = [torch.cat([getattr(p, name) for name in SPLIT], 1) for p in (before, run.encoder(images))]
    assert np.abs(raw[0].numpy() - known["out_before"]).max() < 3e-5
    moved = np.abs(known["out_after"] - known["out_before"]).mean()
    assert np.abs(raw[1].numpy() - known["out_after"]).mean() < 0.2 * moved


def test_how_the_weights_moved(trace):
    """Adam's first steps have full length whatever the gradient: where that is rounding, so is the step's sign."""
    known, run, before = trace
    after = run.encoder.state_dict()
    bias, first = (
        ((after[name] - before[name]).numpy().ravel(), known[key].ravel())
        for name, key in (("layers.2.bias", "delta_head_b"), ("encoder.conv1.weight", "delta_conv1"))
    )
    assert np.abs(bias[0] - bias[1]).max() < 0.1 * float(known["lr"])
    assert np.corrcoef(*bias)[0, 1] > 0.999
    assert np.corrcoef(*first)[0, 1] > 0.95
    assert np.all(bias[0][100:150] == 0)  # texture and light take no part
    assert np.all(bias[0][209:] == 0)


def test_the_shape_of_the_first_crop_stands_for_all(trace):
    _, run, _ = trace
    shape = run.track().parameters.shape
    assert torch.equal(shape, shape[:1, :1].expand_as(shape))

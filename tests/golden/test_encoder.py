"""DECA's encoder: its layout, its numbers, its gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import neuface_engine as nf
from neuface_engine.encoders.deca import SPLIT


@pytest.fixture(scope="module")
def encoder(golden):
    return nf.load_encoder("deca", checkpoint=golden.deca)


def raw(parameters):
    """The 236 numbers in the order of the network's output."""
    return torch.cat([getattr(parameters, name) for name in SPLIT], -1)


def test_weights_have_decas_names_shapes_and_types(golden, encoder):
    known, state = golden.arrays("encoder"), encoder.state_dict()
    assert list(state) == list(known["keys"])
    assert [str(tuple(t.shape)) for t in state.values()] == list(known["shapes"])
    assert [str(t.dtype) for t in state.values()] == list(known["dtypes"])
    assert [n for n, p in encoder.named_parameters() if p.requires_grad] == list(known["trainable"])
    assert list(SPLIT.values()) == known["split_sizes"].tolist()
    assert np.allclose(
        [float(t.double().abs().sum()) for t in state.values()],
        golden.arrays("assets")["eflame_abs_sum"],
        rtol=1e-4,
    )


def test_output_features_and_gradients(golden, encoder):
    """The gradient at the first layer has passed 50 ReLUs: the golden float32 array is 1.1e-2 from float64."""
    known = golden.arrays("encoder")
    images = torch.from_numpy(golden.assets.make_images(4, int(known["image_seed"])))
    assert np.allclose(images[:, :, ::56, ::56], known["image_probe"], atol=1e-6)
    features = encoder.encoder(images)
    assert np.abs(features.detach().numpy() - known["feat"]).max() < 3e-5
    parameters = encoder(images)
    output = raw(parameters)
    assert np.abs(output.detach().numpy() - known["out"]).max() < 3e-5
    assert parameters.texture.shape == (4, 50)
    assert parameters.light.shape == (4, 27)
    weights = [encoder.encoder.conv1.weight, encoder.encoder.layer4[2].conv3.weight, encoder.layers[2].bias]
    first, last, bias = torch.autograd.grad((output * torch.from_numpy(known["w_out"])).sum(), weights)
    assert relative(bias, known["grad_head_b"]) < 1e-6
    assert relative(last[::64, ::32, 0, 0], known["grad_l4_conv3"]) < 1e-4
    assert relative(first, known["grad_conv1"]) < 2e-2


def relative(found, known):
    return float(np.abs(found.numpy() - known).max() / np.abs(known).max())


def test_the_cut_network_is_the_whole_one(golden, encoder):
    images = torch.from_numpy(golden.assets.make_images(2, 3))
    with torch.no_grad():
        whole, cut = encoder(images), encoder.decode(encoder.features(images))
    assert torch.equal(raw(whole), raw(cut))
    top = {id(p) for p in encoder.trainable_parameters("top")}
    names = [name for name, p in encoder.named_parameters() if id(p) in top]
    assert all(name.startswith(("encoder.layer4", "layers.")) for name in names)
    assert len(names) == 14

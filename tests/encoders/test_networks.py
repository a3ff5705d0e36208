"""SMIRK, SPECTRE and MICA from checkpoints of the public layout: loaded strictly, with the right shapes and bounds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import neuface_engine as nf
from neuface_engine.encoders import SpectreEncoder, arcface, check_checkpoint
from neuface_engine.encoders.mobilenet import SameConv

from . import layouts


@pytest.fixture(scope="module")
def smirk_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("smirk") / "SMIRK_em1.pt"
    torch.save(layouts.weights(layouts.smirk()), path)
    return path


@pytest.fixture(scope="module")
def spectre_file(tmp_path_factory, deca_state):
    path = tmp_path_factory.mktemp("spectre") / "spectre_model.tar"
    torch.save({"E_flame": deca_state, "E_expression": layouts.weights(layouts.spectre_expression())}, path)
    return path


@pytest.fixture(scope="module")
def smirk(smirk_file):
    return nf.load_encoder("smirk", checkpoint=smirk_file)


def reached(encoder, groups, crops):
    """Names of the parts whose weights get a gradient from a loss on everything."""
    encoder.move(groups)
    encoder.requires_grad_(False)
    for parameter in encoder.trainable_parameters("top"):
        parameter.requires_grad_(True)
    theta = encoder(crops)
    sum((t * torch.randn_like(t)).sum() for _, t in theta.items()).backward()
    names = {
        name.split(".")[0] for name, p in encoder.named_parameters() if p.grad is not None and p.grad.any()
    }
    encoder.zero_grad()
    encoder.move(None)
    return names


def test_smirk_keeps_to_its_bounds(smirk):
    with torch.no_grad():
        theta = smirk(torch.rand(2, 3, 96, 96))
    assert theta.shape.shape == (2, 300)
    assert theta.expression.shape == (2, 50)
    assert (theta.eyelids >= 0).all()
    assert (theta.eyelids <= 1).all()
    assert (theta.jaw[:, 0] >= 0).all()
    assert (theta.jaw[:, 1:].abs() <= 0.2).all()
    assert (smirk.crop_scale, smirk.crop_points, smirk.crop_side) == (1.4, "mediapipe", "mean")


def test_smirk_bounds_hold_where_the_layer_goes_beyond(smirk):
    smirk.requires_grad_(False)
    features = smirk.features(torch.rand(1, 3, 64, 64))
    layer = smirk.expression_encoder.expression_layers[0]
    before = layer.bias.detach().clone()
    for sign in (-1.0, 1.0):
        layer.bias.data = torch.full_like(before, 100 * sign)
        theta = smirk.decode(features)
        high = float(sign > 0)
        assert theta.eyelids.tolist() == [[high, high]]
        assert (theta.jaw[:, 0] > 50).item() == (sign > 0)
        assert theta.jaw[:, 1:].tolist() == pytest.approx(np.full((1, 2), 0.2 * sign))
    layer.bias.data = before


def test_gradient_reaches_the_parts_that_move_and_no_other(smirk):
    crops = torch.rand(1, 3, 64, 64)
    assert reached(smirk, None, crops) == {"pose_encoder", "shape_encoder", "expression_encoder"}
    assert reached(smirk, ["shape"], crops) == {"shape_encoder"}
    with pytest.raises(nf.ConfigError, match="pose or shape or expression"):
        smirk.move(["coarse"])


def test_smirk_is_recognised_without_its_weights_being_read(smirk_file):
    assert "300 + 50" in check_checkpoint("smirk", smirk_file)
    with pytest.raises(nf.AssetError, match=r"E_flame is missing; give DECA's deca_model\.tar"):
        check_checkpoint("deca", smirk_file)


def test_smirk_tells_what_its_checkpoint_lacks(tmp_path):
    state = layouts.weights(layouts.smirk())
    del state["smirk_encoder.pose_encoder.encoder.conv_stem.weight"]
    state["smirk_encoder.shape_encoder.shape_layers.0.bias"] = torch.zeros(100)
    torch.save(state, tmp_path / "s.pt")
    with pytest.raises(nf.AssetError) as caught:
        nf.load_encoder("smirk", checkpoint=tmp_path / "s.pt")
    assert "lacks pose_encoder.encoder.conv_stem.weight" in str(caught.value)
    assert "shape_layers.0.bias [100] instead of [300]" in str(caught.value)


@pytest.mark.parametrize(("size", "stride"), [(224, 2), (15, 2), (14, 1), (7, 2)])
def test_padding_is_tensorflows(size, stride):
    """Of an odd total the larger half goes to the right and below, so that output o looks at inputs from s o on."""
    layer = SameConv(1, 1, 3, stride).requires_grad_(False)
    layer.weight.copy_(torch.arange(9.0).reshape(1, 1, 3, 3))
    image = torch.rand(1, 1, size, size)
    out = layer(image)
    assert out.shape[-1] == -(-size // stride)
    total = max((out.shape[-1] - 1) * stride + 3 - size, 0)
    before = total // 2
    y, x = 1, 2
    corner = (y * stride - before, x * stride - before)
    patch = image[0, 0, corner[0] : corner[0] + 3, corner[1] : corner[1] + 3]
    assert out[0, 0, y, x] == pytest.approx(float((patch * layer.weight[0, 0]).sum()), rel=1e-5)


# --- SPECTRE -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def spectre(spectre_file):
    return nf.load_encoder("spectre", checkpoint=spectre_file)


def test_spectre_looks_at_two_frames_on_either_side(spectre):
    frames = torch.rand(6, 3, 64, 64)
    with torch.no_grad():
        both, first = spectre(frames), spectre(frames[:5])
        assert len(both.shape) == 2
        assert torch.allclose(both.expression[0], first.expression[0], atol=1e-5)
        frames[5] = 0
        other = spectre(frames)
    assert torch.equal(other.expression[0], both.expression[0])
    assert not torch.allclose(other.expression[1], both.expression[1], atol=1e-4)
    assert torch.equal(other.shape, both.shape)  # identity and head pose are DECA's, frame by frame
    assert torch.equal(other.head_rotation, both.head_rotation)


def test_spectre_adds_to_deca(spectre, public_files):
    frames = torch.rand(5, 3, 64, 64)
    deca = nf.load_encoder("deca", checkpoint=public_files.deca)
    with torch.no_grad():
        theta, alone = spectre(frames), deca(frames[2:3])
        added = spectre.E_expression.top(spectre.features(frames)[1])
    assert torch.allclose(theta.expression, alone.expression + added[0], atol=1e-5)
    assert torch.allclose(theta.jaw, alone.jaw + added[1], atol=1e-5)
    assert added[1][0, 0] >= 0
    assert torch.allclose(theta.camera, alone.camera, atol=1e-5)


def test_spectre_is_read_from_a_checkpoint_of_its_training_too(tmp_path):
    parts = {
        "deca.E_flame.layers.0.bias": torch.zeros(2),
        "deca.E_expression.encoder.classifier.1.bias": torch.ones(3),
    }
    torch.save({"state_dict": parts, "epoch": 3}, tmp_path / "last.ckpt")
    with pytest.raises(nf.AssetError) as caught:
        SpectreEncoder.check_file(tmp_path / "last.ckpt")
    assert "layers.0.bias [2] instead of [1024]" in str(caught.value)
    assert "unknown" not in str(caught.value)


# --- MICA ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mica_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("mica") / "mica.tar"
    torch.save({n: layouts.weights(s, dtype=torch.half) for n, s in layouts.mica().items()}, path)
    return path


def test_mica_gives_three_hundred_coefficients(mica_file):
    prior = nf.encoders.load_shape_prior("mica", checkpoint=mica_file)
    assert prior.head_template.shape == (5023, 3)
    with torch.no_grad():
        embedding = prior.arcface(torch.rand(1, 3, 112, 112))
        beta = prior.regressor(embedding)
    assert embedding.norm(dim=1).item() == pytest.approx(1)
    assert beta.shape == (1, 300)
    assert beta.isfinite().all()
    with pytest.raises(nf.AssetError, match="encoder 'open' that of another face model"):
        nf.encoders.check_shape_prior(nf.load_encoder("open"), prior)


def test_mica_names_what_is_not_there(tmp_path, mica_file):
    assert check_checkpoint("mica", mica_file) == "MICA, 300 shape components"
    torch.save({"arcface": {}, "flameModel": {}}, tmp_path / "mica.tar")
    with pytest.raises(nf.AssetError, match=r"arcface lacks bn1\.bias.* and \d+ more"):
        nf.encoders.load_shape_prior("mica", checkpoint=tmp_path / "mica.tar")
    with pytest.raises(nf.ConfigError, match="--shape-checkpoint"):
        nf.encoders.load_shape_prior("mica")


def test_a_face_is_turned_and_scaled_onto_arcfaces_points():
    """A similarity of the target points, put back where it belongs to a fraction of a pixel."""
    landmarks = np.zeros((68, 2))
    angle, scale = 0.4, 1.3
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = arcface.TARGETS @ turn.T + [40, 10]
    landmarks[36:42], landmarks[42:48] = points[0], points[1]
    landmarks[30], landmarks[48], landmarks[54] = points[2], points[3], points[4]
    matrix = arcface.similarity(arcface.five_points(landmarks), arcface.TARGETS)
    back = points @ matrix[:, :2].T + matrix[:, 2]
    assert np.abs(back - arcface.TARGETS).max() < 1e-9
    picture = np.zeros((224, 224, 3), np.uint8)
    x, y = np.round(points[2]).astype(int)
    picture[y - 3 : y + 4, x - 3 : x + 4] = 255
    face = arcface.aligned(picture, (landmarks + 0.5) * 2 / 224 - 1)
    row, column = np.argwhere(face[..., 0] > 128).mean(0)
    assert (column, row) == pytest.approx(tuple(arcface.TARGETS[2]), abs=0.7)

"""DECA from files of the public layout: loaded strictly, run end to end (tests/golden has the numbers)."""

from __future__ import annotations

import pickle

import pytest
import torch

import neuface_engine as nf
from neuface_engine.encoders.deca import SPLIT
from tests.command import neuface, one_object

from .conftest import deca_weights, save_deca


@pytest.fixture(scope="module")
def parts(public_files):
    encoder = nf.load_encoder("deca", checkpoint=public_files.deca)
    sequence = nf.load_sequence(
        nf.resources.path("demo"),
        views="[fl]*",
        max_frames=2,
        **encoder.crop_options,
    )
    head = nf.FaceModel.load(public_files.flame, landmarks=public_files.embedding)
    return sequence.select(views=slice(0, 2)), encoder, head


def finished(parts, **changes):
    config = nf.NeuFaceConfig(**{"iterations": 2, "trainable": "top", **changes})
    run = nf.NeuFace(*parts, config=config, device="cpu")
    for _ in run:
        pass
    return run


def test_flame_from_its_own_files_is_the_head_they_were_made_of(parts):
    open_head, neutral = nf.FaceModel.load("open"), nf.FaceParameters.neutral(1)
    assert torch.allclose(parts[2].vertices(neutral), open_head.vertices(neutral), atol=1e-6)
    assert torch.allclose(parts[2].landmarks(neutral), open_head.landmarks(neutral), atol=1e-6)


def test_crops_follow_decas_rule(parts):
    """Side = 1.25 * 1.1 * mean of the box's width and height; landmarks in -1..1 then span 2 / 1.375 on average."""
    extent = (parts[0].landmarks.amax(2) - parts[0].landmarks.amin(2)).mean(-1)
    assert parts[0].crop_size == 224
    assert torch.allclose(extent, torch.tensor(2 / 1.375), rtol=0.03)  # boxes are smoothed over time


def test_texture_and_light_survive_the_run_and_the_file(parts, tmp_path):
    run = finished(parts)
    track = run.track()
    assert track.parameters.texture.shape == (2, 2, SPLIT["texture"])
    assert track.parameters.light.shape == (2, 2, SPLIT["light"])
    track.save(tmp_path / "t.npz")
    again = nf.FaceTrack.load(tmp_path / "t.npz", head=parts[2]).parameters
    assert torch.equal(again.texture, track.parameters.texture)
    assert torch.equal(again.light, track.parameters.light)


def test_its_own_learning_rate_lets_the_loss_fall_where_that_of_a_small_network_does_not(parts):
    """The released code's 2e-5, at full length from the first step; what was taken stands in the track."""
    run = finished(parts, iterations=4, warm_up=0)
    totals = [run.history.iteration(t).losses.total for t in range(5)]
    assert max(totals[1:]) < 0.7 * totals[0]
    assert run.config.learning_rate == parts[1].learning_rate == 2e-5
    assert run.track().provenance["config"]["learning_rate"] == 2e-5
    too_far = finished(parts, iterations=1, warm_up=0, learning_rate=nf.load_encoder("open").learning_rate)
    assert too_far.history.iteration(1).losses.total > 2 * totals[0]


def test_cached_features_give_the_result_of_the_whole_network(parts):
    sequence, encoder, head = parts

    class Uncached(type(encoder)):
        def trainable_parameters(self, trainable):
            return super().trainable_parameters("top")

    twin = Uncached()
    twin.load_state_dict(encoder.state_dict())
    cached, uncached = finished(parts), finished((sequence, twin, head), trainable="all")
    assert uncached.history.iteration(2).losses.total == pytest.approx(
        cached.history.iteration(2).losses.total, rel=1e-4
    )
    a, b = cached.history.parameters(2).pose, uncached.history.parameters(2).pose
    assert torch.allclose(a, b, atol=1e-4)


def test_batchnorm_never_moves(parts):
    run = finished(parts, iterations=1, trainable="all")
    before, after = parts[1].state_dict(), run.encoder.state_dict()
    for name in before:
        normalisation = ".bn" in name or "downsample.1" in name
        assert torch.equal(before[name], after[name]) == normalisation, name


def test_deca_on_the_open_head_is_refused(parts):
    with pytest.raises(nf.AssetError, match="FLAME 2020"):
        nf.NeuFace(parts[0], parts[1], nf.FaceModel.load("open"))


def test_without_a_checkpoint_the_remedy_is_named():
    with pytest.raises(nf.ConfigError, match="--checkpoint"):
        nf.load_encoder("deca")


def test_a_bare_state_dict_is_read_too(tmp_path, public_files):
    torch.save(deca_weights(), tmp_path / "e_flame.pt")
    bare = nf.load_encoder("deca", checkpoint=tmp_path / "e_flame.pt")
    assert bare.fingerprint == nf.load_encoder("deca", checkpoint=public_files.deca).fingerprint


def changed(**changes):
    weights = deca_weights()
    for name, value in changes.items():
        if value is None:
            del weights[name]
        else:
            weights[name] = value
    return weights


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (
            {"layers.0.bias": None, "encoder.conv1.weight": None},
            ["lacks encoder.conv1.weight, layers.0.bias"],
        ),
        ({"layers.2.bias": torch.zeros(334)}, ["layers.2.bias [334] instead of [236]"]),
        ({"encoder.layer5.weight": torch.zeros(1)}, ["unknown encoder.layer5.weight"]),
        ({"layers.2.bias": torch.full((236,), torch.nan)}, ["not finite layers.2.bias"]),
        (
            {"layers.0.bias": None, "layers.2.weight": torch.zeros(2, 2)},
            ["lacks layers.0.bias", "layers.2.weight [2, 2] instead of [236, 1024]"],
        ),
    ],
)
def test_weights_that_do_not_fit_are_all_named(tmp_path, weights, words):
    path = save_deca(tmp_path / "deca_model.tar", changed(**weights))
    with pytest.raises(nf.AssetError) as caught:
        nf.load_encoder("deca", checkpoint=path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert all(word in message for word in words), message


class Malicious:
    def __reduce__(self):
        return (print, ("this code ran",))


@pytest.mark.parametrize(
    "kind", ["absent", "empty", "text", "truncated", "code", "pickled code", "a list", "no dict"]
)
def test_bad_files_give_one_line_and_run_nothing(tmp_path, public_files, kind, capsys):
    path = tmp_path / "deca_model.tar"
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("<html>not found</html>")
    elif kind == "truncated":
        path.write_bytes(public_files.deca.read_bytes()[:50_000])
    elif kind == "code":
        torch.save({"E_flame": Malicious()}, path)
    elif kind == "pickled code":
        path.write_bytes(pickle.dumps({"E_flame": Malicious()}))
    elif kind == "a list":
        torch.save([1, 2], path)
    elif kind == "no dict":
        torch.save({"E_flame": 3}, path)
    with pytest.raises(nf.AssetError, match=r"deca_model\.tar") as caught:
        nf.load_encoder("deca", checkpoint=path)
    assert "\n" not in str(caught.value)
    assert "this code ran" not in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["paper", "released"])
def test_the_command_line_runs_deca_on_flame_end_to_end(public_files, tmp_path, variant):
    done = neuface(
        *("track", nf.resources.path("demo"), "--views", "*_30", "--max-frames", 2, "--iterations", 1),
        *("--encoder", "deca", "--checkpoint", public_files.deca),
        *("--head", public_files.flame, "--head-landmarks", public_files.embedding),
        *("--variant", variant, "--trainable", "top", "--out", tmp_path, "--json"),
    )
    assert done.returncode == 0, done.stderr
    result = one_object(done)
    assert (result["encoder"], result["head"], result["variant"]) == ("deca", "generic_model", variant)
    head = nf.FaceModel.load(public_files.flame, landmarks=public_files.embedding)
    track = nf.FaceTrack.load(result["track"], head=head)
    assert torch.isfinite(track.vertices()).all()

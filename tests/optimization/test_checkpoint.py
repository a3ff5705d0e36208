"""The saved state of a run: what it holds, and when it is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import neuface_engine as nf
from neuface_engine.optimization.checkpoint import resume, save_checkpoint, settings_of
from neuface_engine.optimization.kept_run import KeptRun, thin
from neuface_engine.optimization.repairs import Repairs

CONFIG = nf.NeuFaceConfig(iterations=5)


@pytest.fixture(scope="module")
def parts():
    sequence = nf.load_sequence(nf.resources.path("demo"), views="*_30", max_frames=3)
    return sequence, nf.load_encoder("open"), nf.FaceModel.load("open")


@pytest.fixture(scope="module")
def run(parts):
    run = nf.NeuFace(*parts, config=CONFIG, device="cpu")
    for _ in range(3):
        run.step()
    return run


@pytest.fixture
def saved(run, tmp_path):
    path = tmp_path / "clip.run"
    save_checkpoint(run, path)
    return path


def fresh(parts, method=nf.NeuFace, **changes):
    return method(*parts, config=replace(CONFIG, **changes), device="cpu")


def test_a_resumed_run_has_the_history_and_the_future_of_the_original(run, parts, saved):
    again = fresh(parts)
    resume(again, saved)
    assert [again.history.iteration(t).losses for t in again.history.indices] == [
        run.history.iteration(t).losses for t in run.history.indices
    ]
    expected, got = run.branch(3).step(), again.step()
    assert got.losses == expected.losses
    for (name, a), (_, b) in zip(got.parameters.items(), expected.parameters.items(), strict=True):
        assert torch.equal(a, b), name
    early = again.branch(1)
    assert torch.equal(early.history.parameters(1).pose, run.history.parameters(1).pose)
    assert list(saved.parent.iterdir()) == [saved], "nothing half-written is left"


def test_other_footage_models_methods_and_settings_are_refused(run, parts, saved):
    sequence, encoder, head = parts
    other = nf.load_encoder("open")
    with torch.no_grad():
        next(iter(other.head.parameters())).add_(1e-3)
    cases = {
        "footage": fresh((sequence.select(frames=slice(0, 2)), encoder, head)),
        "encoder": fresh((sequence, other, head)),
        "method": fresh(parts, nf.FlameFitting),
        f"landmark_weight {run.config.landmark_weight:g}": fresh(parts, landmark_weight=3.0),
    }
    for words, stranger in cases.items():
        with pytest.raises(nf.CheckpointError, match=words) as caught:
            resume(stranger, saved)
        assert str(saved) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_file_from_before_the_identity_prior_goes_on_without_it(parts, saved):
    before = fresh(parts, identity_prior=False)
    before.step()
    save_checkpoint(before, saved)
    with safe_open(str(saved), framework="pt") as file:
        header = json.loads(file.metadata()["run"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    del header["settings"][0][1]["identity_prior"]
    save_file(tensors, saved, {"run": json.dumps(header)})
    with pytest.raises(nf.CheckpointError, match="saved with identity_prior False"):
        resume(fresh(parts), saved)
    again = fresh(parts, identity_prior=False)
    resume(again, saved)
    sequence, encoder, head = parts
    woken = KeptRun.read(saved, encoder, head, lambda repairs: sequence).wake(device="cpu")
    assert again.step().losses == woken.step().losses == before.step().losses


def test_a_term_that_an_older_file_does_not_know_was_off():
    known = ["landmark_weight", "photometric_weight", "identity_prior", "seed"]
    read = settings_of({"landmark_weight": 3.0, "seed": 1}, known)
    assert read == {"landmark_weight": 3.0, "photometric_weight": 0.0, "identity_prior": False, "seed": 1}


def test_damaged_files_are_named(run, parts, saved):
    with safe_open(str(saved), framework="pt") as file:
        metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    header = json.loads(metadata["run"])

    def spoil(tensors, **changes):
        save_file(tensors, saved, {"run": json.dumps({**header, **changes})})

    def refused(words):
        again = fresh(parts)
        with pytest.raises(nf.CheckpointError, match=words):
            resume(again, saved)
        assert len(again.history) == 1

    spoil({name: t for name, t in tensors.items() if not name.startswith("variables/")})
    refused("damaged")
    spoil({**tensors, "losses": tensors["losses"][:2]})
    refused("damaged")
    spoil({name: t for name, t in tensors.items() if not name.endswith("exp_avg")})
    refused("damaged")
    spoil(tensors, version=99)
    refused("newer")
    saved.write_bytes(saved.read_bytes()[:1000])
    refused("not a saved run")
    saved.write_text("text")
    refused("not a saved run")
    saved.unlink()
    refused("no such")


def test_a_disk_that_refuses_is_named(run, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(nf.CheckpointError, match="cannot be written"):
        save_checkpoint(run, tmp_path / "file" / "clip.run")


def origin(run):
    """What the newest track says of itself, but when it was made."""
    return {key: value for key, value in run.track().provenance.items() if key != "created"}


def test_a_kept_run_shows_its_history_and_tracks_before_it_is_woken(run, parts, tmp_path):
    sequence, encoder, head = parts
    muted = Repairs(muted=(5,))
    branch = run.branch(2, config=replace(CONFIG, temporal_weight=7.0))
    branch.repair(muted.apply(sequence), muted.options(branch.config, sequence))
    branch.step()
    path = tmp_path / "branch.run"
    save_checkpoint(branch, path, name="smoother", repairs=[(0, Repairs()), (2, muted)])
    kept = KeptRun.read(path, encoder, head, lambda repairs: repairs.apply(sequence))
    assert (kept.name, kept.method, len(kept.history)) == ("smoother", "neuface", 4)
    assert kept.config == branch.config and kept.settings == branch.settings
    assert origin(kept) == origin(branch)
    assert torch.equal(kept.track(1).parameters.pose, branch.track(1).parameters.pose)
    again = kept.wake(device="cpu")
    expected, got = branch.branch(3).step(), again.step()
    assert got.losses == expected.losses and torch.equal(got.parameters.pose, expected.parameters.pose)
    thin(path)
    result = KeptRun.read(path, encoder, head, lambda repairs: repairs.apply(sequence))
    assert list(result.history.indices) == [3] and origin(result) == origin(branch)
    with pytest.raises(nf.CheckpointError, match="only iteration 3 is kept"):
        result.wake(device="cpu")


def test_a_kept_run_of_flame_fitting_goes_on_as_such(parts, tmp_path):
    sequence, encoder, head = parts
    run = nf.FlameFitting(*parts, config=nf.FlameFittingConfig(iterations=4), device="cpu")
    run.step()
    path = tmp_path / "fitting.run"
    save_checkpoint(run, path, repairs=[(0, Repairs())])
    kept = KeptRun.read(path, encoder, head, lambda _: sequence)
    assert kept.config == run.config and kept.initial.losses == run.initial.losses
    assert kept.wake(device="cpu").step().losses == run.step().losses


def test_a_damaged_or_foreign_kept_run_is_one_line(parts, saved, tmp_path):
    sequence, encoder, head = parts
    other = sequence.select(frames=slice(0, 2))
    cut = tmp_path / "cut.run"
    cut.write_bytes(saved.read_bytes()[:1000])
    for path, footage in ((saved, other), (cut, sequence), (tmp_path / "none", sequence)):
        with pytest.raises(nf.CheckpointError) as caught:
            KeptRun.read(path, encoder, head, lambda _, footage=footage: footage)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)

"""Rewinding: a branch from iteration t is the run itself, bit for bit, until its settings say otherwise."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import neuface_engine as nf
from neuface_engine.optimization.snapshots import Snapshots

CONFIGS = {
    nf.NeuFace: nf.NeuFaceConfig(iterations=5, visibility_interval=3),
    nf.FlameFitting: nf.FlameFittingConfig(iterations=5, visibility_interval=3),
}


@pytest.fixture(scope="module")
def parts():
    sequence = nf.load_sequence(nf.resources.path("demo"), views="*_30", max_frames=3)
    return sequence, nf.load_encoder("open"), nf.FaceModel.load("open")


def start(method, parts, interval=2, **changes):
    run = method(*parts, config=replace(CONFIGS[method], **changes), device="cpu")
    run.snapshots = Snapshots(interval=interval)
    return run


def finish(run):
    for _ in run:
        pass
    return run


@pytest.fixture(scope="module", params=list(CONFIGS))
def run(request, parts):
    return finish(start(request.param, parts))


def same_state(a, b, iteration):
    x, y = a.history.iteration(iteration), b.history.iteration(iteration)
    tensors = zip(x.parameters.items(), y.parameters.items(), strict=True)
    return x.losses == y.losses and all(torch.equal(p, q) for (_, p), (_, q) in tensors)


@pytest.mark.parametrize("iteration", [0, 3, 4])
def test_a_branch_with_the_same_settings_repeats_the_run_bit_for_bit(run, iteration):
    branch = run.branch(iteration)
    assert len(branch.history) == iteration + 1
    finish(branch)
    assert len(branch.history) == len(run.history)
    assert all(same_state(run, branch, t) for t in run.history.indices)


def test_a_branch_with_other_weights_shares_the_past_and_not_the_future(run):
    branch = run.branch(3, config=replace(run.config, landmark_weight=0.0))
    before = [run.history.parameters(t).shape for t in run.history.indices]
    finish(branch)
    assert all(same_state(run, branch, t) for t in range(3))
    assert torch.equal(run.history.parameters(3).pose, branch.history.parameters(3).pose)
    assert not torch.equal(run.history.parameters(4).pose, branch.history.parameters(4).pose)
    x = branch.history.iteration(3).losses
    assert x.landmark == run.history.iteration(3).losses.landmark
    assert x.total < run.history.iteration(3).losses.total
    assert all(torch.equal(a, run.history.parameters(t).shape) for t, a in enumerate(before))


def test_a_branch_of_a_branch_replays_each_part_under_its_own_settings(run):
    first = finish(run.branch(3, config=replace(run.config, landmark_weight=1.0, visibility_interval=2)))
    again = finish(first.branch(4))
    assert all(same_state(first, again, t) for t in first.history.indices)
    earlier = first.branch(2)
    assert all(same_state(run, earlier, t) for t in range(2))
    origin = first.track().provenance
    assert [part["from_iteration"] for part in origin["settings"]] == [0, 3]
    assert origin["config"]["landmark_weight"] == 1.0
    assert first.track(3).provenance["config"]["landmark_weight"] == run.config.landmark_weight


def test_few_snapshots_mean_more_replay_and_the_same_result(parts):
    dense, sparse = (finish(start(nf.NeuFace, parts, interval)) for interval in (1, 100))
    assert dense.snapshots.indices == [1, 2, 3, 4, 5]
    assert sparse.snapshots.indices == []
    assert same_state(dense.branch(3), sparse.branch(3), 3)


def test_snapshots_stay_within_their_memory(parts):
    run = start(nf.NeuFace, parts, interval=1)
    run.step()
    run.snapshots.memory = int(3.5 * run.snapshots.nbytes())
    finish(run)
    assert 1 <= len(run.snapshots.indices) <= 3
    assert run.snapshots.nbytes() <= run.snapshots.memory
    assert all(i % run.snapshots.interval == 0 for i in run.snapshots.indices)


@pytest.mark.parametrize(
    ("iteration", "changes", "words"),
    [
        (6, {}, "0 to 5"),
        (-1, {}, "0 to 5"),
        (2, {"trainable": "all"}, "trainable"),
        (2, {"variant": "released"}, "variant"),
    ],
)
def test_what_cannot_be_branched_is_named(run, iteration, changes, words):
    with pytest.raises(nf.ConfigError, match=words):
        run.branch(iteration, config=replace(run.config, **changes))


def test_a_run_that_changes_its_settings_on_the_way_is_the_branch(run):
    new = replace(run.config, landmark_weight=3.0)
    live = start(type(run), (run.sequence, run.pretrained, run.head))
    for _ in range(3):
        live.step()
    live.change(new)
    assert same_state(finish(live), finish(run.branch(3, config=new)), 5)


def test_a_run_that_is_rewound_forgets_what_came_after_and_goes_on(run):
    new = replace(run.config, landmark_weight=3.0)
    again = finish(run.branch(3))
    again.stop()
    again.rewind(3)
    assert again.history.indices == range(4)
    assert again.stop_reason is None
    assert same_state(finish(again), run, 5)
    again.rewind(3, config=new)
    assert same_state(finish(again), finish(run.branch(3, config=new)), 5)
    with pytest.raises(nf.ConfigError, match="0 to 5"):
        again.rewind(6)


def test_the_released_variant_repeats_its_random_frames(parts):
    """It compares the views on frames drawn at every evaluation; a replay draws the same."""
    _, encoder, head = parts
    longer = nf.load_sequence(nf.resources.path("demo"), views="*_30", max_frames=7)
    config = nf.NeuFaceConfig(variant="released", trainable="top", iterations=3)
    run = finish(nf.NeuFace(longer, encoder, head, config=config, device="cpu"))
    assert same_state(run, finish(run.branch(1)), 3)

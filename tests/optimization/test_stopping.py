"""Why a run ends: converged, at its limit, stopped, diverged, or for want of memory."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

import neuface_engine as nf
from neuface_engine.optimization.convergence import WINDOW, has_converged
from neuface_engine.optimization.history import History
from neuface_engine.optimization.memory import CODE_BYTES, BatchSize, graph_bytes, is_out_of_memory


@pytest.fixture(scope="module")
def parts():
    sequence = nf.load_sequence(nf.resources.path("demo"), views="*_30", max_frames=3)
    return sequence, nf.load_encoder("open"), nf.FaceModel.load("open")


def make(parts, method=nf.NeuFace, **changes):
    return method(*parts, config=nf.NeuFaceConfig(**changes), device="cpu")


def same_gradients(a, b):
    """dL/dw of two runs of the same sequence, up to rounding (kernels differ with the size of the batch)."""
    pairs = zip(a.variables.tensors().values(), b.variables.tensors().values(), strict=True)
    kept = [(x.grad.flatten(), y.grad.flatten()) for x, y in pairs if x.grad is not None]
    assert len(kept) > 10
    x, y = (torch.cat(column) for column in zip(*kept, strict=True))
    return float((x - y).norm()) < 1e-3 * float(x.norm())


def finish(run):
    for _ in run:
        pass
    return run


@pytest.fixture(scope="module")
def first(parts):
    return make(parts, iterations=0).initial


def steady(first, changes):
    """A history whose loss and shape change by these relative steps."""
    history, scale = History(), 1.0
    for index, (loss, shape) in enumerate(changes):
        scale *= 1 + shape
        parameters = first.parameters.replace(shape=first.parameters.shape * scale)
        losses = replace(first.losses, total=first.losses.total * loss)
        history.append(replace(first, index=index, parameters=parameters, losses=losses))
    return history


def test_convergence_asks_for_a_still_loss_and_still_parameters(first):
    still = [(1.0, 0.0)] * (WINDOW + 1)
    assert has_converged(steady(first, still), 1e-3)
    assert not has_converged(steady(first, still[1:]), 1e-3), "too few iterations"
    assert not has_converged(steady(first, still), 0.0), "off"
    loss_moves = [*still[:-1], (1.01, 0.0)]
    assert not has_converged(steady(first, loss_moves), 1e-3)
    parameters_move = [(1.0, 1e-3)] * (WINDOW + 1)
    assert not has_converged(steady(first, parameters_move), 5e-3)
    assert has_converged(steady(first, parameters_move), 2e-2)


def test_a_run_stops_once_it_has_converged(parts):
    run = finish(make(parts, nf.FlameFitting, iterations=400, tolerance=0.5))
    assert run.stop_reason == "converged"
    assert len(run.history) - 1 == WINDOW
    assert run.converged


def test_by_default_it_runs_to_its_limit(parts):
    run = finish(make(parts, iterations=2))
    assert run.stop_reason == "iteration limit"
    assert not run.converged
    assert finish(make(parts, iterations=0)).stop_reason == "iteration limit"


def test_after_divergence_a_branch_with_smaller_steps_goes_on(parts):
    run = make(parts, iterations=3)
    run.step()
    run.change(replace(run.config, learning_rate=1e30))
    with pytest.raises(nf.DivergedError, match="iteration 2"):
        finish(run)
    assert run.stop_reason == "diverged"
    newest = len(run.history) - 1
    assert torch.isfinite(run.track().vertices()).all()
    again = finish(run.branch(newest, config=nf.NeuFaceConfig(iterations=3)))
    assert again.stop_reason == "iteration limit"
    assert torch.isfinite(again.track().vertices()).all()


@pytest.mark.parametrize("trainable", ["top", "all"])
def test_when_memory_runs_out_half_the_batch_gives_the_same_gradient(parts, trainable, monkeypatch):
    whole = make(parts, iterations=1, trainable=trainable, max_batch=8)
    whole.step()

    work = type(whole.variables)._run

    def too_much(self, batch):
        if len(batch) > 3:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
        return work(self, batch)

    monkeypatch.setattr(type(whole.variables), "_run", too_much)
    halved = make(parts, iterations=1, trainable=trainable, max_batch=8)
    halved.step()
    assert halved.warnings
    assert "memory ran out" in halved.warnings[0]
    assert same_gradients(whole, halved)


def test_when_not_even_one_crop_fits_it_says_what_to_do(parts, monkeypatch):
    run = make(parts, iterations=1)

    def too_much(*_):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(type(run.variables), "_run", too_much)
    with pytest.raises(nf.OutOfMemoryError, match="--max-frames"):
        run.step()


def test_meshes_that_do_not_fit_are_named(parts, monkeypatch):
    run = make(parts, iterations=1)
    run.maximization()

    def too_much(*_, **__):
        raise MemoryError

    monkeypatch.setattr(run.objective, "decode", too_much)
    with pytest.raises(nf.OutOfMemoryError, match="6 meshes"):
        run._expectation()


def test_other_faults_are_not_taken_for_want_of_memory(parts, monkeypatch):
    run = make(parts, iterations=1)
    assert not is_out_of_memory(RuntimeError("shapes do not match"))

    def broken(*_):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(type(run.variables), "_run", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        run.step()


@pytest.mark.parametrize("trainable", ["top", "all"])
def test_a_bound_on_memory_means_smaller_batches_and_the_same_gradient(parts, trainable, monkeypatch):
    whole = make(parts, iterations=1, trainable=trainable)
    whole.step()
    crop = whole.sequence.crop_batch(0, slice(0, 1))
    encoder = copy.deepcopy(whole.encoder)
    per_crop = graph_bytes(lambda: encoder(crop), encoder)
    monkeypatch.setattr("neuface_engine.optimization.memory.resident_bytes", lambda device: 0)
    weights = 3 * sum(p.nbytes for p in whole.encoder.parameters() if p.requires_grad)
    room = (weights + whole._mesh_bytes() + CODE_BYTES + 20e6 + 2 * 3.5 * per_crop) / 1e6
    bounded = make(parts, iterations=1, trainable=trainable, max_memory_mb=room)
    bounded.step()
    assert bounded.variables.batch.whole < whole.variables.batch.whole
    assert same_gradients(whole, bounded)


def test_a_bound_that_is_too_tight_says_what_would_do(parts):
    with pytest.raises(nf.ConfigError, match=r"max_memory_mb is 10; this footage takes at least \d+"):
        make(parts, iterations=1, max_memory_mb=10)


def test_what_autograd_keeps_is_counted():
    """A linear map keeps its input for the weight's gradient; ReLU keeps its result."""
    layer = torch.nn.Linear(100, 10, bias=False)
    x = torch.zeros(8, 100, requires_grad=True)
    assert graph_bytes(lambda: layer(x), layer) == 8 * 100 * 4
    assert graph_bytes(lambda: layer(x).relu(), layer) == 8 * 110 * 4


def test_a_batch_is_halved_down_to_one():
    batch = BatchSize(5, 40)
    sizes = []
    while batch.halve():
        sizes.append((batch.whole, batch.top))
    assert sizes == [(2, 20), (1, 10), (1, 5), (1, 2), (1, 1)]

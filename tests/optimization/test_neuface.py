"""The EM run on the demo: what a step does, what it must not do, and what threads may ask of it."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

import neuface_engine as nf
from neuface_engine.optimization.losses import head_size

QUICK = nf.NeuFaceConfig(iterations=4)


@pytest.fixture(scope="module")
def parts():
    sequence = nf.load_sequence(nf.resources.path("demo"), views="[fl]*", max_frames=6)
    return sequence.select(views=slice(0, 3)), nf.load_encoder("open"), nf.FaceModel.load("open")


def finished(parts, **changes):
    run = nf.NeuFace(*parts, config=replace(QUICK, **changes), device="cpu")
    for _ in run:
        pass
    return run


@pytest.fixture(scope="module")
def run(parts):
    return finished(parts, iterations=30)


def test_iterations_lower_the_loss_and_are_all_kept(run):
    losses = [run.history.iteration(t).losses.total for t in run.history.indices]
    assert len(losses) == 31
    assert losses[-1] < 0.8 * losses[0]
    assert run.initial.index == 0
    assert run.stop_reason == "iteration limit"
    assert [run.history.iteration(t).index for t in run.history.indices] == list(range(31))


def test_total_is_the_weighted_sum_of_its_terms(run):
    c, x = run.config, run.initial.losses
    terms = {name: value for name, value in vars(x).items() if name != "total"}
    expected = sum(getattr(c, f"{name}_weight") * value for name, value in terms.items())
    assert min(terms[n] for n in ("landmark", "temporal", "multiview", "dense", "aperture")) > 0
    assert x.total == pytest.approx(expected, rel=1e-5)


def test_the_head_keeps_its_size(run):
    """Weak perspective cannot see it: only the guard holds it."""
    size = head_size(run.track(0).vertices("canonical")).mean()
    assert head_size(run.track().vertices("canonical")).mean() == pytest.approx(float(size), rel=0.01)


def test_views_agree_better_after_optimisation(run, parts):
    before, after = run.initial, run.history.iteration(30)
    assert np.nanmean(after.cvd_mm_per_view) < np.nanmean(before.cvd_mm_per_view)
    assert np.nanmean(after.nme_percent_per_view) < np.nanmean(before.nme_percent_per_view)
    metrics = nf.metrics.evaluate(run.track(), parts[0])
    assert metrics.cvd_mm == pytest.approx(np.nanmean(after.cvd_mm_per_view), rel=1e-3)
    assert metrics.nme_percent == pytest.approx(np.nanmean(after.nme_percent_per_view), rel=1e-3)
    assert metrics.msi_landmark == pytest.approx(np.nanmean(after.msi_landmark_per_view), rel=1e-3)


def test_the_same_seed_gives_the_same_numbers_bit_for_bit(parts):
    first, second = finished(parts), finished(parts)
    for (name, a), (_, b) in zip(
        first.history.parameters(4).items(), second.history.parameters(4).items(), strict=True
    ):
        assert torch.equal(a, b), name


def test_small_batches_give_the_gradient_of_the_full_batch(parts):
    """Eq. (7) batch by batch: dL/dTheta of all crops, dTheta/dw accumulated."""

    def gradient(**settings):
        run = nf.NeuFace(*parts, config=nf.NeuFaceConfig(iterations=1, **settings), device="cpu")
        run.step()
        return torch.cat([tensor.grad.flatten() for tensor in run.variables.tensors().values()])

    settings = {
        "iterations": 2,
        "identity_prior": False,
    }  # with it Adam makes more of what rounding makes differ
    whole, bit_by_bit = finished(parts, **settings), finished(parts, max_batch=1, **settings)
    a, b = whole.history.iteration(2), bit_by_bit.history.iteration(2)
    assert a.losses.total == pytest.approx(b.losses.total, rel=1e-4)
    assert abs(a.losses.total / whole.initial.losses.total - 1) > 0.01, "there is a difference to be made"
    assert torch.allclose(a.parameters.shape, b.parameters.shape, atol=1e-3)
    whole, bit_by_bit = gradient(), gradient(max_batch=1)
    assert whole.norm() > 0.1
    assert (whole - bit_by_bit).norm() < 3e-4 * whole.norm(), (whole - bit_by_bit).norm() / whole.norm()


def test_cached_features_change_nothing(parts):
    """trainable="top" over the cache equals training the same weights through the whole network."""
    sequence, encoder, head = parts

    class Uncached(type(encoder)):
        def trainable_parameters(self, trainable):
            return super().trainable_parameters("top")

    twin = nf.load_encoder("open")
    twin.__class__ = Uncached
    cached = finished(parts, iterations=2)
    uncached = finished((sequence, twin, head), iterations=2, trainable="all")
    assert uncached.history.iteration(2).losses.total == pytest.approx(
        cached.history.iteration(2).losses.total, rel=1e-4
    )


def test_training_all_weights_moves_the_first_layers_too(parts):
    sequence, encoder, head = parts
    run = finished((sequence.select(frames=slice(0, 2)), encoder, head), iterations=1, trainable="all")
    moved = [
        not torch.equal(a, b)
        for a, b in zip(
            run.encoder.trainable_parameters("all"), encoder.trainable_parameters("all"), strict=True
        )
    ]
    assert all(moved[:4])


def test_the_given_encoder_is_left_as_it_was(parts):
    before = parts[1].fingerprint
    run = finished(parts)
    assert parts[1].fingerprint == before
    assert run.encoder.fingerprint != before
    assert run.track().provenance["encoder"]["fingerprint"] == before


def test_a_crop_without_a_face_has_no_influence(parts):
    sequence, encoder, head = parts
    detected = sequence.detected.clone()
    detected[2, 0] = False
    spoilt = sequence.landmarks.clone()
    spoilt[2, 0] = 5.0
    a = finished((replace(sequence, detected=detected), encoder, head), iterations=2)
    b = finished((replace(sequence, detected=detected, landmarks=spoilt), encoder, head), iterations=2)
    assert torch.equal(a.history.parameters(2).shape, b.history.parameters(2).shape)


def test_one_view_has_no_multiview_term(parts):
    sequence, encoder, head = parts
    run = finished((sequence.select(views=slice(0, 1)), encoder, head), iterations=2)
    last = run.history.iteration(2)
    assert last.losses.multiview == 0
    assert np.isnan(last.cvd_mm_per_view).all()


def test_gradient_maps_are_recomputed_as_they_were_live(parts):
    run = nf.NeuFace(*parts, config=QUICK, device="cpu")
    run.watch_vertex_gradient = True
    live = run.step()
    assert live.vertex_gradient.shape == (6, 3, run.head.num_vertices)
    assert live.vertex_gradient.max() > 0
    again = run.vertex_gradient(live.index)
    close = torch.isclose(
        again, live.vertex_gradient, rtol=0.05, atol=0.02 * float(live.vertex_gradient.max())
    )
    assert close.float().mean() > 0.99
    assert run.history.iteration(live.index).vertex_gradient is None
    run.watch_vertex_gradient = False
    assert run.step().vertex_gradient is None


def test_a_run_pauses_and_stops_from_another_thread(parts):
    run = nf.NeuFace(*parts, config=replace(QUICK, iterations=1000), device="cpu")
    done, first = [], threading.Event()

    def work():
        for iteration in run:
            done.append(iteration.index)
            first.set()

    worker = threading.Thread(target=work)
    run.pause()
    worker.start()
    assert not first.wait(0.3)
    run.resume()
    assert first.wait(60)
    run.stop()
    worker.join(30)
    assert not worker.is_alive()
    assert 0 < len(done) < 1000
    assert run.stop_reason == "stopped"


def test_a_diverging_run_says_so_and_keeps_the_last_good_iteration(parts):
    run = nf.NeuFace(*parts, config=replace(QUICK, learning_rate=1e30), device="cpu")
    with pytest.raises(nf.DivergedError, match="learning rate"):
        for _ in run:
            pass
    assert run.stop_reason == "diverged"
    assert torch.isfinite(run.track().vertices()).all()


def test_encoder_and_head_must_belong_together(parts):
    sequence, _, head = parts
    stranger = nf.load_encoder("open")
    stranger.head_fingerprint = "0" * 64
    with pytest.raises(nf.AssetError, match="another head"):
        nf.NeuFace(sequence, stranger, head)


def test_a_sequence_without_faces_is_refused(parts):
    sequence, encoder, head = parts
    empty = replace(sequence, detected=torch.zeros_like(sequence.detected))
    with pytest.raises(nf.NoFaceError, match="no face"):
        nf.NeuFace(empty, encoder, head)


@pytest.mark.parametrize(
    "wrong",
    [
        {"iterations": -1},
        {"temporal_window": 4},
        {"temporal_window": 3, "temporal_order": 3},
        {"learning_rate": 0.0},
        {"trainable": "some"},
        {"max_batch": 0},
    ],
)
def test_meaningless_settings_are_named(wrong):
    with pytest.raises(nf.ConfigError, match=next(iter(wrong))):
        nf.NeuFaceConfig(**wrong)

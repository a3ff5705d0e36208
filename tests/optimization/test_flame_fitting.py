"""FLAME fitting, the baseline: same losses and EM as NeuFace, other variables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import neuface_engine as nf


@pytest.fixture(scope="module")
def parts():
    sequence = nf.load_sequence(nf.resources.path("demo"), views="*_30", max_frames=4)
    return sequence, nf.load_encoder("open"), nf.FaceModel.load("open")


@pytest.fixture(scope="module")
def run(parts):
    run = nf.FlameFitting(*parts, config=nf.FlameFittingConfig(iterations=20), device="cpu")
    for _ in run:
        pass
    return run


def moved(run, before: int, after: int) -> set[str]:
    a, b = run.history.parameters(before), run.history.parameters(after)
    pairs = {
        "rotation": (a.head_rotation, b.head_rotation),
        "jaw": (a.jaw, b.jaw),
        "shape": (a.shape, b.shape),
        "expression": (a.expression, b.expression),
        "camera": (a.camera, b.camera),
    }
    return {name for name, (x, y) in pairs.items() if not torch.equal(x, y)}


def test_it_starts_from_the_encoder_and_improves_on_it(run, parts):
    encoder = nf.NeuFace(*parts, config=nf.NeuFaceConfig(iterations=0), device="cpu").initial
    for name, tensor in run.initial.parameters.items():
        assert torch.allclose(tensor, getattr(encoder.parameters, name), atol=1e-6), name
    last = run.history.iteration(20)
    assert last.losses.total < 0.85 * run.initial.losses.total
    assert np.nanmean(last.cvd_mm_per_view) < 0.9 * np.nanmean(run.initial.cvd_mm_per_view)
    assert np.nanmean(last.nme_percent_per_view) < np.nanmean(run.initial.nme_percent_per_view)


def test_coarse_to_fine_first_the_camera_and_the_head_then_the_face(run):
    assert moved(run, 0, 4) == {"rotation", "camera"}
    assert moved(run, 4, 20) == {"rotation", "jaw", "shape", "expression"}


def test_crops_are_fitted_each_on_its_own_landmarks(parts):
    """Without temporal and multi-view term an update of one crop cannot reach another (NeuFace's weights do)."""
    sequence, encoder, head = parts
    shifted = sequence.landmarks.clone()
    shifted[0, 0] += 0.05
    dense = sequence.landmarks_dense.clone()
    dense[0, 0, :, :2] += 0.05
    config = nf.FlameFittingConfig(iterations=3, temporal_weight=0.0, multiview_weight=0.0, size_weight=0.0)
    tracks = []
    for given in (sequence, replace(sequence, landmarks=shifted, landmarks_dense=dense)):
        run = nf.FlameFitting(given, encoder, head, config=config, device="cpu")
        for _ in run:
            pass
        tracks.append(run.history.parameters(3))
    same = torch.isclose(tracks[0].pose, tracks[1].pose, atol=1e-6).all(-1)
    assert not same[0, 0]
    assert same.sum() == same.numel() - 1


def test_priors_hold_the_parameters(parts):
    def norms(**weights):
        config = nf.FlameFittingConfig(iterations=8, coarse_share=0.0, learning_rate=0.1, **weights)
        run = nf.FlameFitting(*parts, config=config, device="cpu")
        for _ in run:
            pass
        p = run.history.parameters(8)
        return {"shape": p.shape, "expression": p.expression, "jaw": p.jaw, "rotation": p.head_rotation}

    free = norms(shape_weight=0.0, expression_weight=0.0, jaw_weight=0.0)
    held = norms(shape_weight=100.0, expression_weight=100.0, jaw_weight=300.0, rotation_weight=300.0)
    for name in free:
        assert held[name].norm() < 0.97 * free[name].norm(), name


def test_the_total_is_the_weighted_sum_with_the_priors_of_eq_5(run):
    c, x = run.config, run.initial.losses
    expected = sum(getattr(c, f"{name}_weight") * value for name, value in vars(x).items() if name != "total")
    assert c.jaw_weight * x.jaw > 0
    assert x.total == pytest.approx(expected, rel=1e-5)


def test_its_update_is_sparse_where_no_view_disagrees(parts):
    """Eq. (6): with the landmark term alone only vertices that carry landmarks are pulled."""
    sequence, encoder, head = parts
    config = nf.FlameFittingConfig(iterations=1, multiview_weight=0.0, dense_weight=0.0, size_weight=0.0)
    run = nf.FlameFitting(sequence, encoder, head, config=config, device="cpu")
    run.watch_vertex_gradient = True
    gradient = run.step().vertex_gradient
    assert gradient.shape == (4, 2, head.num_vertices)
    assert 0 < (gradient[0, 0] > 0).float().mean() < 0.1
    assert torch.allclose(run.vertex_gradient(1), gradient, rtol=1e-3, atol=1e-6)


def test_its_track_says_how_it_was_made(run):
    provenance = run.track().provenance
    assert provenance["method"] == "flame-fitting"
    assert provenance["config"]["coarse_share"] == run.config.coarse_share
    assert run.track(0).provenance["method"] == "encoder"


def test_settings_of_neuface_are_taken_over_where_they_are_not_its_defaults(parts):
    run = nf.FlameFitting(*parts, config=nf.NeuFaceConfig(iterations=2, temporal_weight=7.0), device="cpu")
    own = nf.FlameFittingConfig()
    assert (run.config.iterations, run.config.temporal_weight) == (2, 7.0)
    assert run.config.learning_rate == own.learning_rate
    with pytest.raises(nf.ConfigError, match="coarse_share"):
        nf.FlameFittingConfig(coarse_share=1.5)

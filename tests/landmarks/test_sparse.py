"""A detector with 68 landmarks alone: the optimisation goes on without the dense term, and says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import neuface_engine as nf
from neuface_engine.optimization.evidence import Evidence
from neuface_engine.video import LAYOUTS, crops


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[nf.Sequence, nf.Sequence]:
    """The same two frames of the demo by the open detector, and by a file with its 68 landmarks."""
    demo = nf.resources.path("demo")
    dense = nf.load_sequence(demo, views="*_30", max_frames=2)
    pixels = crops.apply(
        crops.invert(dense.crop_transforms), crops.denormalise(dense.landmarks.numpy(), dense.crop_size)
    )
    file = tmp_path_factory.mktemp("landmarks") / "demo.npz"
    np.savez(file, landmarks=pixels - 0.5, views=np.array(dense.views))
    return dense, nf.load_sequence(demo, views="*_30", max_frames=2, detector=file)


def test_the_68_landmarks_are_the_same(pair: tuple[nf.Sequence, nf.Sequence]) -> None:
    dense, sparse = pair
    assert sparse.landmarks_dense is None and dense.landmarks_dense is not None
    np.testing.assert_allclose(sparse.landmarks, dense.landmarks, atol=2e-4)
    assert sparse.detector.startswith("file:demo.npz ")
    assert any("478 dense ones is off" in line for line in sparse.warnings)
    assert sparse.select(frames=[0]).landmarks_dense is None


def test_neuface_runs_without_the_dense_term(pair: tuple[nf.Sequence, nf.Sequence], tmp_path: Path) -> None:
    _, sparse = pair
    head = nf.FaceModel.load("open")
    config = nf.NeuFaceConfig(iterations=1, trainable="top")
    run = nf.NeuFace(sparse, nf.load_encoder("open"), head, config=config)
    losses = [iteration.losses for iteration in run]
    assert all(np.isfinite(loss.total) for loss in losses)
    assert losses[-1].dense == 0
    run.track().save(tmp_path / "sparse.npz")
    assert Evidence.of(sparse, head, config).dense is None


def test_the_command_line_knows_every_layout() -> None:
    from neuface_engine.cli.footage import _LAYOUTS

    assert _LAYOUTS == LAYOUTS

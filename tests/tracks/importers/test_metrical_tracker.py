"""metrical-tracker's .frame files: exactly where its own camera saw the head; nothing in them is run."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
import torch

import neuface_engine as nf
from neuface_engine.tracks.importers import detect, import_track
from tests.tracks.importers.conftest import pixels, seen_by, still, write_frame


@pytest.fixture
def folder(tmp_path, faces, cameras):
    checkpoints = tmp_path / "actor" / "checkpoint"
    checkpoints.mkdir(parents=True)
    for f in range(faces.frames):
        write_frame(checkpoints / f"{f:05d}.frame", faces, f, camera=cameras[f])
    return tmp_path / "actor"


def test_vertices_project_as_opencv_projects_them(folder, faces, cameras, small_head):
    assert detect(folder) == "metrical-tracker"
    track = import_track(folder, head=small_head)
    assert (track.crop_size, track.image_sizes, track.views) == (520, ((520, 512),), ("view",))
    points = still(small_head, faces)
    expected = np.stack([seen_by(points[f], *cameras[f]) for f in range(faces.frames)])
    assert np.abs(pixels(track) - expected).max() < 0.02


def test_parameters_are_kept_and_what_was_assumed_is_said(folder, faces, small_head, tmp_path):
    track = import_track(folder, head=small_head)
    assert np.allclose(track.parameters.expression[:, 0], faces.expression)
    assert np.allclose(track.parameters.jaw[:, 0], faces.jaw, atol=1e-5)
    assert np.allclose(track.parameters.eyes[:, 0], faces.eyes, atol=1e-5)
    assert any("--fps" in line for line in track.provenance["warnings"])
    assert track.provenance["imported"]["software"] == "metrical-tracker"
    track.save(tmp_path / "t.npz")
    back = nf.FaceTrack.load(tmp_path / "t.npz", head=small_head)
    assert np.array_equal(pixels(back), pixels(track)), "the lens is in the file"


def test_the_nearest_weak_perspective_is_near(folder, small_head):
    track = import_track(folder, head=small_head)
    own = nf.project(track.landmarks(), track.parameters.camera)
    apart = (own - track.projected_landmarks()).norm(dim=-1) * track.crop_size / 2
    assert 0 < apart.max() < 15, "pixels, at 1.1 m"


def test_metrics_measure_it(folder, small_head):
    measured = nf.metrics.evaluate(import_track(folder, head=small_head)).as_dict()
    assert measured["nme_percent"] is None, "no landmarks were detected"
    assert measured["shape_norm"] > 0


def test_a_missing_frame_counts_as_one_without_a_face(folder, small_head):
    (folder / "checkpoint" / "00001.frame").unlink()
    track = import_track(folder, head=small_head)
    assert track.detected[:, 0].tolist() == [True, False, True]
    assert any("missing" in line for line in track.provenance["warnings"])


class Evil:
    def __reduce__(self):
        return (os.mkdir, ("/tmp/neuface_was_run",))


@pytest.mark.parametrize("save", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content))])
def test_code_in_a_file_is_not_run(save, tmp_path, small_head):
    path = tmp_path / "00000.frame"
    save({"flame": Evil(), "opencv": {}}, path)
    with pytest.raises(nf.TrackError, match="00000"):
        import_track(path, format="metrical-tracker", head=small_head)
    assert not os.path.exists("/tmp/neuface_was_run")  # noqa: PTH110


def test_without_the_face_model_the_remedy_is_said(folder):
    with pytest.raises(nf.ConfigError, match="--head FILE"):
        import_track(folder)


def test_more_components_than_the_head_has_are_refused(folder, head):
    with pytest.raises(nf.NeuFaceError, match="components"):
        import_track(folder, head=nf.FaceModel(head.arrays.sized(5, 5)))

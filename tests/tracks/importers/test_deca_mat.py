"""What DECA's demo saves with --saveMat, written here as its public code lays it out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

import neuface_engine as nf
from neuface_engine.tracks import MeshTrack
from neuface_engine.tracks.importers import detect, import_track
from neuface_engine.tracks.importers.matlab_files import read_matlab
from tests.tracks.conftest import true_pixels
from tests.tracks.importers.conftest import synthetic_sequence


def write(path: Path, head: nf.FaceModel, theta: nf.FaceParameters | None = None, **changes: object) -> None:
    """One picture's results; theta [1, 1]."""
    theta = nf.FaceParameters.neutral(1, 1) if theta is None else theta
    mesh = head(theta)
    seen = nf.project(mesh.vertices, theta.camera)
    trans = torch.cat([seen[..., :2], -theta.camera[..., :1, None] * mesh.vertices[..., 2:]], -1)
    marks = nf.project(mesh.landmarks_dynamic, theta.camera)[..., :2]
    content = {
        "verts": mesh.vertices[0].numpy(),
        "trans_verts": trans[0].numpy(),
        "landmarks2d": marks[0].numpy(),
        "rendered_images": np.zeros((1, 3, 8, 8), np.float32),
    }
    path.parent.mkdir(exist_ok=True)
    savemat(path, {name: value for name, value in {**content, **changes}.items() if value is not None})


def one(theta: nf.FaceParameters, frame: int, view: int) -> nf.FaceParameters:
    return theta[frame : frame + 1, view : view + 1]


@pytest.fixture(scope="module")
def saved(track, tmp_path_factory) -> Path:
    """Four frames of a video, from its frame 3 on."""
    folder = tmp_path_factory.mktemp("deca")
    for f, number in enumerate(track.frame_indices):
        name = f"clip_frame{number:04d}"
        write(folder / name / f"{name}.mat", track.head, one(track.parameters, f, 0))
    return folder


def test_meshes_and_camera_come_back_as_they_were(saved, track) -> None:
    assert detect(saved) == "deca-mat"
    back = import_track(saved, head=track.head, fps=25)
    assert isinstance(back, MeshTrack) and back.frame_indices.tolist() == [3, 4, 5, 6]
    assert np.abs(back.meshes.numpy() - track.vertices()[:, :1].numpy()).max() < 1e-6
    assert np.abs(back.camera.numpy() - track.parameters.camera[:, :1].numpy()).max() < 1e-4
    assert any("picture is the crop" in line for line in back.provenance["warnings"])


def test_with_the_footage_they_lie_where_they_were_in_the_video(saved, track) -> None:
    footage = synthetic_sequence(track).select(views=[0])
    back = import_track(saved, head=track.head, sequence=footage)
    # DECA's crops are never turned; those of this track are, by up to 8 degrees.
    apart = np.linalg.norm(true_pixels(back) - true_pixels(track)[:, :1], axis=-1)
    assert np.median(apart) < 12
    assert np.isfinite(back.landmarks_2d.numpy()).all() and back.fps == 30


@pytest.mark.parametrize("packed", [False, True])
def test_matlab_files_are_read_as_scipy_writes_them(packed, tmp_path) -> None:
    dice = np.random.default_rng(1)
    arrays = {"a": dice.normal(size=(2, 3, 4)), "b": np.arange(6, dtype=np.float32).reshape(1, 6)}
    arrays |= {"small": np.array([[7]], np.int16), "other": np.zeros((50, 50))}
    savemat(tmp_path / "x.mat", {**arrays, "words": "text"}, do_compression=packed)
    found = read_matlab(tmp_path / "x.mat", ("a", "b", "small"))
    assert set(found) == {"a", "b", "small"}
    assert all(np.array_equal(found[name], arrays[name]) for name in found)
    with pytest.raises(ValueError, match="'words' holds no numbers"):
        read_matlab(tmp_path / "x.mat", ("words",))


def test_one_picture_is_a_track_of_one_frame(track, tmp_path) -> None:
    write(tmp_path / "portrait.mat", track.head, one(track.parameters, 0, 0))
    assert len(import_track(tmp_path / "portrait.mat", head=track.head).frame_indices) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"verts": None}, "has no 'verts'"),
        ({"verts": np.full((1, 7, 3), np.nan)}, "not finite"),
        ({"landmarks2d": np.zeros((1, 5, 2))}, "do not belong to one face"),
        ({"trans_verts": "text"}, "holds no numbers"),
    ],
)
def test_what_is_wrong_is_said(change, words, track, tmp_path) -> None:
    write(tmp_path / "a.mat", track.head, **change)
    with pytest.raises(nf.TrackError, match=words):
        import_track(tmp_path / "a.mat", head=track.head)


def test_meshes_of_another_camera_are_refused_and_the_head_is_asked_for(track, tmp_path) -> None:
    write(tmp_path / "a.mat", track.head)
    with pytest.raises(nf.ConfigError, match=r"no triangles.*--head FILE"):
        import_track(tmp_path / "a.mat")
    write(tmp_path / "b.mat", track.head, trans_verts=track.vertices()[0, :1].numpy() ** 2)
    with pytest.raises(nf.TrackError, match="not 'verts' under one camera"):
        import_track(tmp_path / "b.mat", head=track.head)
    (tmp_path / "c.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\x89HDF\r\n\x1a\n")
    with pytest.raises(nf.TrackError, match="another version than 5"):
        import_track(tmp_path / "c.mat", head=track.head)

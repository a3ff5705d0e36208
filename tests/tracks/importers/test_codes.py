"""Codes of DECA, EMOCA and SMIRK in the containers and under the names that people use."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

import neuface_engine as nf
from neuface_engine.tracks.importers import detect, import_track
from tests.tracks.conftest import true_pixels
from tests.tracks.importers.conftest import synthetic_sequence


@pytest.fixture
def codes(faces):
    """DECA's names, [F, n]."""
    return {
        "shape": np.tile(faces.shape, (faces.frames, 1)),
        "exp": faces.expression,
        "pose": np.concatenate([faces.rotation, faces.jaw], 1),
        "cam": np.float32([[8, 0.01, 0.02], [8.1, 0, 0.01], [8, 0, 0]]),
        "tex": np.zeros((faces.frames, 50), np.float32),
        "light": np.zeros((faces.frames, 9, 3), np.float32),
    }


EMOCA = {"shape": "shapecode", "exp": "expcode", "pose": "posecode", "tex": "texcode", "light": "lightcode"}


def save_numpy(path, content):
    np.save(path, content, allow_pickle=True)


def save_pickle(path, content):
    path.write_bytes(pickle.dumps(content))


def save_torch(path, content):
    torch.save({name: torch.from_numpy(value) for name, value in content.items()}, path)


SAVERS = {
    "codes.npz": lambda path, content: np.savez(path, **content),
    "codes.npy": save_numpy,
    "codes.pkl": save_pickle,
    "codes.pt": save_torch,
}


@pytest.mark.parametrize("name", SAVERS)
def test_every_container_gives_the_same_track(name, codes, small_head, tmp_path):
    SAVERS[name](tmp_path / name, codes)
    assert detect(tmp_path / name) == "codes"
    track = import_track(tmp_path / name, head=small_head, fps=30)
    assert np.allclose(track.parameters.expression[:, 0], codes["exp"])
    assert np.allclose(track.parameters.pose[:, 0], codes["pose"])
    assert np.allclose(track.parameters.camera[:, 0], codes["cam"])
    assert track.fps == 30


def test_a_folder_of_frames_is_put_in_order(codes, small_head, tmp_path):
    for f in (2, 0, 1):
        row = {name: value[f] for name, value in codes.items()}
        np.savez(tmp_path / f"img_{f + 1:04d}.npz", **row)
    track = import_track(tmp_path, head=small_head)
    assert np.allclose(track.parameters.expression[:, 0], codes["exp"])
    assert any("count from 1" in line for line in track.provenance["warnings"])


def test_emocas_folders_have_no_camera(codes, small_head, tmp_path):
    for f in range(3):
        folder = tmp_path / f"frame{f}"
        folder.mkdir()
        for name in ("shape", "exp", "pose", "tex"):
            np.save(folder / f"{name}.npy", codes[name][f])
        np.save(folder / "detail.npy", np.zeros(128))
    assert detect(tmp_path) == "codes"
    alone = import_track(tmp_path, head=small_head)
    assert any("camera is a guess" in line for line in alone.provenance["warnings"])
    sequence = synthetic_sequence(alone)
    track = import_track(tmp_path, head=small_head, sequence=sequence)
    assert np.abs(true_pixels(track) - true_pixels(alone)).max() < 0.05, "fitted to the landmarks"


def test_emocas_names_in_one_file(codes, small_head, tmp_path):
    np.savez(tmp_path / "c.npz", **{EMOCA.get(name, name): value for name, value in codes.items()})
    track = import_track(tmp_path / "c.npz", head=small_head)
    assert np.allclose(track.parameters.camera[:, 0], codes["cam"])


def test_smirks_jaw_and_lids_are_separate(codes, faces, small_head, tmp_path):
    np.savez(
        tmp_path / "s.npz",
        shape_params=codes["shape"],
        expression_params=codes["exp"],
        pose_params=faces.rotation,
        jaw_params=faces.jaw,
        eyelid_params=np.full((3, 2), 0.3, np.float32),
        cam=codes["cam"],
    )
    track = import_track(tmp_path / "s.npz", head=small_head)
    assert np.allclose(track.parameters.jaw[:, 0], faces.jaw)
    assert np.allclose(track.parameters.eyelids, 0.3)
    assert any("eyelid" in line for line in track.provenance["warnings"]), "the open head has no such shapes"


@pytest.mark.parametrize("transposed", [False, True])
def test_decas_tform_places_the_crop(codes, small_head, tmp_path, transposed):
    """skimage's tform: picture px -> crop px, counted from the centre of the first pixel."""
    tform = np.tile(np.array([[0.5, 0, -20], [0, 0.5, -10], [0, 0, 1]]), (3, 1, 1))
    np.savez(tmp_path / "d.npz", **codes, tform=tform.transpose(0, 2, 1) if transposed else tform)
    with pytest.raises(nf.ConfigError, match="--image-size"):
        import_track(tmp_path / "d.npz", head=small_head)
    track = import_track(tmp_path / "d.npz", head=small_head, image_size=(640, 480))
    units = nf.project(track.head.vertices(track.parameters), track.parameters.camera)[0, 0].numpy()
    inside = (units + 1) * 112 - 0.5
    expected = (inside - [-20, -10]) / 0.5 + 0.5
    assert np.abs(track.project(0, 0)[:, :2] - expected).max() < 1e-2


def test_several_files_are_several_views(codes, small_head, tmp_path):
    for name, frames in (("front", [0, 1, 2]), ("left", [0, 1])):
        np.savez(tmp_path / f"{name}.npz", **{key: value[frames] for key, value in codes.items()})
    files = [tmp_path / "front.npz", tmp_path / "left.npz"]
    track = import_track(files, head=small_head, views=["front", "left"])
    assert (track.views, len(track.frame_indices)) == (("front", "left"), 2)
    assert np.isfinite(nf.metrics.evaluate(track).cvd_mm)
    with pytest.raises(nf.ConfigError, match="--views"):
        import_track(files, head=small_head)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"pose": np.zeros((3, 5))}, "pose has 5 numbers"),
        ({"exp": np.zeros((2, 12))}, "2 rows of expression"),
        ({"cam": np.full((3, 3), np.nan)}, "'cam' is empty or not finite"),
        ({"tform": np.zeros((3, 3, 3))}, "tform"),
        ({"shape": np.array(["a", "b", "c"])}, "shape"),
    ],
)
def test_damaged_codes_are_named(change, match, codes, small_head, tmp_path):
    np.savez(tmp_path / "bad.npz", **{**codes, **change})
    with pytest.raises(nf.TrackError, match=match) as error:
        import_track(tmp_path / "bad.npz", format="codes", head=small_head)
    assert "bad.npz" in str(error.value)
    assert "\n" not in str(error.value)

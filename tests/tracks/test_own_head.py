"""A track is read with the face model that it names, where that lies in the folder of assets."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import torch

import neuface_engine as nf
from neuface_engine.cli.main import main
from neuface_engine.review import Project
from neuface_engine.tracks.loading import load_track, own_head
from tests.face_model import tiny_flame


def track_of(path, name, fingerprint):
    header = {
        "format": "neuface-track",
        "provenance": {"head": {"name": name, "fingerprint": fingerprint}},
    }
    np.savez(path, header=json.dumps(header), frame_indices=np.arange(2))
    return path


@pytest.fixture
def assets(tmp_path, monkeypatch):
    folder = tmp_path / "assets"
    folder.mkdir()
    monkeypatch.setenv("NEUFACE_ASSETS", str(folder))
    for seed, name in enumerate(("generic_model.pkl", "female_model.pkl")):
        (folder / name).write_bytes(pickle.dumps(tiny_flame.model(seed)))
    tiny_flame.save_object(folder / "landmark_embedding.npy", tiny_flame.embedding())
    (folder / "male_model.pkl").write_bytes(b"damaged")
    return folder


def test_flame_is_found_by_its_bases_whatever_its_name(assets, tmp_path):
    female = nf.FaceModel.load(assets / "female_model.pkl")
    assert (
        own_head(track_of(tmp_path / "a.npz", "generic_model", female.fingerprint)).fingerprint
        == female.fingerprint
    )


def test_flame_is_found_under_a_name_of_ones_own_and_its_tracks_are_measured(assets, tmp_path, capsys):
    """What is no head, or a damaged one, lies there as well."""
    (assets / "female_model.pkl").rename(assets / "our head v2.pkl")
    (assets / "notes.pkl").write_bytes(b"no model")
    np.savez(assets / "figures.npz", x=np.zeros(3))
    head = nf.FaceModel.load(assets / "our head v2.pkl")
    frames = 3
    track = nf.FaceTrack(
        parameters=nf.FaceParameters.neutral(frames, 1),
        views=("front",),
        fps=25.0,
        frame_indices=np.arange(frames),
        crop_transforms=np.tile(np.eye(2, 3), (frames, 1, 1, 1)),
        crop_size=224,
        image_sizes=((224, 224),),
        detected=torch.ones(frames, 1, dtype=torch.bool),
        landmarks_2d=torch.zeros(frames, 1, 68, 2),
        provenance={"head": {"name": "female_model", "fingerprint": head.fingerprint}},
        given_head=head,
    )
    track.save(tmp_path / "001.npz")
    assert main(["review", "add", str(tmp_path / "lab"), str(tmp_path / "001.npz")]) == 0
    assert "not measured" not in capsys.readouterr().err
    with Project.open(tmp_path / "lab") as project:
        assert project.index.row("001").measures


def test_one_that_is_not_there_is_named(assets, tmp_path):
    path = track_of(tmp_path / "a.npz", "flame2023", "0" * 64)
    with pytest.raises(nf.TrackError, match=r"made with the head 'flame2023'.*give it with --head"):
        own_head(path)


def test_the_embedded_head_needs_no_folder(tmp_path):
    head = nf.FaceModel.load("open")
    assert own_head(track_of(tmp_path / "a.npz", "open", head.fingerprint)).fingerprint == head.fingerprint


def test_an_archive_of_a_later_kind_is_no_track(tmp_path):
    """Which zipfile meets with an error of its own."""
    path = track_of(tmp_path / "a.npz", "open", "0" * 64)
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 6] = 68
    path.write_bytes(data)
    for read in (load_track, nf.FaceTrack.load):
        with pytest.raises(nf.TrackError, match=r"a\.npz: not a readable track"):
            read(path)

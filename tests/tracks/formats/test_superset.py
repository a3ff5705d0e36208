"""Our npz holds everything, without pickles, and with masks that others can use."""

from __future__ import annotations

import json

import numpy as np
import torch

import neuface_engine as nf
from neuface_engine.tracks.formats import export


def test_numpy_alone_finds_all_that_maps_the_track_back(track, tmp_path):
    export(track, tmp_path / "t.npz", format="npz")
    with np.load(tmp_path / "t.npz", allow_pickle=False) as file:
        header = json.loads(str(file["header"]))
        frames, views = len(track.frame_indices), len(track.views)
        assert header["views"] == list(track.views)
        assert (header["fps"], header["crop_size"]) == (25.0, 256)
        assert header["image_sizes"] == [[480, 400], [520, 400]]
        assert header["provenance"]["head"]["fingerprint"] == track.head.fingerprint
        assert file["crop_transforms"].shape == (frames, views, 2, 3)
        assert file["frame_indices"].tolist() == [3, 4, 5, 6]
        assert file["detected"].dtype == bool
        assert file["masks/face"].shape == (track.head.num_vertices,)
        assert 0 < file["masks/face"].sum() < track.head.num_vertices
        assert file["parameters/eyes"].shape == (frames, views, 6)


def test_it_is_read_back_as_it_was(track, tmp_path):
    export(track, tmp_path / "t.npz", format="npz")
    back = nf.FaceTrack.load(tmp_path / "t.npz")
    assert torch.equal(back.vertices(), track.vertices())
    assert np.array_equal(back.crop_transforms, track.crop_transforms)


def test_meshes_are_read_back_by_the_function_that_reads_either(mesh_track, track, tmp_path):
    from neuface_engine.tracks import FaceTrack, MeshTrack, load_track

    export(mesh_track, tmp_path / "m.npz", format="npz")
    export(track, tmp_path / "t.npz", format="npz")
    back = load_track(tmp_path / "m.npz")
    assert isinstance(back, MeshTrack)
    assert isinstance(load_track(tmp_path / "t.npz"), FaceTrack)
    assert torch.equal(back.meshes.nan_to_num(), mesh_track.meshes.nan_to_num())
    assert np.array_equal(back.project(0, 0), mesh_track.project(0, 0))

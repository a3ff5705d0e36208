"""The table of formats, and what holds for every one of them."""

from __future__ import annotations

import numpy as np
import pytest

import neuface_engine as nf
from neuface_engine.tracks.formats import FORMATS, export, find, selected

ONE = {"frames": (3, 4), "views": ["front"]}


def test_every_format_says_what_it_is():
    for name, entry in FORMATS.items():
        assert entry.name == name
        assert entry.title
        assert entry.description.endswith(".")
        assert entry.suffix == "" or entry.suffix.startswith(".")


@pytest.mark.parametrize("name", [n for n in FORMATS if n != "video"])
def test_an_interrupted_export_leaves_nothing_half_written(name, track, tmp_path, monkeypatch):
    def stop(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", stop)
    path = tmp_path / ("out" + FORMATS[name].suffix)
    with pytest.raises(KeyboardInterrupt):
        export(track, path, format=name, **ONE)
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


@pytest.mark.parametrize("name", [n for n in FORMATS if n != "video"])
def test_a_place_that_cannot_be_written_is_named_in_one_line(name, track, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(nf.NeuFaceError, match="file") as error:
        export(track, tmp_path / "file" / ("out" + FORMATS[name].suffix), format=name, **ONE)
    assert "\n" not in str(error.value)


def test_the_suffix_chooses_the_format(tmp_path):
    endings = {"a.npz": "npz", "a.glb": "gltf", "a.usda": "usd", "a.csv": "csv", "a.mp4": "video"}
    assert {name: find(None, tmp_path / name).name for name in endings} == endings
    with pytest.raises(nf.ConfigError, match="--format"):
        find(None, tmp_path / "folder")
    with pytest.raises(nf.ConfigError, match="fbx"):
        find("fbx", tmp_path / "a.fbx")


def test_views_and_frames_are_chosen_by_name_and_number(track):
    part = selected(track, views=["left_30"], frames=(4, 6))
    assert part.views == ("left_30",)
    assert part.frame_indices.tolist() == [4, 5]
    assert np.allclose(part.vertices()[:, 0], track.vertices()[1:3, 1], atol=1e-6)
    assert np.allclose(part.project(1, 0), track.project(2, 1), atol=1e-3)
    with pytest.raises(nf.ConfigError, match="nowhere"):
        selected(track, views=["nowhere"])
    with pytest.raises(nf.ConfigError, match="3 to 6"):
        selected(track, frames=(90, None))


def test_meshes_without_parameters_are_exported_too(mesh_track, tmp_path):
    for name, entry in FORMATS.items():
        if name == "video":
            continue
        path = tmp_path / (name + entry.suffix)
        if entry.parameters:
            with pytest.raises(nf.TrackError, match="parameters"):
                export(mesh_track, path, format=name)
        else:
            files = export(mesh_track, path, format=name, frames=(3, 5))
            assert all(file.stat().st_size for file in files)


def test_canonical_space_leaves_the_head_orientation_out(track, tmp_path):
    export(track, tmp_path / "c", format="ply", space="canonical")
    from neuface_engine.tracks.importers.mesh_files import read_mesh

    vertices, _ = read_mesh(tmp_path / "c" / "front" / "000003.ply")
    assert np.abs(vertices - track.vertices(space="canonical")[0, 0].numpy()).max() < 1e-6
    with pytest.raises(nf.ConfigError, match="posed or canonical"):
        export(track, tmp_path / "d", format="ply", space="sideways")


def test_a_planted_failure_never_leaves_the_room(track, tmp_path):
    from neuface_engine.tracks.plants import plant

    planted = plant(track, "jaw", 4, "seed")
    for name, entry in FORMATS.items():
        with pytest.raises(nf.TrackError, match="planted"):
            export(planted, tmp_path / (name + entry.suffix), format=name)
    assert not list(tmp_path.iterdir())

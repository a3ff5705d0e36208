"""OBJ and PLY sequences, opened by trimesh."""

from __future__ import annotations

import json

import numpy as np
import pytest
import trimesh

from neuface_engine.tracks.formats import export


@pytest.mark.parametrize("name", ["obj", "ply"])
def test_trimesh_reads_every_mesh_in_metres(name, track, tmp_path):
    files = export(track, tmp_path / "meshes", format=name)
    assert len(files) == 4 * 2 + 1
    told = json.loads((tmp_path / "meshes" / "sequence.json").read_text())
    assert (told["unit"], told["space"], told["fps"]) == ("m", "posed", 25.0)
    mesh = trimesh.load(tmp_path / "meshes" / "left_30" / f"000005.{name}", process=False)
    expected = track.vertices()[2, 1].numpy()
    assert np.abs(mesh.vertices - expected).max() < 1e-6
    assert np.array_equal(mesh.faces, track.triangles)


def test_ply_has_normals_that_point_out(track, tmp_path):
    export(track, tmp_path / "p", format="ply", frames=(3, 4))
    mesh = trimesh.load(tmp_path / "p" / "front" / "000003.ply", process=False)
    normals = mesh.vertex_normals
    assert np.allclose(np.linalg.norm(normals[track.triangles.ravel()], axis=1), 1, atol=1e-4)
    outward = ((mesh.vertices - mesh.centroid) * normals).sum(1)
    assert (outward > 0).mean() > 0.7, "all but the inside of the mouth, the nostrils and the ears"


def test_a_frame_without_a_mesh_has_no_file(mesh_track, tmp_path):
    export(mesh_track, tmp_path / "m", format="ply")
    assert not (tmp_path / "m" / "left_30" / "000004.ply").exists()
    assert (tmp_path / "m" / "front" / "000004.ply").exists()


def test_the_list_goes_first_and_comes_last(track, tmp_path):
    """A folder that an interruption left incomplete says so by having no list."""
    export(track, tmp_path / "m", format="obj")

    def stop(stage, done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(track, tmp_path / "m", format="obj", progress=stop)
    assert not (tmp_path / "m" / "sequence.json").exists()
    export(track, tmp_path / "m", format="obj")
    assert (tmp_path / "m" / "sequence.json").exists()

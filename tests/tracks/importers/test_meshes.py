"""OBJ and PLY sequences as tracks without parameters: metrics, render and export take them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import trimesh

import neuface_engine as nf
from neuface_engine.tracks import MeshTrack, load_track
from neuface_engine.tracks.formats import export
from neuface_engine.tracks.importers import detect, import_track
from neuface_engine.tracks.importers.mesh_files import read_mesh
from tests.tracks.conftest import true_pixels
from tests.tracks.importers.conftest import synthetic_sequence


@pytest.mark.parametrize("name", ["obj", "ply"])
def test_what_we_exported_comes_back_with_its_camera(name, track, tmp_path):
    export(track, tmp_path / "m", format=name)
    assert detect(tmp_path / "m") == "meshes"
    back = import_track(tmp_path / "m")
    assert isinstance(back, MeshTrack)
    assert (back.views, back.fps, back.frame_indices.tolist()) == (track.views, 25.0, [3, 4, 5, 6])
    assert np.abs(true_pixels(back) - true_pixels(track)).max() < 0.01
    apart = (back.projected_landmarks() - track.projected_landmarks()).abs()
    assert apart[..., 17:, :].max() < 1e-5
    assert apart.max() < 0.02, "the contour's place hangs on the yaw, which meshes give to a degree or so"


@pytest.fixture(scope="module")
def foreign(track, tmp_path_factory):
    """Millimetres, a folder a view, frames from 0, nothing beside them, canonical space."""
    folder = tmp_path_factory.mktemp("foreign")
    canonical = track.vertices(space="canonical").numpy()
    for v, view in enumerate(track.views):
        (folder / view).mkdir()
        for f in range(4):
            mesh = trimesh.Trimesh(1000 * canonical[f, v], track.triangles, process=False)
            mesh.export(folder / view / f"mesh_{f}.ply")
    return folder


def test_unit_and_views_are_told_by_size_and_folders(foreign, track):
    back = import_track(foreign, space="canonical", fps=25)
    assert back.views == track.views
    assert np.abs(back.meshes.numpy() - track.vertices(space="canonical").numpy()).max() < 1e-4
    assert any("mm by its size" in line for line in back.provenance["warnings"])
    assert not back.has_camera
    with pytest.raises(nf.TrackError, match="--sequence"):
        back.project(0, 0)


def test_pose_and_camera_are_fitted_to_the_footage(foreign, track):
    """The meshes stand still; the landmarks of the footage turn them as the head was turned."""
    still = nf.FaceTrack(
        **{field: getattr(track, field) for field in track.__dataclass_fields__}
        | {"frame_indices": np.arange(4)}
    )
    back = import_track(foreign, space="canonical", sequence=synthetic_sequence(still))
    apart = np.linalg.norm(true_pixels(back) - true_pixels(still), axis=-1)
    face = track.head.regions["face"].numpy()
    assert np.median(apart[..., face]) < 1.5, "px; the contour landmarks are not used"
    assert any("fitted" in line for line in back.provenance["warnings"])


def test_metrics_of_meshes_are_those_of_the_track(mesh_track, track):
    """Same meshes, same camera: every figure that needs no parameters agrees."""
    whole = MeshTrack(
        **{field: getattr(mesh_track, field) for field in mesh_track.__dataclass_fields__}
        | {"meshes": track.vertices(), "detected": track.detected}
    )
    of_meshes, of_track = nf.metrics.evaluate(whole), nf.metrics.evaluate(track)
    assert of_meshes.msi_vertex == pytest.approx(of_track.msi_vertex, rel=1e-4)
    assert of_meshes.nme_percent == pytest.approx(of_track.nme_percent, rel=0.02)
    assert of_meshes.lip_aperture_ratio == pytest.approx(of_track.lip_aperture_ratio, rel=1e-2)
    assert np.isnan(of_meshes.shape_norm)
    assert 0 < of_meshes.cvd_mm < 2 * of_track.cvd_mm + 5


def test_the_reviews_measures_take_meshes(mesh_track):
    values = nf.metrics.measures(mesh_track)
    assert (values["frames"], values["views"], values["frames_without_face"]) == (4, 2, 1)
    assert np.isfinite(values["cvd_mm"])


def test_canonical_meshes_have_no_head_motion_left(head):
    """One rigid head that turns: laid upon each other, all its meshes are the same."""
    theta = nf.FaceParameters.neutral(5, 1)
    theta = theta.replace(pose=torch.cat([0.3 * torch.randn(5, 1, 3), torch.zeros(5, 1, 3)], -1))
    meshes = head.vertices(theta)
    track = MeshTrack(
        meshes=meshes,
        triangles=head.faces.numpy().astype(np.int32),
        views=("front",),
        fps=25.0,
        frame_indices=np.arange(5),
        crop_transforms=np.tile(np.eye(2, 3), (5, 1, 1, 1)),
        crop_size=256,
        image_sizes=((256, 256),),
        detected=torch.ones(5, 1, dtype=torch.bool),
        landmarks_2d=torch.full((5, 1, 68, 2), torch.nan),
        provenance={},
    )
    canonical = track.vertices(space="canonical")
    assert (canonical - canonical[:1]).abs().max() < 1e-5
    assert (track.rotations - nf.rotations.axis_angle_to_matrix(theta.head_rotation)).abs().max() < 1e-4


def test_a_saved_mesh_track_is_measured_and_exported(mesh_track, tmp_path):
    mesh_track.save(tmp_path / "m.npz")
    back = load_track(tmp_path / "m.npz")
    assert nf.metrics.evaluate(back).as_dict() == nf.metrics.evaluate(mesh_track).as_dict()
    assert export(back, tmp_path / "m.glb")
    with pytest.raises(nf.TrackError, match="without face parameters"):
        nf.FaceTrack.load(tmp_path / "m.npz")


def test_obj_polygons_and_references_of_all_kinds(tmp_path):
    (tmp_path / "0.obj").write_text(
        "mtllib a.mtl\nv 0 0 0 1 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nf 1/1 2/1 3/1 4/1\nf -1 -2 -3\n"
    )
    vertices, faces = read_mesh(tmp_path / "0.obj")
    assert vertices.shape == (4, 3)
    assert faces.tolist() == [[0, 1, 2], [0, 2, 3], [3, 2, 1]]


def test_ascii_ply_with_colours_and_quads(tmp_path):
    (tmp_path / "0.ply").write_text(
        "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n"
        "property uchar red\nelement face 1\nproperty uchar quality\nproperty list uchar int vertex_indices\n"
        "end_header\n0 0 0 9\n1 0 0 9\n1 1 0 9\n0 1 0 9\n7 4 0 1 2 3\n"
    )
    assert read_mesh(tmp_path / "0.ply")[1].tolist() == [[0, 1, 2], [0, 2, 3]]


def test_another_topology_in_the_sequence_is_named(tmp_path):
    text = "v 0 0 0\nv .1 0 0\nv .1 .1 0\nv 0 .1 0\n"
    (tmp_path / "0.obj").write_text(text + "f 1 2 3\n")
    (tmp_path / "1.obj").write_text(text + "f 1 2 4\n")
    with pytest.raises(nf.TrackError, match=r"1\.obj: other triangles"):
        import_track(tmp_path)


@pytest.mark.parametrize(
    "text",
    ["", "v 0 0 0\n", "v 0 0 nan\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n"],
)
def test_damaged_meshes_are_named_in_one_line(text, tmp_path):
    (tmp_path / "0.obj").write_text(text)
    with pytest.raises(nf.TrackError, match=r"0\.obj") as error:
        import_track(tmp_path)
    assert "\n" not in str(error.value)


def test_a_list_of_other_meshes_is_not_believed(track, tmp_path):
    export(track, tmp_path / "m", format="ply")
    told = json.loads((tmp_path / "m" / "sequence.json").read_text())
    told["crop_transforms"] = told["crop_transforms"][:1]
    (tmp_path / "m" / "sequence.json").write_text(json.dumps(told))
    with pytest.raises(nf.TrackError, match="does not belong"):
        import_track(tmp_path / "m")

"""VHAP's npz: rotation about the root, translation, neck, and a camera one metre away."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import neuface_engine as nf
from neuface_engine.tracks.importers import detect, import_track
from tests.tracks.importers.conftest import pixels, still

HEIGHT, WIDTH, FOCAL = 600, 500, 1.7


def content(faces, neck=0.0):
    frames = faces.frames
    return {
        "rotation": faces.rotation,
        "translation": np.tile(np.float32([0.02, -0.01, 0.05]), (frames, 1)),
        "neck_pose": np.tile(np.float32([0, neck, 0]), (frames, 1)),
        "jaw_pose": faces.jaw,
        "eyes_pose": faces.eyes,
        "shape": faces.shape,
        "expr": faces.expression,
        "timestep_id": np.array([f"{number:05d}" for number in range(frames)]),
        "n_processed_frames": np.int64(frames),
        "focal_length": np.float32([FOCAL]),
        "image_size": np.array([HEIGHT, WIDTH]),
        "lights": np.zeros((9, 3), np.float32),
    }


def expected_pixels(points):
    """OpenGL camera at (0, 0, 1): K has the focal length in units of the longer side."""
    seen = points - [0, 0, 1.0]
    focal = FOCAL * max(HEIGHT, WIDTH)
    return np.stack(
        [
            WIDTH / 2 + focal * seen[..., 0] / -seen[..., 2],
            HEIGHT / 2 - focal * seen[..., 1] / -seen[..., 2],
        ],
        -1,
    )


def test_vertices_stand_where_its_camera_sees_them(faces, small_head, tmp_path):
    path = tmp_path / "tracked_flame_params_30.npz"
    np.savez(path, **content(faces))
    assert detect(path) == detect(tmp_path) == "vhap"
    track = import_track(tmp_path, head=small_head)
    points = still(small_head, faces, faces.rotation) + np.array([0.02, -0.01, 0.05])
    assert np.abs(pixels(track) - expected_pixels(points)).max() < 0.02
    assert track.image_sizes == ((WIDTH, HEIGHT),)


def test_above_the_neck_its_neck_is_a_turn_of_the_head(faces, small_head, tmp_path):
    path = tmp_path / "tracked_flame_params_30.npz"
    np.savez(path, **content(faces, neck=0.3))
    track = import_track(path, head=small_head)
    theta = faces.parameters()
    joints = small_head.joint_template.numpy() + np.einsum(
        "fk,kjc->fjc",
        np.concatenate([theta.shape[:, 0], theta.expression[:, 0]], 1),
        small_head.joint_basis.numpy(),
    )
    root, neck = joints[:, None, 0], joints[:, None, 1]
    bend = Rotation.from_rotvec([0, 0.3, 0]).as_matrix()
    turn = Rotation.from_rotvec(faces.rotation).as_matrix()
    points = (still(small_head, faces) - neck) @ bend.T + neck
    points = np.einsum("fij,fnj->fni", turn, points - root) + root + [0.02, -0.01, 0.05]
    assert np.abs(pixels(track) - expected_pixels(points)).max() < 0.02
    assert any("neck" in line for line in track.provenance["warnings"])


def test_calibrated_footage_has_no_camera_in_the_file(faces, small_head, tmp_path):
    values = content(faces)
    del values["focal_length"]
    path = tmp_path / "tracked_flame_params_30.npz"
    np.savez(path, **values)
    track = import_track(path, head=small_head)
    assert track.lens is None
    assert np.allclose(track.parameters.head_rotation[:, 0], faces.rotation, atol=1e-6)
    assert any("calibrated" in line for line in track.provenance["warnings"])


def test_time_steps_are_the_digits_of_the_pictures_names(faces, small_head, tmp_path):
    path = tmp_path / "output" / "2024-09-05_12-00-00" / "tracked_flame_params_30.npz"
    path.parent.mkdir(parents=True)
    ids = np.array([f"frame_{number:05d}" for number in (4, 5, 6)])
    np.savez(path, **{**content(faces), "timestep_id": ids})
    track = import_track(path.parent.parent, head=small_head)
    assert track.frame_indices.tolist() == [4, 5, 6]
    whole = np.array(
        [f"{number:05d}" for number in range(9)]
    )  # a run on a part of the footage names all of it
    np.savez(path, **{**content(faces), "timestep_id": whole})
    track = import_track(path, head=small_head)
    assert track.frame_indices.tolist() == [0, 1, 2]
    assert any("of other frames" in line for line in track.provenance["warnings"])


def exported(folder, faces, cameras):
    """transforms.json and a file for each time step."""
    values, rows = content(faces), []
    (folder / "flame_param").mkdir(parents=True)
    for step in range(faces.frames):
        per_step = ("rotation", "translation", "neck_pose", "jaw_pose", "eyes_pose", "expr")
        arrays = {name: values[name][[step]] for name in per_step} | {"shape": values["shape"]}
        np.savez(folder / f"flame_param/{step:05d}.npz", **arrays)
        for index, (name, to_world) in enumerate(cameras.items()):
            rows.append(
                {
                    "timestep_index": step,
                    "camera_index": index,
                    "camera_id": name,
                    "transform_matrix": to_world.tolist(),
                    "flame_param_path": f"flame_param/{step:05d}.npz",
                    "cx": WIDTH / 2 + 3,
                }
            )
    lens = {"w": WIDTH, "h": HEIGHT, "fl_x": 900.0, "fl_y": 910.0, "cx": 1.0, "cy": HEIGHT / 2}
    (folder / "transforms.json").write_text(json.dumps({"frames": rows, **lens}))


def test_the_exported_dataset_has_the_cameras(faces, small_head, tmp_path):
    cameras = {}
    for name, angle in (("222200036", -0.4), ("222200037", 0.3)):
        cameras[name] = np.eye(4)
        cameras[name][:3, :3] = Rotation.from_rotvec([0, angle, 0]).as_matrix()
        cameras[name][:3, 3] = cameras[name][:3, :3] @ [0, 0, 1.2]
    exported(tmp_path / "export", faces, cameras)
    assert detect(tmp_path / "export") == "vhap"
    track = import_track(tmp_path / "export", head=small_head)
    assert track.views == tuple(cameras)
    points = still(small_head, faces, faces.rotation) + np.array([0.02, -0.01, 0.05])
    for view, to_world in enumerate(cameras.values()):
        seen = (points - to_world[:3, 3]) @ to_world[:3, :3]
        expected = [
            WIDTH / 2 + 3 + 900 * seen[..., 0] / -seen[..., 2],
            HEIGHT / 2 - 910 * seen[..., 1] / -seen[..., 2],
        ]
        found = np.stack([track.project(f, view)[:, :2] for f in range(faces.frames)])
        assert np.abs(found - np.stack(expected, -1)).max() < 0.02


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"transform_matrix": np.ones((4, 4)).tolist()}, "damaged"),
        ({"fl_x": -1}, "damaged"),
        ({"flame_param_path": "../flame_param/00000.npz"}, "damaged"),
        ({"flame_param_path": "flame_param/9.npz"}, "no such file"),
        ({"timestep_index": 7}, "not every camera has every time step"),
        ({"camera_index": None}, "damaged"),
    ],
)
def test_what_is_wrong_with_an_exported_dataset_is_said(change, words, faces, small_head, tmp_path):
    exported(tmp_path / "export", faces, {"a": np.eye(4), "b": np.eye(4)})
    file = tmp_path / "export" / "transforms.json"
    whole = json.loads(file.read_text())
    whole["frames"][0] |= change
    file.write_text(json.dumps(whole))
    with pytest.raises(nf.TrackError, match=words) as caught:
        import_track(tmp_path / "export", head=small_head)
    assert str(tmp_path / "export") in str(caught.value)


def test_the_last_epoch_is_taken(faces, small_head, tmp_path):
    for epoch, focal in ((9, 1.0), (30, FOCAL)):
        values = {**content(faces), "focal_length": np.float32([focal])}
        np.savez(tmp_path / f"tracked_flame_params_{epoch}.npz", **values)
    assert import_track(tmp_path, head=small_head).lens.focal[0, 0, 0] == pytest.approx(FOCAL * HEIGHT)


@pytest.mark.parametrize("missing", ["expr", "image_size", "eyes_pose"])
def test_a_missing_array_is_named(missing, faces, small_head, tmp_path):
    values = content(faces)
    del values[missing]
    np.savez(tmp_path / "p.npz", **values)
    with pytest.raises(nf.TrackError, match=missing):
        import_track(tmp_path / "p.npz", format="vhap", head=small_head)

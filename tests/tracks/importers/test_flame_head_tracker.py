"""flame-head-tracker: a camera that moves around the head, on a picture cut out of the video."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import neuface_engine as nf
from neuface_engine.tracks.importers import detect, import_track
from tests.tracks.importers.conftest import pixels, still, synthetic_sequence

SIDE, FOCAL = 256, 900.0
POSITIONS = [(0.01, 0.0, 1.2), (0.02, -0.01, 1.2), (0.0, 0.01, 1.25)]


def write(folder, faces, numbers=(0, 1, 2), landmarks=None):
    """cam: Euler angles yaw, pitch, roll of the camera-to-world rotation R_z R_y R_x, and its position."""
    for f, number in enumerate(numbers):
        pitch, yaw, roll = faces.rotation[f]
        np.savez(
            folder / f"{number}.npz",
            shape=faces.shape[None],
            exp=faces.expression[f : f + 1],
            head_pose=np.zeros((1, 3), np.float32),
            jaw_pose=faces.jaw[f : f + 1],
            eye_pose=faces.eyes[f : f + 1],
            tex=np.zeros((1, 50), np.float32),
            light=np.zeros((1, 9, 3), np.float32),
            cam=np.array([[yaw, pitch, roll, *POSITIONS[f]]], np.float32),
            fov=np.array([16.2], np.float32),
            K=np.array([[[FOCAL, 0, SIDE / 2], [0, FOCAL, SIDE / 2], [0, 0, 1]]], np.float32),
            **({} if landmarks is None else {"lmks_68": landmarks[f : f + 1].astype(np.float32)}),
        )


def expected_pixels(points, faces):
    """world-to-view = inverse of [R diag(1, -1, -1) | position], then K (graphics_utils.py)."""
    found = []
    for f, (pitch, yaw, roll) in enumerate(faces.rotation):
        x, y, z = (
            Rotation.from_rotvec(a * np.eye(3)[i]).as_matrix() for i, a in enumerate((pitch, yaw, roll))
        )
        pose = z @ y @ x @ np.diag([1.0, -1.0, -1.0])
        seen = (points[f] - POSITIONS[f]) @ pose  # inverse = transposed
        found.append(SIDE / 2 + FOCAL * seen[:, :2] / seen[:, 2:])
    return np.stack(found)


def test_vertices_project_as_its_camera_sees_them(faces, small_head, tmp_path):
    write(tmp_path, faces)
    assert detect(tmp_path) == "flame-head-tracker"
    track = import_track(tmp_path, head=small_head)
    assert np.abs(pixels(track) - expected_pixels(still(small_head, faces), faces)).max() < 0.02
    assert any("place in the video is not known" in line for line in track.provenance["warnings"])


@pytest.mark.parametrize("told", ["none", "pixels", "units"])
def test_the_footage_tells_where_its_picture_lay(told, faces, small_head, tmp_path):
    """A turned, scaled cut: the landmarks of the footage bring it back, to the pixel, with or without its own."""
    write(tmp_path, faces)
    alone = import_track(tmp_path, head=small_head)
    if told != "none":
        own = np.asarray(alone.projected_landmarks())[:, 0, :, :2]
        write(tmp_path, faces, landmarks=own if told == "units" else (own + 1) / 2 * SIDE)
    angle, scale = np.radians(12), 0.8  # frame px -> picture px
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = np.array([-130.0, -40.0])
    in_video = nf.FaceTrack(
        **{
            **{field: getattr(alone, field) for field in alone.__dataclass_fields__},
            "crop_transforms": np.tile(np.column_stack([linear, shift]), (3, 1, 1, 1)),
            "image_sizes": ((1280, 720),),
            "lens": None,
        }
    )
    back = np.linalg.inv(linear)
    wanted = (pixels(alone) - shift) @ back.T
    seen = alone.projected_landmarks()
    object.__setattr__(in_video, "projected_landmarks", lambda: seen)
    track = import_track(tmp_path, head=small_head, sequence=synthetic_sequence(in_video))
    assert np.abs(pixels(track) - wanted).max() < 0.1
    assert (track.fps, track.image_sizes) == (30.0, ((1280, 720),))


def test_frames_that_it_skipped_count_as_without_a_face(faces, small_head, tmp_path):
    write(tmp_path, faces, numbers=(0, 1, 4))
    track = import_track(tmp_path, head=small_head)
    assert track.frame_indices.tolist() == [0, 1, 2, 3, 4]
    assert track.detected[:, 0].tolist() == [True, True, False, False, True]


def test_two_files_of_one_frame_are_refused(faces, small_head, tmp_path):
    write(tmp_path, faces)
    (tmp_path / "001.npz").write_bytes((tmp_path / "1.npz").read_bytes())
    with pytest.raises(nf.TrackError, match="same frame"):
        import_track(tmp_path, head=small_head)


def test_an_older_version_is_named(faces, small_head, tmp_path):
    content = {"shape": faces.shape[None], "exp": faces.expression[:1], "pose": np.zeros((1, 6))}
    content |= {"eye_pose": np.zeros((1, 6)), "cam": np.zeros(6)}
    np.save(tmp_path / "0.npy", np.array(content, dtype=object), allow_pickle=True)
    assert detect(tmp_path) == "flame-head-tracker"
    with pytest.raises(nf.TrackError, match=r"0\.npy: of flame-head-tracker before version 4"):
        import_track(tmp_path, head=small_head)

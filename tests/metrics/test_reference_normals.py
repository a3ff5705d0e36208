"""The angle to reference normal maps: by hand, on maps rendered from the mesh, and on real footage."""

from __future__ import annotations

import json
import math
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from neuface_engine import metrics
from neuface_engine import rotations as R
from neuface_engine.errors import MediaError
from neuface_engine.metrics import reference_normals as reference


def matrix(*axis_angle: float) -> np.ndarray:
    return R.axis_angle_to_matrix(torch.tensor(axis_angle)).numpy()


def test_equal_maps_agree_and_a_turned_camera_shows_as_its_angle():
    random = np.random.default_rng(0).normal(size=(8, 9, 3)).astype(np.float32)
    normals = random / np.linalg.norm(random, axis=-1, keepdims=True)
    everywhere = np.ones((8, 9), bool)
    assert reference.mean_angle_deg(normals, normals, np.eye(3), everywhere) == pytest.approx(0, abs=0.05)
    to_camera = matrix(0.4, 0.2, -0.3)
    assert reference.mean_angle_deg(normals @ to_camera.T, normals, to_camera, everywhere) == pytest.approx(
        0, abs=0.05
    )
    up, tilted = np.zeros((8, 9, 3)), np.zeros((8, 9, 3))
    up[..., 2], tilted[..., 2], tilted[..., 1] = 2.0, math.cos(0.3), math.sin(0.3)  # ours may have any length
    assert reference.mean_angle_deg(up, tilted, np.eye(3), everywhere) == pytest.approx(math.degrees(0.3))


def test_only_pixels_inside_where_both_show_a_surface_count():
    ours, given = np.zeros((1, 4, 3)), np.zeros((1, 4, 3))
    ours[0, :, 2], given[0, :, 2] = 1.0, 1.0
    given[0, 0] = [0, 1, 0]  # outside
    given[0, 1] = 0.0  # grey: no surface in the map
    ours[0, 2] = 0.0  # no surface of ours
    inside = np.array([[False, True, True, True]])
    assert reference.mean_angle_deg(ours, given, np.eye(3), inside) == pytest.approx(0)
    assert math.isnan(reference.mean_angle_deg(ours, given, np.eye(3), inside & False))


def write_maps(folder: Path, track, *, turn: np.ndarray, views=None) -> None:
    """Normal maps of the track itself in a world that is turned by `turn` against every camera."""
    faces = track.head.skin_faces.numpy().astype(np.int32)
    for view, name in enumerate(track.views[:views]):
        width, height = track.image_sizes[view]
        with av.open(str(folder / f"ref_normals_{name}.mp4"), "w") as container:
            stream = container.add_stream("libx264rgb", rate=25, options={"crf": "0"})
            stream.width, stream.height, stream.pix_fmt = width, height, "rgb24"
            for frame in range(len(track.frame_indices)):
                ours = reference._rendered_normals(track, frame, view, faces, (height, width))
                world = ours @ turn  # rows: turn^T n
                pixels = np.round((world + 1) * 127.5).astype(np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
            container.mux(stream.encode())
    rotations = dict.fromkeys(track.views, turn.tolist())
    (folder / reference.ROTATIONS).write_text(json.dumps({"R_world_to_cam": rotations}))


def test_a_mesh_against_its_own_maps_is_at_angle_zero_and_another_one_is_not(make_track, tmp_path):
    track = make_track(frames=6, views=2)
    write_maps(tmp_path, track, turn=matrix(0.5, -0.2, 0.1))
    angles = metrics.reference_normal_angles(track, tmp_path, every=5)
    assert angles.shape == (6, 2)
    assert np.isfinite(angles[[0, 5]]).all()
    assert np.isnan(angles[1:5]).all()
    assert np.nanmax(angles) < 1.5  # eight bits and the codec
    mean_face = track.parameters.replace(shape=torch.zeros_like(track.parameters.shape))
    from dataclasses import replace

    other = metrics.reference_normal_angles(replace(track, parameters=mean_face), tmp_path)
    assert np.nanmin(other) > 3


def test_views_without_maps_and_crops_without_a_face_are_left_out(make_track, tmp_path):
    track = make_track(frames=2, views=2)
    write_maps(tmp_path, track, turn=np.eye(3), views=1)
    track.detected[0, 0] = False
    angles = metrics.reference_normal_angles(track, tmp_path, every=1)
    assert np.isfinite(angles).tolist() == [[False, False], [True, False]]


def test_rotations_may_be_a_list_by_the_number_in_the_view_s_name():
    matrices = [np.eye(3).tolist(), matrix(0.3, 0, 0).tolist()]
    np.testing.assert_allclose(reference._rotation_of(matrices, "view1", Path("a.json")), matrices[1])


def damage(folder: Path, how: str) -> str:
    """Breaks a good folder in one way; returns the name that the error must give."""
    rotations, video = folder / reference.ROTATIONS, folder / "ref_normals_cam0.mp4"
    if how == "no maps":
        video.unlink()
        return "cam0"
    if how == "no video":
        video.write_text("hello")
        return video.name
    if how == "no rotations":
        rotations.unlink()
    elif how == "no json":
        rotations.write_text("{")
    elif how == "another key":
        rotations.write_text('{"R": []}')
    elif how == "another view":
        rotations.write_text('{"R_world_to_cam": {"cam7": [[1,0,0],[0,1,0],[0,0,1]]}}')
    elif how == "no rotation":
        rotations.write_text('{"R_world_to_cam": {"cam0": [[2,0,0],[0,1,0],[0,0,1]]}}')
    return rotations.name


@pytest.mark.parametrize(
    "how", ["no maps", "no video", "no rotations", "no json", "another key", "another view", "no rotation"]
)
def test_a_bad_reference_is_refused_in_one_line_that_names_the_file(make_track, tmp_path, how):
    track = make_track(frames=1, views=1)
    write_maps(tmp_path, track, turn=np.eye(3))
    name = damage(tmp_path, how)
    with pytest.raises(MediaError, match=name) as caught:
        metrics.reference_normal_angles(track, tmp_path)
    assert "\n" not in str(caught.value)


def test_maps_of_another_size_are_refused(make_track, tmp_path):
    from dataclasses import replace

    track = make_track(frames=1, views=1)
    write_maps(tmp_path, track, turn=np.eye(3))
    with pytest.raises(MediaError, match="600 x 500"):
        metrics.reference_normal_angles(replace(track, image_sizes=((640, 480),)), tmp_path)

"""A track survives its file, maps back onto the video, and bad files are refused in one line."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import neuface_engine as nf
from neuface_engine.tracks import FaceTrack, crop_to_frame


@pytest.fixture(scope="module")
def head():
    return nf.FaceModel.load("open")


@pytest.fixture
def track(head):
    transforms = np.tile(np.array([[2.0, 0.0, -30.0], [0.0, 2.0, 10.0]]), (4, 2, 1, 1))
    generator = torch.Generator().manual_seed(1)
    parameters = nf.FaceParameters.neutral(4, 2)
    return FaceTrack(
        parameters=parameters.replace(shape=torch.randn(4, 2, 100, generator=generator)),
        views=("front", "left_30"),
        fps=25.0,
        frame_indices=np.arange(4),
        crop_transforms=transforms,
        crop_size=256,
        image_sizes=((320, 400), (320, 400)),
        detected=torch.ones(4, 2, dtype=torch.bool),
        landmarks_2d=torch.zeros(4, 2, 68, 2),
        provenance={"head": {"name": "open", "fingerprint": head.fingerprint}, "method": "encoder"},
        given_head=head,
    )


def test_saving_and_loading_changes_nothing(track, tmp_path):
    track.save(tmp_path / "a" / "001.npz")
    back = nf.FaceTrack.load(tmp_path / "a" / "001.npz")
    for name, tensor in track.parameters.items():
        assert torch.equal(tensor, getattr(back.parameters, name))
    assert (back.views, back.fps, back.image_sizes) == (track.views, track.fps, track.image_sizes)
    assert back.provenance == track.provenance
    assert torch.equal(back.vertices(), track.vertices())
    assert not list(tmp_path.rglob("*.part"))


def test_the_file_holds_no_pickle(track, tmp_path):
    track.save(tmp_path / "t.npz")
    with np.load(tmp_path / "t.npz", allow_pickle=False) as file:
        assert all(file[key].dtype != object for key in file.files)


def test_projection_returns_to_the_crop(track):
    """Frame pixels pushed through the crop transform are the crop coordinates of nf.project."""
    pixels = track.project(1, 0)[:, :2]
    transform = track.crop_transforms[1, 0]
    crop = pixels @ transform[:, :2].T + transform[:, 2]
    parameters = track.parameters[1, 0]
    expected = nf.project(track.head.vertices(parameters), parameters.camera).numpy()
    assert np.abs(2 * crop / 256 - 1 - expected).max() < 1e-4


def test_depth_is_scaled_like_the_picture():
    transform = np.array([[0.0, -3.0, 5.0], [3.0, 0.0, 7.0]])  # rotated by 90 degrees, three times smaller
    points = np.array([[0.0, 0.0, 0.0], [0.3, 0.0, 0.3]], np.float32)
    moved = crop_to_frame(points, transform, 256)
    difference = moved[1] - moved[0]
    assert np.linalg.norm(difference[:2]) == pytest.approx(difference[2], rel=1e-5)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"text"])
def test_a_damaged_file_is_refused(tmp_path, content):
    path = tmp_path / "bad.npz"
    path.write_bytes(content)
    with pytest.raises(nf.TrackError, match=r"bad\.npz") as error:
        nf.FaceTrack.load(path)
    assert "\n" not in str(error.value)


def test_a_missing_file_and_a_foreign_npz_are_refused(tmp_path):
    with pytest.raises(nf.TrackError, match="no such track"):
        nf.FaceTrack.load(tmp_path / "absent.npz")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(nf.TrackError, match=r"other\.npz"):
        nf.FaceTrack.load(tmp_path / "other.npz")


def test_a_track_of_another_head_is_not_decoded(track, tmp_path):
    track.provenance["head"]["fingerprint"] = "0" * 64
    track.save(tmp_path / "t.npz")
    with pytest.raises(nf.TrackError, match="another release"):
        nf.FaceTrack.load(tmp_path / "t.npz").vertices()
    track.provenance["head"]["name"] = "flame"
    track.save(tmp_path / "t.npz")
    with pytest.raises(nf.TrackError, match="FaceModel"):
        nf.FaceTrack.load(tmp_path / "t.npz").vertices()


def test_a_disk_that_refuses_is_named(track, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(nf.TrackError, match="cannot be written"):
        track.save(tmp_path / "file" / "t.npz")

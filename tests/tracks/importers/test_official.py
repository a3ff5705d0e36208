"""The authors' params.npz: rows back to frames and views, crops back onto the video."""

from __future__ import annotations

import json

import numpy as np
import pytest

import neuface_engine as nf
from neuface_engine.tracks.formats import export
from neuface_engine.tracks.importers import detect, import_track
from tests.tracks.conftest import true_pixels
from tests.tracks.importers.conftest import synthetic_sequence


@pytest.fixture
def exported(track, tmp_path):
    export(track, tmp_path / "params.npz", format="official")
    return tmp_path / "params.npz"


def test_what_we_exported_comes_back_exactly(exported, track):
    assert detect(exported) == "official"
    back = import_track(exported)
    assert (back.views, back.fps, back.crop_size) == (track.views, track.fps, track.crop_size)
    assert back.frame_indices.tolist() == track.frame_indices.tolist()
    for name in ("shape", "expression", "pose", "camera"):
        assert np.allclose(getattr(back.parameters, name), getattr(track.parameters, name), atol=1e-6)
    landmarks = (back.landmarks("posed") - track.landmarks("posed")).abs().max()
    assert landmarks < 0.002, "the eyes, which the format has no room for, do not move landmarks far"


def test_the_authors_own_file_says_neither_crops_nor_views(exported, track, head):
    exported.with_suffix(".json").unlink()
    alone = import_track(exported, head=head, views=["front", "left_30"])
    assert alone.views == ("front", "left_30")
    assert np.allclose(alone.parameters.expression, track.parameters.expression)
    assert alone.image_sizes == ((224, 224),) * 2
    assert any("--sequence" in line for line in alone.provenance["warnings"])
    one = import_track(exported, head=head)
    assert (len(one.views), len(one.frame_indices)) == (1, 8)
    with pytest.raises(nf.TrackError, match="3 views"):
        import_track(exported, head=head, views=["a", "b", "c"])
    with pytest.raises(nf.ConfigError, match="--head"):
        import_track(exported)


def test_the_footage_tells_where_the_crops_lay(make_track, head, tmp_path):
    """Crops without a turn, as DECA cuts them; the same landmarks in crop and picture."""
    track = make_track()
    upright = track.crop_transforms.copy()
    upright[..., :2] = np.sqrt(np.linalg.det(upright[..., :2]))[..., None, None] * np.eye(2)
    exact = nf.FaceTrack(
        **{field: getattr(track, field) for field in track.__dataclass_fields__}
        | {"crop_transforms": upright, "landmarks_2d": track.projected_landmarks()}
    )
    export(exact, tmp_path / "params.npz", format="official")
    (tmp_path / "params.json").unlink()
    back = import_track(
        tmp_path / "params.npz",
        head=head,
        sequence=synthetic_sequence(exact),
        first_frame=0,
        views=track.views,
    )
    assert back.fps == 30.0
    # rows are the first frames of the footage here: compare the shape of the placement, which the landmarks give
    assert back.image_sizes == track.image_sizes
    assert any("median" in line for line in back.provenance["warnings"])


def test_the_placed_crops_put_the_mesh_where_it_was(demo_track, head, tmp_path):
    whole = demo_track.select(frames=[0])
    shifted = nf.FaceTrack(
        **{field: getattr(whole, field) for field in whole.__dataclass_fields__}
        | {"frame_indices": np.array([0])}
    )
    export(shifted, tmp_path / "params.npz", format="official")
    (tmp_path / "params.json").unlink()
    sequence = synthetic_sequence(shifted)
    back = import_track(tmp_path / "params.npz", head=head, sequence=sequence)
    assert back.views == shifted.views
    assert np.abs(true_pixels(back) - true_pixels(shifted)).max() < 0.1


def test_a_json_of_another_file_is_not_believed(exported, head):
    told = json.loads(exported.with_suffix(".json").read_text())
    told["detected"] = told["detected"][:-1]
    exported.with_suffix(".json").write_text(json.dumps(told))
    with pytest.raises(nf.TrackError, match="does not belong"):
        import_track(exported)


def test_another_head_than_the_one_it_was_made_with_is_refused(exported, head):
    told = json.loads(exported.with_suffix(".json").read_text())
    told["provenance"]["head"] = {"name": "flame2020", "fingerprint": "1" * 64}
    exported.with_suffix(".json").write_text(json.dumps(told))
    with pytest.raises(nf.TrackError, match="flame2020"):
        import_track(exported, head=head)


def test_our_own_track_needs_no_import(track, tmp_path):
    track.save(tmp_path / "t.npz")
    with pytest.raises(nf.TrackError, match="needs no import"):
        import_track(tmp_path / "t.npz")

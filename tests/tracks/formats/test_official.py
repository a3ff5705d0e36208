"""params.npz as the authors' code writes it, and the way back onto the video with numpy alone."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import neuface_engine as nf
from neuface_engine.tracks.formats import export
from tests.tracks.conftest import true_pixels


def test_arrays_names_widths_and_row_order_are_the_authors(make_track, tmp_path):
    track = make_track(frames=3, views=("top", "down", "front"))
    export(track, tmp_path / "params.npz", format="official")
    with np.load(tmp_path / "params.npz", allow_pickle=False) as file:
        shapes = {name: file[name].shape for name in file.files}
        expr = file["expr"]
    assert shapes == {
        "cam": (9, 3),
        "pose": (9, 6),
        "expr": (9, 50),
        "shapes": (9, 100),
        "landmarks2d": (9, 68, 2),
    }
    # row 5 = frame 1, the last view of down, front, top
    assert np.array_equal(expr[5], track.parameters.expression[1, track.views.index("top")].numpy())
    told = json.loads((tmp_path / "params.json").read_text())
    assert told["views"] == ["down", "front", "top"]


def test_it_lies_on_the_demo_where_the_render_has_it(demo_track, head, tmp_path):
    """Re-projection with what lies beside the npz, without our code but the head."""
    export(demo_track, tmp_path / "params.npz", format="official")
    told = json.loads((tmp_path / "params.json").read_text())
    with np.load(tmp_path / "params.npz", allow_pickle=False) as file:
        cam, pose, expr, shapes = (file[name] for name in ("cam", "pose", "expr", "shapes"))
    face = nf.FaceParameters(*(torch.from_numpy(a) for a in (shapes, expr, pose, cam)))
    points = head.vertices(face).numpy()
    s, tx, ty = (cam[:, i, None] for i in range(3))
    units = np.stack([s * (points[..., 0] + tx), -s * (points[..., 1] + ty)], -1)
    inside = (units + 1) * told["crop_size"] / 2
    crops = np.array(told["crop_transforms"]).reshape(-1, 2, 3)
    pixels = (inside - crops[:, None, :, 2]) @ np.linalg.inv(crops[:, :, :2]).transpose(0, 2, 1)
    expected = true_pixels(demo_track).reshape(pixels.shape)
    assert np.abs(pixels - expected).max() < 0.01


def test_a_track_that_the_arrays_cannot_hold_is_refused(track, tmp_path):
    wide = track.parameters.replace(shape=torch.zeros(*track.parameters.batch_shape, 300))
    other = replace(track, parameters=wide)
    with pytest.raises(nf.TrackError, match="100 coefficients"):
        export(other, tmp_path / "p.npz", format="official")

"""The overlay video: what is burnt in is the re-projected mesh, to the pixel."""

from __future__ import annotations

from dataclasses import replace

import av
import numpy as np
import pytest

import neuface_engine as nf
from neuface_engine import raster, resources
from neuface_engine.tracks.formats import export
from neuface_engine.tracks.overlay import Painter
from neuface_engine.video import load_frames


def test_the_painted_mesh_covers_the_pixels_of_the_exported_one(demo_track, head, tmp_path):
    """Parameters and crops read from the exported npz by numpy, projected here, against the painter's picture."""
    export(demo_track, tmp_path / "t.npz", format="npz")
    with np.load(tmp_path / "t.npz", allow_pickle=False) as file:
        camera, crops = file["parameters/camera"], file["crop_transforms"]
    frames = load_frames(resources.path("demo"), views=demo_track.views, max_frames=10)
    painter = Painter(tmp_path / "t.npz", demo_track, frames, ["mesh"], height=400, opacity=1.0)
    for f, v in ((0, 0), (1, 1), (2, 1)):
        picture = frames[int(demo_track.frame_indices[f]), v].copy()
        tile = painter._tile(f, v, None)
        tile[:40] = picture[:40]  # the caption
        painted = (tile.astype(int) != picture).any(-1)
        points = head.vertices(demo_track.parameters[f, v]).numpy()
        s, tx, ty = camera[f, v]
        inside = (np.stack([s * (points[:, 0] + tx), -s * (points[:, 1] + ty)], 1) + 1) * 112
        pixels = (inside - crops[f, v, :, 2]) @ np.linalg.inv(crops[f, v, :, :2]).T
        depth = points[:, 2:] * s
        mask = raster.rasterize(np.hstack([pixels, depth]), demo_track.faces, 400, 320).mask
        mask[:40] = False
        assert (painted & mask).sum() > 0.98 * mask.sum(), "shaded pixels may equal the picture by chance"
        assert (painted & ~mask).sum() < 5


def test_every_frame_is_in_the_file_at_the_tracks_rate(demo_track, tmp_path):
    export(demo_track, tmp_path / "v.mp4", height=200)
    with av.open(str(tmp_path / "v.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == 25
        assert sum(1 for _ in container.decode(stream)) == 3
    assert [file.name for file in tmp_path.iterdir()] == ["v.mp4"]


def test_footage_that_is_gone_and_unknown_layers_are_named(track, demo_track, tmp_path):
    with pytest.raises(nf.TrackError, match="--footage"):
        export(track, tmp_path / "v.mp4")
    with pytest.raises(nf.ConfigError, match="glitter"):
        export(demo_track, tmp_path / "v.mp4", layers=["glitter"])
    small = replace(demo_track, image_sizes=((32, 40),) * 2)
    with pytest.raises(nf.TrackError, match="other footage"):
        export(small, tmp_path / "v.mp4")

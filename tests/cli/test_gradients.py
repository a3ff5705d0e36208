"""Gradient maps at the command line: kept with a track, rendered, and measured by `compare`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import neuface_engine as nf
from neuface_engine.cli.compare import density
from neuface_engine.tracks.gradients import TrackGradients
from neuface_engine.tracks.heat import HeatMaps
from tests.command import neuface, one_object

SHORT = ("--views", "*_30", "--max-frames", 2, "--iterations", 2)


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("maps")
    done = neuface("track", nf.resources.path("demo"), "--out", folder, *SHORT, "--save-gradients", "--json")
    assert done.returncode == 0, done.stderr
    assert one_object(done)["gradients"] == str(folder / "demo.gradients")
    return folder / "demo.npz"


def height_of(video: Path) -> int:
    with av.open(str(video)) as container:
        return container.streams.video[0].height


def test_the_maps_kept_with_a_track_are_rendered_one_below_the_other(tracked: Path, tmp_path: Path) -> None:
    video = tmp_path / "maps.mp4"
    layers = "mesh,gradient,update,pixels,landmarks"
    done = neuface("render", tracked, "--out", video, "--layers", layers, "--height", 96, "--json")
    assert done.returncode == 0, done.stderr
    assert one_object(done)["maps"] == {"gradient": "saved", "update": "saved", "pixels": "saved"}
    assert height_of(video) == 3 * 96


def test_they_are_those_of_the_track(tracked: Path) -> None:
    track = nf.FaceTrack.load(tracked)
    maps = TrackGradients.load(TrackGradients.path_of(tracked), track)
    assert maps.iteration == 2
    assert maps.pixel is not None
    assert maps.pixel.shape == (2, 2, 256, 256)
    assert maps.pixel.max() == 1
    assert maps.vertex.shape == maps.update.shape == (2, 2, track.head.num_vertices)  # type: ignore[union-attr]
    assert np.allclose(maps.points[:, :, :68], track.landmarks_2d)
    moved = nf.FaceTrack.load(tracked)
    moved.parameters.shape[0, 0, 0] += 1
    with pytest.raises(nf.TrackError, match="of another track"):
        TrackGradients.load(TrackGradients.path_of(tracked), moved)


def drawn(path: Path, layer: str) -> np.ndarray:
    track = nf.FaceTrack.load(path)
    heat = HeatMaps(path, track, [layer], track.head.faces.numpy().astype(np.int32))
    width, height = track.image_sizes[0]
    image = np.full((height, width, 3), 100, np.uint8)
    heat.draw(layer, image, track.project(0, 0), 0, 0)
    return (image != 100).any(-1)


def test_pixels_are_drawn_within_the_crop_and_vertices_within_the_mesh(tracked: Path) -> None:
    track = nf.FaceTrack.load(tracked)
    row, column = np.nonzero(drawn(tracked, "pixels"))
    centres = np.stack([column + 0.5, row + 0.5], axis=1)
    transform = track.crop_transforms[0, 0]
    inside = centres @ transform[:, :2].T + transform[:, 2]
    assert len(inside) > 1000
    assert inside.min() > -2
    assert inside.max() < 258
    mesh = track.project(0, 0)
    row, column = np.nonzero(drawn(tracked, "update"))
    assert mesh[:, 0].min() - 1 <= column.min()
    assert column.max() <= mesh[:, 0].max() + 1
    assert mesh[:, 1].min() - 1 <= row.min()
    assert row.max() <= mesh[:, 1].max() + 1


def test_without_them_only_the_vertex_gradient_can_be_worked_out(tracked: Path, tmp_path: Path) -> None:
    bare = Path(shutil.copy(tracked, tmp_path / "bare.npz"))
    done = neuface(
        "render", bare, "--out", tmp_path / "a.mp4", "--layers", "gradient", "--height", 96, "--json"
    )
    assert done.returncode == 0, done.stderr
    assert one_object(done)["maps"] == {"gradient": "recomputed"}
    for layer in ("update", "pixels"):
        done = neuface("render", bare, "--out", tmp_path / "b.mp4", "--layers", layer)
        assert done.returncode == 2
        assert "--save-gradients" in done.stderr
        assert "bare.gradients" in done.stderr
    assert not (tmp_path / "b.mp4").exists()


@pytest.mark.parametrize("damage", ["text", "cut"])
def test_damaged_maps_are_named(tracked: Path, tmp_path: Path, damage: str) -> None:
    track = nf.FaceTrack.load(tracked)
    content = TrackGradients.path_of(tracked).read_bytes()
    file = tmp_path / "demo.gradients"
    file.write_bytes(b"no maps" if damage == "text" else content[: len(content) // 2])
    with pytest.raises(nf.TrackError, match=r"demo\.gradients: not readable .* --save-gradients"):
        TrackGradients.load(file, track)
    with pytest.raises(nf.TrackError, match="no such gradient maps"):
        TrackGradients.load(tmp_path / "none.gradients", track)


def test_maps_do_not_outlive_the_track_they_belong_to(tmp_path: Path) -> None:
    demo = nf.resources.path("demo")
    short = ("--views", "*_30", "--max-frames", 2, "--out", tmp_path)
    for method, kept in (("flame-fitting", True), ("encoder", True), ("encoder", False)):
        options = ("--save-gradients",) if kept else ()
        done = neuface("track", demo, *short, "--iterations", 1, "--method", method, *options, "--json")
        assert done.returncode == 0, done.stderr
        file = tmp_path / "demo.gradients"
        assert file.exists() == kept
        if kept:
            maps = TrackGradients.load(file, nf.FaceTrack.load(tmp_path / "demo.npz"))
            assert (maps.pixel is None) == (method == "flame-fitting")
            assert (maps.update is None) == (method == "encoder")
            assert drawn(tmp_path / "demo.npz", "pixels").any()


def test_compare_tells_dense_from_sparse() -> None:
    done = neuface("compare", nf.resources.path("demo"), *SHORT, "--json")
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = one_object(done)
    shares = {
        method: {key: spread["share_of_90_percent"] for key, spread in entry["gradients"].items()}
        for method, entry in result.items()
    }
    assert shares["neuface"].keys() == {"image", "vertex", "update", "face_update"}
    assert shares["encoder"].keys() == {"image", "vertex"}
    assert shares["flame-fitting"]["image"] < 0.01 < 0.2 < shares["neuface"]["image"]
    assert all(0 < shares[method]["face_update"] < 1 for method in ("flame-fitting", "neuface"))


def test_the_table_leaves_open_what_is_not_known() -> None:
    spread = {"gini": 0.25, "share_of_90_percent": 0.5}
    results = {"encoder": {"gradients": {"image": spread}}, "broken off": {"gradients": None}}
    _, first, second = density(results)
    assert first.split() == ["encoder", "50", "%", "(0.250)", "-", "-", "-"]
    assert second.split() == ["broken", "off", "-", "-", "-", "-"]

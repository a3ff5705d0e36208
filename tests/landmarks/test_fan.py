"""FAN: the networks of face-alignment under its own file names, with constant weights; our batching and reading."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from neuface_engine.errors import AssetError, ConfigError
from neuface_engine.landmarks import FaceChoice, Scene, load_detector
from neuface_engine.landmarks.fan import (
    CROP_SIZE,
    HEATMAP_SIZE,
    FanDetector,
    draw_points,
    read_heat_maps,
)  # fmt: skip
from neuface_engine.landmarks.fan_files import DEPTH, FAN_2D, FINDERS, no_downloads


class Frames:
    def __init__(self, images: np.ndarray) -> None:
        self.images = images  # [F, V, H, W, 3]
        self.num_views = images.shape[1]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: tuple[int, int]) -> np.ndarray:
        return self.images[index]


class BrightFinder:
    """A box around each bright rectangle's left and right half of the picture."""

    reference_scale = 195.0

    def __init__(self) -> None:
        self.calls = 0

    def detect_from_image(self, image: np.ndarray) -> list[list[float]]:
        self.calls += 1
        boxes = []
        half = image.shape[1] // 2
        for start in (0, half):
            rows, columns = np.nonzero(image[:, start : start + half, 0] > 128)
            if len(rows) > 20:
                boxes.append(
                    [columns.min() + start, rows.min(), columns.max() + 1 + start, rows.max() + 1, 0.99]
                )
        return boxes


class Bumps(nn.Module):
    """A network whose heat maps peak where its picture is bright, shifted for each landmark; counts its passes."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        self.batches.append(len(pictures))
        bright = nn.functional.avg_pool2d(pictures[:, :1], CROP_SIZE // HEATMAP_SIZE)
        return [bright.expand(-1, 68, -1, -1)]


def frames_of(places: list[list[tuple[int, int] | None]], side: int = 40) -> Frames:
    """Pictures 320 x 200 with a bright square of `side` at each place; one view."""
    images = np.zeros((len(places), 1, 200, 320, 3), np.uint8)
    for f, squares in enumerate(places):
        for place in squares:
            if place is not None:
                x, y = place
                images[f, 0, y : y + side, x : x + side] = 255
    return Frames(images)


def fake(**options: object) -> tuple[FanDetector, Bumps, BrightFinder]:
    network, finder = Bumps(), BrightFinder()
    return FanDetector(network, finder, name="fan", version="test", **options), network, finder  # type: ignore[arg-type]


def test_many_frames_go_through_the_network_at_once() -> None:
    detector, network, finder = fake(batch=8)
    found = detector.detect(frames_of([[(100 + f, 80)] for f in range(11)]))
    assert found.landmarks.shape == (11, 1, 68, 3)
    assert (found.confidence > 0.5).all()
    assert network.batches == [16, 6], "eight crops and their mirror images, then three"
    assert finder.calls == 3, "every fifth frame and the last"


def test_a_face_that_is_gone_is_gone() -> None:
    detector, _, _ = fake()
    found = detector.detect(frames_of([[(100, 80)]] * 6 + [[]] * 10))
    assert found.confidence[:6, 0].all()
    assert not found.confidence[8:].any()
    assert not found.landmarks[8:].any()


def test_the_track_stays_with_one_of_two_faces() -> None:
    both = [[(40, 80), (240, 80)]] * 6
    alone = [[None, (240, 80)]] * 15
    detector, _, _ = fake()
    scene = Scene(("cam",), ((),), FaceChoice.parse("40,100"))
    found = detector.detect(frames_of(both + alone + both), scene=scene)
    seen = found.confidence[:, 0] > 0
    assert seen[:5].all() and seen[-4:].all()
    assert not seen[10:18].any(), "the other face is not taken for the lost one"
    assert (found.landmarks[seen, 0, :, 0] < 160).all()


def test_the_face_pointed_at_is_taken_in_frames_before_and_after() -> None:
    detector, _, _ = fake()
    scene = Scene(("cam",), ((),), FaceChoice.parse("cam=6:260,100"))
    found = detector.detect(frames_of([[(40, 80), (240, 80)]] * 12), scene=scene)
    assert (found.confidence > 0).all()
    assert (found.landmarks[..., 0] > 160).all()


def test_landmarks_lie_where_the_heat_maps_say_in_frame_pixels() -> None:
    maps = torch.zeros(1, 68, HEATMAP_SIZE, HEATMAP_SIZE)
    maps[0, :, 20, 31] = 1.0
    maps[0, :, 20, 32] = 0.5  # the higher neighbour: a quarter of a cell to the right
    points, peaks = read_heat_maps(maps)
    assert points[0, 0].tolist() == [31.75, 20.5]
    assert peaks[0, 0] == 1

    detector, _, _ = fake()
    found = detector.detect(frames_of([[(100, 80)]]))
    # the bright square is 40 px wide: the first cell of the highest is within it
    x, y = found.landmarks[0, 0, 0, :2]
    assert 98 <= x <= 142 and 78 <= y <= 122


def test_heat_maps_and_bumps_are_those_of_face_alignment() -> None:
    utils = pytest.importorskip("face_alignment.utils")
    generator = np.random.default_rng(0)
    maps = generator.random((2, 68, 64, 64), np.float32)
    index = maps.reshape(2, 68, -1).argmax(-1)
    theirs, _ = utils._get_preds_fromhm.py_func(maps, index)  # not compiled: that takes longer than the test
    ours, _ = read_heat_maps(torch.from_numpy(maps))
    # their quarter is added where the cell is not at the border in both directions, as here
    np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-5)

    points = generator.uniform(20, 230, (1, 3, 2)).astype(np.float32)
    drawn = draw_points(torch.from_numpy(points)).numpy()
    for k in range(3):
        expected = utils.draw_gaussian(np.zeros((256, 256), np.float32), points[0, k], 2)
        np.testing.assert_allclose(drawn[0, k], expected, atol=1e-5)


def test_missing_weights_are_named_with_their_folder_and_nothing_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("a download was tried"))
    where = tmp_path / "hub" / "checkpoints"
    with pytest.raises(AssetError) as caught:
        load_detector("fan")
    message = str(caught.value)
    assert str(where / FAN_2D.name) in message
    assert FINDERS["sfd"][0].name in message
    assert FAN_2D.url in message
    assert "\n" not in message
    where.mkdir(parents=True)
    (where / FAN_2D.name).write_bytes(b"not weights")
    with pytest.raises(AssetError, match="s3fd-619a316812"):
        load_detector("fan")
    with pytest.raises(AssetError, match="2DFAN4-11f355bf06"):
        load_detector("fan:open")
    with pytest.raises(AssetError, match=DEPTH.name):
        load_detector("fan3d:open")
    with pytest.raises(ConfigError, match="no face detector 'haar'"):
        load_detector("fan:haar")


def test_downloads_of_the_library_are_closed() -> None:
    pytest.importorskip("face_alignment")
    from face_alignment.utils import load_file_from_url

    before = torch.hub.download_url_to_file
    with no_downloads(), pytest.raises(AssetError, match="put the file there yourself"):
        torch.hub.load_state_dict_from_url("https://localhost/weights.pth", model_dir="/nonexistent/neuface")
    with no_downloads(), pytest.raises(AssetError):
        load_file_from_url("https://localhost/weights.pth", model_dir="/nonexistent/neuface")
    assert torch.hub.download_url_to_file is before


def quickly_built(kind: type[nn.Module], *arguments: int) -> dict[str, torch.Tensor]:
    """The state dict of a network with constant weights, without its slow initialisation."""
    with torch.device("meta"):
        network = kind(*arguments)
    return {
        name: torch.full(value.shape, 1.0 if value.ndim == 1 and "mean" not in name else 1e-4).to(value.dtype)
        for name, value in network.state_dict().items()
    }


def test_the_real_networks_load_from_files_of_their_layout(tmp_path: Path) -> None:
    """FAN-4 and the depth network of face-alignment, saved with constant weights under its names."""
    models = pytest.importorskip("face_alignment.models")
    torch.save(quickly_built(models.FAN, 4), tmp_path / "3DFAN4-7835d9f11d.pth.tar")
    depth = {f"module.{name}": value for name, value in quickly_built(models.ResNetDepth).items()}
    torch.save({"state_dict": depth, "epoch": 3}, tmp_path / DEPTH.name)
    detector = FanDetector.load(three_d=True, finder="open", folder=tmp_path)
    assert detector.name == "fan3d:open"
    assert detector.contour == "fixed"
    assert "THREE_D" in detector.version
    image = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
    roi = detector.region(np.array([40.0, 20.0, 100.0, 100.0]))
    points, scores = detector.landmarks([image], [roi])
    assert points.shape == (1, 68, 3)
    assert np.isfinite(points).all()
    assert (np.abs(points[..., 0] - roi.x) <= roi.size / 2).all()
    assert scores.shape == (1,)


def test_weights_of_another_layout_are_refused_with_what_is_missing(tmp_path: Path) -> None:
    pytest.importorskip("face_alignment.models")
    torch.save({"conv1.weight": torch.zeros(64, 3, 7, 7)}, tmp_path / FAN_2D.name)
    with pytest.raises(AssetError, match="2DFAN4-11f355bf06"):
        FanDetector.load(finder="open", folder=tmp_path)

"""The open detector: its networks, its geometry, and what it does with time."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from neuface_engine import landmarks, resources
from neuface_engine.errors import AssetError, ConfigError
from neuface_engine.landmarks import MEDIAPIPE_TO_IBUG68, OpenDetector, Roi, extract_crop
from neuface_engine.landmarks.blazeface import BlazeFace, box_overlap, weighted_suppression
from neuface_engine.landmarks.face_mesh import FaceMesh

RIGHT_CORNER, LEFT_CORNER, NOSE_TIP, CHIN = 33, 263, 4, 152


class Frames:
    """``views[v][f]`` images in memory."""

    def __init__(self, *views: list[np.ndarray]) -> None:
        self.views = views

    @property
    def num_views(self) -> int:
        return len(self.views)

    def __len__(self) -> int:
        return min(len(view) for view in self.views)

    def __getitem__(self, index: tuple[int, int]) -> np.ndarray:
        return self.views[index[1]][index[0]]


@pytest.fixture(scope="module")
def detector() -> OpenDetector:
    found = landmarks.load_detector("open")
    assert isinstance(found, OpenDetector)
    return found


@pytest.fixture(scope="module")
def photo(shared) -> np.ndarray:
    picture = cv2.imread(str(shared / "media" / "images" / "pyfeat_0-f1-su-ph.jpg"))
    return np.ascontiguousarray(picture[..., ::-1])


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)


def test_ibug_layout_has_68_different_points():
    assert len(MEDIAPIPE_TO_IBUG68) == len(set(MEDIAPIPE_TO_IBUG68)) == 68


def test_face_mesh_can_be_cut_at_every_stage():
    torch.manual_seed(0)
    net = FaceMesh().eval()
    x = torch.rand(2, 3, 256, 256)
    with torch.no_grad():
        whole, presence = net(x)
        assert whole.shape == (2, 478, 3) and presence.shape == (2,)
        for resolution in (64, 16, 8):
            maps = net.trunk(x, resolution)
            assert maps.shape[-1] == resolution
            torch.testing.assert_close(net.decode_landmarks(net.top(maps, resolution)), whole)


def test_blazeface_has_896_anchors():
    values, scores = BlazeFace().eval()(torch.zeros(3, 3, 128, 128))
    assert values.shape == (3, 896, 8, 2) and scores.shape == (3, 896)


def test_suppression_merges_overlapping_boxes_by_score():
    box = np.zeros((8, 2), np.float32)
    box[1] = 0.2
    shifted, far = box.copy(), box.copy()
    shifted[0] += 0.02
    far[0] += 0.7
    merged, scores = weighted_suppression(
        np.stack([box, shifted, far]), np.array([0.9, 0.6, 0.8], np.float32)
    )
    assert len(merged) == 2
    np.testing.assert_allclose(merged[0, 0], 0.02 * 0.6 / 1.5, atol=1e-6)
    np.testing.assert_allclose(scores, [0.9, 0.8])
    empty, _ = weighted_suppression(np.stack([box]), np.array([0.2], np.float32))
    assert empty.shape == (0, 8, 2)


def test_overlap_of_a_box_with_itself_is_one():
    box = np.array([[[0.5, 0.5], [0.2, 0.3]], [[3.0, 3.0], [0.2, 0.3]]], np.float32)
    np.testing.assert_allclose(box_overlap(box, box), np.eye(2), atol=1e-6)


def test_roi_maps_landmarks_there_and_back():
    rng = np.random.default_rng(1)
    roi = Roi(412.0, 230.5, 180.0, 0.4)
    frame_points = rng.uniform(300, 500, (478, 3))
    transform = roi.transform(256)
    crop_points = np.column_stack(
        [frame_points[:, :2] @ transform[:, :2].T + transform[:, 2], frame_points[:, 2] * 256 / roi.size]
    )
    np.testing.assert_allclose(roi.landmarks_to_frame(crop_points, 256), frame_points, atol=1e-9)


def test_roi_of_tilted_landmarks_is_upright_along_the_eyes():
    points = np.random.default_rng(2).normal(0, 40, (478, 3))
    points[RIGHT_CORNER], points[LEFT_CORNER] = (-30, -10, 0), (30, 50, 0)
    assert Roi.around_landmarks(points).angle == pytest.approx(np.pi / 4)


@pytest.mark.parametrize("scale", [0.1, 0.5, 1.0, 2.3])
def test_crops_sample_pixel_centres(scale):
    """A ramp stays the same ramp: the value at continuous (x, y) is x + 2y, at every scale."""
    y, x = np.mgrid[:600, :800] + 0.5
    ramp = np.repeat((x / 8 + y / 6)[..., None], 3, 2)
    transform = np.array([[scale, 0, 32 - scale * 400], [0, scale, 32 - scale * 300]])
    crop = extract_crop(np.round(ramp).astype(np.uint8), transform, 64)[..., 0].astype(float)
    v, u = np.mgrid[:64, :64] + 0.5
    expected = ((u - 32) / scale + 400) / 8 + ((v - 32) / scale + 300) / 6
    inside = (
        (expected > 20)
        & (expected < 170)
        & (np.abs((u - 32) / scale) < 380)
        & (np.abs((v - 32) / scale) < 280)
    )
    assert np.abs(crop - expected)[inside].mean() < 0.35


def test_noise_and_black_hold_no_face(detector, noise):
    found = detector.detect(Frames([noise, noise], [np.zeros_like(noise)] * 2))
    assert found.landmarks.shape == (2, 2, 478, 3)
    assert not found.confidence.any() and not found.landmarks.any()


def test_a_face_is_found_where_it_is(detector, photo):
    points, confidence = detector.detect_image(photo)
    assert confidence > 0.9
    assert points[RIGHT_CORNER, 0] < points[NOSE_TIP, 0] < points[LEFT_CORNER, 0]
    assert points[RIGHT_CORNER, 1] < points[NOSE_TIP, 1] < points[CHIN, 1]
    assert points[NOSE_TIP, 2] < points[RIGHT_CORNER, 2], "z grows away from the camera"


def test_a_mirrored_face_has_mirrored_landmarks(detector, photo):
    points, _ = detector.detect_image(photo)
    mirrored, _ = detector.detect_image(np.ascontiguousarray(photo[:, ::-1]))
    size = np.ptp(points[:, 0])
    for index, twin in ((RIGHT_CORNER, LEFT_CORNER), (NOSE_TIP, NOSE_TIP), (CHIN, CHIN), (61, 291)):
        back = [photo.shape[1] - mirrored[twin, 0], mirrored[twin, 1]]
        assert np.linalg.norm(points[index, :2] - back) < 0.03 * size


def test_views_do_not_disturb_each_other(detector, photo, noise):
    alone = detector.detect(Frames([photo, photo]))
    together = detector.detect(Frames([noise, noise], [photo, photo]))
    assert not together.confidence[:, 0].any()
    np.testing.assert_allclose(together.landmarks[:, 1], alone.landmarks[:, 0], atol=0.05)
    again = detector.detect(Frames([noise, noise], [photo, photo]))
    np.testing.assert_array_equal(together.landmarks, again.landmarks)


def test_tracking_follows_a_moving_face_and_survives_a_gap(detector, photo, noise):
    canvas = np.zeros((photo.shape[0] + 40, photo.shape[1] + 200, 3), np.uint8)
    frames = []
    for step in range(6):
        frame = canvas.copy()
        frame[20 : 20 + photo.shape[0], 20 * step : 20 * step + photo.shape[1]] = photo
        frames.append(frame)
    frames[2] = canvas.copy()
    found = detector.detect(Frames(frames))
    assert found.confidence[2, 0] == 0
    seen = [0, 1, 3, 4, 5]
    assert (found.confidence[seen, 0] > 0.9).all()
    moves = found.landmarks[seen, 0, NOSE_TIP, 0] - found.landmarks[0, 0, NOSE_TIP, 0]
    np.testing.assert_allclose(moves, 20 * np.array(seen), atol=0.02 * photo.shape[1])


def test_progress_counts_the_frames(detector, noise):
    calls: list[tuple[int, int]] = []
    detector.detect(Frames([noise] * 3), progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_unknown_detector_is_named():
    with pytest.raises(ConfigError, match="'dlib'"):
        landmarks.load_detector("dlib")


def test_wrong_weights_name_file_and_remedy(tmp_path):
    text = tmp_path / "weights.safetensors"
    text.write_text("no weights at all, but long enough to look like a header")
    for path in (text, tmp_path / "missing.safetensors", resources.path("open_encoder.safetensors")):
        with pytest.raises(AssetError, match="build_open_detector") as caught:
            landmarks.load_detector("open", weights=path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)

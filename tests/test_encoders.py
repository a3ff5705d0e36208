"""The open encoder: shapes, bounds, the cut for trainable="top", and what its weights do."""

from __future__ import annotations

import pytest
import torch

import neuface_engine as nf
from neuface_engine import resources
from neuface_engine.encoders import OpenEncoder, load_encoder
from neuface_engine.encoders import head as bounds
from neuface_engine.encoders.head import Frame, ParameterHead, frame_inputs
from neuface_engine.errors import AssetError, ConfigError
from neuface_engine.landmarks import MEDIAPIPE_TO_IBUG68, load_detector


@pytest.fixture(scope="module")
def encoder() -> OpenEncoder:
    found = load_encoder("open")
    assert isinstance(found, OpenEncoder)
    return found


@pytest.fixture(scope="module")
def head() -> nf.FaceModel:
    return nf.FaceModel.load("open")


@pytest.fixture
def crops() -> torch.Tensor:
    """Smooth noise: no face, but a picture."""
    small = torch.rand(3, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(small, size=256, mode="bicubic").clamp(0, 1)


@pytest.fixture(scope="module")
def face(shared) -> torch.Tensor:
    """A crop of a real face, as `load_sequence` cuts it."""
    import cv2

    from neuface_engine.landmarks import extract_crop
    from neuface_engine.video import crops as cropping

    picture = cv2.imread(str(shared / "media" / "images" / "pyfeat_0-f1-su-ph.jpg"))[..., ::-1].copy()
    points, _ = load_detector("open").detect_image(picture)
    box = cropping.landmark_boxes(points[list(MEDIAPIPE_TO_IBUG68)])
    transform = cropping.crop_transforms(box, crop_size=256, crop_scale=OpenEncoder.crop_scale)
    return torch.from_numpy(extract_crop(picture, transform, 256)).permute(2, 0, 1)[None].float() / 255


def same(a: nf.FaceParameters, b: nf.FaceParameters, tolerance: float = 0.0) -> None:
    for name, tensor in a.items():
        torch.testing.assert_close(tensor, getattr(b, name), rtol=tolerance, atol=tolerance, msg=name)


def test_parameters_fit_the_open_head(encoder, head, crops):
    assert encoder.head_fingerprint == head.fingerprint
    with torch.no_grad():
        said = encoder(crops)
        assert head(said).vertices.shape == (3, head.num_vertices, 3)
    widths = {name: tensor.shape for name, tensor in said.items()}
    assert widths == {"shape": (3, 100), "expression": (3, 50), "pose": (3, 6), "camera": (3, 3)}


def test_the_cut_changes_nothing(encoder, crops):
    with torch.no_grad():
        same(encoder(crops), encoder.decode(encoder.features(crops)))


def test_a_batch_is_its_members_and_repeats_itself(encoder, crops):
    with torch.no_grad():
        whole = encoder(crops)
        same(whole, encoder(crops))
        parts = nf.FaceParameters.cat([encoder(crops[i : i + 1]) for i in range(len(crops))])
        same(whole, parts, 1e-3)


@pytest.mark.parametrize("spread", [1.0, 100.0])
def test_outputs_stay_within_what_a_head_can_do(spread):
    torch.manual_seed(0)
    module = ParameterHead()
    for tensor in (*module.buffers(), *module.parameters()):
        torch.nn.init.normal_(tensor, std=0.1)
    with torch.no_grad():
        module.outer.weight.mul_(spread)
        said = module(torch.randn(64, 478, 3))
    assert all(torch.isfinite(tensor).all() for _, tensor in said.items())
    assert said.shape.abs().max() <= bounds.SHAPE_LIMIT
    assert (
        said.expression.min() >= bounds.EXPRESSION_RANGE[0]
        and said.expression.max() <= bounds.EXPRESSION_RANGE[1]
    )
    assert said.jaw[:, 0].min() >= bounds.JAW_RANGE[0] and said.jaw[:, 0].max() <= bounds.JAW_RANGE[1]
    assert said.head_rotation.norm(dim=-1).max() <= torch.pi + 1e-4
    assert (said.camera[:, 0] > 0).all()


def test_the_frame_turns_and_moves_with_the_landmarks():
    torch.manual_seed(0)
    axes = torch.eye(3) + 0.1 * torch.randn(8, 3, 3)
    turn = nf.rotations.axis_angle_to_matrix(torch.randn(8, 3))
    one, two = Frame.from_axes(axes, torch.zeros(8, 3)), Frame.from_axes(2 * turn @ axes, torch.ones(8, 3))
    torch.testing.assert_close(two.turn, turn @ one.turn)
    torch.testing.assert_close(two.scale, 2 * one.scale)


def test_shifting_and_zooming_the_landmarks_only_moves_the_camera(encoder, head, crops):
    with torch.no_grad():
        points = encoder.landmarks(encoder.features(crops))
        moved = 0.7 * points + torch.tensor([0.1, -0.2, 0.0])
        before, after = encoder.head(points), encoder.head(moved)
        for name in ("shape", "expression", "pose"):
            torch.testing.assert_close(getattr(before, name), getattr(after, name), rtol=1e-3, atol=1e-3)
        projected = [nf.project(head.landmarks(p), p.camera) for p in (before, after)]
        expected = 0.7 * projected[0] + torch.tensor([0.1, -0.2])
        torch.testing.assert_close(projected[1], expected, rtol=1e-3, atol=1e-3)


def test_frame_inputs_hold_the_jaw_to_second_order():
    inputs = frame_inputs(torch.zeros(1, 100), torch.zeros(1, 50), torch.tensor([[0.5, 0.1, 0.1]]))
    assert inputs.shape == (1, 153)
    torch.testing.assert_close(inputs[0, [0, -2, -1]], torch.tensor([1.0, 0.5, 0.25]))


def test_gradient_reaches_the_picture_and_every_trainable_weight(encoder, crops):
    crops = crops.requires_grad_()
    said = encoder(crops)
    sum(tensor.pow(2).sum() for _, tensor in said.items()).backward()
    assert crops.grad is not None and crops.grad.abs().sum() > 0
    for trainable in ("all", "top"):
        weights = encoder.trainable_parameters(trainable)
        assert weights and all(w.grad is not None and torch.isfinite(w.grad).all() for w in weights)
    encoder.zero_grad()


def test_top_weights_do_not_touch_the_features(crops):
    encoder = load_encoder("open")
    with torch.no_grad():
        before, said = encoder.features(crops)[0], encoder(crops)
        for weight in encoder.trainable_parameters("top"):
            weight.mul_(1.01)
        torch.testing.assert_close(encoder.features(crops)[0], before, rtol=0, atol=0)
        assert (encoder(crops).shape - said.shape).abs().max() > 0
    top = {id(w) for w in encoder.trainable_parameters("top")}
    assert top < {id(w) for w in encoder.trainable_parameters("all")}


def test_fingerprint_follows_the_weights():
    encoder = load_encoder("open")
    before = encoder.fingerprint
    assert before == load_encoder("open").fingerprint
    with torch.no_grad():
        encoder.trainable_parameters("top")[0].add_(1e-3)
    assert encoder.fingerprint != before


def test_a_real_face_is_met(encoder, head, face):
    with torch.no_grad():
        said = encoder(face)
        seen = encoder.landmarks(encoder.features(face))[..., :2]
        projected = nf.project(head.landmarks(said, kind="mediapipe"), said.camera)
    size = (seen.amax(1) - seen.amin(1)).max()
    assert (projected - seen).norm(dim=-1).mean() < 0.03 * size
    assert said.shape.pow(2).mean().sqrt() < 1.2


def test_a_mirrored_face_turns_the_other_way(encoder, face):
    with torch.no_grad():
        said, mirrored = encoder(face), encoder(face.flip(-1))
    turn = torch.tensor([1.0, -1.0, -1.0])
    assert (said.head_rotation - turn * mirrored.head_rotation).norm() < 0.12
    assert (said.jaw[0, 0] - mirrored.jaw[0, 0]).abs() < 0.08


def test_unknown_encoder_is_named():
    with pytest.raises(ConfigError, match="'resnet'"):
        load_encoder("resnet")


def test_wrong_weights_name_file_and_remedy(tmp_path):
    text = tmp_path / "weights.safetensors"
    text.write_bytes(b"\xff" * 64)
    for path in (text, tmp_path / "missing.safetensors", resources.path("open_detector.safetensors")):
        with pytest.raises(AssetError, match="build_open_encoder") as caught:
            load_encoder("open", path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)

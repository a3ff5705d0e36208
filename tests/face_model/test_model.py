"""The face model: laws that hold for any head (tests/golden compares with FLAME's own arithmetic)."""

from __future__ import annotations

import pytest
import torch

import neuface_engine as nf
from neuface_engine import rotations as R


@pytest.fixture(scope="module")
def head():
    return nf.FaceModel.load("open")


def random_parameters(*batch: int, seed: int = 0, scale: float = 0.5) -> nf.FaceParameters:
    g = torch.Generator().manual_seed(seed)
    draw = lambda n: torch.randn(*batch, n, generator=g) * scale  # noqa: E731
    pose = torch.cat([draw(3), draw(3) * 0.2], -1)
    camera = torch.cat([torch.full((*batch, 1), 8.0), draw(2) * 0.05], -1)
    return nf.FaceParameters(draw(100), draw(50), pose, camera)


@pytest.mark.parametrize("kind", ["dynamic", "static", "mediapipe"])
@pytest.mark.parametrize("space", ["posed", "canonical"])
def test_landmarks_skinned_alone_are_those_of_the_whole_mesh(head, kind, space):
    parameters = random_parameters(3, 2)
    whole = head.decode(parameters)
    whole.vertices()
    assert torch.allclose(
        head.landmarks(parameters, kind=kind, space=space), whole.landmarks(kind, space), atol=1e-6
    )


def test_head_orientation_turns_the_canonical_mesh_rigidly(head):
    parameters = random_parameters(2, 3)
    canonical, posed = head.canonical_vertices(parameters), head.vertices(parameters)
    rotation = R.axis_angle_to_matrix(parameters.head_rotation)
    turned = canonical @ rotation.transpose(-1, -2)
    offset = posed - turned
    assert (offset - offset.mean(-2, keepdim=True)).abs().max() < 1e-5
    assert torch.allclose(posed.flatten(0, 1), head.vertices(parameters.flatten()), atol=1e-7)


def test_gradients_of_the_face_model_are_right(head):
    model = nf.FaceModel.load("open").double()
    base = random_parameters(1, seed=3).to(torch.float64)

    def landmarks(shape, expression, pose):
        full_shape = torch.cat([shape, base.shape[:, 5:]], 1)
        full_expression = torch.cat([expression, base.expression[:, 5:]], 1)
        return model.landmarks(
            nf.FaceParameters(full_shape, full_expression, pose, base.camera), kind="static"
        )

    inputs = (base.shape[:, :5].clone(), base.expression[:, :5].clone(), base.pose.clone())
    assert torch.autograd.gradcheck(landmarks, tuple(i.requires_grad_() for i in inputs), atol=1e-6)


def test_contour_rows_follow_flames_order(head):
    yaw = torch.deg2rad(torch.tensor([0.0, 10.0, 60.0, -1.0, -20.0, -80.0]))
    pose = torch.zeros(6, 6)
    pose[:, 1] = yaw
    neutral = nf.FaceParameters.neutral(6)
    rows = head.decode(neutral.replace(pose=pose)).contour_rows()
    assert rows.tolist() == [0, 10, 39, 40, 59, 78]


def test_wrong_sizes_are_named(head):
    with pytest.raises(ValueError, match="shape and"):
        head(nf.FaceParameters.neutral(1, n_shape=300))
    with pytest.raises(ValueError, match="pose is"):
        nf.FaceParameters(torch.zeros(1, 100), torch.zeros(1, 50), torch.zeros(1, 7), torch.zeros(1, 3))


@pytest.mark.parametrize("content", [b"", b"not a pickle", b"cos\nsystem\n(S'echo'\ntR."])
def test_a_bad_flame_file_is_refused_with_one_line(tmp_path, content):
    path, embedding = tmp_path / "generic_model.pkl", tmp_path / "landmark_embedding.npy"
    path.write_bytes(content)
    embedding.write_bytes(content)
    with pytest.raises(nf.AssetError, match=r"generic_model\.pkl") as error:
        nf.FaceModel.load(path, landmarks=embedding)
    assert "\n" not in str(error.value)


def test_missing_files_name_the_remedy(tmp_path):
    with pytest.raises(nf.AssetError, match="obtained from"):
        nf.FaceModel.load(tmp_path / "absent.pkl")
    (tmp_path / "flame.pkl").write_bytes(b"x")
    with pytest.raises(nf.AssetError, match="--head-landmarks"):
        nf.FaceModel.load(tmp_path / "flame.pkl")

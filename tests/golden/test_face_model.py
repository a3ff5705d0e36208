"""FLAME's arithmetic, rotations and the camera against the released code's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import neuface_engine as nf
from neuface_engine import rotations as R


def faces(arrays, dtype=torch.float32):
    shape, expression, pose = (torch.from_numpy(arrays[k]).to(dtype) for k in ("shape", "exp", "pose"))
    camera = (
        torch.from_numpy(arrays["cam"]).to(dtype)
        if "cam" in arrays
        else torch.ones(len(pose), 3, dtype=dtype)
    )
    return nf.FaceParameters(shape, expression, pose, camera)


def largest(a, b):
    return float(np.abs(np.asarray(a.detach() if isinstance(a, torch.Tensor) else a) - b).max())


def test_the_regenerated_assets_are_the_golden_ones(golden):
    known, made = (
        golden.arrays("assets"),
        golden.assets.make_flame_dict(str(golden.folder / "head_template.obj")),
    )
    assert largest(made["v_template"], known["v_template"]) < 1e-6
    assert np.allclose(np.abs(made["shapedirs"]).sum((0, 1)), known["shapedirs_sum"])
    assert np.allclose(np.abs(made["posedirs"]).sum((0, 1)), known["posedirs_sum"])


@pytest.mark.parametrize(
    ("dtype", "suffix", "tolerance"), [(torch.float32, "", 5e-7), (torch.float64, "_f64", 1e-7)]
)
def test_meshes_and_landmarks(golden, dtype, suffix, tolerance):
    """The released code adds 1e-8 to an axis-angle before its norm: float64 agrees to that, not to 1e-15."""
    known = golden.arrays("flame")
    mesh = golden.head().to(dtype)(faces(known, dtype))
    assert largest(mesh.landmarks_dynamic, known["landmarks2d" + suffix]) < tolerance
    assert largest(mesh.landmarks_static, known["landmarks3d" + suffix]) < tolerance
    stride = int(known["verts_f64_stride"])
    vertices = known["verts"] if dtype == torch.float32 else known["verts_f64_first"]
    assert largest(mesh.vertices[:, :: 1 if dtype == torch.float32 else stride], vertices) < tolerance


def test_the_contour_follows_the_yaw_of_the_neck(golden):
    known, head = golden.arrays("flame"), golden.head()
    face = head.decode(faces(known))
    table = head.landmark_table("dynamic")
    rows = face.contour_rows()
    assert largest(table.contour_barycentric[rows], known["dyn_bary"]) == 0
    corners = head.faces[torch.from_numpy(known["dyn_faces_idx"])]
    assert torch.equal(table.used[table.contour_corners[rows]], corners)


def test_projection(golden):
    known, head = golden.arrays("proj"), golden.head()
    parameters = faces(known)
    raw = head.landmarks(parameters)
    assert largest(nf.project(raw, parameters.camera), known["landmarks2d"]) < 5e-6
    static = head.landmarks(parameters, kind="static")
    assert largest(static, known["landmarks3d_world"]) < 5e-7
    # The released code negates depth as well, which makes larger mean farther.
    flip = np.array([1, 1, -1], np.float32)
    assert largest(nf.project_depth(static, parameters.camera), known["landmarks3d"] * flip) < 5e-6
    stride = int(known["trans_verts_stride"])
    vertices = nf.project_depth(head.vertices(parameters)[:, ::stride], parameters.camera)
    assert largest(vertices, known["trans_verts"] * flip) < 5e-6
    before = known["lmk2d_raw_proj"] * np.array([1, -1, 1], np.float32)
    assert largest(nf.project_depth(raw, parameters.camera), before) < 5e-6


def test_rotations_and_their_gradient(golden):
    known = golden.arrays("rot")
    axis_angle = torch.from_numpy(known["aa"]).requires_grad_()
    quaternion = R.axis_angle_to_quaternion(axis_angle)
    assert largest(quaternion, known["q_p3d"]) < 3e-7
    assert largest(R.axis_angle_to_matrix(axis_angle), known["R_rodrigues_lbs"]) < 1e-6
    (quaternion[2:] * torch.from_numpy(known["wq"])).sum().backward()
    assert largest(axis_angle.grad[2:], known["grad_aa_from2"]) < 2e-6
    back = R.axis_angle_to_matrix(R.quaternion_to_axis_angle(quaternion))
    assert largest(back, known["R_rodrigues_lbs"]) < 2e-6


@pytest.mark.parametrize("kind", ["dynamic", "static"])
def test_landmark_gradients_are_those_of_a_finite_difference(golden, kind):
    """gradcheck in float64 over every kind of input, also at the zero rotation (row 0)."""
    known, head = golden.arrays("flame"), golden.head().double()
    base = faces(known, torch.float64)[:2]
    weights = torch.from_numpy(known["w_l"]).double()[:2]

    def objective(shape, expression, pose):
        whole = base.replace(
            shape=torch.cat([shape, base.shape[:, 6:]], 1),
            expression=torch.cat([expression, base.expression[:, 6:]], 1),
            pose=pose,
        )
        return (head.landmarks(whole, kind=kind) * weights).sum((1, 2))

    inputs = (base.shape[:, :6], base.expression[:, :6], base.pose)
    assert torch.autograd.gradcheck(objective, tuple(x.clone().requires_grad_() for x in inputs), atol=1e-7)


def test_gradients_of_landmarks_skinned_alone_are_those_of_the_whole_mesh(golden):
    known, head = golden.arrays("flame"), golden.head()
    weights = torch.from_numpy(known["w_l"])
    found = []
    for whole in (False, True):
        parameters = faces(known).map(lambda t: t.clone().requires_grad_())
        face = head.decode(parameters)
        if whole:
            face.vertices()
        (face.landmarks("dynamic") * weights).sum().backward()
        found.append([parameters.shape.grad, parameters.expression.grad, parameters.pose.grad])
    for alone, meshed in zip(*found, strict=True):
        assert torch.allclose(alone, meshed, rtol=1e-4, atol=1e-5 * float(meshed.abs().max()))

"""What the open head promises: laws of its mesh, units, landmark tables, lips and eyes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import pytest
import torch

import neuface_engine as nf
from neuface_engine import resources
from neuface_engine.landmarks import MEDIAPIPE_TO_IBUG68
from neuface_engine.raster import rasterize, vertex_normals

SHAPES, UNITS, FULL = 100, 50, 3.0
MIRROR = np.array([-1.0, 1.0, 1.0])
# fmt: off
UPPER_LIP = (40, 39, 37, 0, 267, 269, 270, 74, 73, 72, 11, 302, 303, 304, 42, 41, 38, 12, 268, 271, 272,
             80, 81, 82, 13, 312, 311, 310)
LOWER_LIP = (91, 181, 84, 17, 314, 405, 321, 90, 180, 85, 16, 315, 404, 320, 96, 89, 179, 86, 15, 316, 403, 319, 325,
             95, 88, 178, 87, 14, 317, 402, 318, 324)
# fmt: on
ARKIT_ONE_SIDED = """
browDown browOuterUp cheekSquint eyeBlink eyeSquint eyeWide mouthDimple mouthFrown mouthLowerDown mouthPress
mouthSmile mouthStretch mouthUpperUp noseSneer jaw mouth
"""
ARKIT_WHOLE = """
browInnerUp cheekPuff jawForward mouthClose mouthFunnel mouthPucker mouthRollLower mouthRollUpper mouthShrugLower
mouthShrugUpper
"""
EXTRA = """
noseDilateLeft noseDilateRight noseCompress noseDepress neckPlatysma mouthEversion mouthDepress mouthElevate
"""


@pytest.fixture(scope="module")
def arrays() -> Mapping[str, np.ndarray]:
    with np.load(resources.path("open_head.npz"), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="module")
def head() -> nf.FaceModel:
    return nf.FaceModel.load("open")


def region(arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    return arrays["region_masks"][arrays["region_names"].tolist().index(name)]


def posed(
    head: nf.FaceModel,
    *,
    shape: np.ndarray | None = None,
    units: Mapping[str, float] | None = None,
    pose: tuple[float, ...] = (0.0,) * 6,
    eyes: tuple[float, ...] | None = None,
) -> nf.FaceParameters:
    expression = torch.zeros(UNITS)
    for name, value in (units or {}).items():
        expression[head.expression_names.index(name)] = value
    return nf.FaceParameters(
        torch.zeros(SHAPES) if shape is None else torch.from_numpy(shape).float(),
        expression,
        torch.tensor(pose, dtype=torch.float32),
        torch.tensor([1.0, 0.0, 0.0]),
        eyes=None if eyes is None else torch.tensor(eyes, dtype=torch.float32),
    )


def table_points(arrays: Mapping[str, np.ndarray], name: str, vertices: np.ndarray) -> np.ndarray:
    corners = vertices[arrays["f"][arrays[f"{name}_lmk_faces_idx"]]]
    return np.einsum("...k,...kd->...d", arrays[f"{name}_lmk_bary_coords"], corners)


def test_arrays_have_flames_layout(arrays):
    v, t = len(arrays["v_template"]), len(arrays["f"])
    assert arrays["v_template"].shape == (v, 3)
    assert arrays["shapedirs"].shape == (v, 3, SHAPES + UNITS)
    assert arrays["posedirs"].shape == (v, 3, 36)
    assert arrays["J_regressor"].shape == (5, v)
    assert arrays["weights"].shape == (v, 5)
    assert arrays["kintree_table"].tolist() == [[-1, 0, 1, 1, 1], [0, 1, 2, 3, 4]]
    assert arrays["part"].shape == (t,) and set(arrays["part"]) == {0, 1, 2}
    assert arrays["ft"].shape == (t, 3) and arrays["ft"].max() < len(arrays["vt"])
    for name, shape in {"static": (51,), "full": (68,), "dynamic": (79, 17), "mp": (478,)}.items():
        assert arrays[f"{name}_lmk_faces_idx"].shape == shape
        assert arrays[f"{name}_lmk_bary_coords"].shape == (*shape, 3)
    assert all(np.isfinite(a).all() for a in arrays.values() if a.dtype.kind == "f")


def test_landmark_tables_belong_to_these_triangles(arrays):
    assert str(arrays["faces_hash"]) == hashlib.sha256(arrays["f"].astype("<i4").tobytes()).hexdigest()


def test_skinning_weights_and_joints_are_averages(arrays):
    assert arrays["weights"].min() >= 0
    np.testing.assert_allclose(arrays["weights"].sum(1), 1, atol=1e-3)
    assert arrays["J_regressor"].min() >= 0
    np.testing.assert_allclose(arrays["J_regressor"].sum(1), 1, atol=1e-3)


def test_the_mean_head_has_a_human_size(arrays):
    joints = arrays["J_regressor"] @ arrays["v_template"]
    assert joints[3, 0] > 0 > joints[4, 0], "the left eye is at +x"
    assert 0.061 < joints[3, 0] - joints[4, 0] < 0.067
    assert joints[2, 1] < joints[3, 1], "the jaw's hinge lies below the eyes"


def test_the_mesh_is_its_own_mirror_image(arrays):
    mirror, v = arrays["mirror"], arrays["v_template"]
    assert (mirror[mirror] == np.arange(len(v))).all()
    np.testing.assert_allclose(v[mirror] * MIRROR, v, atol=1e-6)
    triangles = {tuple(sorted(face)) for face in arrays["f"].tolist()}
    assert triangles == {tuple(sorted(face)) for face in mirror[arrays["f"]].tolist()}
    np.testing.assert_allclose(arrays["weights"][mirror][:, [0, 1, 2, 4, 3]], arrays["weights"], atol=1e-6)


def test_units_are_named_as_arkit_names_them(arrays):
    names = arrays["expression_names"].tolist()
    assert len(names) == len(set(names)) == UNITS
    sided = {unit + side for unit in ARKIT_ONE_SIDED.split() for side in ("Left", "Right")}
    assert set(names) == sided | set(ARKIT_WHOLE.split()) | set(EXTRA.split())


def test_one_sided_units_are_mirror_images(arrays):
    names = arrays["expression_names"].tolist()
    units = arrays["shapedirs"][..., SHAPES:].astype(np.float64)
    for name in names:
        twin = name.replace("Left", "Right") if name.endswith("Left") else name
        if name.endswith("Right"):
            continue
        image = units[..., names.index(name)][arrays["mirror"]] * MIRROR
        np.testing.assert_allclose(image, units[..., names.index(twin)], atol=2e-5, err_msg=name)


def test_units_leave_the_eyeballs_and_joints_carry_them(arrays):
    balls = region(arrays, "eyeballs")
    assert np.abs(arrays["shapedirs"][balls][..., SHAPES:]).max() == 0
    assert (arrays["weights"][balls][:, 3:].sum(1) == 1).all()


def test_full_activation_is_three(arrays, head):
    """A smile of coefficient 3 moves the mouth corner by a person's centimetre, not by a millimetre or a decimetre."""
    rest = head.landmarks(posed(head), kind="mediapipe").numpy()
    smile = head.landmarks(posed(head, units={"mouthSmileLeft": FULL}), kind="mediapipe").numpy()
    assert 0.008 < np.linalg.norm(smile[291] - rest[291]) < 0.03
    assert np.linalg.norm(smile[61] - rest[61]) < 0.005


@pytest.mark.parametrize("name", ["static", "full", "dynamic", "mp"])
def test_landmarks_lie_inside_their_triangles(arrays, name):
    weights = arrays[f"{name}_lmk_bary_coords"]
    assert weights.min() >= 0 and weights.max() <= 1
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)
    index = arrays[f"{name}_lmk_faces_idx"]
    assert index.min() >= 0 and index.max() < len(arrays["f"])


def test_landmarks_lie_on_the_face_not_on_ears_or_in_the_mouth(arrays):
    part = arrays["part"][arrays["mp_lmk_faces_idx"]]
    assert (part[:468] == 0).all(), "skin"
    assert (part[468:473] == 2).all() and (part[473:] == 1).all(), "irises: subject's right, then left"
    forbidden = (region(arrays, "ears") | region(arrays, "mouth_inside"))[arrays["f"]].any(1)
    for name in ("static", "full", "dynamic"):
        assert not forbidden[arrays[f"{name}_lmk_faces_idx"]].any(), name
    assert not forbidden[arrays["mp_lmk_faces_idx"][:468]].any()


def test_the_68_points_are_those_of_the_478(arrays):
    index = list(MEDIAPIPE_TO_IBUG68)
    assert (arrays["full_lmk_faces_idx"] == arrays["mp_lmk_faces_idx"][index]).all()
    assert (arrays["static_lmk_faces_idx"] == arrays["mp_lmk_faces_idx"][index[17:]]).all()
    np.testing.assert_array_equal(arrays["static_lmk_bary_coords"], arrays["full_lmk_bary_coords"][17:])


def test_landmarks_are_mirror_images(arrays):
    points = table_points(arrays, "mp", arrays["v_template"])
    image = points * MIRROR
    distance = np.linalg.norm(points[:, None] - image[None], axis=2)
    assert distance.min(1).max() < 5e-4


def test_every_lip_point_lies_on_its_own_lip(arrays):
    weights = arrays["weights"][:, 2][arrays["f"][arrays["mp_lmk_faces_idx"]]]
    jaw = (weights * arrays["mp_lmk_bary_coords"]).sum(1)
    assert jaw[list(LOWER_LIP)].min() > 0.9
    assert jaw[list(UPPER_LIP)].max() < 0.1


def test_opening_the_jaw_opens_the_lips(head):
    rest = posed(head)
    wide = posed(head, pose=(0, 0, 0, 0.4, 0, 0))
    gap = {}
    for name, parameters in (("rest", rest), ("wide", wide)):
        dense = head.landmarks(parameters, kind="mediapipe").numpy()
        sparse = head.landmarks(parameters, kind="static").numpy()
        outer, inner = dense[0] - dense[17], sparse[62] - sparse[66]
        gap[name] = np.linalg.norm(outer) * 1e3, np.linalg.norm(inner) * 1e3
    assert gap["wide"][0] > 50 and gap["wide"][1] > 20
    assert gap["rest"][1] < 4, "closed lips nearly touch"


def test_mouth_close_does_not_push_the_lips_through_each_other(head):
    rest = head.landmarks(posed(head), kind="mediapipe").numpy()
    pressed = head.landmarks(posed(head, units={"mouthClose": FULL}), kind="mediapipe").numpy()
    assert pressed[13, 1] - pressed[14, 1] > -1e-3
    assert np.linalg.norm(pressed - rest, axis=1).max() < 3e-3


def test_contour_rows_are_mirror_images(arrays):
    points = table_points(arrays, "dynamic", arrays["v_template"])
    for yaw in range(40):
        other = points[39 + yaw] if yaw else points[0]
        np.testing.assert_allclose(points[yaw][::-1] * MIRROR, other, atol=5e-5)


def test_the_contour_moves_smoothly_with_the_yaw(arrays):
    points = table_points(arrays, "dynamic", arrays["v_template"])
    sweep = np.concatenate([points[:39:-1], points[:40]])
    assert np.linalg.norm(np.diff(sweep, axis=0), axis=2).max() < 0.002


def test_the_frontal_contour_is_the_static_one(arrays):
    dynamic = table_points(arrays, "dynamic", arrays["v_template"])[0]
    static = table_points(arrays, "full", arrays["v_template"])[:17]
    assert np.linalg.norm((dynamic - static)[:, :2], axis=1).max() < 4e-3


@pytest.mark.parametrize("yaw", [15, 35])
def test_contour_rows_have_flames_sign(arrays, head, yaw):
    """Row k is for a head turned by R_y(+k): the face looks to +x and hides the subject's left cheek.

    The contour of the side in view stays where it is in 3D; on the hidden side it slides.
    """
    turned = head.landmarks(
        posed(head, pose=(0, np.radians(yaw), 0, 0, 0, 0)), kind="dynamic", space="canonical"
    )
    rest = table_points(arrays, "full", arrays["v_template"])[:17]
    slid = np.linalg.norm(turned.numpy()[:17] - rest, axis=1)
    right, left = slid[:8], slid[9:]
    assert rest[0, 0] < 0, "the points run from the subject's right to the left"
    assert right.mean() < 2e-3
    assert left.mean() > 2 * right.mean()
    assert slid.max() < 0.02


def eye_pictures(
    arrays: Mapping[str, np.ndarray], vertices: np.ndarray, part: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Depth [m] of the eyeball, depth of the lids' outer surface (nan where none), visible ball; 10 px a mm."""
    scale, size = 10_000, 500
    faces, template = arrays["f"], arrays["v_template"].astype(np.float64)
    rest = template - template[np.unique(faces[arrays["part"] == part])].mean(0)
    distance = np.linalg.norm(rest, axis=1)
    facing = (vertex_normals(template.astype(np.float32), faces) * rest).sum(1) / distance
    outer = (distance < 0.026) & (rest[:, 2] > 0.004) & (facing > 0.2)
    lids = outer[faces].all(1) & (arrays["part"] == 0)
    ball = arrays["part"] == part
    centre = vertices[np.unique(faces[ball])].mean(0)
    points = (vertices - centre) * [scale, -scale, scale] + [size / 2, size / 2, 0]

    def depth(chosen: np.ndarray) -> np.ndarray:
        buffers = rasterize(points.astype(np.float32), faces[chosen], size, size)
        return np.where(buffers.mask, buffers.depth, np.nan) / scale

    everything = rasterize(points.astype(np.float32), faces, size, size).triangle
    return depth(ball), depth(lids), ball[everything] & (everything >= 0)


def test_eyeballs_stay_behind_the_lids_of_random_people(arrays, head):
    rng = np.random.default_rng(0)
    worst, share = [], []
    for _ in range(12):
        shape = np.clip(rng.normal(size=SHAPES), -2.5, 2.5)
        vertices = head.vertices(posed(head, shape=shape)).numpy().astype(np.float64)
        for part in (1, 2):
            ball, lids, _ = eye_pictures(arrays, vertices, part)
            poke = np.nan_to_num(ball - lids, nan=-1.0)
            worst.append(poke.max())
            share.append((poke > 0).sum() / np.isfinite(ball).sum())
    assert np.mean(share) < 0.003
    assert max(worst) < 1.5e-3


def test_a_blink_covers_the_eye_and_clears_it_on_the_way(arrays, head):
    for amount in (0.0, 1.0, 2.0, FULL):
        parameters = posed(head, units={"eyeBlinkLeft": amount, "eyeBlinkRight": amount})
        ball, lids, visible = eye_pictures(arrays, head.vertices(parameters).numpy().astype(np.float64), 1)
        assert np.nanmax(ball - lids) < 0
        assert visible.any() == (amount < FULL)


def test_lids_follow_the_gaze(head):
    down, up = (
        head.landmarks(posed(head, eyes=(angle, 0, 0, angle, 0, 0)), kind="mediapipe").numpy()[386, 1]
        for angle in (0.35, -0.35)
    )
    assert up - down > 0.002


def test_regions_are_what_they_say(arrays):
    names = arrays["region_names"].tolist()
    assert len(names) == len(set(names)) == len(arrays["region_masks"])
    assert arrays["region_masks"].any(1).all()
    upper, lower = region(arrays, "upper_lip"), region(arrays, "lower_lip")
    assert not (upper & lower).any() and ((upper | lower) == region(arrays, "lips")).all()
    height = arrays["v_template"][:, 1]
    assert height[upper].mean() > height[lower].mean()
    for pair in ("lids", "ears", "brows", "cheeks", "eyeballs"):
        stem = pair if pair == "lids" else pair[:-1]
        left, right = region(arrays, f"{stem}_left"), region(arrays, f"{stem}_right")
        assert ((left | right) == region(arrays, pair)).all()
        assert (left[arrays["mirror"]] == right).all()
    assert not (region(arrays, "face") & region(arrays, "ears")).any()


def test_the_licence_travels_with_the_file(arrays):
    assert "CC0" in str(arrays["licence"]) and "faceunits01" in str(arrays["licence"])

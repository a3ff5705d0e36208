"""Scan-to-mesh distance: the alignment finds its way, and what is left is the difference in form."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from neuface_engine import metrics
from neuface_engine import rotations as R
from neuface_engine.face_model import FaceParameters
from neuface_engine.metrics.scan import IDENTITY, Similarity, face_sphere, procrustes


def rotation(*axis_angle):
    return R.axis_angle_to_matrix(torch.tensor(axis_angle, dtype=torch.float64)).numpy()


@pytest.fixture(scope="module")
def faces(head):
    """Vertices and landmarks of two people."""
    shape = torch.randn(2, head.n_shape, generator=torch.Generator().manual_seed(1))
    parameters = FaceParameters.neutral(2).replace(shape=shape)
    marks = head.landmarks(parameters, kind="static", space="canonical")
    return head.canonical_vertices(parameters).double().numpy(), marks.double().numpy()


MOTION = Similarity(1.0, rotation(0.3, -0.5, 0.2), np.array([0.1, 0.5, -0.3]))


def test_a_scan_of_the_mesh_itself_is_found_wherever_it_lies(head, faces):
    (vertices, _), (marks, _) = faces
    for scale, align in ((1.0, "rigid"), (1.1, "similarity")):
        moved = Similarity(scale, MOTION.rotation, MOTION.translation)
        result = metrics.scan_distance(
            moved(vertices),
            vertices,
            head.faces,
            marks,
            align=align,
            scan_landmarks=moved(marks + 0.002)[[36, 39, 42, 45, 33, 48, 54]],
        )
        assert result.mean_mm < 1e-3
        assert result.placed.scale == pytest.approx(scale, rel=1e-5)
        np.testing.assert_allclose(result.placed.rotation, moved.rotation, atol=1e-5)
        np.testing.assert_allclose(result.placed.translation, moved.translation, atol=1e-5)


@pytest.mark.slow
def test_without_landmarks_it_is_found_in_any_axes(head, faces):
    (vertices, _), (marks, _) = faces
    scan = vertices[head.regions["face"].numpy()] @ rotation(-1.2, 2.2, 0.3).T + 0.3
    assert metrics.scan_distance(scan, vertices, head.faces, marks).mean_mm < 0.01


def test_as_it_lies_the_distance_of_a_shift_along_the_normal_is_the_shift(head):
    grid = np.stack(np.meshgrid([-0.1, 0.1], [-0.1, 0.1]), -1).reshape(-1, 2)
    square = np.c_[grid, np.zeros(4)]
    marks = np.random.default_rng(0).normal(size=(68, 3)) * 0.02
    centre, radius = face_sphere(marks)
    inside = np.c_[np.random.default_rng(0).uniform(-0.05, 0.05, (50, 2)), np.full(50, 0.003)]
    kept = np.linalg.norm(inside - centre, axis=1) <= radius
    result = metrics.scan_distance(inside, square, [[0, 1, 3], [0, 3, 2]], marks, align="none")
    assert len(result.distances_mm) == kept.sum() > 10
    np.testing.assert_allclose(result.distances_mm, 3, rtol=1e-9)
    assert result.placed is IDENTITY


def test_where_the_scan_lies_makes_no_difference(head, faces):
    (vertices, other), (marks, other_marks) = faces
    results = [
        metrics.scan_distance(
            place(other), vertices, head.faces, marks, align="rigid", scan_landmarks=place(other_marks)
        )
        for place in (IDENTITY, MOTION)
    ]
    assert results[0].mean_mm > 0.5
    assert results[1].mean_mm == pytest.approx(results[0].mean_mm, rel=1e-3)
    assert results[1].median_mm == pytest.approx(results[0].median_mm, rel=1e-3)


def test_free_size_fits_at_least_as_well_and_makes_the_size_of_the_mesh_of_no_matter(head, faces):
    (vertices, other), (marks, other_marks) = faces
    rigid, free, free_of_a_large_one = (
        metrics.scan_distance(
            other, size * vertices, head.faces, size * marks, align=align, scan_landmarks=other_marks
        ).mean_mm
        for size, align in ((1.0, "rigid"), (1.0, "similarity"), (1.3, "similarity"))
    )
    assert free <= rigid * 1.01
    assert free_of_a_large_one == pytest.approx(free, rel=0.01)


def test_a_worse_shape_is_further_away(head, faces):
    (vertices, other), (marks, other_marks) = faces
    errors = [
        metrics.scan_distance(
            other,
            other + share * (vertices - other),
            head.faces,
            other_marks + share * (marks - other_marks),
            scan_landmarks=other_marks,
        ).mean_mm
        for share in (0.0, 0.5, 1.0)
    ]
    assert errors[0] < 1e-3 < errors[1] < errors[2]


def test_a_few_stray_points_do_not_carry_the_mesh_away(head, faces):
    (vertices, _), (marks, _) = faces
    stray = face_sphere(marks)[0] + np.random.default_rng(0).normal(size=(60, 3)) * 0.03
    scan = np.vstack([vertices, stray])
    assert metrics.scan_distance(scan, vertices, head.faces, marks, scan_landmarks=marks).median_mm < 0.1


def test_a_scan_without_a_point_near_the_face_has_no_distance(head, faces):
    (vertices, _), (marks, _) = faces
    result = metrics.scan_distance(vertices + 5, vertices, head.faces, marks, align="none")
    assert len(result.distances_mm) == 0
    assert np.isnan(result.mean_mm)
    assert np.isnan(result.median_mm)


@pytest.mark.parametrize("scaled", [False, True])
def test_procrustes_takes_back_any_motion(scaled):
    source = np.random.default_rng(0).normal(size=(7, 3))
    motion = Similarity(1.7 if scaled else 1.0, rotation(1.0, 2.0, -0.5), np.array([1.0, -2, 3]))
    found = procrustes(source, motion(source), scaled=scaled)
    np.testing.assert_allclose(found(source), motion(source), atol=1e-9)
    np.testing.assert_allclose(found.inverse()(motion(source)), source, atol=1e-9)
    flat = procrustes(source * [1, 1, 0], source * [1, 1, 0], scaled=scaled)
    assert np.linalg.det(flat.rotation) == pytest.approx(1)


def test_the_sphere_of_now_by_hand():
    seven = np.array([[-4.0, 0, 0], [-1, 0, 0], [1, 0, 0], [4, 0, 0], [0, -4, 0], [-2, -6, 0], [2, -6, 0]])
    centre, radius = face_sphere(seven)
    np.testing.assert_allclose(centre, [0, -4 + 0.3 * 4, 0])
    assert radius == pytest.approx(1.4 * (8 + 4) / 2)
    all_of_them = np.zeros((68, 3))
    all_of_them[[36, 39, 42, 45, 33, 48, 54]] = seven
    for landmarks in (all_of_them, all_of_them[17:]):
        assert face_sphere(landmarks)[1] == pytest.approx(radius)

"""The nearest point of a surface, against brute force and by hand."""

from __future__ import annotations

import time

import numpy as np
import pytest

from neuface_engine.metrics.closest_point import Surface

TRIANGLE = np.array([[0.0, 0, 0], [2, 0, 0], [0, 2, 0]])


@pytest.mark.parametrize(
    ("point", "nearest"),
    [
        ((0.5, 0.5, 3), (0.5, 0.5, 0)),  # above the inside
        ((0.5, 0.5, -3), (0.5, 0.5, 0)),  # below it
        ((-1, -2, 1), (0, 0, 0)),  # off a corner
        ((5, -1, 0), (2, 0, 0)),
        ((1, -4, 2), (1, 0, 0)),  # off a side
        ((2, 2, 1), (1, 1, 0)),  # off the slanted one
        ((0.25, 0.25, 0), (0.25, 0.25, 0)),  # on it
    ],
)
def test_one_triangle_by_hand(point, nearest):
    found = Surface(TRIANGLE, [[0, 1, 2]]).closest([point])
    np.testing.assert_allclose(found.point[0], nearest, atol=1e-12)
    assert found.distance[0] == pytest.approx(np.linalg.norm(np.subtract(point, nearest)))
    assert found.triangle[0] == 0


def test_triangles_without_area_are_the_line_or_point_that_they_are():
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [3, 0, 0]])
    line = Surface(vertices, [[0, 2, 1]]).closest([[2, 4, 0], [7, 3, 0]])
    np.testing.assert_allclose(line.point, [[2, 0, 0], [3, 0, 0]], atol=1e-12)
    assert Surface(vertices, [[1, 1, 1]]).closest([[1, 0, 5]]).distance[0] == pytest.approx(5)


def sampled_distance(point, corners, steps=60):
    """Brute force over a grid on every triangle: never smaller than the truth."""
    u, v = np.meshgrid(np.linspace(0, 1, steps), np.linspace(0, 1, steps))
    u, v = u[u + v <= 1 + 1e-9], v[u + v <= 1 + 1e-9]
    w = np.stack([1 - u - v, u, v], 1)
    return np.linalg.norm(np.einsum("sk,tkc->tsc", w, corners) - point, axis=-1).min()


@pytest.mark.parametrize("triangles", [1, 2, 3, 4, 5, 17, 64, 65])
def test_any_number_of_triangles_against_brute_force(triangles):
    random = np.random.default_rng(triangles)
    vertices, faces = random.normal(size=(3 * triangles, 3)), np.arange(3 * triangles).reshape(-1, 3)
    points = 2 * random.normal(size=(30, 3))
    found = Surface(vertices, faces).closest(points)
    for point, distance in zip(points, found.distance, strict=True):
        brute = sampled_distance(point, vertices[faces])
        assert distance <= brute + 1e-9
        assert distance == pytest.approx(brute, abs=0.05)
    np.testing.assert_allclose(np.linalg.norm(found.point - points, axis=1), found.distance, rtol=1e-12)
    chosen = vertices[faces][found.triangle]  # and the nearest point lies in its triangle
    normal = np.cross(chosen[:, 1] - chosen[:, 0], chosen[:, 2] - chosen[:, 0])
    np.testing.assert_allclose(((found.point - chosen[:, 0]) * normal).sum(1), 0, atol=1e-9)


def test_the_tree_finds_what_every_triangle_alone_would(head):
    vertices, faces = np.asarray(head._surface.template), head.faces.numpy()
    points = np.random.default_rng(0).normal(size=(20, 3)) * 0.15
    found = Surface(vertices, faces).closest(points)
    alone = [Surface(vertices, faces[t : t + 1]).closest(points).distance for t in range(0, len(faces), 7)]
    assert (found.distance <= np.min(alone, axis=0) + 1e-12).all()
    some = np.unique(found.triangle)
    of_some = np.min([Surface(vertices, faces[t : t + 1]).closest(points).distance for t in some], axis=0)
    np.testing.assert_array_equal(found.distance, of_some)


def test_vertices_lie_on_their_own_surface_and_points_that_are_not_finite_have_no_distance(head):
    vertices = np.asarray(head._surface.template, np.float64)
    used = np.unique(head.faces.numpy())
    surface = Surface(vertices, head.faces.numpy())
    assert surface.closest(vertices[used]).distance.max() < 1e-12
    odd = surface.closest([[np.nan, 0, 0], [0, 0, 0], [np.inf, 0, 0]])
    assert np.isfinite(odd.distance).tolist() == [False, True, False]
    assert odd.triangle[[0, 2]].tolist() == [-1, -1]
    assert surface.closest(np.zeros((0, 3))).distance.shape == (0,)


@pytest.mark.parametrize("faces", [np.zeros((0, 3), int), [[0, 1, 3]]])
def test_a_surface_of_nothing_is_refused(faces):
    vertices = np.vstack([TRIANGLE, [[np.nan] * 3]])
    with pytest.raises(ValueError, match="at least one triangle"):
        Surface(vertices, faces)


def test_a_whole_head_of_queries_takes_well_under_a_second(head):
    surface = Surface(head._surface.template, head.faces.numpy())
    points = np.random.default_rng(0).normal(size=(5000, 3)) * 0.1
    surface.closest(points[:1])
    began = time.process_time()
    surface.closest(points)
    assert time.process_time() - began < 2

"""Laws of the rasteriser: what covers what, what is seen, and what a pixel is worth."""

from __future__ import annotations

import numpy as np
import pytest

from neuface_engine import raster

RNG = np.random.default_rng(0)


def grid(columns: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """A flat sheet over the unit square, seen from the front: vertices [V, 3] and faces [T, 3]."""
    x, y = np.meshgrid(np.linspace(0, 1, columns + 1), np.linspace(0, 1, rows + 1))
    points = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1)
    index = np.arange(x.size).reshape(rows + 1, columns + 1)
    a, b, c, d = (
        index[:-1, :-1].ravel(),
        index[:-1, 1:].ravel(),
        index[1:, 1:].ravel(),
        index[1:, :-1].ravel(),
    )
    # y points down, so that counter-clockwise seen from outside is a, d, c.
    return points, np.concatenate([np.stack([a, d, c], 1), np.stack([a, c, b], 1)])


def sphere(count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Unit sphere in y-down view coordinates, faces counter-clockwise seen from outside."""
    polar, around = (
        np.linspace(0.02, np.pi - 0.02, count),
        np.linspace(0, 2 * np.pi, 2 * count, endpoint=False),
    )
    p, t = np.meshgrid(polar, around, indexing="ij")
    vertices = np.stack([np.sin(p) * np.sin(t), np.cos(p), np.sin(p) * np.cos(t)], axis=-1).reshape(-1, 3)
    index = np.arange(len(vertices)).reshape(count, 2 * count)
    right = np.roll(index, -1, axis=1)
    a, b, c, d = index[:-1].ravel(), index[1:].ravel(), right[1:].ravel(), right[:-1].ravel()
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    return vertices * [1, -1, 1], faces


def test_plane_interpolates_exactly() -> None:
    points, faces = grid(5, 4)
    points = points * [90, 70, 0] + [3.3, 5.7, 0]
    points[:, 2] = 0.25 * points[:, 0] - 0.5 * points[:, 1] + 7
    buffers = raster.rasterize(points, faces, 90, 110)
    y, x = np.nonzero(buffers.mask)
    assert np.allclose(buffers.depth[y, x], 0.25 * (x + 0.5) - 0.5 * (y + 0.5) + 7, atol=1e-3)
    position = buffers.interpolate(faces, points[:, :2])
    assert np.allclose(position[y, x], np.stack([x + 0.5, y + 0.5], 1), atol=1e-3)
    assert np.allclose(buffers.barycentric[y, x].sum(1), 1, atol=1e-5)


def test_nearer_triangle_wins_whatever_the_order() -> None:
    near = np.array([[2, 2, 5], [2, 30, 5], [30, 30, 5]], float)
    far = near * [1, 1, 0] + [0, 0, 1]
    for points, winner in ((np.concatenate([near, far]), 0), (np.concatenate([far, near]), 1)):
        buffers = raster.rasterize(points, [[0, 1, 2], [3, 4, 5]], 32, 32)
        assert set(buffers.triangle[buffers.mask]) == {winner}
        assert np.all(buffers.depth[buffers.mask] == 5)


def test_shared_edges_leave_no_gap_and_no_overlap() -> None:
    points, faces = grid(9, 7)
    inner = (points[:, 0] > 0) & (points[:, 0] < 1) & (points[:, 1] > 0) & (points[:, 1] < 1)
    for snap in (False, True):
        moved = points * [60, 50, 1] + [2, 3, 0]
        moved[inner, :2] += RNG.uniform(-2, 2, (inner.sum(), 2))
        if snap:  # vertices and edges right on pixel centres: the case the fill rule is for
            moved[:, :2] = np.floor(moved[:, :2]) + 0.5
        owners = np.zeros((60, 70), int)
        for face in faces:
            owners += raster.rasterize(moved, face[None], 60, 70, cull=False).mask
        assert owners.max() == 1
        inside = slice(4, 52), slice(3, 61)
        assert owners[inside].min() == 1
        assert np.array_equal(owners > 0, raster.rasterize(moved, faces, 60, 70, cull=False).mask)


def test_faces_seen_from_inside_are_left_out() -> None:
    points, faces = grid(1, 1)
    points = points * 20
    assert raster.rasterize(points, faces, 20, 20).mask.all()
    assert not raster.rasterize(points, faces[:, ::-1], 20, 20).mask.any()
    assert raster.rasterize(points, faces[:, ::-1], 20, 20, cull=False).mask.all()


def test_weights_follow_the_vertex_order_of_the_face() -> None:
    points = np.array([[0, 0, 0], [0, 40, 0], [40, 0, 0]], float)
    for order in ([0, 1, 2], [1, 2, 0], [2, 1, 0]):
        buffers = raster.rasterize(points[order], [[0, 1, 2]], 40, 40, cull=False)
        assert buffers.interpolate([[0, 1, 2]], points[order][:, :2])[4, 9] == pytest.approx(
            [9.5, 4.5], abs=1e-3
        )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -1e7])
def test_unusable_points_drop_their_triangles_only(value: float) -> None:
    points, faces = grid(4, 4)
    points = points * 30
    for axis in range(3 if not abs(value) < np.inf else 2):
        broken = points.copy()
        broken[0, axis] = value
        buffers = raster.rasterize(broken, faces, 30, 30)
        kept = ~(faces == 0).any(1)
        assert set(np.unique(buffers.triangle)) <= {-1, *np.nonzero(kept)[0]}
        frame = np.full((30, 30, 3), 9, np.uint8)
        assert raster.draw_shaded(frame, broken, None, faces).shape == frame.shape
        assert not raster.vertex_visibility(broken, faces)[0] or abs(value) < np.inf


def test_empty_flat_and_outside_meshes_draw_nothing() -> None:
    points, faces = grid(2, 2)
    frame = RNG.integers(0, 255, (16, 18, 3), dtype=np.uint8)
    for mesh, triangles in (
        (points * [0, 10, 1], faces),
        (points * 10 + [100, 0, 0], faces),
        (points * 10 - [0, 500, 0], faces),
        (points, faces[:0]),
    ):
        assert np.array_equal(raster.draw_shaded(frame, mesh, None, triangles), frame)


def test_opacity_blends_between_frame_and_mesh() -> None:
    points, faces = sphere(12)
    mesh = points * 12 + [16, 16, 0]
    frame = RNG.integers(0, 255, (32, 32, 3), dtype=np.uint8)
    assert np.array_equal(raster.draw_shaded(frame, mesh, None, faces, opacity=0), frame)
    full = raster.draw_shaded(frame, mesh, None, faces, opacity=1)
    half = raster.draw_shaded(frame, mesh, None, faces, opacity=0.5)
    assert np.abs(half - (full.astype(float) + frame) / 2).max() <= 1
    outside = ~raster.rasterize(mesh, faces, 32, 32).mask
    assert np.array_equal(full[outside], frame[outside])
    with pytest.raises(ValueError, match="opacity"):
        raster.draw_shaded(frame, mesh, None, faces, opacity=1.2)


def test_drawing_into_the_frame_itself_gives_the_same_picture() -> None:
    points, faces = sphere(12)
    mesh = points * 12 + [16, 16, 0]
    frame = RNG.integers(0, 255, (32, 32, 3), dtype=np.uint8)
    expected = raster.draw_shaded(frame, mesh, None, faces)
    assert raster.draw_shaded(frame, mesh, None, faces, out=frame) is frame
    assert np.array_equal(frame, expected)


def test_normals_given_or_derived_light_alike() -> None:
    points, faces = sphere(30)
    mesh = points * 25 + [32, 32, 0]
    frame = np.zeros((64, 64, 3), np.uint8)
    derived = raster.draw_shaded(frame, mesh, None, faces, opacity=1)
    given = raster.draw_shaded(frame, mesh, points * [1, -1, 1], faces, opacity=1)
    assert np.abs(derived.astype(int) - given).mean() < 1.5
    assert derived[20, 24].sum() > derived[48, 48].sum()  # the side light comes from the upper left


def test_scalar_range_maps_to_the_ends_of_the_colour_map() -> None:
    points, faces = grid(1, 1)
    mesh, frame = points * 20, np.zeros((20, 20, 3), np.uint8)
    for name in raster.COLORMAPS:
        table = raster.colormap(name)
        for value, row in ((-3.0, 0), (-9.0, 0), (5.0, 255), (50.0, 255), (1.0, 128)):
            picture = raster.draw_scalar(
                frame, mesh, faces, np.full(4, value), vmin=-3, vmax=5, colormap=name, opacity=1, shading=0
            )
            assert np.abs(picture[7, 7].astype(int) - table[row]).max() <= 3
    grey = raster.draw_scalar(frame, mesh, faces, np.full(4, np.nan), vmin=0, vmax=1, opacity=1, shading=0)
    assert set(np.unique(grey)) == {128}
    with pytest.raises(ValueError, match="unknown colour map 'jet'"):
        raster.colormap("jet")


def test_wireframe_marks_edges_only() -> None:
    points, faces = grid(1, 1)
    picture = raster.draw_wireframe(
        np.zeros((40, 40, 3), np.uint8), points * 40, faces, colour=(255, 255, 255), opacity=1
    )
    assert picture[20, 20].min() > 200
    assert picture[30, 10].max() == 0


@pytest.mark.parametrize("resolution", [64, 128, 256, 512])
def test_the_front_of_a_sphere_is_seen_at_any_resolution(resolution: int) -> None:
    points, faces = sphere()
    seen = raster.vertex_visibility(points, faces, resolution=resolution)
    assert seen[points[:, 2] > 0.1].all()
    assert not seen[points[:, 2] < -0.1].any()


def test_visibility_does_not_depend_on_unit_or_place() -> None:
    points, faces = sphere()
    seen = raster.vertex_visibility(points, faces)
    assert np.mean(seen == raster.vertex_visibility(points * 300 + [1000, -40, 7], faces)) > 0.99


def test_an_occluder_hides_what_lies_behind_it() -> None:
    points, faces = sphere()
    screen, screen_faces = grid(6, 6)
    front = np.concatenate([points, screen * [1.2, 0.8, 0] + [-0.6, -0.4, 1.5]])
    both = np.concatenate([faces, screen_faces + len(points)])
    seen = raster.vertex_visibility(front, both)
    covered = (np.abs(points[:, 0]) < 0.55) & (np.abs(points[:, 1]) < 0.35)
    assert not seen[: len(points)][covered].any()
    assert seen[len(points) :].all()
    clear = (points[:, 2] > 0.1) & ((np.abs(points[:, 0]) > 0.65) | (np.abs(points[:, 1]) > 0.45))
    assert seen[: len(points)][clear].all()
    behind = np.concatenate([points, screen * [1.2, 0.8, 0] + [-0.6, -0.4, -1.5]])
    assert not raster.vertex_visibility(behind, both)[len(points) :].any()


def test_a_batch_equals_its_meshes_for_any_number_of_threads() -> None:
    points, faces = sphere(16)
    batch = points * RNG.uniform(0.5, 2, (2, 3, 1, 3))
    expected = np.stack([[raster.vertex_visibility(mesh, faces) for mesh in row] for row in batch])
    for threads in (1, 2, 5):
        assert np.array_equal(raster.vertex_visibility(batch, faces, threads=threads), expected)


def test_normals_of_a_sphere_point_outwards() -> None:
    points, faces = sphere()
    upright = points * [1, -1, 1]
    normals = raster.vertex_normals(np.stack([upright, 2 * upright + 3]), faces)
    interior = np.abs(upright[:, 1]) < 0.99
    assert np.all((normals[:, interior] * upright[interior]).sum(-1) > 0.99)
    assert np.allclose(np.linalg.norm(normals, axis=-1), 1, atol=1e-5)


def test_faces_that_name_missing_vertices_are_refused() -> None:
    points, faces = grid(1, 1)
    for broken in (faces + 2, faces - 1, faces[:, :2]):
        with pytest.raises(ValueError, match="faces"):
            raster.rasterize(points, broken, 8, 8)
    with pytest.raises(ValueError, match="frame"):
        raster.draw_shaded(np.zeros((4, 4, 3)), points, None, faces)

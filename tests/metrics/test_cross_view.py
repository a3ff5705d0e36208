"""CVD: what leaves it alone, what it sees, and small cases worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from neuface_engine import metrics
from neuface_engine import rotations as R


def everywhere(x):
    return torch.ones(x.shape[:2])


def test_equal_meshes_have_none_and_a_shift_has_its_length(meshes):
    same = meshes(views=1).expand(-1, 3, -1, -1).clone()
    assert metrics.cross_view_distance(same, everywhere(same)).mean_mm() == 0
    same[:, 1] += torch.tensor([0.001, -0.002, 0.002])
    l1 = metrics.cross_view_distance(same, everywhere(same))
    assert l1.matrix_mm[0, 1] == pytest.approx(5, rel=1e-3)
    assert l1.matrix_mm[0, 2] == pytest.approx(0, abs=1e-4)
    assert l1.per_view_mm() == pytest.approx([2.5, 5, 2.5], rel=1e-3)
    euclidean = metrics.cross_view_distance(same, everywhere(same), norm="euclidean")
    assert euclidean.matrix_mm[0, 1] == pytest.approx(3, rel=1e-3)
    assert euclidean.mean_mm() == pytest.approx(2, rel=1e-3)


def test_the_matrix_is_symmetric_without_a_diagonal(meshes):
    matrix = metrics.cross_view_distance(meshes(views=4), torch.ones(6, 4)).matrix_mm
    assert np.isnan(matrix.diagonal()).all()
    assert np.array_equal(matrix, matrix.T, equal_nan=True)


def test_a_shift_common_to_all_views_changes_nothing_and_the_euclidean_one_not_even_under_a_turn(meshes):
    m = meshes()
    turn = R.axis_angle_to_matrix(torch.randn(6, 1, 3))
    shift = torch.randn(6, 1, 1, 3)
    for norm, moved in (("l1", m + shift), ("euclidean", m @ turn + shift)):
        before = metrics.cross_view_distance(m, everywhere(m), norm=norm).mean_mm()
        assert metrics.cross_view_distance(moved, everywhere(m), norm=norm).mean_mm() == pytest.approx(
            before, rel=1e-3
        )


def test_the_order_of_the_views_only_reorders_the_matrix(meshes):
    m, order = meshes(views=4), [2, 0, 3, 1]
    visibility = torch.rand(m.shape[:3])
    for seen, seen_reordered in ((None, None), (visibility, visibility[:, order])):
        matrix = metrics.cross_view_distance(m, everywhere(m), visibility=seen).matrix_mm
        other = metrics.cross_view_distance(m[:, order], everywhere(m), visibility=seen_reordered)
        np.testing.assert_allclose(other.matrix_mm, matrix[np.ix_(order, order)], rtol=1e-5)


@pytest.mark.parametrize("norm", ["l1", "euclidean"])
def test_it_grows_in_proportion_to_the_disagreement(meshes, norm):
    mean = meshes(views=1)
    small = metrics.cross_view_distance(mean + 0.1 * meshes(seed=1), torch.ones(6, 3), norm=norm).mean_mm()
    large = metrics.cross_view_distance(mean + 0.2 * meshes(seed=1), torch.ones(6, 3), norm=norm).mean_mm()
    assert large == pytest.approx(2 * small, rel=1e-4)


def test_the_two_norms_bound_one_another(meshes):
    m = meshes()
    l1 = metrics.cross_view_distance(m, everywhere(m)).mean_mm()
    l2 = metrics.cross_view_distance(m, everywhere(m), norm="euclidean").mean_mm()
    assert l1 / math.sqrt(3) <= l2 <= l1


def test_what_only_one_view_sees_does_not_count():
    m = torch.zeros(1, 2, 4, 3)
    m[0, 1, :, 0] = torch.tensor([0.001, 0.002, 0.050, 0.050])
    visibility = torch.tensor([[[1.0, 0.5, 1.0, 0.0], [1.0, 1.0, 0.0, 1.0]]])
    # weights 1, 1/2, 0, 0: (1 * 1 + 1/2 * 2) / (3/2)
    distance = metrics.cross_view_distance(m, torch.ones(1, 2), visibility=visibility)
    assert distance.matrix_mm[0, 1] == pytest.approx(4 / 3, rel=1e-4)
    assert distance.by_frame_mm[0, 0, 1] == pytest.approx(4 / 3, rel=1e-4)
    nothing = metrics.cross_view_distance(m, torch.ones(1, 2), visibility=torch.zeros(1, 2, 4))
    assert math.isnan(nothing.mean_mm())


def test_equal_visibility_everywhere_is_no_visibility(meshes):
    m, valid = meshes(), torch.ones(6, 3)
    valid[2, 1] = 0
    plain = metrics.cross_view_distance(m, valid)
    weighted = metrics.cross_view_distance(m, valid, visibility=torch.full(m.shape[:3], 0.3))
    np.testing.assert_allclose(weighted.matrix_mm, plain.matrix_mm, rtol=1e-5)
    np.testing.assert_allclose(weighted.by_frame_mm, plain.by_frame_mm, rtol=1e-5)


def test_the_mean_over_frames_is_the_matrix(meshes):
    m = meshes()
    distance = metrics.cross_view_distance(m, everywhere(m))
    np.testing.assert_allclose(distance.by_frame_mm.mean(0), distance.matrix_mm, rtol=1e-6)
    np.testing.assert_allclose(distance.per_view_and_frame_mm().mean(0), distance.per_view_mm(), rtol=1e-6)


@pytest.mark.parametrize("broken", [100.0, float("nan"), float("inf")])
def test_crops_without_a_face_do_not_count_whatever_they_hold(meshes, broken):
    m, valid = meshes(views=2), torch.ones(6, 2)
    expected = metrics.cross_view_distance(m[:2], valid[:2]).mean_mm()
    m[2:, 1], valid[2:, 1] = broken, 0
    distance = metrics.cross_view_distance(m, valid)
    assert distance.mean_mm() == pytest.approx(expected, rel=1e-5)
    assert np.isnan(distance.by_frame_mm[2:]).all()
    assert np.isnan(distance.per_view_and_frame_mm()[2:]).all()


@pytest.mark.parametrize(("frames", "views", "valid"), [(6, 1, 1), (6, 3, 0), (0, 3, 1), (0, 0, 1)])
def test_where_nothing_can_be_compared_it_is_nan(meshes, frames, views, valid):
    m = meshes(frames, views)
    distance = metrics.cross_view_distance(m, torch.full((frames, views), float(valid)))
    assert math.isnan(distance.mean_mm())
    assert distance.per_view_mm().shape == (views,)
    assert np.isnan(distance.per_view_mm()).all()


def test_confidence_is_the_cosine_in_front_and_nothing_behind(head):
    from neuface_engine.face_model import FaceParameters

    canonical = head.canonical_vertices(FaceParameters.neutral(1, 2))
    turn = torch.tensor([[[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    confidence = metrics.vertex_confidence(canonical, turn, head.faces)
    assert confidence.shape == canonical.shape[:3]
    assert 0 <= float(confidence.min()) <= float(confidence.max()) <= 1
    nose, scalp = canonical[0, 0, :, 2].argmax(), canonical[0, 0, :, 2].argmin()
    assert confidence[0, 0, nose] > 0.5
    assert confidence[0, 0, scalp] == 0
    # Turned to the subject's left, the right half of the face comes into view.
    left, right = (head.regions[f"cheek_{side}"] for side in ("left", "right"))
    assert confidence[0, 1, right].mean() > confidence[0, 0, right].mean() > confidence[0, 1, left].mean()

"""All figures of one track: consistent with one another, sane at the edges, and quick."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from neuface_engine import metrics
from neuface_engine.metrics import NEUTRAL, Scan
from neuface_engine.video.ground_truth import GroundTruth


def finite_json(values) -> str:
    return json.dumps(values, allow_nan=False)


def test_the_summary_and_the_details_say_the_same(make_track):
    track = make_track(jitter=0.01, noise=0.2)
    summary, details = metrics.evaluate(track).as_dict(), metrics.examine(track).as_dict()
    assert details["cvd"]["l1"]["mean"] == pytest.approx(summary["cvd_mm"])
    assert details["cvd"]["l1"]["per_view"] == pytest.approx(summary["cvd_mm_per_view"])
    assert details["msi"]["landmark"]["mean"] == pytest.approx(summary["msi_landmark"], rel=1e-4)
    assert details["msi"]["vertex"]["mean"] == pytest.approx(summary["msi_vertex"], rel=1e-4)
    assert details["nme"]["box"] == pytest.approx(summary["nme_percent"], abs=1e-6)
    assert details["apertures"]["lips"]["ratio"] == pytest.approx(summary["lip_aperture_ratio"])
    assert details["shape"]["norm"] == pytest.approx(summary["shape_norm"], rel=1e-5)
    assert details["shape"]["rms"] == pytest.approx(summary["shape_rms_sd"], rel=1e-5)
    assert details["fps"] == details["msi"]["fps"] == 25.0
    assert "mpve_mm" not in summary
    assert "normals" not in details


def test_views_that_agree_with_themselves_and_the_landmarks_are_perfect(make_track):
    details = metrics.examine(make_track()).as_dict()
    for name in ("l1", "euclidean", "l1_visible", "euclidean_visible"):
        assert details["cvd"][name]["mean"] == pytest.approx(0, abs=1e-3)
    assert details["nme"]["box"] == pytest.approx(0, abs=1e-4)
    assert details["apertures"]["lips"]["ratio"] == pytest.approx(1, abs=1e-4)
    assert details["apertures"]["lids"]["ratio"] == pytest.approx(1, abs=1e-4)
    assert details["identity"]["head"]["over_time_mm"] == pytest.approx(0, abs=1e-3)
    assert details["expression"]["largest_component"].startswith("eyeBlink")


def test_jitter_of_the_head_lowers_msi_but_not_what_is_left_without_its_pose(make_track):
    calm, shaken = (metrics.examine(make_track(jitter=j)).as_dict()["msi"] for j in (0.0, 0.02))
    for name in ("landmark", "vertex"):
        assert shaken[name]["mean"] < 0.5 * calm[name]["mean"]
    assert shaken["windowed"]["mesh"] < calm["windowed"]["mesh"]
    without = "vertex_without_head_pose"
    assert shaken[without]["mean"] == pytest.approx(calm[without]["mean"], rel=1e-3)
    regions = calm["regions_without_head_pose"]
    assert regions["scalp"] > regions["chin"], "the jaw moves, the skull does not"


def test_cvd_and_identity_grow_with_disagreement_about_the_shape(make_track):
    little, much = (metrics.examine(make_track(noise=n)).as_dict() for n in (0.1, 0.4))
    for name in ("l1", "euclidean", "l1_visible", "euclidean_visible"):
        assert 0 < little["cvd"][name]["mean"] < much["cvd"][name]["mean"]
    for part in ("head", "face"):
        assert little["identity"][part]["over_time_mm"] < much["identity"][part]["over_time_mm"]


def test_the_order_of_the_views_makes_no_difference(make_track):
    track, order = make_track(noise=0.2), [2, 0, 1]
    other = replace(
        track,
        parameters=track.parameters.map(lambda t: t[:, order]),
        landmarks_2d=track.landmarks_2d[:, order],
        views=tuple(track.views[v] for v in order),
    )
    a, b = metrics.evaluate(track).as_dict(), metrics.evaluate(other).as_dict()
    assert a.pop("cvd_mm_per_view") == pytest.approx(b.pop("cvd_mm_per_view"))
    assert a == pytest.approx(b, rel=1e-4, abs=1e-4)


def test_side_views_are_measured_by_their_box_and_that_is_said(make_track):
    nme = metrics.examine(make_track(views=5)).as_dict()["nme"]  # 50 degrees at the ends
    assert [view["normalised_by"] for view in nme["per_view"].values()] == [
        "box",
        "eyes",
        "eyes",
        "eyes",
        "box",
    ]
    assert (nme["crops_by_box"], nme["crops_by_interocular"]) == (32, 48)


def test_ground_truth_gives_the_vertex_error_of_head_and_face(make_track, head):
    track = make_track(noise=0.3)
    truth = GroundTruth(make_track().parameters, head.fingerprint)
    summary, details = metrics.evaluate(track, truth=truth), metrics.examine(track, truth=truth)
    assert summary.mpve_mm == details.as_dict()["mpve_mm"]["head"] > 0.1
    assert details.as_dict()["mpve_mm"]["face"] > 0.1
    exact = GroundTruth(track.parameters, head.fingerprint)
    assert metrics.evaluate(track, truth=exact).mpve_mm == 0
    of_another_head = GroundTruth(track.parameters, "f" * 64)
    assert metrics.evaluate(track, truth=of_another_head).mpve_mm is None


def test_a_scan_of_the_neutral_face_or_of_a_frame(make_track, head):
    track = make_track(frames=8, views=2)
    rest = track.parameters[0, 0].replace(expression=torch.zeros(head.n_expression), pose=torch.zeros(6))
    shift = np.array([0.2, 0.1, 0.0])
    for number, parameters in ((NEUTRAL, rest), (5, track.parameters[5, 1])):
        face = head.decode(parameters)
        scan = Scan(
            face.vertices("canonical").double().numpy() + shift,
            face.landmarks("static", "canonical").double().numpy() + shift,
        )
        details = metrics.examine(track, scans={number: scan}).as_dict()["scan"]
        assert details["mean_mm"] < 0.01
        assert details["frames"] == 1
        assert details["per_view_mm"].keys() == {"cam0", "cam1"}
    wrong = metrics.track_scan_distance(track, {2: scan})
    assert wrong.mean_mm > 0.1, "another frame, another jaw"
    nothing = metrics.track_scan_distance(track, {99: scan})
    assert not nothing.by_frame
    assert math.isnan(nothing.mean_mm)


@pytest.mark.parametrize(("frames", "views"), [(1, 1), (1, 3), (2, 2), (16, 1)])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.filterwarnings("error")
def test_short_narrow_and_faceless_tracks_have_null_where_there_is_nothing(make_track, frames, views, known):
    track = make_track(frames, views)
    track.detected[:] = known
    if not known:
        track.parameters.shape[:] = float("nan")
    summary, details = metrics.evaluate(track).as_dict(), metrics.examine(track).as_dict(per_crop=True)
    finite_json(summary)
    finite_json(details)
    assert (summary["cvd_mm"] is None) == (views == 1 or not known)
    assert (summary["msi_landmark"] is None) == (frames < 4 or not known)
    assert (summary["nme_percent"] is None) == (not known)
    assert (summary["shape_rms_sd"] is None) == (not known)
    assert details["crops_with_face"] == frames * views * known
    assert np.shape(details["per_crop"]["nme_box_percent"]) == (frames, views)


def test_figures_of_every_crop_are_there_for_the_review(make_track):
    track = make_track(frames=16, views=2)
    track.detected[3, 1] = False
    crops = metrics.examine(track).per_crop()
    for name, figures in crops.items():
        assert figures.shape == (16, 2), name
        assert math.isnan(figures[3, 1]), name
        assert np.isfinite(np.delete(figures.ravel(), [6, 7])).all(), name
    opening, seen = crops["lip_opening_mesh_percent"], crops["lip_opening_landmarks_percent"]
    np.testing.assert_allclose(opening, seen, rtol=1e-3)
    assert np.nanstd(opening) > 0.1


@pytest.mark.slow
def test_a_clip_of_291_crops_is_examined_in_seconds(make_track):
    track = make_track(frames=97, views=3, noise=0.1)
    metrics.examine(make_track(frames=4))  # compiles the kernels
    began = time.perf_counter()
    metrics.evaluate(track)
    metrics.examine(track)
    assert time.perf_counter() - began < 20

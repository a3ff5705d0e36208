"""The numbers behind the flags: each planted fault moves its own number, and the places say where it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import neuface_engine as nf
from neuface_engine.metrics.measuring import JUMP_PERCENT, measure
from neuface_engine.metrics.synchrony import synchrony
from neuface_engine.places import Place, runs
from neuface_engine.review.flags import raise_flags
from neuface_engine.video import FrameStore, Sequence

Make = Callable[..., nf.FaceTrack]
FRAMES = 40


@pytest.fixture(scope="module")
def clean(head: nf.FaceModel) -> nf.FaceTrack:
    """A head that nods and talks, seen by three cameras; the landmarks are its own."""
    views = 3
    time = torch.linspace(0, 9, FRAMES)[:, None].expand(-1, views)
    parameters = nf.FaceParameters.neutral(FRAMES, views, scale=7.0)
    expression = torch.zeros(FRAMES, views, head.n_expression)
    for side in ("eyeBlinkLeft", "eyeBlinkRight"):
        expression[..., head.expression_names.index(side)] = 0.5 + 0.5 * torch.sin(3 * time)
    pose = torch.zeros(FRAMES, views, 6)
    pose[..., 0] = 0.1 * torch.sin(time / 2)
    pose[..., 1] = torch.deg2rad(20.0 * (torch.arange(views) - 1))
    pose[..., 3] = 0.15 + 0.1 * torch.sin(2 * time) + 0.04 * torch.sin(5.3 * time)
    parameters = parameters.replace(expression=expression, pose=pose)
    return nf.FaceTrack(
        parameters=parameters,
        views=("left", "front", "right"),
        fps=25.0,
        frame_indices=np.arange(FRAMES),
        crop_transforms=np.tile(np.array([[0.5, 0, 3], [0, 0.5, 7]]), (FRAMES, views, 1, 1)),
        crop_size=256,
        image_sizes=((600, 500),) * views,
        detected=torch.ones(FRAMES, views, dtype=torch.bool),
        landmarks_2d=nf.project(head.landmarks(parameters), parameters.camera),
        provenance={"head": {"name": "open", "fingerprint": head.fingerprint}},
        given_head=head,
    )


@pytest.fixture(scope="module")
def sequence_like(clean: nf.FaceTrack) -> Sequence:
    """Footage of the clean track and five frames more, with two cuts; without pictures."""
    frames, views = FRAMES + 5, 3
    blank = torch.zeros(frames, views, 1)
    return Sequence(
        name="clean",
        path=Path("clean"),
        views=clean.views,
        fps=25.0,
        frames=FrameStore(views),
        frame_indices=np.arange(frames),
        image_sizes=clean.image_sizes,
        landmarks=blank,
        landmarks_dense=blank,
        confidence=blank,
        detected=blank > 0,
        crops=blank,
        crop_transforms=np.zeros((frames, views, 2, 3)),
        content_hash="",
        detector="none",
        cuts=(12, 30),
    )


def names(track: nf.FaceTrack) -> set[str]:
    return {flag.name for flag in raise_flags(measure(track).values)}


def spans(places: tuple[Place, ...]) -> list[tuple[int, int, int | None]]:
    return [(place.first, place.last, place.view) for place in places]


def with_parameters(track: nf.FaceTrack, **changes: torch.Tensor) -> nf.FaceTrack:
    return replace(track, parameters=track.parameters.replace(**changes))


def test_a_track_that_fits_its_landmarks_raises_no_flag(clean: nf.FaceTrack) -> None:
    values = measure(clean).values
    assert names(clean) == set()
    assert values["nme_percent"] == pytest.approx(0, abs=1e-4)
    assert values["lip_aperture_ratio"] == pytest.approx(1, abs=1e-4)
    assert values["jumps"] == 0 and values["views_lag_frames"] == 0 and np.isnan(values["cuts"])
    assert nf.metrics.measures(clean).keys() == values.keys()


def test_the_figures_are_those_of_the_metrics(clean: nf.FaceTrack) -> None:
    values, metrics = measure(clean).values, nf.metrics.evaluate(clean)
    for name in ("cvd_mm", "msi_landmark", "nme_percent", "lip_aperture_ratio", "shape_norm", "shape_rms_sd"):
        assert values[name] == pytest.approx(getattr(metrics, name), rel=1e-4, abs=1e-6), name


def test_a_constant_mean_face_trips_the_frozen_alarm_though_it_is_steady(clean: nf.FaceTrack) -> None:
    pose = clean.parameters.pose.clone()
    pose[..., 3] = pose[..., 3].mean()
    still = torch.zeros_like(clean.parameters.expression)
    frozen = with_parameters(clean, pose=pose, expression=still)
    found = {flag.name: flag for flag in raise_flags(measure(frozen).values)}
    assert {"frozen lips", "frozen lids"} <= set(found) and "shaky" not in found
    assert found["frozen lips"].value < 0.1
    assert measure(frozen).places["lip_aperture_ratio"], "and it says in which frames the mouth differs most"


def test_one_frame_that_jumps_is_found_where_it_is_and_a_fast_turn_is_none(clean: nf.FaceTrack) -> None:
    pose = clean.parameters.pose.clone()
    pose[17, 1, 1] += 0.5
    measured = measure(with_parameters(clean, pose=pose))
    assert measured.values["jump_percent"] > JUMP_PERCENT and measured.values["jumps"] == 2
    assert measured.places["jump_percent"][0].view == 1
    assert {place.first for place in measured.places["jump_percent"]} == {17}, "there and back"
    turning = clean.parameters.pose.clone()
    turning[..., 1] = torch.linspace(-1, 1, FRAMES)[:, None]
    assert measure(with_parameters(clean, pose=turning)).values["jumps"] == 0


def test_a_face_that_is_lost_and_frames_never_fitted_are_counted(clean: nf.FaceTrack) -> None:
    detected = clean.detected.clone()
    detected[10:20, 0] = False
    detected[30:32] = False
    measured = measure(replace(clean, detected=detected))
    assert measured.values["frames_without_face"] == 10 + 2 * 3
    assert measured.values["no_face_share"] == pytest.approx(16 / (3 * FRAMES))
    assert measured.values["frames_not_fitted"] == 2
    assert (10, 19, 0) in spans(measured.places["no_face_share"])
    assert spans(measured.places["unfitted_share"]) == [(30, 31, None)]
    excluded = replace(clean, provenance={**clean.provenance, "config": {"excluded_frames": [3, 4]}})
    assert spans(measure(excluded).places["unfitted_share"]) == [(3, 4, None)]


def test_drifting_and_unlikely_shapes_are_found(clean: nf.FaceTrack) -> None:
    shape = clean.parameters.shape.clone()
    shape[..., 0] = torch.linspace(-3, 3, FRAMES)[:, None]
    assert "identity drifts" in names(with_parameters(clean, shape=shape))
    shape = torch.full_like(clean.parameters.shape, 2.0)
    assert names(with_parameters(clean, shape=shape)) >= {"unlikely shape", "off the face"}


def test_a_track_without_any_face_has_figures_that_do_not_exist(clean: nf.FaceTrack) -> None:
    measured = measure(replace(clean, detected=torch.zeros_like(clean.detected)))
    assert {flag.name for flag in raise_flags(measured.values)} == {"no face", "not fitted"}
    assert np.isnan(measured.values["nme_percent"])


@pytest.mark.parametrize("lag", [0, 1, 3, -3, 5])
def test_a_view_that_is_late_is_found_with_its_lag(clean: nf.FaceTrack, lag: int) -> None:
    shifted = clean.landmarks_2d.clone()
    shifted[:, 2] = torch.roll(clean.landmarks_2d[:, 2], lag, dims=0)
    shifted += 0.002 * torch.randn(shifted.shape, generator=torch.Generator().manual_seed(0))
    valid = torch.ones(FRAMES, 3)
    for frame in range(abs(lag)):  # what was rolled around is not footage
        valid[frame if lag > 0 else FRAMES - 1 - frame, 2] = 0
    found = synchrony(shifted, valid)
    np.testing.assert_array_equal(found.per_view_frames, [0, 0, lag])
    assert found.lag_frames[0, 2] == lag == -found.lag_frames[2, 1]
    measured = measure(replace(clean, landmarks_2d=shifted, detected=valid > 0))
    assert measured.values["views_lag_frames"] == abs(lag)
    assert [place.view for place in measured.places.get("views_lag_frames", ())] == ([2] if lag else [])


def test_mouths_that_do_not_move_say_nothing_about_time(clean: nf.FaceTrack) -> None:
    shut = clean.landmarks_2d[:1].expand(FRAMES, -1, -1, -1)
    assert np.isnan(synchrony(shut, torch.ones(FRAMES, 3)).largest_frames)
    single = synchrony(clean.landmarks_2d[:, :1], torch.ones(FRAMES, 1))
    assert np.isnan(single.largest_frames) and single.lag_frames.shape == (1, 1)


def test_the_cuts_of_the_footage_are_counted_and_shown(clean: nf.FaceTrack, sequence_like: Sequence) -> None:
    measured = measure(clean, sequence_like)
    assert measured.values["cuts"] == 2 and spans(measured.places["cuts"]) == [(12, 12, None), (30, 30, None)]
    assert {flag.name for flag in raise_flags(measured.values)} == {"cut", "not fitted"}
    assert measured.values["frames_not_fitted"] == 5, "the footage is longer than the track"


def test_runs_are_sorted_by_what_is_worst_and_read_from_one() -> None:
    where = np.array([[1, 0], [1, 0], [0, 1], [1, 1]], bool)
    value = np.array([[1.0, 0], [2, 0], [0, 9], [3, np.nan]])
    places = runs(where, value)
    assert [(p.first, p.last, p.view, p.value) for p in places] == [(2, 3, 1, 9), (3, 3, 0, 3), (0, 1, 0, 2)]
    assert places[0].frames == "3-4" and places[1].frames == "4"
    assert spans(runs(where[:, 0])) == [(0, 1, None), (3, 3, None)]

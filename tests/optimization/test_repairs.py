"""Repairs by hand: landmarks put right, muted, parts left out; in a file, and on a run's way."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import neuface_engine as nf
from neuface_engine.errors import ConfigError
from neuface_engine.landmarks.topology import MEDIAPIPE_TO_IBUG68
from neuface_engine.optimization.repairs import Excluded, Moved, Repairs, nearest_dense


@pytest.fixture(scope="module")
def footage():
    sequence = nf.load_sequence(nf.resources.path("demo"), views="*_30", max_frames=4)
    return sequence, nf.load_encoder("open"), nf.FaceModel.load("open")


def in_frame(sequence, frame, view, landmark):
    """A landmark in px of the video frame."""
    transform = sequence.crop_transforms[frame, view]
    crop = (sequence.landmarks[frame, view, landmark].double().numpy() + 1) * sequence.crop_size / 2
    return np.linalg.solve(transform[:, :2], crop - transform[:, 2])


def test_a_moved_landmark_lies_where_it_was_put_and_all_else_stays(footage):
    sequence, *_ = footage
    x, y = in_frame(sequence, 2, 1, 48) + np.array([7.0, -4.0])
    repaired = Repairs((Moved(2, sequence.views[1], 48, x, y),)).apply(sequence)
    np.testing.assert_allclose(in_frame(repaired, 2, 1, 48), [x, y], atol=1e-3)
    same = (repaired.landmarks == sequence.landmarks).all(-1)
    assert not same[2, 1, 48] and int((~same).sum()) == 1
    assert "1 landmark moved by hand" in repaired.detector and sequence.detector in repaired.detector


def test_the_dense_landmarks_around_it_move_along(footage):
    sequence, *_ = footage
    torch.manual_seed(0)
    dense = torch.rand(*sequence.landmarks_dense.shape) * 2 - 1
    landmarks = dense[:, :, list(MEDIAPIPE_TO_IBUG68), :2]
    sequence = replace(sequence, landmarks_dense=dense, landmarks=landmarks)
    x, y = in_frame(sequence, 0, 0, 30) + np.array([3.0, 0.0])
    repaired = Repairs((Moved(0, sequence.views[0], 30, x, y),)).apply(sequence)
    own = nearest_dense(dense[0, 0], 30)
    assert MEDIAPIPE_TO_IBUG68[30] in own.tolist()
    shift = (repaired.landmarks_dense - dense)[0, 0]
    torch.testing.assert_close(shift[own, :2], (repaired.landmarks - landmarks)[0, 0, 30].expand(len(own), 2))
    others = torch.ones(478, dtype=torch.bool)
    others[own] = False
    assert not shift[others].any()


def test_what_is_excluded_has_no_say_and_the_rest_keeps_its_own(footage):
    sequence, *_ = footage
    view = sequence.views[0]
    repairs = Repairs(muted=(3, 1, 3), excluded=(Excluded(1, 2, view), Excluded(0, 0), Excluded(view=view)))
    repaired = repairs.apply(sequence)
    assert not repaired.detected[1:3, 0].any() and torch.equal(
        repaired.detected[:, 1:], sequence.detected[:, 1:]
    )
    config = repairs.options(nf.NeuFaceConfig(muted_landmarks=(5,)), sequence)
    assert (config.muted_landmarks, config.excluded_frames, config.excluded_views) == (
        (1, 3, 5),
        (0,),
        (view,),
    )


def test_no_repairs_change_nothing(footage):
    sequence, *_ = footage
    config = nf.NeuFaceConfig()
    assert Repairs().apply(sequence) is sequence and Repairs().options(config, sequence) == config
    assert not Repairs() and Repairs().in_words() == ""


def test_a_file_keeps_repairs_and_the_last_word_on_a_place_counts(tmp_path):
    repairs = Repairs((Moved(0, "a", 1, 2.0, 3.0), Moved(0, "a", 1, 4, 5)), (7,), (Excluded(2, None, "b"),))
    repairs.save(tmp_path / "repairs.json")
    loaded = Repairs.load(tmp_path / "repairs.json")
    assert loaded == repairs and [(m.x, m.y) for m in loaded.moved] == [(4.0, 5.0)]
    events = [
        ("landmark", vars(loaded.moved[0])),
        ("mute", {"landmark": 7}),
        ("exclude", {"first": 2, "view": "b"}),
    ]
    assert Repairs.of_events(events) == loaded


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("nonsense", "not JSON"),
        ({"format": "other"}, "not a file of repairs"),
        ({"version": 2}, "later version"),
        ({"muted": [99]}, "landmark 99"),
        ({"muted": 3}, "not a list"),
        ({"moved": [{"frame": 0, "view": "a", "landmark": 1, "x": 1}]}, "lacks"),
        ({"moved": [{"frame": 0, "view": 3, "landmark": 1, "x": 1, "y": 2}]}, "view of a repair"),
        ({"excluded": [{"first": 5, "last": 2}]}, "range that rises"),
        ({"excluded": [{}]}, "all frames of all views"),
        ({"excluded": [{"frames": 2}]}, "'frames'"),
    ],
)
def test_a_damaged_file_is_named_with_what_is_wrong(tmp_path, content, words):
    path = tmp_path / "repairs.json"
    whole = content if isinstance(content, str) else {"format": "neuface-repairs", "version": 1, **content}
    path.write_text(whole if isinstance(whole, str) else json.dumps(whole))
    with pytest.raises(ConfigError, match=words) as raised:
        Repairs.load(path)
    assert "repairs.json" in str(raised.value) and "\n" not in str(raised.value)


def test_places_that_are_not_there_are_refused(footage):
    sequence, *_ = footage
    for repairs in (
        Repairs((Moved(999, sequence.views[0], 1, 1.0, 1.0),)),
        Repairs((Moved(0, "nowhere", 1, 1.0, 1.0),)),
        Repairs(excluded=(Excluded(0, 999),)),
        Repairs(excluded=(Excluded(view="nowhere"),)),
    ):
        with pytest.raises(ConfigError, match="repairs: "):
            repairs.apply(sequence)


def test_a_run_goes_on_from_the_repaired_state_and_a_branch_repeats_it(footage):
    sequence, encoder, head = footage
    run = nf.NeuFace(sequence, encoder, head, config=nf.NeuFaceConfig(iterations=6))
    run.step(), run.step()
    kept = run.history.parameters(2).pose.clone()
    x, y = in_frame(sequence, 0, 0, 8) + np.array([12.0, 9.0])
    repairs = Repairs((Moved(0, sequence.views[0], 8, x, y),), muted=(40,))
    repaired = repairs.apply(sequence)
    run.repair(repaired, repairs.options(run.config, repaired))
    torch.testing.assert_close(run.history.parameters(2).pose, kept, rtol=0, atol=0)
    assert run.history.iteration(2).losses.landmark != run.history.iteration(1).losses.landmark
    run.step()
    again = run.branch(3)
    torch.testing.assert_close(
        again.history.parameters(3).pose, run.history.parameters(3).pose, rtol=0, atol=0
    )
    assert again.sequence is repaired and run.branch(1).sequence is sequence
    assert "moved by hand" in run.track().provenance["detector"]


def test_asking_for_the_gradient_of_a_past_iteration_leaves_the_history_as_it_is(footage):
    run = nf.NeuFace(*footage, config=nf.NeuFaceConfig(iterations=2))
    run.step()
    run.vertex_gradient(1)
    assert not any(tensor.requires_grad for _, tensor in run.history.parameters(1).items())


def test_a_repair_that_leaves_nothing_leaves_the_run_as_it_was(footage):
    sequence, encoder, head = footage
    run = nf.NeuFace(sequence, encoder, head, config=nf.NeuFaceConfig(iterations=3))
    before = run.config
    with pytest.raises(ConfigError, match="leave no frame"):
        run.repair(sequence, replace(before, excluded_views=sequence.views))
    assert run.config == before and run.sequence is sequence
    assert run.step().index == 1

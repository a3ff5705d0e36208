"""What another package may rely on: the names of `neuface_engine`, E and M by hand, and a clear line for a mistake."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

import neuface_engine as nf
from neuface_engine.cli.main import main


@pytest.fixture(scope="module")
def sequence() -> nf.Sequence:
    return nf.load_sequence(nf.resources.path("demo"), views="*_30", max_frames=2)


@pytest.fixture(scope="module")
def encoder() -> nf.Encoder:
    return nf.load_encoder("open")


@pytest.fixture(scope="module")
def head() -> nf.FaceModel:
    return nf.FaceModel.load("open")


def face(*batch: int, **changes: object) -> nf.FaceParameters:
    return nf.FaceParameters(**{**dict(nf.FaceParameters.neutral(*batch).items()), **changes})


# --- names -----------------------------------------------------------------------------------------------------


def test_every_public_name_is_there_and_listed():
    assert set(nf.__all__) <= set(dir(nf))
    for name in nf.__all__:
        assert getattr(nf, name) is not None


def test_a_sequence_gives_its_frames_by_number(sequence):
    assert len(sequence.frames) == 2
    assert [len(views) for views in sequence.frames] == [2, 2]
    assert all(np.array_equal(sequence.frames[1][v], sequence.frames[1, v]) for v in range(2))
    with pytest.raises(IndexError):
        sequence.frames[2]
    chosen = sequence.select(frames=[1, 0], views=[1])
    assert [
        np.array_equal(image, sequence.frames[f, 1])
        for f, (image,) in zip((1, 0), chosen.frames, strict=True)
    ]
    assert "2 frames" in repr(sequence)
    assert "tensor" not in repr(sequence)


def test_cameras_and_points_are_broadcast():
    points, cameras = torch.rand(5, 3), torch.rand(4, 3)
    together = nf.project(points, cameras)
    assert together.shape == (4, 5, 2)
    assert torch.equal(together[2], nf.project(points, cameras[2]))


def test_the_page_on_python_runs_as_it_is_written(repository, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = (repository / "docs/api.md").read_text(encoding="utf-8")
    story = "".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    story = story.replace("iterations=100", "iterations=2").replace(
        "max_frames=100", "max_frames=2, views='*_30'"
    )
    names: dict[str, object] = {}
    exec(story.replace('"clips/001"', repr(str(nf.resources.path("demo")))), names)
    assert (tmp_path / "001.npz").is_file()
    assert capsys.readouterr().out
    assert names["points"].shape == (2, 68, 2)
    assert names["targets"].orientation.shape == (2, 2, 4)
    assert torch.equal(names["early"].parameters.pose, names["run"].history[1].parameters.pose)
    assert names["other"].config.landmark_weight == 10.0


# --- E and M by hand -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [nf.NeuFace, nf.FlameFitting])
def test_e_and_m_by_hand_are_the_iterations_of_the_loop(method, sequence, encoder, head):
    config = nf.NeuFaceConfig(iterations=2, visibility_interval=2)
    looped, by_hand = (method(sequence, encoder, head, config=config, device="cpu") for _ in range(2))
    steps = list(looped)
    for _ in range(2):
        targets = by_hand.expectation()
        assert by_hand.expectation() is targets  # asked again, nothing moves
        by_hand.maximization()
    by_hand.expectation()
    assert [step.index for step in steps] == [1, 2]
    assert [i.losses for i in looped.history] == [i.losses for i in by_hand.history]
    assert torch.equal(looped.history[2].parameters.pose, by_hand.history[2].parameters.pose)
    assert list(by_hand) == []
    assert by_hand.stop_reason == "iteration limit"


def test_an_m_step_that_was_not_completed_is_in_whatever_comes_next(sequence, encoder, head):
    def moved() -> nf.NeuFace:
        run = nf.NeuFace(sequence, encoder, head, config=nf.NeuFaceConfig(iterations=3), device="cpu")
        run.maximization()
        return run

    after = moved()
    after.expectation()
    expected = after.history[1].parameters.expression
    assert torch.equal(moved().track().parameters.expression, expected)
    assert moved().snapshot().index == 1
    twice = moved()
    twice.maximization()
    assert len(twice.history) == 2
    changed = moved()
    changed.change(replace(changed.config, landmark_weight=1.0))
    assert torch.equal(changed.history[1].parameters.expression, expected)


# --- mistakes --------------------------------------------------------------------------------------------------

PARAMETERS = {
    "a coefficient too many": ({"shape": torch.zeros(2, 300)}, ValueError, "300 shape .* has 100"),
    "no jaw": ({"pose": torch.zeros(2, 3)}, ValueError, r"pose is \[2, 3\]; expected \[2, 6\]"),
    "another batch": ({"pose": torch.zeros(3, 6)}, ValueError, r"pose is \[3, 6\]"),
    "one eye": ({"eyes": torch.zeros(2, 3)}, ValueError, r"eyes is \[2, 3\]"),
    "an array": ({"shape": np.zeros((2, 100))}, TypeError, "shape is of type ndarray; give a torch tensor"),
    "doubles": ({"shape": torch.zeros(2, 100).double()}, TypeError, r"parameters\.to\(torch\.float32\)"),
}


@pytest.mark.parametrize("mistake", PARAMETERS)
def test_parameters_that_a_head_cannot_take_are_named(mistake, head):
    changes, error, words = PARAMETERS[mistake]
    with pytest.raises(error, match=words):
        head(face(2, **changes))


@pytest.mark.parametrize(
    ("points", "camera"), [((5, 2), (3,)), ((4, 5, 3), (3, 3)), ((4, 5, 3), (4, 2)), ((3,), (3,))]
)
def test_points_and_cameras_that_do_not_fit_are_named(points, camera):
    with pytest.raises(ValueError, match=re.escape(f"{list(points)} and camera is {list(camera)}")):
        nf.project(torch.zeros(points), torch.zeros(camera))


def test_arguments_in_the_wrong_place_are_named(sequence, encoder, head):
    with pytest.raises(TypeError, match="encoder is of type FaceModel; give what load_encoder returns"):
        nf.NeuFace(sequence, head, encoder)
    with pytest.raises(TypeError, match="sequence is str 'clips'; give what load_sequence returns"):
        nf.FlameFitting("clips", encoder, head)
    with pytest.raises(TypeError, match="config is of type dict"):
        nf.NeuFace(sequence, encoder, head, config={"iterations": 3})
    with pytest.raises(nf.ConfigError, match="device 'abacus' is not available"):
        nf.NeuFace(sequence, encoder, head, device="abacus")
    for nothing in (None, 3, ["a.mp4", "b.mp4"]):
        with pytest.raises(TypeError, match="give the path of a video, a folder or a pattern"):
            nf.load_sequence(nothing)
    for options in ({"max_frames": 2.5}, {"max_frames": 0}, {"crop_size": 0}, {"crop_scale": 0.0}):
        with pytest.raises(nf.ConfigError, match=r"frames asked for|crop_size is 0|crop_scale 0"):
            nf.load_sequence(sequence.path, **options)
    with pytest.raises(nf.ConfigError, match="leave out landmarks"):
        nf.FaceModel.load("open", landmarks="landmark_embedding.npy")
    with pytest.raises(nf.AssetError, match="not 101 and 50"):
        nf.FaceModel.load("open", n_shape=101)


def test_crops_as_they_are_stored_are_not_what_an_encoder_takes(sequence, encoder):
    assert encoder(sequence.crop_batch(0)).batch_shape == (2,)
    for crops in (sequence.crops, sequence.crops[0], sequence.crop_batch(0)[0]):
        with pytest.raises(ValueError, match=r"give floats \[B, 3, S, S\] in 0\.\.1"):
            encoder(crops)


@pytest.mark.parametrize(
    "wrong",
    [
        {"iterations": "3"},
        {"iterations": 2.5},
        {"iterations": -1},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"landmark_weight": -1.0},
        {"temporal_weight": float("inf")},
        {"shape_weight": "much"},
        {"final_rate": 3.0},
        {"warm_up": -2},
        {"max_batch": 0},
        {"max_memory_mb": 0},
        {"trust_weight": True},
        {"excluded_frames": None},
    ],
    ids=str,
)
def test_a_setting_that_means_nothing_is_named(wrong):
    with pytest.raises(nf.ConfigError, match=next(iter(wrong))):
        nf.NeuFaceConfig(**wrong)


def test_what_a_track_does_not_have_is_named(sequence, encoder, head):
    run = nf.NeuFace(sequence, encoder, head, device="cpu")
    track = run.track()
    with pytest.raises(ValueError, match="space is 'world'; give posed or canonical"):
        track.vertices(space="world")
    with pytest.raises(ValueError, match="space is 'world'"):
        track.landmarks(space="world")
    with pytest.raises(ValueError, match="no landmarks 'ears'; give dynamic or static or mediapipe"):
        track.landmarks(kind="ears")
    for iteration in (7, -1):
        with pytest.raises(nf.ConfigError, match=f"iteration {iteration} is not in the history"):
            run.track(iteration)
    with pytest.raises(TypeError, match="give a FaceTrack"):
        nf.metrics.evaluate("track.npz")
    with pytest.raises(nf.ConfigError, match="give the footage that it was made from"):
        nf.metrics.evaluate(track, sequence.select(frames=[0]))
    measured = nf.metrics.evaluate(track, sequence)
    assert measured.nme == measured.nme_percent


def test_a_loss_that_is_never_finite_blames_no_iteration(sequence, encoder, head):
    broken = nf.load_encoder("open")
    with torch.no_grad():
        next(broken.parameters()).fill_(float("nan"))
    with pytest.raises(nf.DivergedError, match="pre-trained encoder"):
        nf.NeuFace(sequence, broken, head, device="cpu")


@pytest.mark.parametrize("arguments", [["track", "x", "--iterations", "many"], ["track"], ["waltz"], []])
def test_a_wrong_command_line_is_one_line_and_with_json_one_object(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    told = capsys.readouterr()
    assert stop.value.code == 2
    assert told.out == ""
    assert len(told.err.splitlines()) == 1
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--json"])
    assert stop.value.code == 2
    assert list(json.loads(capsys.readouterr().out)) == ["error"]

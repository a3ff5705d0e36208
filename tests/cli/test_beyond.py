"""The options beyond the paper, as they are typed."""

from __future__ import annotations

import argparse

import pytest

import neuface_engine as nf
from neuface_engine.cli import options as shared


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    shared.add_optimisation(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize("method", ["neuface", "flame-fitting"])
def test_every_flag_reaches_its_setting(method):
    words = (
        "--robust-scale 0.05 --mute 0-2,48 --exclude-frames 7 --exclude-views left,top --acceleration-weight 100 "
        "--camera-weight 5 --cameras rig.json --one-shape --trust-weight 1"
    )
    config = shared.config_of(parsed(*words.split()), method)
    assert config.muted_landmarks == (0, 1, 2, 48)
    assert config.excluded_frames == (7,) and config.excluded_views == ("left", "top")
    assert (config.robust_scale, config.acceleration_weight, config.trust_weight) == (0.05, 100, 1)
    assert (config.camera_weight, config.camera_file, config.one_shape) == (5, "rig.json", True)


def test_without_flags_the_settings_are_the_defaults():
    assert shared.config_of(parsed(), "neuface") == nf.NeuFaceConfig()


@pytest.mark.parametrize("method", ["neuface", "flame-fitting"])
def test_weights_of_the_losses_are_the_same_in_every_method_once_given(method):
    given = shared.config_of(parsed("--weight", "multiview=450", "--weight", "dense=0"), method)
    assert (given.multiview_weight, given.dense_weight) == (450, 0)
    assert all(f"{loss}_weight" in vars(given) for loss in shared.LOSSES)


@pytest.mark.parametrize(
    "words", ["--mute 3-1", "--mute lips", "--exclude-views ,", "--trust-weight -1", "--robust-scale nan"]
)
def test_what_means_nothing_is_refused(words, capsys):
    with pytest.raises(SystemExit):
        parsed(*words.split())
    assert words.split()[0] in capsys.readouterr().err


def test_repairs_by_hand_reach_the_footage_and_the_settings(tmp_path):
    from neuface_engine.cli import main
    from neuface_engine.optimization.repairs import Excluded, Moved, Repairs

    demo = nf.resources.path("demo")
    repairs = Repairs((Moved(1, "front", 30, 200.0, 210.0),), muted=(5,), excluded=(Excluded(2, 2),))
    repairs.save(tmp_path / "repairs.json")
    words = ["track", demo, "--views", "front", "--max-frames", 3, "--iterations", 1, "--out", tmp_path]
    assert main([*map(str, words), "--repairs", str(tmp_path / "repairs.json")]) == 0
    track = nf.FaceTrack.load(tmp_path / "demo.npz")
    found = nf.load_sequence(demo, views="front", max_frames=3).landmarks
    assert (track.landmarks_2d != found).any(-1).nonzero().tolist() == [[1, 0, 30]]
    config = track.provenance["config"]
    assert (list(config["muted_landmarks"]), list(config["excluded_frames"])) == ([5], [2])

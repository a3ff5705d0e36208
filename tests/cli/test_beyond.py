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


@pytest.mark.parametrize(
    "words", ["--mute 3-1", "--mute lips", "--exclude-views ,", "--trust-weight -1", "--robust-scale nan"]
)
def test_what_means_nothing_is_refused(words, capsys):
    with pytest.raises(SystemExit):
        parsed(*words.split())
    assert words.split()[0] in capsys.readouterr().err


def test_repairs_by_hand_reach_the_footage_and_the_settings(monkeypatch, tmp_path):
    from pathlib import Path

    from neuface_engine.cli import track
    from neuface_engine.cli.output import Output
    from neuface_engine.optimization.repairs import Excluded, Moved, Repairs

    encoder = nf.load_encoder("open")
    sequence = nf.load_sequence(nf.resources.path("demo"), views="front", max_frames=3)
    monkeypatch.setattr(shared, "load_sequence", lambda *_: sequence)
    repairs = Repairs((Moved(1, "front", 30, 200.0, 210.0),), muted=(5,), excluded=(Excluded(2, 2),))
    repairs.save(tmp_path / "repairs.json")
    given = argparse.Namespace(repairs=tmp_path / "repairs.json")
    repaired, config = track._repaired(
        Path("demo"), given, nf.NeuFaceConfig(), Output(json_wanted=False), encoder
    )
    assert (repaired.landmarks != sequence.landmarks).any(-1).nonzero().tolist() == [[1, 0, 30]]
    assert config.muted_landmarks == (5,) and config.excluded_frames == (2,)
    plain = argparse.Namespace(repairs=None)
    assert track._repaired(Path("demo"), plain, config, Output(json_wanted=False), encoder) == (
        sequence,
        config,
    )

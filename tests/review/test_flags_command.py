"""`neuface review flags`, and the learned order of the queue: measured, kept, listed in words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import neuface_engine as nf
from neuface_engine.cli.main import main
from neuface_engine.review import Project


@pytest.fixture(scope="module")
def track() -> nf.FaceTrack:
    """A head that talks and blinks, in two views."""
    head = nf.FaceModel.load("open")
    time = torch.linspace(0, 6, 12)[:, None].expand(-1, 2)
    parameters = nf.FaceParameters.neutral(12, 2, scale=7.0)
    pose = parameters.pose.clone()
    pose[..., 3] = 0.15 + 0.1 * torch.sin(2 * time)
    parameters = parameters.replace(pose=pose)
    return nf.FaceTrack(
        parameters=parameters,
        views=("left", "right"),
        fps=25.0,
        frame_indices=np.arange(12),
        crop_transforms=np.tile(np.array([[0.5, 0, 3], [0, 0.5, 7]]), (12, 2, 1, 1)),
        crop_size=256,
        image_sizes=((600, 500),) * 2,
        detected=torch.ones(12, 2, dtype=torch.bool),
        landmarks_2d=nf.project(head.landmarks(parameters), parameters.camera),
        provenance={"head": {"name": "open", "fingerprint": head.fingerprint}},
        given_head=head,
    )


@pytest.fixture
def frozen(track: nf.FaceTrack) -> nf.FaceTrack:
    still = track.parameters.pose.clone()
    still[..., 3] = 0.15
    return replace(track, parameters=track.parameters.replace(pose=still))


def told(capsys: pytest.CaptureFixture[str]) -> dict:
    return json.loads(capsys.readouterr().out)


def test_a_track_is_flagged_in_words(
    frozen: nf.FaceTrack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frozen.save(tmp_path / "a.npz")
    assert main(["review", "flags", str(tmp_path / "a.npz")]) == 0
    assert "the lips move" in capsys.readouterr().out
    assert main(["review", "flags", str(tmp_path / "a.npz"), "--json", "--off", "frozen lips"]) == 0
    values = told(capsys)
    assert "frozen lips" not in [flag["name"] for flag in values["flags"]]
    assert values["measures"]["lip_aperture_ratio"] < 0.1 and values["measures"]["cuts"] is None


def test_a_project_is_measured_once_and_its_limits_are_kept(
    track: nf.FaceTrack, frozen: nf.FaceTrack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "project"
    track.save(tmp_path / "good.npz")
    frozen.save(tmp_path / "bad.npz")
    for name in ("good", "bad"):
        assert (
            main(["review", "add", str(folder), "--name", name, "--track", str(tmp_path / f"{name}.npz")])
            == 0
        )
    capsys.readouterr()
    with Project.open(folder) as project:
        assert "frozen lips" in project.index.row("bad").flags and project.index.row("good").suspicion == 0
    assert main(["review", "flags", str(folder), "--json"]) == 0
    assert list(told(capsys)["flagged"]) == ["bad"]
    assert main(["review", "flags", str(folder), "--limit", "frozen lips=0", "--limits"]) == 0
    assert "below 0  (set)" in capsys.readouterr().out
    with Project.open(folder) as project:
        assert "frozen lips" not in project.index.row("bad").flags, "flagged anew under the new limit"
    assert main(["review", "flags", str(folder), "--limit", "frozen lips"]) == 2
    assert "write FLAG=NUMBER" in capsys.readouterr().err
    assert main(["review", "flags", str(tmp_path / "nowhere")]) == 2


def test_the_learned_order_is_told_with_its_reasons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random = np.random.default_rng(0)
    with Project.create(tmp_path / "p") as project:
        for number in range(60):
            name, bad = f"clip {number:02d}", number % 3 == 0
            path = project.add_sequence(name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(str(number).encode())
            project.record_measures(name, {"nme_percent": 2 + 3 * bad + 0.3 * random.random()})
            if number < 45:
                project.judge(name, "reject" if bad else "accept", "ann")
        project.index.check_tracks()
    command = ["review", "queue", str(tmp_path / "p"), "--order", "learned", "--state", "tracked", "--json"]
    assert main([*command, "--limit", "5"]) == 0
    captured = capsys.readouterr()
    rows = json.loads(captured.out)["rows"]
    assert [int(row["name"].split()[1]) % 3 for row in rows] == [0] * 5
    assert "Learned order: AUC 1.00" in captured.err and "more is worse" in captured.err
    ask = ["review", "next", str(tmp_path / "p"), "--order", "learned", "--reviewer", "bob", "--json"]
    assert main([*ask, "--state", "tracked"]) == 0
    assert told(capsys)["next"]["name"] == rows[0]["name"]


def test_a_track_alone_is_a_sequence_of_the_footage_it_names(
    track: nf.FaceTrack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    footage = tmp_path / "clip"
    footage.mkdir()
    source = {**track.provenance, "source": {"path": str(footage)}}
    replace(track, provenance=source).save(tmp_path / "a.npz")
    for _ in range(2):
        assert main(["review", "add", str(tmp_path / "lab"), str(tmp_path / "a.npz"), "--json"]) == 0
        assert told(capsys)["total"] == 1, "again, it is no new sequence"
    assert main(["review", "queue", str(tmp_path / "lab"), "--json"]) == 0
    (row,) = told(capsys)["rows"]
    assert (row["name"], row["state"], row["source"]) == ("a", "tracked", "../clip")
    (tmp_path / "b.npz").write_bytes(b"no track")
    assert main(["review", "add", str(tmp_path / "lab"), str(tmp_path / "b.npz")]) == 2
    assert "b.npz" in capsys.readouterr().err

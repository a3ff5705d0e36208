"""A whole review from the command line: clips are handed out and looked at, what was watched is stated, and it ends in
a certificate that verifies."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
import torch

import neuface_engine as nf
from neuface_engine.cli import main
from neuface_engine.cli.review.clips import write_clip
from neuface_engine.review import Project, Verdict
from neuface_engine.review.events import Other, to_record
from neuface_engine.review.proof import StreamItem, judge_plant, load_audit, open_trials, practice_plants
from neuface_engine.review.proof import audit as audit_module
from neuface_engine.review.proof.handing import in_hand, record_hand_out
from neuface_engine.tracks.track import FaceTrack
from neuface_engine.video.writer import VideoWriter

FRAMES, VIEWS, COUNT = 4, ("front", "left"), 6
BAD = {"002", "004"}


@pytest.fixture(scope="module")
def tracks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny tracks of one footage folder with two views; of those in BAD the face lies beside itself."""
    base = tmp_path_factory.mktemp("takes")
    for view in VIEWS:
        with VideoWriter(base / "take" / f"{view}.mp4", fps=25) as video:
            for _ in range(FRAMES):
                video.write(np.full((64, 64, 3), 90, np.uint8))
    head = nf.FaceModel.load("open")
    zoom = np.array([[4.0, 0, 0], [0, 4.0, 0]])
    for number in range(COUNT):
        dice = torch.Generator().manual_seed(number)
        move = torch.linspace(0, 1, FRAMES)[:, None, None]
        camera = torch.tensor([7.0, 0.09 if f"{number:03d}" in BAD else 0.0, 0.0])
        parameters = nf.FaceParameters(
            shape=0.3 * torch.randn(1, 1, 100, generator=dice).expand(FRAMES, 2, -1),
            expression=move * torch.randn(1, 1, 50, generator=dice).expand(FRAMES, 2, -1),
            pose=0.1 * move * torch.ones(FRAMES, 2, 6),
            camera=camera.expand(FRAMES, 2, -1),
        )
        track = FaceTrack(
            parameters=parameters,
            views=VIEWS,
            fps=25.0,
            frame_indices=np.arange(FRAMES),
            crop_transforms=np.tile(zoom, (FRAMES, 2, 1, 1)),
            crop_size=256,
            image_sizes=((64, 64),) * 2,
            detected=torch.ones(FRAMES, 2, dtype=torch.bool),
            landmarks_2d=torch.zeros(FRAMES, 2, 68, 2),
            provenance={
                "head": {"name": "open", "fingerprint": head.fingerprint},
                "source": {"name": "take", "path": str(base / "take"), "content_hash": ""},
            },
            given_head=head,
        )
        track.save(base / f"{number:03d}.npz")
    return base


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """call("next", lab, ...) -> (exit code, JSON object, stderr)"""
    monkeypatch.delenv("NEUFACE_DATABASE", raising=False)
    monkeypatch.setenv("NEUFACE_REVIEWER", "anna")

    def run(command: str, project: Path, *arguments: object) -> tuple[int, dict, str]:
        code = main(["review", command, str(project), *map(str, arguments), "--json"])
        said = capsys.readouterr()
        return code, json.loads(said.out), said.err

    return run


def lab_of(tracks: Path, folder: Path, count: int = COUNT) -> Path:
    """A project of the first tracks, without measuring them; for clips as short as these no time is asked for."""
    lab = folder / "lab"
    with Project.create(lab) as project:
        (lab / "tracks").mkdir()
        for number in range(count):
            name = f"{number:03d}"
            (lab / "tracks" / f"{name}.npz").write_bytes((tracks / f"{name}.npz").read_bytes())
            project.add_sequence(name, source=tracks / "take")
        project.set_settings("coverage", {"seconds": 0.1})
    return lab


def pictures(video: Path) -> np.ndarray:
    with av.open(str(video)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]).astype(int)


def test_a_campaign_ends_in_a_certificate_without_a_window(
    tracks: Path, tmp_path: Path, call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reviewer has only the clips: what looks otherwise than the sound clip of that name is rejected."""
    monkeypatch.setattr(audit_module, "practice_plants", partial(practice_plants, count=2))
    lab, clip = lab_of(tracks, tmp_path, 5), tmp_path / "look.mp4"
    plan = ("--limit", "70%", "--confidence", "0.8", "--plants", 4, "--target", "14%", "--seed", "s")
    assert call("audit", lab, "--draw", *plan)[0] == 0
    code, said, err = call("next", lab)
    assert code == 2 and "add --clip" in err, "plants are seen in a clip only"
    sound = {}
    for number in range(5):
        name = f"{number:03d}"
        with Project.open(lab, read_only=True) as project:
            write_clip(project, StreamItem(name, "suspicion"), tmp_path / "sound.mp4")
        sound[name] = pictures(tmp_path / "sound.mp4")
    handed: list[dict] = []
    while (said := call("next", lab, "--clip", clip)[1])["next"] is not None:
        item = said["next"]
        handed.append(item)
        assert (item["frames"], item["views"], item["track"]) == (FRAMES, list(VIEWS), None)
        name = item["name"]
        as_released = np.abs(pictures(clip) - sound[name]).mean() < 0.01
        word = "accept" if as_released and name not in BAD else "reject"
        code, answer, err = call("verdict", lab, name, word, "--watched", "all")
        assert (code, err) == (0, "")
        assert set(answer) == {"verdict", "practice"} if item["practice"] else {"verdict"}
        assert not item["practice"] or answer["practice"]["caught"]
    assert [item["practice"] for item in handed] == [True] * 2 + [False] * (len(handed) - 2)
    assert len({frozenset(item) for item in handed}) == 1, "nothing tells one kind of item from another"
    now = call("audit", lab)[1]
    with Project.open(lab) as project:
        audit = load_audit(project)
        assert project.verdicts().keys() == {f"{n:03d}" for n in range(5)}, "no plant's verdict is among them"
        rejected = {name for name, v in project.verdicts().items() if v.verdict == "reject"}
    assert rejected == BAD
    drawn = {item.name for item in audit.draws}
    assert (now["failures"], now["plants_caught"], now["plants_judged"]) == (len(drawn & BAD), 4, 4)
    assert now["stated"] == len(drawn - BAD)
    out = tmp_path / "certificate.json"
    code, certificate, _ = call("certify", lab, "--out", out)
    assert certificate["final"]
    assert certificate["watched"] == {"measured": 0, "stated": now["stated"], "handed_out": now["stated"]}
    assert f"That {now['stated']} of the {now['stated']} clean draws" in certificate["statement"]
    assert "reviewers' word, not measured" in certificate["statement"]
    assert call("certify", lab, "--verify", out)[:2] == (0, {"holds": True, "differences": [], "notes": []})
    assert call("verify", lab)[0] == 0


def test_the_log_does_not_show_where_the_plants_are(tracks: Path, tmp_path: Path, call) -> None:
    lab = lab_of(tracks, tmp_path, 6)
    call("audit", lab, "--draw", "--limit", "50%", "--confidence", "0.8", "--plants", 4, "--target", "10%")
    with Project.open(lab) as project:
        plant = load_audit(project).plants[0]
        record_hand_out(
            project,
            "anna",
            plant.sequence,
            project.track_hash(plant.sequence),
            plant=plant,
            kind="jaw",
            effect_mm=1.5,
            clip="0" * 64,
        )
        other = next(f"{n:03d}" for n in range(6) if f"{n:03d}" != plant.sequence)
        record_hand_out(project, "anna", other, project.track_hash(other), clip="0" * 64)
        hand = in_hand(project, "anna")
        assert (hand[plant.sequence].plant, hand[plant.sequence].kind) == (plant, "jaw")
        assert hand[other].plant is None
        lines = [to_record(e)["data"] for e in project.index.events("handed") if isinstance(e, Other)]
    assert [set(line) for line in lines] == [{"track_hash", "clip", "audit", "what"}] * 2
    assert len({len(line["what"]) for line in lines}) == 1
    assert plant.id not in json.dumps(lines) and "jaw" not in json.dumps(lines)


def test_a_verdict_is_about_the_clip_that_was_handed_and_can_be_corrected(
    tracks: Path, tmp_path: Path, call
) -> None:
    lab, clip = lab_of(tracks, tmp_path, 3), tmp_path / "c.mp4"
    call("audit", lab, "--draw", "--limit", "70%", "--confidence", "0.8", "--plants", 6, "--target", "10%")
    with Project.open(lab) as project:
        audit = load_audit(project)
        for plant in audit.practice:
            judge_plant(project, plant, "reject", "anna")
        for name in ("000", "001", "002"):
            project.judge(name, "reject", "carla")
    first = call("next", lab, "--clip", clip)[1]["next"]["name"]
    assert call("next", lab, "--clip", clip)[1]["next"]["name"] == first, (
        "it stays in hand until it is judged"
    )
    call("verdict", lab, first, "accept")
    assert call("audit", lab)[1]["plants_judged"] == 1
    said = call("undo", lab)[1]
    assert (said["taken_back"]["event"], said["taken_back"]["sequence"]) == ("verdict", first)
    assert call("audit", lab)[1]["plants_judged"] == 0
    call("verdict", lab, first, "reject", "--reason", "jaw")
    assert call("audit", lab)[1]["plants_caught"] == 1
    call("verdict", lab, first, "unsure")
    with Project.open(lab) as project:
        assert {v.reviewer for v in project.all_verdicts(first)} == {"carla"}, (
            "a second thought is no other clip"
        )
    certificate = call("certify", lab, "--out", tmp_path / "c.json")[1]
    assert certificate["plants"]["verdicts_taken_back"] == 1
    following = call("next", lab, "--clip", clip)[1]["next"]["name"]
    assert call("next", lab, "--give-back")[1] == {"given_back": True, "sequences": [following]}
    call("verdict", lab, following, "accept")
    with Project.open(lab) as project:
        assert "anna" in {v.reviewer for v in project.all_verdicts(following)}, "it was given back"


def test_what_was_handed_out_must_still_be_there_and_time_must_have_passed(
    tracks: Path, tmp_path: Path, call
) -> None:
    lab, clip = lab_of(tracks, tmp_path, 2), tmp_path / "c.mp4"
    name = call("next", lab, "--clip", clip, "--order", "name")[1]["next"]["name"]
    code, _, err = call("verdict", lab, name, "accept", "--watched", "all", "--seconds", 600)
    assert code == 2 and "was handed out" in err and "--seconds" in err
    verdict = call("verdict", lab, name, "accept", "--watched", "all")[1]["verdict"]
    assert (verdict["coverage"]["basis"], verdict["coverage"]["seconds"]) == ("stated", FRAMES / 25)
    assert verdict["coverage"]["handed_s"] >= 0
    name = call("next", lab, "--clip", clip, "--order", "name")[1]["next"]["name"]
    track = lab / "tracks" / f"{name}.npz"
    track.write_bytes((tracks / "004.npz").read_bytes())
    code, _, err = call("verdict", lab, name, "accept", "--watched", "all")
    assert code == 2 and str(track) in err and "next` again" in err


def test_footage_that_is_gone_is_passed_over_and_named(tracks: Path, tmp_path: Path, call) -> None:
    lab, clip = lab_of(tracks, tmp_path, 2), tmp_path / "c.mp4"
    with Project.open(lab) as project:
        project.add_sequence("000", source=tmp_path / "gone")
    code, said, err = call("next", lab, "--clip", clip, "--order", "name")
    assert (code, said["next"]["name"]) == (0, "001") and "000: passed over" in err and "gone" in err
    call("verdict", lab, "001", "accept")
    code, said, err = call("next", lab, "--clip", clip)
    assert code == 2 and "gone" in said["error"]
    assert call("stats", lab)[1]["in_hand"] == []


def test_only_what_the_window_measured_counts_where_the_plan_says_so(
    tracks: Path, tmp_path: Path, call
) -> None:
    lab = lab_of(tracks, tmp_path, 6)
    draw = ("--draw", "--limit", "50%", "--confidence", "0.8", "--target", "10%")
    audit = call("audit", lab, *draw, "--measured-only")[1]["audit"]
    assert not audit["plan"]["watched"]["stated"]
    name = audit["draws"][0]
    _, said, err = call("verdict", lab, name, "accept", "--watched", "all", "--seconds", 9)
    assert not said["verdict"]["coverage"]["sufficient"] and "only what the window measures counts" in err
    assert call("audit", lab)[1]["unwatched"] == 1
    assert call("next", lab)[1]["next"]["name"] != name, "what is not judged at all comes first"
    for other in {f"{n:03d}" for n in range(6)} - {name}:
        call("verdict", lab, other, "reject")
    assert call("next", lab)[1]["next"]["name"] == name


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--watched", "0-9"], "0 to 3"),
        (["--watched", "3-1"], "ranges of frames"),
        (["--watched", "most"], "ranges of frames"),
        (["--watched", "all", "--views", "top"], "the clip has front, left"),
        (["--watched", "all", "--seconds", "-1"], "not negative"),
        (["--seconds", "3"], "belong to --watched"),
    ],
)
def test_a_statement_that_cannot_be_is_one_line(tracks: Path, tmp_path: Path, call, arguments, words) -> None:
    lab = lab_of(tracks, tmp_path, 1)
    code, _, err = call("verdict", lab, "000", "accept", *arguments)
    assert code == 2 and words in err and len(err.strip().splitlines()) == 1


def test_a_statement_of_a_part_is_kept_as_it_was_said(tracks: Path, tmp_path: Path, call) -> None:
    lab = lab_of(tracks, tmp_path, 1)
    said, err = call(
        "verdict", lab, "000", "accept", "--watched", "0-1,3", "--views", "left", "--seconds", 7
    )[1:]
    assert said["verdict"]["coverage"] == {
        "basis": "stated",
        "frames": 0.75,
        "views": ["left"],
        "of_views": 2,
        "seconds": 7.0,
        "sufficient": False,
    }
    assert "75 % of the frames" in err and "not shown: front" in err
    assert {f.name for f in fields(Verdict)} >= set(said["verdict"]) - {"event"}


def test_a_blind_trial_is_a_clip_of_two_sides_without_names(tracks: Path, tmp_path: Path, call) -> None:
    lab, clip = lab_of(tracks, tmp_path, 2), tmp_path / "pair.mp4"
    (tmp_path / "other").mkdir()
    for name in ("000", "001"):
        (tmp_path / "other" / f"{name}.npz").write_bytes((tracks / "004.npz").read_bytes())
    call("ab", lab, "--draw", "neuface", "encoder", "--seed", "s")
    look = ("--next", "--clip", clip, "--tracks", f"encoder={tmp_path / 'other'}")
    said = call("ab", lab, *look)[1]
    assert said["next"].keys() == {"id", "sequence", "clip"}
    with Project.open(lab, read_only=True) as project:
        trial = next(t for t in open_trials(project, "anna") if t.id == said["next"]["id"])
    left, right = np.split(np.delete(pictures(clip), slice(128, 136), axis=2), 2, axis=2)
    assert (np.abs(left - right).mean() < 2) == trial.same
    following = call("ab", lab, "--trial", trial.id, "--choice", "left", *look[1:])[1]
    assert following["left_to_judge"] == said["left_to_judge"] - 1
    assert "write METHOD=FOLDER" in call("ab", lab, "--next", "--clip", clip, "--tracks", "encoder")[2]
    assert "add --next" in call("ab", lab, "--clip", clip)[2]

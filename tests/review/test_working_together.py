"""Several reviewers: who gets what, whose logs become one, and how a changed line is found."""

from __future__ import annotations

import itertools
import shutil
import time
from pathlib import Path

import pytest

from neuface_engine.errors import ConfigError, ProjectError
from neuface_engine.review import Filter, Note, Project, Verdict
from neuface_engine.review.assignment import draw_double, give_back, held
from neuface_engine.review.journal import Head
from neuface_engine.review.merge import merge
from neuface_engine.review.proof import Plan, draw_audit, load_audit
from neuface_engine.review.verify import verify


def make(folder: Path, names: int = 4) -> Project:
    project = Project.create(folder)
    (folder / "tracks").mkdir(exist_ok=True)
    for number in range(names):
        (folder / "tracks" / f"{number:03d}.npz").write_bytes(b"track")
    project.add_sequences({"name": f"{number:03d}"} for number in range(names))
    project.record_many((f"{number:03d}", {}, (), float(number)) for number in range(names))
    return project


def handed(project: Project, reviewer: str, **how: object) -> str | None:
    row = project.next(reviewer, **how)
    return None if row is None else row.name


def test_the_most_suspicious_comes_first_and_stays_until_it_is_judged(tmp_path: Path) -> None:
    with make(tmp_path) as project:
        assert handed(project, "anna") == "003"
        assert handed(project, "anna") == "003", "what one holds comes first"
        project.judge("003", "accept", "anna")
        assert handed(project, "anna") == "002"
        assert held(project.index)[0][:2] == ("002", "anna")


def test_no_two_reviewers_hold_the_same_sequence(tmp_path: Path) -> None:
    with make(tmp_path) as project:
        assert [handed(project, name) for name in "abcde"] == ["003", "002", "001", "000", None]
        give_back(project.index, "b")
        assert handed(project, "e") == "002"


def test_what_is_held_too_long_goes_to_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with make(tmp_path, 1) as project:
        assert handed(project, "anna", lease_s=600) == "000"
        assert handed(project, "bob") is None
        later = time.time() + 601
        monkeypatch.setattr("neuface_engine.review.assignment.time.time", lambda: later)
        assert handed(project, "bob") == "000"


def test_filters_and_orders_hold_for_what_is_handed_out(tmp_path: Path) -> None:
    with make(tmp_path) as project:
        assert handed(project, "anna", order="name") == "000"
        assert handed(project, "bob", where=Filter(names=("001",))) == "001"
        assert handed(project, "carla", where=Filter(names=("001",))) is None
        with pytest.raises(ConfigError, match="reviewer"):
            project.next("")


def test_only_what_has_a_track_is_handed_out_unless_asked(tmp_path: Path) -> None:
    with make(tmp_path, 1) as project:
        project.add_sequence("no track")
        project.judge("000", "accept", "anna")
        assert handed(project, "anna") is None
        assert handed(project, "anna", new=True) == "no track"


def test_a_changed_track_is_handed_out_again_even_to_who_judged_it(tmp_path: Path) -> None:
    with make(tmp_path, 1) as project:
        project.judge("000", "accept", "anna")
        assert handed(project, "anna") is None
        project.track_file("000").write_bytes(b"tracked anew")
        project.index.check_tracks()
        assert handed(project, "anna") == "000"


def test_a_note_leaves_what_is_in_hand_there(tmp_path: Path) -> None:
    with make(tmp_path, 1) as project:
        project.judge("000", "accept", "anna")
        project.track_file("000").write_bytes(b"tracked anew")
        project.index.check_tracks()
        assert handed(project, "anna") == "000"
        project.log.append(Note("000", "better now", "bob"))
        assert handed(project, "bob") is None
        project.judge("000", "accept", "anna")
        assert held(project.index) == []


def test_double_review_hands_each_to_two_and_to_nobody_twice(tmp_path: Path) -> None:
    with make(tmp_path, 2) as project:
        seen = {name: [] for name in ("anna", "bob", "carla")}
        while True:
            got = {name: handed(project, name, double=True) for name in seen}
            if not any(got.values()):
                break
            for name, sequence in got.items():
                if sequence is not None:
                    seen[name].append(sequence)
                    project.judge(sequence, "accept", name)
        everything = list(itertools.chain(*seen.values()))
        assert sorted(everything) == ["000", "000", "001", "001"]
        assert all(len(set(mine)) == len(mine) for mine in seen.values())


def test_a_drawn_share_is_judged_twice_and_the_rest_once(tmp_path: Path) -> None:
    with make(tmp_path, 10) as project:
        draw = draw_double(project.index.names(), 0.3, reviewer="lead", seed=5)
        again = draw_double(project.index.names(order="random"), 0.3, reviewer="lead", seed=5)
        assert draw.sequences == again.sequences and len(draw.sequences) == 3, "the seed alone decides"
        project.log.append(draw)
        assert [row.wanted for row in project.index.rows(order="name")] == [
            2 if f"{n:03d}" in draw.sequences else 1 for n in range(10)
        ]
        assert all(project.index.row(name).blind for name in draw.sequences)
        for reviewer, expected in (("anna", 10), ("bob", 3), ("carla", 0)):
            number = 0
            while (name := handed(project, reviewer)) is not None:
                project.judge(name, "accept", reviewer)
                number += 1
            assert number == expected


def test_sequences_kept_for_some_reviewers_are_handed_to_them_only(tmp_path: Path) -> None:
    with make(tmp_path, 1) as project:
        project.log.append(draw_double(["000"], 1.0, reviewer="lead", seed=0, reviewers=["anna", "bob"]))
        assert handed(project, "carla") is None
        assert handed(project, "anna") == "000" == handed(project, "bob")


def test_an_adjudication_ends_a_dispute(tmp_path: Path) -> None:
    with make(tmp_path, 1) as project:
        project.judge("000", "accept", "anna")
        project.judge("000", "reject", "bob")
        assert project.index.row("000").disputed
        assert project.index.count(Filter(disputed=True)) == 1
        project.judge("000", "accept", "lead", adjudicate=True)
        row = project.index.row("000")
        assert (row.state, row.reviewer, row.disputed) == ("accept", "lead", False)
        project.undo("lead")
        assert project.index.row("000").disputed


@pytest.mark.parametrize("share", [0, -1, 1.5])
def test_a_share_that_means_nothing_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match="share"):
        draw_double(["000"], share, reviewer="lead", seed=0)


# Merging


@pytest.fixture
def copies(tmp_path: Path) -> list[Path]:
    """A project and two copies in which three people have worked; anna in both."""
    with make(tmp_path / "lab") as project:
        project.judge("000", "accept", "anna")
    for name in ("a", "b"):
        shutil.copytree(tmp_path / "lab", tmp_path / name)
    with Project.open(tmp_path / "a") as project:
        project.judge("001", "reject", "anna", reasons=["lips"])
        project.judge("000", "unsure", "bob")
        project.add_sequence("only in a")
    with Project.open(tmp_path / "b") as project:
        project.judge("002", "accept", "anna")
        project.judge("001", "accept", "carla")
        project.undo("carla")
        project.judge("003", "reject", "carla")
    return [tmp_path / name for name in ("lab", "a", "b")]


def said(folder: Path) -> tuple[list[object], list[object]]:
    with Project.open(folder) as project:
        rows = project.index.rows(order="name")
        ids = sorted(event.id for event in project.log.events)
        assert not project.log.problems
        return rows, ids


def test_merging_is_a_union_in_any_order_and_again_without_harm(copies: list[Path], tmp_path: Path) -> None:
    outcomes = []
    for number, order in enumerate(itertools.permutations(copies[1:])):
        target = tmp_path / f"target {number}"
        shutil.copytree(copies[0], target)
        with Project.open(target) as project:
            for other in order:
                merge(project, other)
            before = {path.name: path.read_bytes() for path in (target / "log").iterdir()}
            assert merge(project, *copies).events == 0
            assert {path.name: path.read_bytes() for path in (target / "log").iterdir()} == before
        outcomes.append(said(target))
    assert outcomes[0] == outcomes[1]
    rows = {row.name: (row.verdict, row.reviewer, row.disputed) for row in outcomes[0][0]}
    assert rows == {
        "000": ("unsure", "bob", True),
        "001": ("reject", "anna", False),
        "002": ("accept", "anna", False),
        "003": ("reject", "carla", False),
        "only in a": (None, None, False),
    }


def test_merging_both_ways_leads_to_the_same_review(copies: list[Path]) -> None:
    _, a, b = copies
    with Project.open(a) as project:
        merge(project, b)
    with Project.open(b) as project:
        merge(project, a)
    assert said(a) == said(b)


def test_chains_that_part_are_reported_and_nothing_of_them_is_lost(copies: list[Path]) -> None:
    _, a, b = copies
    with Project.open(a) as project:
        outcome = merge(project, b)
        assert any("parts from log anna at line 2" in conflict for conflict in outcome.conflicts)
        assert len([log for log in project.log.stamps() if log.startswith("anna")]) == 2
        assert {v.sequence for v in project.verdicts().values() if v.reviewer == "anna"} >= {"001", "002"}
    with Project.open(b) as project:
        project.judge("003", "accept", "anna")
    with Project.open(a) as project:
        outcome = merge(project, b)
        assert outcome.events == 1
        assert len([log for log in project.log.stamps() if log.startswith("anna")]) == 2, (
            "it grew where it was"
        )
        project.judge("003", "unsure", "anna")
        assert project.verdict("003").verdict == "unsure"
        assert not any(log.problems for log in verify(project))


def test_a_single_log_and_a_folder_of_version_1_can_be_merged(copies: list[Path], tmp_path: Path) -> None:
    old = tmp_path / "old"
    (old / "tracks").mkdir(parents=True)
    (old / "project.json").write_text(
        '{"format": "neuface-project", "version": 1, "sequences": {"old 1": "tracks/old_1.npz"}}',
        encoding="utf-8",
    )
    from neuface_engine.review import EventLog

    EventLog(old / "review.jsonl").append(Verdict("old 1", "accept", "", "dora"))
    with Project.open(copies[0]) as project:
        assert merge(project, copies[1] / "log" / "bob.jsonl").events == 1
        assert project.verdict("000").reviewer == "bob"
        merge(project, old)
        assert project.verdict("old 1").reviewer == "dora"
        assert "old 1" in project.sequences
    assert (old / "review.jsonl").exists(), "the other folder is not touched"


def test_merging_brings_the_tracks_and_what_an_audit_was_drawn_from(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "clip.mp4").write_bytes(b"footage")
    with make(tmp_path / "other" / "lab", 3) as there:
        there.add_sequence("001", source=tmp_path / "other" / "clip.mp4")
        draw_audit(there, reviewer="lead", plan=Plan(limit=0.9, target=0.1))
        there.judge("000", "reject", "anna")
        there.judge("001", "accept", "anna")
    with Project.create(tmp_path / "here") as here:
        (here.folder / "tracks").mkdir()
        (here.folder / "tracks" / "001.npz").write_bytes(b"another")
        outcome = merge(here, tmp_path / "other" / "lab")
        assert outcome.tracks == 2
        (line,) = outcome.conflicts
        assert "001" in line and "stay as they are" in line and "\n" not in line
        assert (here.folder / "tracks" / "001.npz").read_bytes() == b"another", "what is here stays"
        assert {row.name: row.state for row in here.index.rows()} == {
            "000": "reject",
            "001": "stale",
            "002": "tracked",
        }
        assert load_audit(here) is not None, "its list came with it"
        assert here.source_of("001") == (tmp_path / "other" / "clip.mp4").resolve()
        again = merge(here, tmp_path / "other" / "lab")
        assert (again.events, again.tracks, again.logs) == (0, 0, ())


def test_another_project_whose_names_mean_other_footage_is_refused(tmp_path: Path) -> None:
    for place, content in (("a", b"one"), ("b", b"two")):
        (tmp_path / place).mkdir()
        (tmp_path / place / "clip.mp4").write_bytes(content)
        with Project.create(tmp_path / place / "lab") as project:
            project.add_sequence("clip", source=tmp_path / place / "clip.mp4")
    with (
        Project.open(tmp_path / "a" / "lab") as project,
        pytest.raises(ProjectError, match="another project, in which clip is of other footage"),
    ):
        merge(project, tmp_path / "b" / "lab")
    with Project.open(tmp_path / "a" / "lab") as project:
        assert project.source_of("clip") == (tmp_path / "a" / "clip.mp4").resolve()


def test_a_damaged_log_is_not_taken_over(copies: list[Path]) -> None:
    lab, a, _ = copies
    log = a / "log" / "anna.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"000"', b'"001"'))
    before = {path.name: path.read_bytes() for path in (lab / "log").iterdir()}
    with (
        Project.open(lab) as project,
        pytest.raises(ProjectError, match=r"anna\.jsonl: line 2 does not follow"),
    ):
        merge(project, a)
    assert {path.name: path.read_bytes() for path in (lab / "log").iterdir()} == before
    with Project.open(lab) as project, pytest.raises(ProjectError, match="neither a project nor a log"):
        merge(project, lab / "tracks")


# Checking


def test_every_change_of_any_line_is_found_and_its_line_named(tmp_path: Path) -> None:
    with make(tmp_path, 1) as project:
        for word in ("accept", "reject", "unsure"):
            project.judge("000", word, "anna")
        assert [(log.name, log.lines, log.problems) for log in verify(project)] == [
            ("anna", 3, ()),
            ("project", 2, ()),
        ]
        path = tmp_path / "log" / "anna.jsonl"
        sound = path.read_bytes()
        lines = sound.splitlines(keepends=True)
        damages = {
            "changed": (sound.replace(b'"accept"', b'"reject"'), 2),
            "left out": (lines[0] + lines[2], 2),
            "the other way round": (lines[1] + lines[0] + lines[2], 1),
            "put in": (lines[0] + b'{"event": "verdict"}\n' + lines[1] + lines[2], 2),
            "not JSON": (lines[0] + b"%%\n" + lines[2], 2),
        }
        for name, (data, line) in damages.items():
            path.write_bytes(data)
            found = verify(project)[0].problems
            assert found and found[0][0] == line, name


def test_lines_cut_off_the_end_are_found_by_a_head_noted_earlier(tmp_path: Path) -> None:
    with make(tmp_path, 1) as project:
        project.judge("000", "accept", "anna")
        project.judge("000", "reject", "anna")
        noted = project.heads()
        project.judge("000", "unsure", "anna")
        assert not any(log.problems for log in verify(project, noted)), "going on is no change"
        path = tmp_path / "log" / "anna.jsonl"
        path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
        assert not verify(project)[0].problems, "a chain cut short is still a chain"
        assert verify(project, noted)[0].problems[0][0] == 2
        path.unlink()
        assert any(log.problems for log in verify(project, noted))
        assert verify(project, {"nobody": Head(3, "0" * 64)})[-1].problems[0][0] == 3


def test_a_torn_last_line_is_no_damage(tmp_path: Path) -> None:
    with make(tmp_path, 1) as project:
        project.judge("000", "accept", "anna")
        path = tmp_path / "log" / "anna.jsonl"
        path.write_bytes(path.read_bytes() + b'{"event": "ver')
        checked = verify(project)[0]
        assert checked.torn and not checked.problems and checked.lines == 1
        project.judge("000", "reject", "anna")
        assert not verify(project)[0].torn
        assert project.index.row("000").verdict == "reject"

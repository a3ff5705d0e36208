"""The project folder: older versions, moved media, other processes, and folders that cannot be written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from neuface_engine.errors import ProjectError
from neuface_engine.review import EventLog, Filter, Project, file_hash
from neuface_engine.review.relink import missing_sources, relink

# As version 1 wrote it, to the letter.
V1_PROJECT = """{
 "format": "neuface-project",
 "version": 1,
 "created": "2026-01-02T03:04:05+00:00",
 "sequences": {
  "001": "tracks/001.npz",
  "clip 002": "tracks/clip_002.npz"
 }
}
"""
V1_LOG = (
    '{"event": "verdict", "id": "11111111111111111111111111111111", "note": "Lippen – gut", '
    '"prev": "0000000000000000000000000000000000000000000000000000000000000000", "reviewer": "anna", '
    '"sequence": "001", "time": "2026-01-02T03:05:00.000+00:00", '
    '"track_hash": "9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0", "verdict": "accept"}\n'
    '{"event": "verdict", "id": "22222222222222222222222222222222", "note": "", '
    '"prev": "PREV", "reviewer": "bob", "sequence": "clip 002", "time": "2026-01-02T03:06:00.000+00:00", '
    '"track_hash": "3e744b9dc39389baf0c5a0660589b8402f3dbb49b89b3e75f2c9355852a3c677", "verdict": "reject"}\n'
)


@pytest.fixture
def version_1(tmp_path: Path) -> Path:
    """A folder as version 1 left it: a track that is still as it was judged, one changed since, and its footage."""
    import hashlib

    folder = tmp_path / "lab"
    (folder / "tracks").mkdir(parents=True)
    (folder / "project.json").write_text(V1_PROJECT, encoding="utf-8")
    first = V1_LOG.splitlines()[0]
    log = V1_LOG.replace("PREV", hashlib.sha256(first.encode()).hexdigest())
    (folder / "review.jsonl").write_bytes(log.encode())
    (folder / "tracks" / "001.npz").write_bytes(b"aaa")
    (folder / "tracks" / "clip_002.npz").write_bytes(b"changed")
    media = tmp_path / "footage" / "001.mp4"
    media.parent.mkdir()
    media.write_bytes(b"film")
    sources = {"version": 1, "last": "001", "sources": {"001": str(media), "clip 002": None}}
    (folder / "sources.json").write_text(json.dumps(sources), encoding="utf-8")
    return folder


def check_version_1(project: Project) -> None:
    assert dict(project.sequences) == {"001": "tracks/001.npz", "clip 002": "tracks/clip_002.npz"}
    states = {row.name: (row.state, row.verdict, row.reviewer) for row in project.index.rows()}
    assert states == {"001": ("accept", "accept", "anna"), "clip 002": ("stale", "reject", "bob")}
    assert project.verdicts()["001"].note == "Lippen – gut"
    assert project.created == "2026-01-02T03:04:05+00:00"
    assert not [problem for problem in project.problems if "line" in problem]


def test_a_folder_of_version_1_is_migrated_and_its_log_stays_valid(version_1: Path) -> None:
    before = (version_1 / "review.jsonl").read_bytes()
    with Project.open(version_1) as project:
        check_version_1(project)
        assert project.source_of("001") == version_1.parent / "footage" / "001.mp4"
        assert project.index.row("001").source == "../footage/001.mp4"
        assert project.index.row("clip 002").source == "", "the bundled demo"
        project.judge("001", "reject", "review")
    content = json.loads((version_1 / "project.json").read_text(encoding="utf-8"))
    assert content["version"] == 2 and "sequences" not in content
    assert (version_1 / "log" / "review.jsonl").read_bytes().startswith(before)
    assert not EventLog(version_1 / "log" / "review.jsonl").problems
    with Project.open(version_1) as project:
        assert project.verdict("001").reviewer == "review"


@pytest.mark.parametrize("stop", ["before the list", "before project.json"])
def test_a_migration_that_was_cut_short_goes_on(
    version_1: Path, stop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from neuface_engine.review.journal import FileJournal
    from neuface_engine.review.project_file import ProjectFile

    class PowerCutError(Exception):
        pass

    def cut(*_: object) -> None:
        raise PowerCutError

    target = (FileJournal, "append") if stop == "before the list" else (ProjectFile, "write")
    with monkeypatch.context() as patch:
        patch.setattr(*target, cut)
        with pytest.raises(PowerCutError):
            Project.open(version_1)
    with Project.open(version_1) as project:
        check_version_1(project)
    added = list(EventLog(version_1 / "log" / "project.jsonl").events)
    assert sum(len(event.sequences) for event in added) == 2, "listed once"


def test_a_folder_of_version_1_can_be_read_without_touching_it(version_1: Path) -> None:
    before = {path.name: path.read_bytes() for path in version_1.glob("*.json*")}
    with Project.open(version_1, read_only=True) as project:
        check_version_1(project)
        with pytest.raises(ProjectError, match="read-only"):
            project.judge("001", "reject", "anna")
    assert {path.name: path.read_bytes() for path in version_1.glob("*.json*")} == before
    with Project.open(version_1) as project:
        check_version_1(project)


_HOLDER = """
import sys
from neuface_engine.review.locking import ProjectLock
from pathlib import Path
lock = ProjectLock(Path(sys.argv[1]))
print("held" if lock.taken else lock.holder, flush=True)
sys.stdin.read()
"""


def test_a_project_that_another_process_has_open_is_read_only_until_that_process_ends(tmp_path: Path) -> None:
    with Project.create(tmp_path) as project:
        project.add_sequence("001")
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline().strip() == "held"
        with Project.open(tmp_path) as project:
            assert f"process {holder.pid} on " in project.read_only
            assert project.problems and project.problems[0].startswith(
                f"{tmp_path}: opened read-only, it is open in"
            )
            assert list(project.sequences) == ["001"], "it can be read"
            for change in (
                lambda: project.judge("001", "accept", "anna"),
                lambda: project.add_sequences([{"name": "002"}]),
                lambda: project.set_settings("coverage", {"seconds": 1}),
                lambda: project.record_measures("001", {}),
            ):
                with pytest.raises(ProjectError, match="opened read-only") as caught:
                    change()
                assert str(tmp_path) in str(caught.value) and "\n" not in str(caught.value)
    finally:
        holder.kill()
        holder.communicate()
    with Project.open(tmp_path) as project:
        assert not project.read_only, "a killed process leaves no lock behind"


def test_one_process_may_open_a_project_twice(tmp_path: Path) -> None:
    with Project.create(tmp_path) as one:
        with Project.open(tmp_path) as two:
            assert not two.read_only
            two.add_sequence("001")
            assert list(one.sequences) == ["001"]
        one.judge("001", "accept", "anna")


def test_a_folder_that_cannot_be_written_is_opened_read_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Project.create(tmp_path) as project:
        project.add_sequence("001")
    real = Path.open

    def refuse(path: Path, mode: str = "r", *more: object, **others: object) -> object:
        if path.name == ".lock":
            raise PermissionError(13, "Permission denied")
        return real(path, mode, *more, **others)

    monkeypatch.setattr(Path, "open", refuse)
    with Project.open(tmp_path) as project:
        assert project.read_only == "the folder cannot be written (Permission denied)"
        assert list(project.sequences) == ["001"]


def test_an_index_that_cannot_be_written_is_made_in_memory(tmp_path: Path) -> None:
    with Project.create(tmp_path) as project:
        project.add_sequence("001")
    (tmp_path / "index.sqlite").unlink(missing_ok=True)
    (tmp_path / "index.sqlite").mkdir()
    with Project.open(tmp_path) as project:
        assert project.index.states() == {"new": 1}
        project.judge("001", "accept", "anna")
        assert project.index.row("001").verdict == "accept"


def test_names_that_look_alike_as_file_names_have_tracks_of_their_own(tmp_path: Path) -> None:
    with Project.create(tmp_path) as project:
        tracks = {project.add_sequence(name) for name in ("a b", "a_b", "a/b", "../a b", "...", "ü" * 200)}
        assert len(tracks) == 6
        assert all(track.is_relative_to(tmp_path.resolve()) for track in tracks)
        assert project.run_folder("../x", "run 1").is_relative_to(tmp_path.resolve())


def test_reviewers_names_are_fit_for_every_file_system(tmp_path: Path) -> None:
    names = ["Anna Müller", "a/b", "..", "con", "x" * 300, "a:b"]
    with Project.create(tmp_path) as project:
        project.add_sequence("001")
        for name in names:
            project.judge("001", "accept", name)
        assert {v.reviewer for v in project.all_verdicts("001")} == set(names)
    files = [path.name for path in (tmp_path / "log").iterdir()]
    assert len(files) == len(names) + 1
    assert all(len(name) < 100 and not set('/\\:*?"<>|') & set(name) for name in files)


def test_settings_and_measures_are_kept(tmp_path: Path) -> None:
    with Project.create(tmp_path) as project:
        project.set_settings("coverage", {"frames": 0.5, "seconds": 0})
        project.add_sequence("001", identity="p1")
        project.record_measures("001", {"cvd_mm": 1.5, "nme": float("nan")}, ["jitter"], 2.5)
    with Project.open(tmp_path) as project:
        assert project.coverage_rule.frames == 0.5
        row = project.index.row("001")
        assert (row.measures, row.flags, row.suspicion, row.identity) == (
            {"cvd_mm": 1.5},
            ("jitter",),
            2.5,
            "p1",
        )
        project.add_sequence("001", source=tmp_path)
        assert project.index.row("001").identity == "p1", "what is not said anew stays"


def test_removed_sequences_are_off_the_list_and_can_come_back(tmp_path: Path) -> None:
    with Project.create(tmp_path) as project:
        project.add_sequences({"name": name} for name in ("001", "002"))
        project.judge("001", "accept", "anna")
        project.remove_sequences(["001"], "anna")
        assert list(project.sequences) == ["002"]
        assert project.index.states() == {"new": 1}
        project.add_sequence("001")
        assert project.verdict("001").verdict == "accept"


def footage(folder: Path) -> dict[str, Path]:
    """One video, and one sequence of two views, both longer than what is hashed of them."""
    video, views = folder / "clips" / "001.mp4", folder / "clips" / "002"
    views.mkdir(parents=True)
    video.write_bytes(os.urandom(5 << 20))
    (views / "left.mp4").write_bytes(b"left" * 100)
    (views / "right.mp4").write_bytes(b"right" * 100)
    return {"001": video, "002": views}


def test_a_project_moved_with_its_footage_finds_it_without_help(tmp_path: Path) -> None:
    there = footage(tmp_path / "lab")
    with Project.create(tmp_path / "lab" / "project") as project:
        project.add_sequences({"name": name, "source": path} for name, path in there.items())
        assert project.index.row("001").source == "../clips/001.mp4"
    (tmp_path / "lab").rename(tmp_path / "elsewhere")
    with Project.open(tmp_path / "elsewhere" / "project") as project:
        assert not missing_sources(project)
        assert project.source_of("002") == tmp_path / "elsewhere" / "clips" / "002"


def test_moved_and_renamed_footage_is_found_by_its_content(tmp_path: Path) -> None:
    there = footage(tmp_path)
    with Project.create(tmp_path / "project") as project:
        project.add_sequences({"name": name, "source": path} for name, path in there.items())
        new = tmp_path / "archive" / "deep"
        new.mkdir(parents=True)
        shutil.move(there["001"], new / "renamed.mp4")
        shutil.move(there["002"], new / "other name")
        (new / "001.mp4").write_bytes(b"an impostor with the name of what is sought")
        assert set(missing_sources(project)) == {"001", "002"}
        outcome = relink(project, tmp_path / "archive", reviewer="anna")
        assert {item.sequence: (item.path, item.by) for item in outcome.found} == {
            "001": (new / "renamed.mp4", "content"),
            "002": (new / "other name", "content"),
        }
        assert outcome.missing == ()
        assert project.source_of("001") == new / "renamed.mp4"
        assert not missing_sources(project)
    (tmp_path / "project" / "index.sqlite").unlink()
    with Project.open(tmp_path / "project") as project:
        assert project.source_of("002") == new / "other name", "the log knows"


def test_changed_footage_is_not_taken_for_the_old_one(tmp_path: Path) -> None:
    there = footage(tmp_path)
    with Project.create(tmp_path / "project") as project:
        project.add_sequence("001", source=there["001"])
        data = bytearray(there["001"].read_bytes())
        data[-5] ^= 1
        there["001"].unlink()
        (tmp_path / "001.mp4").write_bytes(data)
        outcome = relink(project, tmp_path, reviewer="anna")
        assert (outcome.found, outcome.missing) == ((), ("001",))


def test_footage_that_was_never_there_is_found_by_its_name_if_that_is_unique(tmp_path: Path) -> None:
    there = footage(tmp_path)
    with Project.create(tmp_path / "project") as project:
        project.add_sequences(
            [
                {"name": "001", "source": tmp_path / "gone" / "001.mp4"},
                {"name": "x", "source": tmp_path / "x.mp4"},
            ]
        )
        outcome = relink(project, tmp_path, reviewer="anna")
        assert [(item.path, item.by) for item in outcome.found] == [(there["001"], "name")]
        assert outcome.missing == ("x",)
        with pytest.raises(ProjectError, match="no such folder"):
            relink(project, tmp_path / "nowhere", reviewer="anna")


def test_tracks_that_come_go_and_change_are_noticed(tmp_path: Path) -> None:
    with Project.create(tmp_path) as project:
        track = project.add_sequence("001")
        assert project.index.row("001").state == "new"
        track.parent.mkdir()
        track.write_bytes(b"one")
        project.index.check_tracks()
        assert project.index.row("001").state == "tracked"
        project.judge("001", "accept", "anna")
        assert project.index.row("001").state == "accept"
        track.write_bytes(b"two")
        assert project.index.check_tracks() == 1
        assert project.index.row("001").state == "stale" and project.index.row("001").stale
        track.write_bytes(b"one")
        os.utime(track, ns=(1, 1))
        project.index.check_tracks(["001"])
        assert project.index.row("001").state == "accept", "the very bytes that were judged are back"
        track.unlink()
        project.index.check_tracks()
        assert project.index.row("001").state == "stale"
        assert file_hash(track) == ""


def test_filters_and_orders_agree_with_plain_python(tmp_path: Path) -> None:
    import numpy as np

    rng = np.random.default_rng(3)
    values = {f"{n:03d}_a%": float(rng.normal()) for n in range(60)}
    with Project.create(tmp_path) as project:
        project.add_sequences({"name": name, "identity": name[0]} for name in values)
        project.record_many(
            (name, {"cvd:left mm": x} if n % 3 else {}, ["jitter"] if x > 0 else ["lips_2", "jaw"], abs(x))
            for n, (name, x) in enumerate(values.items())
        )
        index = project.index
        measured = {name: x for n, (name, x) in enumerate(values.items()) if n % 3}
        assert index.count() == 60
        assert [row.name for row in index.rows()] == sorted(values, key=lambda name: -abs(values[name]))
        up = index.rows(order="measure:cvd:left mm", descending=False)
        assert [row.name for row in up][: len(measured)] == sorted(measured, key=measured.get)
        inside = Filter(ranges={"cvd:left mm": (-0.5, 0.5)})
        assert {row.name for row in index.rows(inside)} == {
            n for n, x in measured.items() if -0.5 <= x <= 0.5
        }
        assert index.count(Filter(flags=("jitter",))) == sum(x > 0 for x in values.values())
        assert index.count(Filter(flags=("lips_2", "jitter"), all_flags=True)) == 0
        assert index.count(Filter(flags=("lips%2",))) == 0, "no wildcard in a flag"
        assert index.count(Filter(text="A%")) == 60 and index.count(Filter(text="_%")) == 0
        assert index.count(Filter(suspicion=(1.0, None))) == sum(abs(x) >= 1 for x in values.values())
        pages = [
            row.name
            for at in range(0, 60, 7)
            for row in index.rows(order="random", seed=9, offset=at, limit=7)
        ]
        assert sorted(pages) == sorted(values) and pages != sorted(values)
        assert pages == index.names(order="random", seed=9) != index.names(order="random", seed=10)
        names, figures = index.values(["cvd:left mm"])
        assert dict(zip(names, figures[:, 0], strict=True)).items() >= measured.items()
        assert int(np.isnan(figures).sum()) == 20
        assert index.flag_counts()["jaw"] == sum(x <= 0 for x in values.values())
        assert index.measure_names() == ["cvd:left mm"]


@pytest.mark.parametrize(
    "ask",
    [
        lambda index: index.rows(order="beauty"),
        lambda index: index.rows(order="measure:x'); DROP TABLE sequences; --"),
        lambda index: index.count(Filter(states=("done",))),
    ],
)
def test_questions_that_mean_nothing_are_refused(tmp_path: Path, ask: object) -> None:
    from neuface_engine.errors import ConfigError

    with Project.create(tmp_path) as project, pytest.raises(ConfigError):
        ask(project.index)

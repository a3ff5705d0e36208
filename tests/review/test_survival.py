"""What was acknowledged stays, whatever becomes of the process or the disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from neuface_engine.errors import ProjectError
from neuface_engine.review import EventLog, Project, Verdict

posix_only = pytest.mark.skipif(os.name == "nt", reason="needs fork, SIGKILL and limits on the size of files")


def run_alone(program: str, argument: str) -> subprocess.CompletedProcess[str]:
    """A program in a process of its own, which succeeds."""
    done = subprocess.run(
        [sys.executable, "-c", program, argument], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


_DRIVER = """
import os, random, signal, sys, time
from pathlib import Path
from neuface_engine.review.journal import FileJournal
from neuface_engine.review.locking import ProjectLock
from neuface_engine.review.events import Verdict

folder, rng, acknowledged, torn = Path(sys.argv[1]), random.Random(7), [], 0
for kill in range(100):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        lock = ProjectLock(folder)
        if not lock.taken:
            os.write(writer, b"stale lock\\n")
            os._exit(3)
        journal = FileJournal(folder)
        while True:
            event = Verdict("001", "accept", "a" * 64, "anna", note="x" * 3000)
            journal.append(event)
            os.write(writer, event.id.encode() + b"\\n")
    os.close(writer)
    first = os.read(reader, 1 << 16)
    time.sleep(rng.random() * 0.012)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    said = first
    while part := os.read(reader, 1 << 16):
        said += part
    os.close(reader)
    assert b"stale" not in said, "the lock of a killed process was left behind"
    acknowledged += [line.decode() for line in said.split(b"\\n") if len(line) == 32]
journal = FileJournal(folder)
kept = {event.id for event in journal.events}
lost = [identifier for identifier in acknowledged if identifier not in kept]
print(len(acknowledged), len(lost), len(journal.problems))
"""


@posix_only
def test_a_hundred_kills_at_random_moments_lose_no_acknowledged_verdict(tmp_path: Path) -> None:
    done = run_alone(_DRIVER, str(tmp_path))
    acknowledged, lost, problems = map(int, done.stdout.split())
    assert acknowledged >= 100
    assert (lost, problems) == (0, 0)


_FULL = """
import resource, sys
from pathlib import Path
from neuface_engine.errors import ProjectError
from neuface_engine.review.log import EventLog
from neuface_engine.review.events import Verdict

log = EventLog(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))
kept = 0
try:
    for _ in range(100):
        log.append(Verdict("001", "accept", "a" * 64, "anna", note="x" * 400))
        kept += 1
except ProjectError as error:
    words = str(error)
assert "cannot be written" in words and "free space" in words, words
assert len(EventLog(log.path).events) == kept, "half an event was left behind"
assert log.path.read_bytes().endswith(b"\\n")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.append(Verdict("002", "reject", "a" * 64, "anna"))
again = EventLog(log.path)
assert len(again.events) == kept + 1 and not again.problems
"""


@posix_only
def test_a_full_disk_costs_only_the_event_in_flight_and_the_log_goes_on_afterwards(tmp_path: Path) -> None:
    run_alone(_FULL, str(tmp_path / "a.jsonl"))


_FULL_PROJECT = """
import resource, sys
from neuface_engine.cli import main

verdict = ["review", "verdict", sys.argv[1], "001", "reject", "--reviewer", "anna"]
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
assert main(verdict) == 2
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert main(verdict) == 0
assert main(["review", "verify", sys.argv[1]]) == 0
"""


@posix_only
def test_a_full_disk_is_one_line_on_the_command_line_and_the_project_goes_on_afterwards(
    tmp_path: Path,
) -> None:
    with Project.create(tmp_path) as project:
        (tmp_path / "tracks").mkdir()
        (tmp_path / "tracks" / "001.npz").write_bytes(b"track")
        project.add_sequence("001")
        project.index.count()
    done = run_alone(_FULL_PROJECT, str(tmp_path))
    assert "Traceback" not in done.stderr and "cannot be written" in done.stderr


def test_an_event_that_could_not_be_flushed_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = EventLog(tmp_path / "a.jsonl")
    log.append(Verdict("001", "accept", "a" * 64, "anna"))

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(ProjectError, match="No space left"):
        log.append(Verdict("001", "reject", "a" * 64, "anna"))
    monkeypatch.undo()
    assert [event.verdict for event in EventLog(log.path).events] == ["accept"]
    log.append(Verdict("001", "unsure", "a" * 64, "anna"))
    assert not EventLog(log.path).problems


def test_appending_and_following_read_only_what_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jsonl"
    writer, reader = EventLog(path), EventLog(path)
    writer.append(*[Verdict(f"{n:05d}", "accept", "a" * 64, "anna") for n in range(5000)])
    assert len(reader.events) == 5000

    from neuface_engine.review import chain

    parsed = []
    parse = chain.parse
    monkeypatch.setattr(chain, "parse", lambda line: parsed.append(line) or parse(line))
    EventLog(path).append(Verdict("x", "accept", "a" * 64, "anna"))
    assert len(parsed) == 1, "to append, the last line is enough"
    parsed.clear()
    assert len(reader.events) == 5001
    assert len(parsed) == 1, "to follow, the new line is enough"


def test_a_log_that_was_rewritten_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    log = EventLog(path)
    log.append(Verdict("001", "accept", "a" * 64, "anna"), Verdict("002", "accept", "a" * 64, "anna"))
    assert len(log.events) == 2
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    assert [event.sequence for event in log.events] == ["001"]
    log.append(Verdict("003", "accept", "a" * 64, "anna"))
    assert [event.sequence for event in EventLog(path).events] == ["001", "003"]
    assert not EventLog(path).problems


def test_the_index_follows_a_log_that_was_changed_behind_its_back(tmp_path: Path) -> None:
    with Project.create(tmp_path) as project:
        project.add_sequence("001")
        project.judge("001", "accept", "anna")
        assert project.index.row("001").verdict == "accept"
        path = tmp_path / "log" / "anna.jsonl"
        path.write_bytes(path.read_bytes().replace(b'"accept"', b'"reject"'))
        os.utime(path, ns=(1, 1))
        assert project.index.row("001").verdict == "reject"


def test_a_copied_project_keeps_its_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Project.create(tmp_path) as project:
        project.add_sequence("001")
        project.judge("001", "accept", "anna")
        before = project.index.rows()
    for path in (tmp_path / "log").iterdir():
        os.utime(path, ns=(1, 1))  # as `cp -r` does

    from neuface_engine.review.index import Index

    def refuse(*_: object) -> None:
        raise AssertionError("made anew")

    monkeypatch.setattr(Index, "_restart", refuse)
    with Project.open(tmp_path) as project:
        assert project.index.rows() == before


@pytest.mark.parametrize("damage", ["empty", "garbage", "gone", "older"])
def test_the_index_can_be_lost_at_any_time(tmp_path: Path, damage: str) -> None:
    with Project.create(tmp_path) as project:
        project.add_sequence("001", source=tmp_path)
        project.record_measures("001", {"cvd_mm": 1.5}, ["jitter"], 2.0)
        project.judge("001", "reject", "anna", reasons=["jitter"])
        before = project.index.rows()
    file = tmp_path / "index.sqlite"
    if damage == "older":
        import sqlite3

        with sqlite3.connect(file) as connection:
            connection.execute("UPDATE meta SET value = '0'")
        connection.close()
    elif damage == "gone":
        file.unlink()
    else:
        file.write_bytes(b"" if damage == "empty" else b"not a database" * 1000)
    with Project.open(tmp_path) as project:
        assert project.index.rows() == before


def test_the_index_is_the_same_however_the_events_arrived(tmp_path: Path) -> None:
    with Project.create(tmp_path) as project:
        for name in ("001", "002", "003"):
            project.add_sequence(name)
            project.index.refresh()
            project.judge(name, "accept", "anna")
            project.index.refresh()
            project.judge(name, "reject", "bob", reasons=["lips"])
        project.undo("bob")
        project.index.refresh()
        project.redo("bob")
        project.undo("anna", sequence="001")
        step_by_step = project.index.rows(order="name")
        project.index.rebuild()
        assert project.index.rows(order="name") == step_by_step
        assert [row.verdict for row in step_by_step] == ["reject", "reject", "reject"]
        assert [row.disputed for row in step_by_step] == [False, True, True]


def test_the_same_lines_in_the_log_of_version_1_are_read(tmp_path: Path) -> None:
    line = {
        "event": "verdict",
        "id": "1" * 32,
        "note": "",
        "prev": "0" * 64,
        "reviewer": "anna",
        "sequence": "001",
        "time": "2026-01-01T00:00:00.000+00:00",
        "track_hash": "",
        "verdict": "accept",
    }
    path = tmp_path / "review.jsonl"
    path.write_text(json.dumps(line, sort_keys=True) + "\n", encoding="utf-8")
    log = EventLog(path)
    assert [event.verdict for event in log.events] == ["accept"]
    assert not log.problems

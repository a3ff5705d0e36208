"""The review's log keeps what was said, whatever happens to the machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from neuface_engine.errors import ProjectError
from neuface_engine.review import EventLog, Undo, Verdict, standing_verdicts


def verdict(sequence: str = "001", word: str = "accept", **more: str) -> Verdict:
    return Verdict(sequence, word, "a" * 64, "anna", **more)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "review.jsonl"


def test_what_was_appended_is_there_after_a_restart(path: Path) -> None:
    event = verdict(note="Lippen – gut")
    EventLog(path).append(event)
    assert EventLog(path).events == (event,)


def test_the_log_only_grows(path: Path) -> None:
    log = EventLog(path)
    log.append(verdict())
    before = path.read_bytes()
    log.append(verdict(word="reject"))
    log.undo_last(reviewer="anna")
    assert path.read_bytes().startswith(before)
    assert len(path.read_text(encoding="utf-8").splitlines()) == 3


def test_the_last_verdict_on_a_sequence_stands(path: Path) -> None:
    log = EventLog(path)
    for event in (verdict(), verdict("002", "unsure"), verdict(word="reject")):
        log.append(event)
    assert {name: v.verdict for name, v in standing_verdicts(log.events).items()} == {
        "001": "reject",
        "002": "unsure",
    }


def test_undo_brings_back_the_verdict_before_and_undoing_the_undo_the_one_after(path: Path) -> None:
    log = EventLog(path)
    log.append(verdict())
    log.append(verdict(word="reject"))
    assert log.undo_last(reviewer="anna") is not None
    assert standing_verdicts(log.events)["001"].verdict == "accept"
    log.append(Undo(target=log.events[-1].id, reviewer="anna"))
    assert standing_verdicts(log.events)["001"].verdict == "reject"


def test_undo_can_be_kept_to_one_sequence_and_stops_at_nothing(path: Path) -> None:
    log = EventLog(path)
    log.append(verdict("001"))
    log.append(verdict("002"))
    undone = log.undo_last(reviewer="anna", sequence="001")
    assert undone is not None
    assert undone.sequence == "001"
    assert log.undo_last(reviewer="anna", sequence="001") is None
    assert set(standing_verdicts(log.events)) == {"002"}


@pytest.mark.parametrize("cut", [1, 2, 20, 100])
def test_a_torn_last_line_is_ignored_and_the_next_event_is_whole(path: Path, cut: int) -> None:
    log = EventLog(path)
    log.append(verdict())
    log.append(verdict(word="reject"))
    path.write_bytes(path.read_bytes()[:-cut])
    torn = EventLog(path)
    kept = len(torn.events)
    assert kept == (2 if cut == 1 else 1)  # without its line feed alone the event is still whole
    assert not torn.problems
    torn.append(verdict("003"))
    again = EventLog(path)
    assert [e.sequence for e in again.events if isinstance(e, Verdict)][-1] == "003"
    assert len(again.events) == kept + 1
    assert not again.problems


def test_a_changed_line_is_noticed_by_the_chain(path: Path) -> None:
    log = EventLog(path)
    for word in ("accept", "reject", "unsure"):
        log.append(verdict(word=word))
    path.write_bytes(path.read_bytes().replace(b'"reject"', b'"accept"'))
    changed = EventLog(path)
    assert len(changed.events) == 3
    assert "line 3" in changed.problems[0]


@pytest.mark.parametrize(
    "rubbish", [b"not json\n", b"[1, 2]\n", b'{"event": "verdict"}\n', b"\xff\xfe\n", b"\n"]
)
def test_a_damaged_line_costs_only_itself(path: Path, rubbish: bytes) -> None:
    EventLog(path).append(verdict())
    path.write_bytes(rubbish + path.read_bytes())
    log = EventLog(path)
    assert len(log.events) == 1
    assert "line 1 is damaged" in log.problems[0]


def test_an_event_of_a_later_version_is_left_alone(path: Path) -> None:
    path.write_text(json.dumps({"event": "plant", "id": "x", "prev": "0" * 64}) + "\n", encoding="utf-8")
    log = EventLog(path)
    log.append(verdict())
    assert len(log.events) == 1
    assert not log.problems


def test_two_logs_on_one_file_see_each_other(path: Path) -> None:
    one, two = EventLog(path), EventLog(path)
    one.append(verdict())
    two.append(verdict(word="reject"))
    assert len(one.events) == 2
    assert not one.problems


def test_a_verdict_is_one_of_three_words() -> None:
    with pytest.raises(ValueError, match="none of"):
        verdict(word="maybe")


@pytest.mark.skipif(
    os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write"
)
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(0o500)
    with pytest.raises(ProjectError, match="cannot be written"):
        EventLog(folder / "review.jsonl").append(verdict())


def test_the_review_needs_neither_torch_nor_qt() -> None:
    code = (
        "import sys, neuface_engine.review; bad = {'torch', 'PySide6'} & set(sys.modules); "
        "sys.exit(f'imported {bad}' if bad else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr

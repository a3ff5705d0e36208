"""A team on PostgreSQL: the same project, the same chain, several reviewers at once."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import hypergeom
from sqlalchemy import select, text

from neuface_engine.cli import main
from neuface_engine.errors import ProjectError
from neuface_engine.review import Filter, Project, chain, schema
from neuface_engine.review.assignment import draw_double, give_back, held
from neuface_engine.review.events import Added
from neuface_engine.review.merge import merge

_made: list[Project] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while _made:
        _made.pop().close()


def make(folder: Path, url: str, names: int = 0) -> Project:
    project = Project.create(folder, database=url)
    _made.append(project)
    (folder / "tracks").mkdir(exist_ok=True)
    for number in range(names):
        (folder / "tracks" / f"{number:03d}.npz").write_bytes(b"track")
    project.add_sequences({"name": f"{number:03d}"} for number in range(names))
    project.record_many(
        (f"{number:03d}", {"cvd_mm": number / 10}, ["jitter"] if number % 2 else [], float(number))
        for number in range(names)
    )
    return project


def work(project: Project) -> None:
    """Everything that can be said, once."""
    project.judge("003", "reject", "anna", reasons=["lips"], note="Lippen – schief")
    project.judge("002", "accept", "bob")
    project.judge("003", "accept", "bob")
    project.undo("anna")
    project.redo("anna")
    project.judge("001", "unsure", "anna")
    project.undo("anna")
    project.log.append(draw_double(["000", "001"], 1.0, reviewer="carla", seed=1))
    project.judge("000", "reject", "anna", reasons=["jitter"])


def test_a_database_answers_every_question_as_the_files_do(tmp_path: Path, postgres_url: str) -> None:
    here, there = make(tmp_path / "files", "", 6), make(tmp_path / "team", postgres_url, 6)
    for project in (here, there):
        work(project)
    questions = [
        lambda p: p.index.rows(),
        lambda p: p.index.rows(order="name", descending=True, offset=1, limit=2),
        lambda p: p.index.rows(order="random", seed=5),
        lambda p: p.index.rows(order="measure:cvd_mm"),
        lambda p: p.index.rows(Filter(flags=("jitter",), ranges={"cvd_mm": (0.2, None)}), order="name"),
        lambda p: p.index.rows(Filter(states=("reject", "accept"), disputed=True)),
        lambda p: p.index.count(Filter(text="00", suspicion=(2, 4))),
        *[
            lambda p, name=name, order=order: p.index.rows(Filter(seen_by=name), order=order)
            for name in ("anna", "bob")
            for order in ("state", "time")
        ],
        lambda p: p.index.rows(Filter(states=("tracked",), disputed=False, with_notes=False, seen_by="bob")),
        lambda p: p.index.states(Filter(seen_by="bob")),
        lambda p: p.index.reason_counts(Filter(seen_by="bob", reviewer="bob")),
        lambda p: p.index.states(),
        lambda p: p.index.flag_counts(),
        lambda p: p.index.reason_counts(),
        lambda p: p.index.measure_names(),
        lambda p: p.index.values(["cvd_mm"])[1].tolist(),
        lambda p: {name: (v.verdict, v.reviewer, v.note) for name, v in p.verdicts().items()},
        lambda p: {name: head.lines for name, head in p.heads().items()},
    ]
    for number, question in enumerate(questions):
        mine, theirs = question(here), question(there)
        if isinstance(mine, list) and mine and hasattr(mine[0], "time"):
            mine, theirs = ([{**vars(row), "time": None} for row in rows] for rows in (mine, theirs))
        assert theirs == mine, f"question {number}"
    there.index.rebuild()
    assert there.index.states() == here.index.states()


def test_the_chain_in_the_database_is_that_of_files(tmp_path: Path, postgres_url: str) -> None:
    project = make(tmp_path, postgres_url, 3)
    project.judge("001", "accept", "anna")
    project.judge("002", "reject", "anna")
    lines = project.log.lines("anna")
    whole = chain.replay(b"".join(line + b"\n" for line in lines))
    assert not whole.problems
    assert [entry.event.verdict for entry in whole.entries] == ["accept", "reject"]
    assert whole.position.head == project.heads()["anna"].hash
    with project.log.engine.begin() as connection:
        changed = "UPDATE lines SET text = replace(text, '\"accept\"', '\"reject\"') WHERE log = 'anna'"
        connection.execute(text(f'SET search_path TO "neuface_{project.id}"'))
        connection.execute(text(changed))
    assert "line 2 does not follow" in project.log.problems[0]


def test_many_threads_on_one_log_keep_every_event_and_the_chain(tmp_path: Path, postgres_url: str) -> None:
    project = make(tmp_path, postgres_url)

    def write() -> None:
        own = Project.open(tmp_path, database=postgres_url)
        for _ in range(10):
            own.log.append(Added(({"name": "001"},), reviewer="anna"))
        own.close()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert project.heads()["anna"].lines == 40
    assert not project.log.problems


def test_a_log_that_another_began_while_one_waited_to_take_logs_in_is_not_taken_for_removed(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = make(tmp_path, postgres_url, 2)
    bob = Project.open(tmp_path, database=postgres_url)
    _made.append(bob)
    anna.judge("001", "accept", "anna")
    bob.judge("000", "reject", "bob")
    assert anna.index.states() == {"accept": 1, "reject": 1}
    stamps = bob.log.stamps
    earlier = [{log: stamp for log, stamp in stamps().items() if log != "anna"}]
    monkeypatch.setattr(bob.log, "stamps", lambda: earlier.pop() if earlier else stamps())
    bob.index.refresh()
    assert not earlier
    with anna.index.engine.connect() as connection:  # as it stands there, with nothing taken in meanwhile
        rows = connection.execute(select(schema.sequences.c.name, schema.sequences.c.state)).all()
    assert dict(map(tuple, rows)) == {"000": "reject", "001": "accept"}


_REVIEWER = """
import sys
from neuface_engine.review import Project
folder, url, name = sys.argv[1:]
with Project.open(folder, database=url) as project:
    while (row := project.next(name)) is not None:
        project.judge(row.name, "accept", name)
        print(row.name, flush=True)
"""


def test_reviewers_in_processes_of_their_own_never_get_the_same_sequence(
    tmp_path: Path, postgres_url: str
) -> None:
    project = make(tmp_path, postgres_url, 40)
    reviewers = [
        subprocess.Popen(
            [sys.executable, "-c", _REVIEWER, str(tmp_path), postgres_url, name],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("anna", "bob")
    ]
    seen = []
    for process in reviewers:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        seen.append(out.split())
    assert sorted(seen[0] + seen[1]) == [f"{n:03d}" for n in range(40)], "each once, none left out"
    assert project.index.states() == {"accept": 40}
    assert not project.log.problems


def test_threads_that_ask_at_once_are_handed_different_sequences(tmp_path: Path, postgres_url: str) -> None:
    make(tmp_path, postgres_url, 30).close()
    handed: list[str] = []
    barrier = threading.Barrier(5)

    def ask(name: str) -> None:
        own = Project.open(tmp_path, database=postgres_url)
        barrier.wait()
        for turn in range(6):
            row = own.next(f"{name}{turn}")
            handed.append(row.name)
        own.close()

    threads = [threading.Thread(target=ask, args=(f"r{n}",)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(handed) == 30
    assert max(Counter(handed).values()) == 1


def test_double_review_hands_each_to_two_and_the_clock_is_the_servers(
    tmp_path: Path, postgres_url: str
) -> None:
    project = make(tmp_path, postgres_url, 1)
    assert project.next("anna", double=True).name == "000"
    assert project.next("bob", double=True).name == "000"
    assert project.next("carla", double=True) is None
    assert [(sequence, who) for sequence, who, _ in held(project.index)] == [("000", "anna"), ("000", "bob")]
    assert all(1700 < seconds <= 1800 for *_, seconds in held(project.index))
    give_back(project.index, "bob")
    assert project.next("carla", double=True).name == "000"


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]):
    """call("next", lab, ..., who="anna") -> (exit code, JSON object); the project alone leads to the database."""

    def run(command: str, project: Path, *arguments: object, who: str = "") -> tuple[int, dict]:
        speaker = ["--reviewer", who] if who else []
        code = main(["review", command, str(project), *map(str, arguments), *speaker, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return run


def test_two_reviewers_audit_certify_and_verify_from_the_command_line(
    tmp_path: Path, postgres_url: str, call
) -> None:
    lab = tmp_path / "lab"
    project = make(lab, postgres_url, 16)
    header = json.dumps({"format": "neuface-track", "views": ["front"], "fps": 25})
    for number in range(16):
        np.savez(lab / "tracks" / f"{number:03d}.npz", header=header, frame_indices=np.arange(number + 5))
    plan = ("--limit", "30%", "--target", "6%", "--confidence", "0.8", "--seed", "s")
    drawn = call("audit", lab, "--draw", *plan, who="lead")[1]["audit"]["draws"]
    failing = {drawn[0]}
    handed: dict[str, list[str]] = {"anna": [], "bob": []}
    while True:
        both = {who: call("next", lab, who=who)[1]["next"] for who in handed}
        if not any(both.values()):
            break
        names = [item["name"] for item in both.values() if item is not None]
        assert len(set(names)) == len(names), "nobody is handed what another has in hand"
        assert all("verdict" not in item for item in both.values() if item is not None)
        for who, item in both.items():
            if item is not None:
                handed[who].append(item["name"])
                word = "reject" if item["name"] in failing else "accept"
                assert (
                    call("verdict", lab, item["name"], word, "--watched", "all", "--seconds", 5, who=who)[0]
                    == 0
                )
    assert sorted(handed["anna"] + handed["bob"]) == [f"{n:03d}" for n in range(16)]
    assert min(map(len, handed.values())) >= 7
    now = call("audit", lab)[1]
    assert (now["failures"], now["stated"], now["final"]) == (1, len(drawn) - 1, True)
    out = tmp_path / "certificate.json"
    certificate = call("certify", lab, "--out", out)[1]
    assert certificate["reviewers"].keys() == {"anna", "bob"} and certificate["final"]
    by_hand = max(d for d in range(1, 17) if hypergeom(16, d, len(drawn)).cdf(1) >= 0.2)
    assert certificate["bound"]["failing"] == by_hand
    assert call("certify", lab, "--verify", out) == (0, {"holds": True, "differences": [], "notes": []})
    assert call("verify", lab)[0] == 0
    with Project.create(tmp_path / "files") as files:
        outcome = merge(files, lab)
        assert outcome.tracks == 16 and set(outcome.logs) >= {"anna", "bob", "lead"}
    assert call("certify", tmp_path / "files", "--verify", out)[1]["holds"], "the lines are the same in files"
    with project.log.engine.begin() as connection:
        connection.execute(text(f'SET search_path TO "neuface_{project.id}"'))
        connection.execute(
            text("UPDATE lines SET text = replace(text, '\"accept\"', '\"reject\"') WHERE log = 'bob'")
        )
    code, said = call("certify", lab, "--verify", out)
    assert code == 2 and not said["holds"]


def test_a_lease_that_is_over_frees_the_sequence_for_others(tmp_path: Path, postgres_url: str, call) -> None:
    make(tmp_path, postgres_url, 1)
    assert call("next", tmp_path, "--minutes", 0.0001, who="anna")[1]["next"]["name"] == "000"
    time.sleep(0.01)
    assert call("next", tmp_path, who="bob")[1]["next"]["name"] == "000"
    assert call("next", tmp_path, who="anna")[1]["next"] is None
    assert [held["reviewer"] for held in call("stats", tmp_path)[1]["in_hand"]] == ["bob"]
    assert call("next", tmp_path, "--give-back", who="bob")[1]["sequences"] == ["000"]
    assert call("next", tmp_path, who="anna")[1]["next"]["name"] == "000"


def test_two_projects_on_one_server_know_nothing_of_each_other(tmp_path: Path, postgres_url: str) -> None:
    one, two = make(tmp_path / "one", postgres_url, 2), make(tmp_path / "two", postgres_url, 3)
    assert (one.index.count(), two.index.count()) == (2, 3)


def test_the_password_is_not_written_down(tmp_path: Path, postgres_url: str) -> None:
    Project.create(tmp_path, database=postgres_url.replace("tester@", "tester:geheim@")).close()
    assert "geheim" not in (tmp_path / "project.json").read_text(encoding="utf-8")
    with Project.open(tmp_path) as project:
        assert project.index.count() == 0, "project.json alone leads to the database"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://user@host/db", "not PostgreSQL"),
        ("nonsense", "not a database URL"),
        ("postgresql://user:geheim@127.0.0.1:1/db", "start the server"),
    ],
)
def test_a_database_that_cannot_be_had_is_named_without_its_password(
    tmp_path: Path, url: str, words: str
) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(ProjectError, match=words) as caught:
        Project.create(tmp_path, database=url)
    assert "geheim" not in str(caught.value)
    assert "\n" not in str(caught.value)

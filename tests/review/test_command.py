"""`neuface review ...`: everything without a display, one JSON object, one line for what is wrong."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from neuface_engine.cli import main


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """run("stats", ...) -> (exit code, JSON object, stderr); the project is tmp_path/lab."""
    monkeypatch.delenv("NEUFACE_DATABASE", raising=False)
    monkeypatch.setenv("NEUFACE_REVIEWER", "anna")

    def call(command: str, *arguments: object, project: Path | None = None) -> tuple[int, dict, str]:
        target = project or tmp_path / "lab"
        code = main(["review", command, str(target), *map(str, arguments), "--json"])
        said = capsys.readouterr()
        assert said.out.count("\n") == 1, "exactly one JSON object"
        return code, json.loads(said.out), said.err

    return call


@pytest.fixture
def lab(tmp_path: Path, run) -> Path:
    """Three sequences with footage and tracks, added by the command line."""
    for name in ("001", "002", "003"):
        clip = tmp_path / "clips" / f"{name}.mp4"
        clip.parent.mkdir(exist_ok=True)
        clip.write_bytes(name.encode())
    code, said, _ = run("add", tmp_path / "clips", "--each")
    assert (code, said["added"], said["total"]) == (0, ["001", "002", "003"], 3)
    tracks = tmp_path / "lab" / "tracks"
    tracks.mkdir()
    for name in ("001", "002", "003"):
        (tracks / f"{name}.npz").write_bytes(b"track of " + name.encode())
    return tmp_path / "lab"


def test_a_review_from_beginning_to_end(lab: Path, run, tmp_path: Path) -> None:
    code, said, _ = run("next", "--order", "name")
    assert (code, said["next"]["name"]) == (0, "001")
    assert said["next"]["track"] == str(lab.resolve() / "tracks" / "001.npz")
    assert said["next"]["source"] == str(tmp_path.resolve() / "clips" / "001.mp4")
    code, said, err = run(
        "verdict", "001", "reject", "--reason", "lips", "--reason", "one view off", "--note", "so"
    )
    assert (code, said["verdict"]["reasons"]) == (0, ["lips", "one_view_off"])
    assert err == "", "to fail a clip one need not see the rest of it"
    assert run("next", "--order", "name")[1]["next"]["name"] == "002"
    assert run("next", "--order", "name", "--reviewer", "bob")[1]["next"]["name"] == "003"
    assert run("next", "--order", "name", "--reviewer", "carla")[1] == {"next": None}
    assert "does not count" in run("verdict", "002", "accept")[2]
    run("verdict", "002", "reject", "--reviewer", "bob")
    code, said, _ = run("stats")
    assert (said["sequences"], said["states"], said["disputed"]) == (3, {"reject": 2, "tracked": 1}, 1)
    assert said["reasons"] == {"lips": 1, "one_view_off": 1}
    assert said["reviewers"] == {
        "anna": {"verdicts": 2, "watched": 0, "stated": 0},
        "bob": {"verdicts": 1, "watched": 0, "stated": 0},
    }
    assert run("queue", "--disputed")[1]["rows"][0]["name"] == "002"
    assert run("queue", "--with-reason", "lips", "--by", "anna")[1]["total"] == 1
    run("verdict", "002", "accept", "--adjudicate", "--reviewer", "lead")
    assert run("queue", "--state", "accept")[1]["rows"][0]["reviewer"] == "lead"
    (lab / "tracks" / "002.npz").write_bytes(b"other bytes")
    assert run("queue", "--state", "stale")[1]["rows"][0]["name"] == "002"


def test_undo_and_redo_of_ones_own_words_only(lab: Path, run) -> None:
    run("verdict", "001", "accept")
    run("verdict", "001", "reject", "--reviewer", "bob")
    code, said, _ = run("undo")
    assert (code, said["taken_back"]["verdict"], said["taken_back"]["reviewer"]) == (0, "accept", "anna")
    assert run("undo")[1] == {"taken_back": None}
    assert run("undo", "--redo")[1]["brought_back"]["verdict"] == "accept"
    assert run("undo", "--redo")[1] == {"brought_back": None}
    assert run("undo", "--sequence", "002")[1] == {"taken_back": None}


def test_notes_are_written_listed_and_taken_back(lab: Path, run) -> None:
    code, said, _ = run(
        "note", "001", "drifts", "--frames", "12-30", "--views", "left,right", "--regions", "lips"
    )
    assert code == 0
    assert said["note"]["frames"] == [12, 30] and said["note"]["views"] == ["left", "right"]
    assert [note["text"] for note in run("note", "001")[1]["notes"]] == ["drifts"]
    assert run("undo")[1]["taken_back"]["text"] == "drifts"
    assert run("note", "001")[1]["notes"] == []


def test_blind_double_review_shows_nothing_of_the_others_verdicts(lab: Path, run) -> None:
    code, said, _ = run("assign", "--share", "1", "--draw-seed", "3")
    assert (code, said["assigned"], said["reviews"]) == (0, said["assigned"], 2)
    run("verdict", "001", "reject", "--note", "secret")
    code, said, _ = run("next", "--order", "name", "--reviewer", "bob")
    assert said["next"]["name"] == "001"
    assert "secret" not in json.dumps(said) and "reject" not in json.dumps(said)
    assert run("next", "--give-back", "--reviewer", "bob")[1] == {
        "given_back": True,
        "sequences": ["001"],
    }


def test_neither_filter_nor_order_nor_counts_tell_of_a_verdict_in_a_blind_review(lab: Path, run) -> None:
    run("assign", "--share", "1", "--reviews", "3")
    bob = ("--reviewer", "bob")

    def everything() -> list[object]:
        asked = [("stats",), ("note", "002"), ("queue", "--disputed"), ("queue", "--by", "anna")]
        asked += [("queue", "--state", state) for state in ("tracked", "accept", "reject", "stale")]
        asked += [("queue", "--with-reason", "lips"), ("queue", "--order", "learned")]
        asked += [("queue", "--order", order) for order in ("name", "state", "time")]
        said = [run(*question, *bob)[1] for question in asked]
        said[0].pop("logs")  # that somebody said something is seen in any folder of files, not of what
        handed = run("next", "--state", "tracked", "--order", "time", *bob)[1]
        run("next", "--give-back", *bob)
        return [*said, handed]

    before = everything()
    assert before[0]["states"] == {"tracked": 3}
    run("verdict", "002", "reject", "--reason", "lips", "--note", "secret")
    run("note", "002", "drifts")
    run("verdict", "002", "accept", "--reviewer", "carla")
    assert everything() == before, "for bob nothing has happened"
    assert run("queue", "--state", "reject")[1]["rows"][0]["judges"] == ["anna"]
    assert run("stats", "--reviewer", "anna")[1]["states"] == {"reject": 1, "tracked": 2}
    assert run("stats", "--reviewer", "carla")[1]["states"] == {"accept": 1, "tracked": 2}
    assert run("agreement")[1]["disagreements"] == []
    run("verdict", "002", "reject", *bob)
    (row,) = run("queue", "--disputed", *bob)[1]["rows"]
    assert (row["name"], row["judges"]) == ("002", ["anna", "carla", "bob"]), "all have judged"


def test_tables_of_the_review_are_read_by_other_programs(lab: Path, run, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    run("verdict", "001", "reject", "--reason", "lips", "--note", "schief, „sehr“")
    run("note", "002", "drifts", "--frames", "3")
    code, said, _ = run("export", "--out", tmp_path / "tables")
    assert code == 0
    assert {name: file["rows"] for name, file in said["files"].items()} == {
        "sequences": 3,
        "verdicts": 1,
        "notes": 1,
    }
    rows = duckdb.sql(
        f"SELECT sequence, state, reasons FROM '{tmp_path}/tables/sequences.parquet' ORDER BY 1"
    ).fetchall()
    assert rows == [("001", "reject", ["lips"]), ("002", "tracked", []), ("003", "tracked", [])]
    assert duckdb.sql(
        f"SELECT first_frame, last_frame, text FROM '{tmp_path}/tables/notes.parquet'"
    ).fetchall() == [(3, 3, "drifts")]
    run("export", "--out", tmp_path / "v.csv")
    with (tmp_path / "v.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["sequence"], row["verdict"], row["reasons"], row["note"]) == (
        "001",
        "reject",
        "lips",
        "schief, „sehr“",
    )
    assert run("export", "--out", tmp_path / "a.jsonld")[1]["files"]["annotations"]["rows"] == 2
    page = json.loads((tmp_path / "a.jsonld").read_text(encoding="utf-8"))
    assert {item["motivation"] for item in page["items"]} == {"assessing", "commenting"}
    run("export", "--table", "sequences", "--out", tmp_path / "s.json", "--state", "tracked")
    written = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    assert [row["sequence"] for row in written] == ["002", "003"]


def test_verify_names_the_line_and_exits_with_2(lab: Path, run) -> None:
    run("verdict", "001", "accept")
    run("verdict", "001", "reject")
    code, said, _ = run("verify")
    assert (code, said["ok"], said["logs"]["anna"]["lines"]) == (0, True, 2)
    head = f"anna:2:{said['logs']['anna']['head']}"
    assert run("verify", "--head", head)[0] == 0
    log = lab / "log" / "anna.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole.replace(b'"accept"', b'"unsure"'))
    code, said, err = run("verify")
    assert (code, said["ok"]) == (2, False)
    assert said["problems"] == [
        {"file": str(log), "line": 2, "what": "does not follow the line before it; lines were changed"}
    ]
    assert f"error: {log}: line 2 " in err
    log.write_bytes(whole.splitlines(keepends=True)[0])
    assert run("verify")[0] == 0
    assert run("verify", "--head", head)[0] == 2


def test_merge_takes_over_another_copy(lab: Path, run, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(lab, tmp_path / "copy")
    run("verdict", "003", "reject", "--reviewer", "bob", project=tmp_path / "copy")
    code, said, _ = run("merge", tmp_path / "copy")
    assert (code, said) == (0, {"events": 1, "logs": ["bob"], "conflicts": [], "tracks": 0})
    assert run("queue", "--by", "bob")[1]["rows"][0]["name"] == "003"


def test_moved_footage_is_found_again(lab: Path, run, tmp_path: Path) -> None:
    (tmp_path / "clips").rename(tmp_path / "moved")
    assert set(run("relink")[1]["missing"]) == {"001", "002", "003"}
    code, said, _ = run("relink", tmp_path / "moved")
    assert code == 0 and said["missing"] == []
    assert said["found"]["002"] == {"path": str(tmp_path / "moved" / "002.mp4"), "by": "content"}
    assert run("relink")[1] == {"missing": {}}


def test_sequences_are_added_with_tracks_from_a_list_and_under_free_names(run, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "clip.mp4").write_bytes(folder.encode())
    (tmp_path / "out.npz").write_bytes(b"track")
    run("add", tmp_path / "a" / "clip.mp4", "--track", tmp_path / "out.npz", "--identity", "p1")
    assert run("add", tmp_path / "b" / "clip.mp4")[1]["added"] == ["b-clip"]
    assert run("add", tmp_path / "a" / "clip.mp4")[1]["added"] == ["clip"], (
        "the same footage is no new sequence"
    )
    (tmp_path / "list.csv").write_text("name,source,identity\nc,a/clip.mp4,p2\nd,,\n", encoding="utf-8")
    assert run("add", "--list", tmp_path / "list.csv")[1]["total"] == 4
    (tmp_path / "list.jsonl").write_text('{"name": "e", "source": "b/clip.mp4"}\n', encoding="utf-8")
    run("add", "--list", tmp_path / "list.jsonl")
    rows = {row["name"]: row for row in run("queue", "--limit", "0")[1]["rows"]}
    assert (rows["clip"]["state"], rows["clip"]["identity"]) == ("tracked", "p1")
    assert (tmp_path / "lab" / rows["clip"]["track"]).read_bytes() == b"track"
    assert (rows["c"]["source"], rows["c"]["identity"]) == ("../a/clip.mp4", "p2")
    assert rows["e"]["source"] == "../b/clip.mp4" and rows["d"]["source"] is None


def test_tracks_from_elsewhere_are_copied_and_never_take_the_place_of_others(run, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for name in "ab":
        (tmp_path / "out" / f"{name}.npz").write_bytes(b"track of " + name.encode())
    table = tmp_path / "out" / "list.csv"
    table.write_text(f"name,track\na,a.npz\nb,{tmp_path / 'out' / 'b.npz'}\n", encoding="utf-8")
    assert run("add", "--list", table)[:2] == (
        0,
        {"project": str(tmp_path / "lab"), "added": ["a", "b"], "total": 2},
    )
    kept = tmp_path / "lab" / "tracks"
    assert [(kept / f"{name}.npz").read_bytes() for name in "ab"] == [b"track of a", b"track of b"]
    for name in "ab":
        (tmp_path / "out" / f"{name}.npz").write_bytes(b"tracked anew")
    code, said, err = run("add", "--list", table)
    assert code == 2 and "2 other tracks are there already under this name (a, b)" in said["error"]
    assert "--replace" in err and (kept / "a.npz").read_bytes() == b"track of a"
    run("verdict", "a", "accept")
    assert run("add", "--list", table, "--replace")[0] == 0
    assert (kept / "a.npz").read_bytes() == b"tracked anew"
    assert run("queue", "--state", "stale")[1]["rows"][0]["name"] == "a"
    assert "no such track" in run("add", "--name", "c", "--track", tmp_path / "none.npz")[1]["error"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["verdict", "001", "maybe"], "none of accept, reject, unsure"),
        (["verdict", "nobody", "accept"], "no sequence 'nobody'"),
        (["verdict", "001", "reject", "--reason", "ugly"], "reason 'ugly' is none of"),
        (["queue", "--where", "cvd"], "MEASURE=LOW:HIGH"),
        (["queue", "--state", "done"], "state 'done'"),
        (["queue", "--order", "beauty"], "order 'beauty'"),
        (["note", "001", "x", "--frames", "9-3"], "FIRST-LAST"),
        (["note", "nobody"], "no sequence"),
        (["undo", "--sequence", "nobody"], "no sequence"),
        (["merge", "nowhere"], "neither a project nor a log"),
        (["relink", "nowhere"], "no such folder"),
        (["verify", "--head", "x"], "LOG:LINES:HASH"),
        (["export", "--out", "x.xls"], "give one of these suffixes"),
        (["export", "--out", "x", "--table", "faces"], "'faces'"),
        (["assign", "--share", "3"], "share"),
        (["add", "nowhere.mp4"], "no such file"),
        (["add", "--list", "nowhere.csv"], "no such list"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(lab: Path, run, arguments: list[str], words: str) -> None:
    code, said, err = run(*arguments)
    assert code == 2
    assert words in said["error"] and words in err
    assert "Traceback" not in err and len(err.strip().splitlines()) == 1


def test_a_verdict_needs_a_track_and_a_project(lab: Path, run, tmp_path: Path) -> None:
    (lab / "tracks" / "001.npz").unlink()
    assert "no such track" in run("verdict", "001", "accept")[1]["error"]
    assert "not a project" in run("stats", project=tmp_path / "nothing")[1]["error"]
    assert not (tmp_path / "nothing").exists()

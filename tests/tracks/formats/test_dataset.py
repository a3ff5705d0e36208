"""A project as a dataset: who is in, what lies beside, what an interruption leaves, and that others can read it."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

import neuface_engine as nf
from neuface_engine.review import Note, Project
from neuface_engine.tracks.formats.dataset import Choice, export_dataset

SMALL = Choice(formats=("npz",), licence="CC-BY-4.0")


@pytest.fixture(scope="module")
def made(make_track, tmp_path_factory) -> Path:
    """Six sequences: accepted, accepted and changed since, rejected, unsure, not judged, without a track."""
    folder = tmp_path_factory.mktemp("projects") / "lab"
    with Project.create(folder) as project:
        for number, name in enumerate(("accepted", "changed", "rejected", "unsure", "new")):
            track = make_track(frames=3 + number, views=("front", "left_30"))
            path = project.add_sequence(name, source=folder.parent / "clips" / f"{name} 1.mp4")
            track.save(path)
            project.record_measures(name, {"nme_percent": 1.5 + number}, ["jitter"] if number == 2 else [])
        project.add_sequence("later")
        for name, verdict in (
            ("accepted", "accept"),
            ("changed", "accept"),
            ("rejected", "reject"),
            ("unsure", "unsure"),
        ):
            reasons = ("jitter",) if verdict == "reject" else ()
            project.judge(name, verdict, "ada", reasons=reasons)
        project.log.append(
            Note("accepted", "the lips lag", "ada", frames=(1, 2), views=("left_30",), regions=("lips",))
        )
        make_track(frames=9).save(project.track_file("changed"))
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path):
    shutil.copytree(made, tmp_path / "lab")
    with Project.open(tmp_path / "lab") as opened:
        yield opened


def manifest(out: Path) -> dict:
    return json.loads((out / "manifest.json").read_text())


def test_only_what_was_accepted_and_has_not_changed_goes_in(project, tmp_path):
    done = export_dataset(project, tmp_path / "out", SMALL)
    assert done.names == ("accepted",)
    assert done.left_out == {
        "changed": "stale",
        "rejected": "reject",
        "unsure": "unsure",
        "new": "not judged",
        "later": "no track",
    }
    assert [p.name for p in (tmp_path / "out" / "data" / "npz").iterdir()] == ["accepted.npz"]
    track = nf.FaceTrack.load(tmp_path / "out" / "data" / "npz" / "accepted.npz")
    assert len(track.frame_indices) == 3


def test_others_go_in_when_asked_for(project, tmp_path):
    choice = replace(SMALL, include=("accept", "stale", "tracked"))
    assert export_dataset(project, tmp_path / "out", choice).names == ("accepted", "changed", "new")
    with pytest.raises(nf.ConfigError, match="maybe"):
        export_dataset(project, tmp_path / "other", replace(SMALL, include=("maybe",)))


def test_a_disputed_sequence_waits_for_its_adjudication(project, tmp_path):
    project.judge("accepted", "reject", "bob")
    project.judge("accepted", "accept", "ada")
    assert project.index.row("accepted").disputed
    with pytest.raises(nf.ConfigError, match="no sequence is accept"):
        export_dataset(project, tmp_path / "out", SMALL)
    project.judge("accepted", "accept", "eve", adjudicate=True)
    assert export_dataset(project, tmp_path / "out", SMALL).names == ("accepted",)


def test_checksums_manifest_and_terms_are_those_of_the_files(project, tmp_path):
    out = tmp_path / "out"
    export_dataset(project, out, replace(SMALL, formats=("npz", "official", "ply"), name="Faces"))
    listed = dict(line.split("  ", 1)[::-1] for line in (out / "checksums.sha256").read_text().splitlines())
    there = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert set(listed) == there - {"checksums.sha256"}
    for path, digest in listed.items():
        assert hashlib.sha256((out / path).read_bytes()).hexdigest() == digest
    told = manifest(out)
    assert (told["name"], told["licence"], told["included_states"]) == ("Faces", "CC-BY-4.0", ["accept"])
    (entry,) = told["sequences"]
    assert (entry["verdict"], entry["reviewer"], entry["frames"]) == ("accept", "ada", 3)
    assert "CC-BY-4.0" in (out / "LICENSE.txt").read_text()
    assert "face model: open" in (out / "ATTRIBUTION.txt").read_text()


def test_duckdb_queries_verdicts_and_figures(project, tmp_path):
    export_dataset(project, tmp_path / "out", replace(SMALL, include=("accept", "reject")))
    table = tmp_path / "out" / "sequences.parquet"
    rows = duckdb.sql(f"select sequence, verdict, reasons, nme_percent from '{table}' order by 1").fetchall()
    assert rows == [("accepted", "accept", [], 1.5), ("rejected", "reject", ["jitter"], 3.5)]


def test_mlcroissant_validates_it_and_reads_the_records(project, tmp_path):
    mlc = pytest.importorskip("mlcroissant")
    export_dataset(project, tmp_path / "out", replace(SMALL, include=("accept", "reject")))
    dataset = mlc.Dataset(jsonld=str(tmp_path / "out" / "croissant.json"))
    assert not dataset.metadata.ctx.issues.errors
    records = list(dataset.records("sequences"))
    assert [record["sequences/sequence"] for record in records] == [b"accepted", b"rejected"]
    assert [record["sequences/nme_percent"] for record in records] == [1.5, 3.5]


def test_an_interrupted_export_goes_on_where_it_stopped(project, tmp_path):
    out, choice = tmp_path / "out", replace(SMALL, include=("accept", "reject", "unsure"))

    def stop(stage: str, done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_dataset(project, out, choice, progress=stop)
    assert (out / "export.journal").exists()
    assert not (out / "manifest.json").exists()
    with (out / "export.journal").open("ab") as stream:
        stream.write(b'{"name": "torn')
    done = export_dataset(project, out, choice)
    assert (done.names, done.kept) == (("accepted", "rejected", "unsure"), 2)
    assert not (out / "export.journal").exists()
    assert export_dataset(project, out, choice).kept == 3, "nothing changed, nothing is written again"


def test_a_changed_track_is_exported_again_and_a_rejected_one_leaves(project, make_track, tmp_path):
    out, choice = tmp_path / "out", replace(SMALL, include=("accept", "reject"))
    export_dataset(project, out, choice)
    make_track(frames=8).save(project.track_file("rejected"))
    project.judge("rejected", "accept", "ada")
    done = export_dataset(project, out, SMALL)
    assert (done.names, done.kept) == (("accepted", "rejected"), 1)
    assert len(nf.FaceTrack.load(out / "data" / "npz" / "rejected.npz").frame_indices) == 8
    project.judge("rejected", "reject", "ada")
    assert export_dataset(project, out, SMALL).names == ("accepted",)
    assert not (out / "data" / "npz" / "rejected.npz").exists()


def test_a_track_that_cannot_be_exported_is_named_and_the_others_are(project, tmp_path):
    project.track_file("accepted").write_bytes(b"not a track")
    project.judge("accepted", "accept", "ada")
    project.judge("changed", "accept", "ada")
    done = export_dataset(project, tmp_path / "out", SMALL)
    assert done.names == ("changed",)
    assert "not a readable track" in done.failed["accepted"]
    assert list(manifest(tmp_path / "out")["failed"]) == ["accepted"]


def test_a_folder_with_other_things_is_left_alone(project, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("")
    with pytest.raises(nf.ConfigError, match="not empty"):
        export_dataset(project, tmp_path / "out", SMALL)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.tex"]


def test_a_manifest_that_names_files_outside_is_not_believed(project, tmp_path):
    out = tmp_path / "out"
    export_dataset(project, out, SMALL)
    told = manifest(out)
    told["sequences"][0]["files"][0]["path"] = "data/../../lab/project.json"
    (out / "manifest.json").write_text(json.dumps(told))
    with pytest.raises(nf.ConfigError, match=r"manifest\.json"):
        export_dataset(project, out, SMALL)
    assert (tmp_path / "lab" / "project.json").exists()


def test_notes_and_verdicts_are_web_annotations(project, tmp_path):
    export_dataset(project, tmp_path / "out", SMALL)
    page = json.loads((tmp_path / "out" / "annotations.jsonld").read_text())
    assert page["@context"][0] == "http://www.w3.org/ns/anno.jsonld"
    assert page["type"] == "AnnotationPage"
    note, verdict = page["items"]
    assert note["motivation"] == "commenting"
    assert [body["value"] for body in note["body"]] == ["the lips lag", "lips"]
    selector = note["target"]["selector"]
    assert selector["conformsTo"] == "http://www.w3.org/TR/media-frags/"
    fragment = dict(part.split("=", 1) for part in selector["value"].split("&"))
    # frames 1 and 2 of the sequence are 4 and 5 of the video, at 25 frames a second
    assert (fragment["t"], fragment["track"]) == ("0.160,0.240", "left_30")
    x, y, width, height = map(int, fragment["xywh"].removeprefix("pixel:").split(","))
    assert 0 <= x < x + width <= 520
    assert 0 <= y < y + height <= 400
    assert width < 150, "lips, not a head"
    assert note["target"]["source"] == "../clips/accepted%201.mp4"
    assert (verdict["motivation"], verdict["body"][0]["value"]) == ("assessing", "accept")

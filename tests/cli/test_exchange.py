"""`neuface export` and `neuface import`, and that the other commands work on what they give."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest

import neuface_engine as nf
from neuface_engine import resources
from neuface_engine.cli.main import main
from neuface_engine.review import Project
from neuface_engine.tracks import FaceTrack
from tests.tracks.conftest import demo_track, head  # noqa: F401  (fixtures)


@pytest.fixture
def file(demo_track: FaceTrack, tmp_path: Path) -> Path:  # noqa: F811
    demo_track.save(tmp_path / "demo.npz")
    return tmp_path / "demo.npz"


@pytest.fixture
def run(capsys):
    def command(*arguments: object, code: int = 0) -> dict:
        assert main([*map(str, arguments), "--json"]) == code
        return json.loads(capsys.readouterr().out)

    return command


def test_a_track_goes_out_and_comes_back_as_meshes(run, file, tmp_path):
    out = run("export", file, "--format", "ply", "--out", tmp_path / "meshes", "--frames", "5:7")
    assert len(out["files"]) == 2 * 2 + 1
    told = run("import", tmp_path / "meshes", "--out", tmp_path / "meshes.npz")
    assert (told["views"], told["frames"], told["parameters"]) == (["front", "right_60"], 2, False)
    measured = run("metrics", tmp_path / "meshes.npz")
    assert measured["nme_percent"] is None, "no landmarks were detected for these meshes"
    demo = resources.path("demo")
    run("render", tmp_path / "meshes.npz", "--footage", demo, "--out", tmp_path / "o.mp4", "--height", 120)
    with av.open(str(tmp_path / "o.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 2


def test_the_authors_file_comes_back_with_its_parameters(run, file, tmp_path):
    run("export", file, "--format", "official", "--out", tmp_path / "params.npz")
    told = run("import", tmp_path / "params.npz", "--out", tmp_path / "back.npz")
    assert told["software"] == "NeuFace (official)"
    before, after = (nf.FaceTrack.load(path) for path in (file, tmp_path / "back.npz"))
    assert (after.vertices() - before.vertices()).abs().max() < 1e-6
    assert np.array_equal(after.crop_transforms, before.crop_transforms)


def test_views_space_and_format_by_suffix(run, file, tmp_path):
    out = run("export", file, "--out", tmp_path / "f.glb", "--views", "right_60", "--space", "canonical")
    assert (out["format"], out["files"]) == ("gltf", [str(tmp_path / "f.glb")])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--format", "fbx"), "fbx"),
        (("--frames", "7-9"), "--frames"),
        (("--frames", "90:"), "the track has 5 to 9"),
        (("--views", "nowhere"), "front, right_60"),
        (("--space", "sideways"), "posed or canonical"),
    ],
)
def test_what_makes_no_sense_is_said_in_one_line(run, file, tmp_path, arguments, words):
    where = () if "--format" in arguments else ("--format", "ply")
    error = run("export", file, "--out", tmp_path / "out", *where, *arguments, code=2)["error"]
    assert words in error
    assert "\n" not in error


def test_wrong_imports_are_said_in_one_line(run, tmp_path):
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 torn")
    for arguments, words in (
        ((tmp_path / "x.npz",), "x.npz"),
        ((tmp_path / "absent",), "absent"),
        ((tmp_path / "x.npz", "--image-size", "big"), "--image-size"),
        ((tmp_path,), "no result"),
    ):
        assert words in run("import", *arguments, "--out", tmp_path / "t.npz", code=2)["error"]
    assert not (tmp_path / "t.npz").exists()


def test_a_project_becomes_a_dataset_or_one_table(run, file, demo_track, tmp_path):  # noqa: F811
    with Project.create(tmp_path / "lab") as project:
        for name in ("a", "b"):
            demo_track.save(project.add_sequence(name))
        project.judge("a", "accept", "ada")
    told = run("export", tmp_path / "lab", "--out", tmp_path / "set", "--licence", "CC-BY-4.0")
    assert (told["sequences"], told["left_out"]) == (["a"], {"b": "not judged"})
    assert sorted(path.name for path in (tmp_path / "set" / "data").iterdir()) == ["npz", "official"]
    with np.load(tmp_path / "set" / "data" / "official" / "a.npz") as arrays:
        assert arrays["expr"].shape == (6, 50)
    told = run(
        "export",
        tmp_path / "lab",
        "--format",
        "annotations",
        "--out",
        tmp_path / "n.jsonld",
        "--include",
        "accept,tracked",
    )
    assert told["sequences"] == ["a", "b"]
    assert json.loads((tmp_path / "n.jsonld").read_text())["type"] == "AnnotationPage"
    run("export", tmp_path / "lab", "--format", "csv", "--out", tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text().splitlines()[1].startswith('"a","accept"')
    assert nf.FaceTrack.load(tmp_path / "set" / "data" / "npz" / "a.npz").views == demo_track.views

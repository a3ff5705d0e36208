"""`neuface metrics`: one JSON object, a table with units, and a line for every wrong input."""

from __future__ import annotations

import json

import numpy as np
import pytest

from neuface_engine.cli.main import main


@pytest.fixture
def saved(make_track, tmp_path):
    track = make_track(frames=6, views=2, noise=0.2)
    track.save(tmp_path / "clip.npz")
    return track, tmp_path / "clip.npz"


def write_obj(path, vertices):
    path.write_text("\n".join(f"v {x:.7f} {y:.7f} {z:.7f}" for x, y, z in vertices))
    return path


def as_json(capsys, *arguments) -> dict:
    code = main(["metrics", *map(str, arguments), "--json"])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    assert code == 0, err
    return json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_json_has_the_old_keys_and_the_details(saved, capsys):
    measured = as_json(capsys, saved[1])
    assert measured.keys() >= {
        "cvd_mm",
        "cvd_mm_per_view",
        "msi_landmark",
        "msi_vertex",
        "nme_percent",
        "shape_norm",
    }
    assert measured["details"]["fps"] == 25
    assert np.shape(measured["details"]["cvd"]["euclidean"]["matrix"]) == (2, 2)
    assert "per_crop" not in measured["details"]
    crops = as_json(capsys, saved[1], "--per-crop")["details"]["per_crop"]
    assert np.shape(crops["lid_opening_mesh_percent"]) == (6, 2)


def test_the_table_names_units_and_the_frame_rate(saved, capsys):
    assert main(["metrics", str(saved[1])]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("CVD [mm]") for line in lines)
    assert any(line.startswith("MSI landmarks [frame^4/mm^2]") for line in lines)
    assert next(line for line in lines if line.startswith("frames per second")).split()[-1] == "25"
    assert not any(line.startswith("scan") for line in lines), "nobody gave one"


def test_several_tracks_stand_side_by_side_and_a_bad_one_does_not_stop_them(saved, tmp_path, capsys):
    (tmp_path / "bad.npz").write_text("hello")
    assert main(["metrics", str(saved[1]), str(tmp_path / "bad.npz"), "--json"]) == 2
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert result[str(saved[1])]["cvd_mm"] > 0
    assert "bad.npz" in result["failed"][0]
    assert "bad.npz" in err


def test_ground_truth_comes_from_the_footage(saved, make_track, head, tmp_path, capsys):
    truth = make_track(frames=8, views=2).parameters
    arrays = {name: getattr(truth, name).numpy() for name in ("shape", "expression", "pose", "camera")}
    names = np.array(["cam0", "cam1"])
    for fingerprint, known in ((head.fingerprint, True), ("0" * 64, False)):
        np.savez(tmp_path / "ground_truth.npz", views=names, head_fingerprint=np.array(fingerprint), **arrays)
        measured = as_json(capsys, saved[1], "--sequence", tmp_path)
        assert ("mpve_mm" in measured) == known
        if known:
            assert measured["mpve_mm"] == measured["details"]["mpve_mm"]["head"] > 0
    short = {name: array[:3] for name, array in arrays.items()}
    np.savez(tmp_path / "ground_truth.npz", views=names, head_fingerprint=np.array(head.fingerprint), **short)
    assert main(["metrics", str(saved[1]), "--sequence", str(tmp_path)]) == 2
    assert "fewer frames" in capsys.readouterr().err


def test_a_scan_in_millimetres_with_landmarks(saved, head, tmp_path, capsys):
    track, path = saved
    face = head.decode(track.parameters[2, 0])
    scan = write_obj(tmp_path / "scan.obj", 1000 * face.vertices("canonical").double().numpy() + 50)
    marks = tmp_path / "marks.npy"
    np.save(marks, 1000 * face.landmarks("static", "canonical").double().numpy() + 50)
    given = ("--scan", scan, "--scan-landmarks", marks)
    rest = as_json(capsys, path, *given)["details"]["scan"]
    talking = as_json(capsys, path, *given, "--scan-frame", 2)["details"]["scan"]
    assert talking["file_unit"] == "mm"
    assert talking["per_view_mm"]["cam0"] < 0.01 < talking["per_view_mm"]["cam1"]
    assert rest["mean_mm"] > talking["mean_mm"], "the mouth is open in frame 2"
    free = as_json(capsys, path, *given, "--scan-frame", 2, "--scan-align", "similarity")["details"]["scan"]
    assert free["scale"] == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--scan", "none.obj"], "none.obj"),
        (["--scan", "notes.txt"], "notes.txt"),
        (["--scan", "head.obj", "--scan-landmarks", "none.txt"], "none.txt"),
        (["--scan", "head.obj", "--scan-frame", "77", "--scan-align", "none"], "head.obj"),
        (["--scan", "empty"], "empty"),
        (["--scan", "scans", "--scan-frame", "1"], "scans"),
        (["--reference", "empty"], "empty"),
        (["--sequence", "nowhere"], "nowhere"),
    ],
)
def test_wrong_input_ends_in_one_line_that_names_it(saved, tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    for folder in ("empty", "scans"):
        (tmp_path / folder).mkdir()
    for file in ("head.obj", "scans/1.obj"):
        write_obj(tmp_path / file, np.random.default_rng(0).normal(size=(20, 3)) * 0.1)
    (tmp_path / "notes.txt").write_text("hello")
    assert main(["metrics", str(saved[1]), *arguments]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1


def test_footage_without_ground_truth_is_said_and_no_error(saved, tmp_path, capsys):
    assert main(["metrics", str(saved[1]), "--sequence", str(tmp_path)]) == 0
    assert "no ground truth" in capsys.readouterr().err

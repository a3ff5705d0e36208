"""`neuface` as a user runs it: one JSON object on stdout, words on stderr, and an exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import av
import pytest

from neuface_engine import resources
from tests.command import COMMAND, neuface, neuface_process, one_object

METRICS = {
    "cvd_mm",
    "cvd_mm_per_view",
    "msi_landmark",
    "msi_vertex",
    "nme_percent",
    "lip_aperture_ratio",
    "lid_aperture_ratio",
    "shape_norm",
    "shape_rms_sd",
}
TRACK_KEYS = {
    "track",
    "method",
    "variant",
    "encoder",
    "head",
    "views",
    "frames",
    "iterations",
    "seconds",
    "seconds_per_iteration",
    "peak_memory_mb",
    "frames_without_face",
    "metrics",
}


@pytest.fixture(scope="module")
def demo() -> Path:
    return resources.path("demo")


@pytest.fixture(scope="module")
def tracked(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """Two views of the demo, tracked once for this module."""
    folder = tmp_path_factory.mktemp("tracks")
    done = neuface_process(
        "track", demo, "--out", folder, "--views", "*_30", "--max-frames", 6, "--iterations", 3, "--json"
    )
    assert done.returncode == 0, done.stderr
    return one_object(done), folder


def test_track_keeps_the_json_contract(tracked: tuple[dict[str, Any], Path]) -> None:
    result, folder = tracked
    assert result.keys() >= TRACK_KEYS
    assert result["metrics"].keys() >= METRICS
    assert result["seconds"].keys() == {"decode", "detect", "optimize", "total"}
    assert (result["method"], result["variant"], result["encoder"], result["head"]) == (
        "neuface",
        "paper",
        "open",
        "open",
    )
    assert result["views"] == ["left_30", "right_30"]
    assert result["metrics"]["cvd_mm_per_view"].keys() == {"left_30", "right_30"}
    assert (result["frames"], result["iterations"], result["frames_without_face"]) == (6, 3, 0)
    assert result["stop_reason"] == "iteration limit"
    assert result["metrics"]["mpve_mm"] > 0, "the demo has ground truth"
    assert result["seconds_per_iteration"] > 0
    assert 50 < result["peak_memory_mb"] < 3000
    assert Path(result["track"]) == folder / "demo.npz"
    assert Path(result["track"]).is_file()


def test_metrics_of_a_saved_track_are_those_of_the_run(tracked: tuple[dict[str, Any], Path]) -> None:
    result, folder = tracked
    done = neuface("metrics", folder / "demo.npz", "--json")
    assert done.returncode == 0
    measured = one_object(done)
    assert measured.keys() >= METRICS
    for name in ("cvd_mm", "nme_percent", "msi_landmark", "shape_rms_sd"):
        assert measured[name] == pytest.approx(result["metrics"][name], rel=1e-4)


def test_render_writes_a_video_of_all_views(tracked: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    _, folder = tracked
    video = tmp_path / "overlay.mp4"
    done = neuface(
        "render", folder / "demo.npz", "--out", video, "--layers", "mesh,gradient,landmarks", "--height", 160
    )
    assert done.returncode == 0, done.stderr
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert sum(1 for _ in container.decode(stream)) == 6
        assert stream.height == 160
        assert stream.width > 200
    assert list(tmp_path.iterdir()) == [video], "nothing half-written is left"


@pytest.mark.slow
def test_compare_sets_the_encoder_beside_neuface(demo: Path) -> None:
    short = ("--views", "*_30", "--max-frames", 4, "--iterations", 2)
    done = neuface("compare", demo, "--methods", "encoder,neuface", *short, "--json")
    assert done.returncode == 0, done.stderr
    result = one_object(done)
    assert list(result) == ["encoder", "neuface"]
    for entry in result.values():
        assert entry.keys() >= {"metrics", "seconds", "iterations", "stop_reason"}
        assert entry["metrics"].keys() >= METRICS
    assert result["encoder"]["metrics"] != result["neuface"]["metrics"]
    table = neuface("compare", demo, "--methods", "encoder,neuface", *short).stdout
    assert "neuface / encoder" in table
    assert "CVD [mm]" in table


def test_one_bad_input_does_not_stop_the_others(demo: Path, tmp_path: Path) -> None:
    bad = tmp_path / "text.mp4"
    bad.write_text("not a video")
    done = neuface(
        *("track", bad, demo, tmp_path / "missing.mp4", "--out", tmp_path / "out", "--method", "encoder"),
        *("--views", "front", "--max-frames", 2, "--json"),
    )
    assert done.returncode == 2
    result = one_object(done)
    assert [Path(entry["track"]).name for entry in result["tracks"]] == ["demo.npz"]
    assert len(result["failed"]) == 2
    errors = [line for line in done.stderr.splitlines() if "error" in line]
    assert len(errors) == 2
    for name in ("text.mp4", "missing.mp4"):
        assert any(name in line for line in errors), name


def test_a_failure_with_json_is_still_one_object(tmp_path: Path) -> None:
    done = neuface("track", tmp_path / "nothing.mp4", "--json")
    assert done.returncode == 2
    assert "nothing.mp4" in one_object(done)["error"]


def test_assets_are_whole(tmp_path: Path) -> None:
    done = neuface_process("assets", "check", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert all(entry["ok"] for entry in one_object(done)["assets"].values())
    folder = neuface("assets", "path").stdout.strip()
    assert (Path(folder) / "open_head.npz").is_file()


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_ctrl_c_keeps_what_was_finished(demo: Path, tmp_path: Path) -> None:
    arguments = ["track", str(demo), "--out", str(tmp_path), "--views", "*_30", "--max-frames", "6", "--json"]
    process = subprocess.Popen(
        [*COMMAND, *arguments, "--iterations", "100000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs inherit an ignored SIGINT; Ctrl-C is a terminal's matter.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "optimise 1 of" in line:
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    result = json.loads(out)
    assert result["interrupted"] is True
    assert 1 <= result["iterations"] < 100000
    assert Path(result["track"]).is_file()


def test_each_broken_file_has_its_line_and_the_good_one_is_tracked(shared: Path, tmp_path: Path) -> None:
    bad = {"zero_bytes.mp4", "text_renamed.mp4", "audio_only.mp4", "truncated_no_moov.mp4"}
    inputs = [shared / "media" / "broken" / name for name in (*sorted(bad), "one_frame.mp4")]
    inputs.insert(2, shared / "media" / "images" / "pyfeat_no_face.jpg")
    done = neuface_process("track", *inputs, "--out", tmp_path, "--method", "encoder", "--json")
    result = one_object(done)
    assert done.returncode == 2
    assert [entry["frames"] for entry in result["tracks"]] == [1]
    named = {Path(entry["input"]).name: entry["error"] for entry in result["failed"]}
    assert named.keys() == bad | {"pyfeat_no_face.jpg"}
    assert "no face" in named["pyfeat_no_face.jpg"]
    for name, message in named.items():
        assert name in message
        assert done.stderr.count(message) == 1

"""The three methods side by side, the ablation, the picture, and what ends a run early."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from neuface_engine import resources
from neuface_engine.cli.bars import bars
from tests.cli.test_commands import METRICS
from tests.command import neuface, one_object

SHORT = ("--views", "*_30", "--max-frames", 4)


@pytest.fixture(scope="module")
def demo() -> Path:
    return resources.path("demo")


def test_compare_runs_all_three_and_draws_them(demo: Path, tmp_path: Path) -> None:
    picture = tmp_path / "cvd.png"
    done = neuface("compare", demo, *SHORT, "--iterations", 2, "--figure", picture, "--json")
    assert done.returncode == 0, done.stderr
    result = one_object(done)
    assert list(result) == ["encoder", "flame-fitting", "neuface"]
    assert [entry["iterations"] for entry in result.values()] == [0, 2, 2]
    assert all(entry["metrics"].keys() >= METRICS for entry in result.values())
    image = cv2.imread(str(picture))
    assert image is not None
    assert image.shape[0] > 600
    assert [path.name for path in tmp_path.iterdir()] == ["cvd.png"]


def test_the_ablation_leaves_terms_out(demo: Path) -> None:
    done = neuface("compare", demo, *SHORT, "--iterations", 8, "--ablate", "--json")
    assert done.returncode == 0, done.stderr
    result = one_object(done)
    assert list(result) == [
        "landmark",
        "landmark+multiview",
        "landmark+temporal",
        "landmark+multiview+temporal",
    ]
    cvd = {name: entry["metrics"]["cvd_mm"] for name, entry in result.items()}
    assert cvd["landmark+multiview"] < cvd["landmark"]
    assert len({entry["metrics"]["msi_landmark"] for entry in result.values()}) == 4


def test_track_by_flame_fitting_stops_when_it_has_converged(demo: Path, tmp_path: Path) -> None:
    done = neuface(
        *("track", demo, "--out", tmp_path, *SHORT, "--method", "flame-fitting", "--tolerance", 0.9, "--json")
    )
    assert done.returncode == 0, done.stderr
    result = one_object(done)
    assert (result["method"], result["stop_reason"], result["iterations"]) == (
        "flame-fitting",
        "converged",
        10,
    )


def test_a_diverging_run_leaves_its_last_good_track_and_exit_2(demo: Path, tmp_path: Path) -> None:
    done = neuface("track", demo, "--out", tmp_path, *SHORT, "--learning-rate", 1e30, "--json")
    assert done.returncode == 2
    result = one_object(done)
    assert result["stop_reason"] == "diverged"
    assert "learning rate" in result["error"]
    lines = [line for line in done.stderr.splitlines() if "error" in line]
    assert len(lines) == 1
    measured = one_object(neuface("metrics", result["track"], "--json"))
    assert measured["cvd_mm"] > 0


def heights(image: np.ndarray, colour: tuple[int, int, int], top: int) -> list[int]:
    """Height of each bar of a colour below row `top`, left to right."""
    columns = (image[top:] == colour).all(-1).sum(0)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], columns > 0, [0]]).astype(int)))
    return [int(columns[a:b].max()) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def test_bars_are_as_high_as_their_values() -> None:
    values = {"encoder": {"left": 4.0, "right": 2.0}, "neuface": {"left": 1.0, "right": None}}
    image = bars(values, title="CVD", unit="mm")
    left, right = heights(image, (153, 153, 153), top=140)
    assert left == pytest.approx(2 * right, abs=2)
    assert heights(image, (230, 159, 0), top=140) == [pytest.approx(left / 4, abs=2)]

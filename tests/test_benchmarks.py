"""The benchmarks run: what they measure is no matter of a test, that the figures mean what they say is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


def test_the_cost_of_an_iteration_is_measured_and_cached_features_give_the_same_result():
    command = [sys.executable, str(BENCHMARKS / "iteration_cost.py"), "--json"]
    command += ["--frames", "1", "--views", "2", "--repeats", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["crops"] == 2 and figures["cache_difference"] == 0
    assert figures["overhead_ratio"] > 0 and set(figures["parts"]) == {"all", "all, one view", "top, cached"}

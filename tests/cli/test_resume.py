"""A run that was killed goes on from its saved state as if nothing had happened."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from neuface_engine import resources
from tests.command import COMMAND, neuface, one_object

ITERATIONS = 24


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Here and in the process that is killed: the order of a sum, and so its last bit, follows from their number."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
@pytest.mark.parametrize("method", ["neuface", "flame-fitting"])
@pytest.mark.usefixtures("one_thread")
def test_a_killed_run_goes_on_bit_for_bit(method: str, tmp_path: Path) -> None:
    common = [
        "track",
        str(resources.path("demo")),
        "--views",
        "*_30",
        "--max-frames",
        "3",
        "--method",
        method,
    ]
    common += ["--iterations", str(ITERATIONS), "--json"]
    whole = one_object(neuface(*common, "--out", tmp_path / "whole"))
    out = tmp_path / "killed"
    state = out / "demo.run"
    process = subprocess.Popen(
        [*COMMAND, *common, "--out", str(out), "--save-every", "2"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 300
    while not state.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (out / "demo.npz").exists()

    resumed = one_object(neuface(*common, "--out", out, "--resume"))
    assert 2 <= resumed["resumed_from"] < ITERATIONS
    assert resumed["iterations"] == whole["iterations"] == ITERATIONS
    assert resumed["metrics"] == whole["metrics"]
    with np.load(whole["track"]) as a, np.load(resumed["track"]) as b:
        for name in a.files:
            if name != "header":
                assert np.array_equal(a[name], b[name]), name
    assert sorted(path.name for path in out.iterdir()) == ["demo.npz"], "nothing is left behind"

"""Wrong input is exit 2 and one line that names what is wrong (here without a process of its own, for speed)."""

from __future__ import annotations

from pathlib import Path

import pytest

from neuface_engine import resources
from neuface_engine.cli.main import main


def exit_code(arguments: list[str]) -> int:
    try:
        return main(arguments)
    except SystemExit as stop:  # argparse
        return int(stop.code or 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["track", "nothing_here"], "nothing_here"),
        (["track", "nothing_here", "--method", "guessing"], "guessing"),
        (["track", "nothing_here", "--max-memory", "-1"], "max_memory_mb"),
        (["track", "nothing_here", "--save-every", "0"], "1 or more"),
        (["track", "nothing_here", "--repairs", "missing.json"], "missing.json"),
        (["compare", "nothing_here", "--methods", ","], "--methods"),
        (["compare", "nothing_here", "--figure", "bars.svg"], "bars.svg"),
        (["track", "nothing_here", "--variant", "rumoured"], "rumoured"),
        (["track", "nothing_here", "--weight", "beauty=3"], "beauty"),
        (["track", "nothing_here", "--weight", "multiview=much"], "much"),
        (["compare", "nothing_here", "--weight", "multiview=-1"], "positive"),
        (["track", "nothing_here", "--device", "abacus"], "abacus"),
        (["track", "nothing_here", "--encoder", "oracle"], "oracle"),
        (["track", "nothing_here", "--head", "missing.pkl"], "missing.pkl"),
        (["track", "nothing_here", "--max-frames", "0"], "1 or more"),
        (["track", "nothing_here", "--iterations", "-3"], "0 or more"),
        (["metrics", "missing.npz"], "missing.npz"),
        (["render", "missing.npz", "--out", "x.mp4"], "missing.npz"),
        (["render", "missing.npz", "--out", "x.mp4", "--layers", "paint"], "paint"),
        (["compare", "nothing_here", "--methods", "magic"], "magic"),
        (["dance"], "dance"),
        ([], "COMMAND"),
    ],
)
def test_wrong_input_is_exit_2_and_names_what_is_wrong(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(arguments) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert not captured.out


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04broken"])
def test_a_damaged_track_is_named(tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.npz"
    path.write_bytes(content)
    assert exit_code(["metrics", str(path)]) == 2
    assert "bad.npz" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_named_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "taken"
    taken.write_bytes(b"a file, not a folder")
    clip = str(resources.path("demo") / "front.mp4")
    assert exit_code(["track", clip, "--max-frames", "1", "--out", str(taken)]) == 2
    told = capsys.readouterr().err
    assert f"{taken}: cannot be written to" in told
    assert "optimise" not in told
    figure = str(taken / "bars.png")
    demo = str(resources.path("demo"))
    assert (
        exit_code(
            ["compare", demo, "--views", "*_30", "--max-frames", "1", "--iterations", "0", "--figure", figure]
        )
        == 2
    )
    assert f"{taken}: cannot be written to" in capsys.readouterr().err

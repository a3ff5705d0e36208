"""Small laws of what the commands print."""

from __future__ import annotations

import json

import pytest

from neuface_engine.cli.main import main
from neuface_engine.cli.memory import peak_memory_mb
from neuface_engine.cli.output import Output, figure, finite, table


def test_json_has_no_nan() -> None:
    value = {"a": [1.0, float("nan")], "b": {"c": float("inf")}, "d": (2,)}
    assert json.dumps(finite(value)) == '{"a": [1.0, null], "b": {"c": null}, "d": [2]}'


def test_figures_have_three_digits_or_a_dash() -> None:
    assert [figure(v) for v in (1.2345, None, float("nan"), 12345.0)] == ["1.23", "-", "-", "1.23e+04"]


def test_a_table_is_aligned() -> None:
    lines = table([["", "a"], ["long name", "1.23"]])
    assert lines == ["              a", "long name  1.23"]


def test_only_the_first_result_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(json_wanted=True)
    output.line("for people")
    output.result({"a": 1})
    output.result({"b": 2})
    output.flush()
    assert json.loads(capsys.readouterr().out) == {"a": 1}


def test_a_fault_of_ours_is_exit_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from neuface_engine.cli import assets

    def broken(*_: object) -> int:
        print("a library talks")
        raise RuntimeError("a bug")

    monkeypatch.setattr(assets, "run", broken)
    assert main(["assets", "--json"]) == 1
    captured = capsys.readouterr()
    assert "bug" in json.loads(captured.out)["error"]
    assert "a library talks" in captured.err


def test_peak_memory_is_in_megabytes() -> None:
    peak = peak_memory_mb()
    assert peak is None or 20 < peak < 100_000

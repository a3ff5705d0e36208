"""The proof without a display: draw, read, certify, check; agreement and A/B."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from neuface_engine.cli.main import main
from neuface_engine.review import Project
from neuface_engine.review.proof import load_audit

from .conftest import says


@pytest.fixture
def folder(filled) -> Path:
    project = filled(60)
    project.close()
    return project.folder


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict, str]:
    code = main(["review", *map(str, arguments), "--json"])
    said = capsys.readouterr()
    return code, json.loads(said.out), said.err


def test_a_failure_rate_is_proven_from_the_command_line(folder: Path, capsys) -> None:
    code, said, _ = run(capsys, "audit", folder)
    assert code == 0
    assert said["audit"] is None
    _, dry, _ = run(capsys, "audit", folder, "--draw", "--dry", "--limit", "10%")
    assert run(capsys, "audit", folder)[1]["audit"] is None
    code, said, _ = run(
        capsys, "audit", folder, "--draw", "--limit", "10%", "--seed", "s", "--reviewer", "anna"
    )
    assert code == 0
    assert said["audit"]["plan"] == dry["plan"]
    assert said["draws"] == len(said["audit"]["draws"]) == dry["plan"]["draws"]
    with Project.open(folder) as project:
        project.log.append(*[says(item) for item in load_audit(project).draws])
    _, said, _ = run(capsys, "audit", folder)
    assert said["passes"]
    out = folder.parent / "paper" / "c.json"
    code, said, _ = run(capsys, "certify", folder, "--out", out)
    assert code == 0
    assert said["passes"]
    assert Path(said["pdf"]).read_bytes().startswith(b"%PDF")
    code, said, _ = run(capsys, "certify", folder, "--verify", out)
    assert (code, said["holds"]) == (0, True)
    out.write_text(
        out.read_text(encoding="utf-8").replace('"failures": 0', '"failures": 1'), encoding="utf-8"
    )
    code, said, errors = run(capsys, "certify", folder, "--verify", out)
    assert (code, said["holds"]) == (2, False)
    assert "draws.failures: 1 in the certificate, 0 from the log" in errors


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("certify",), "no audit is drawn"),
        (("audit", "--draw", "--limit", "0.1%", "--plants", "5", "--reviewer", "a"), "too few"),
        (("audit", "--draw", "--plan", "betting", "--target", "30%", "--reviewer", "a"), "target < limit"),
        (("certify", "--verify", "none.json"), "no such certificate"),
        (("ab", "--trial", "x"), "belong together"),
        (("ab", "--trial", "x", "--choice", "left", "--reviewer", "anna"), "no open trial"),
        (("ab", "--draw", "a", "a", "--reviewer", "anna"), "itself"),
    ],
)
def test_wrong_input_is_one_line(folder: Path, capsys, arguments, words) -> None:
    code, said, errors = run(capsys, arguments[0], folder, *arguments[1:])
    assert code == 2
    assert words in said["error"]
    assert "\n" not in said["error"]
    assert "Traceback" not in errors


@pytest.mark.parametrize("limit", ["0", "120%", "few"])
def test_a_limit_is_a_percentage(folder: Path, capsys, limit: str) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["review", "audit", str(folder), "--draw", "--limit", limit])
    assert stop.value.code == 2
    assert "--limit" in capsys.readouterr().err


def test_double_reviews_are_compared(folder: Path, capsys) -> None:
    with Project.open(folder) as project:
        for name in ("000", "001"):
            project.judge(name, "accept", "anna")
            project.judge(name, "accept" if name == "000" else "reject", "bert")
    _, said, _ = run(capsys, "agreement", folder)
    assert said["tracks"] == 2
    assert [d["sequence"] for d in said["disagreements"]] == ["001"]
    assert main(["review", "agreement", str(folder)]) == 0
    assert "001: anna: accept, bert: reject" in capsys.readouterr().out


def test_a_blind_comparison_is_drawn_judged_and_told(folder: Path, capsys) -> None:
    _, said, _ = run(
        capsys, "ab", folder, "--draw", "neuface", "encoder", "--count", 18, "--reviewer", "anna"
    )
    assert said == {"trials": 20, "same": 2}
    _, said, _ = run(capsys, "ab", folder, "--next", "--reviewer", "anna")
    while (trial := said["next"]) is not None:
        choice = "tie" if trial["left"] == trial["right"] else None
        choice = choice or ("left" if trial["left"] == "neuface" else "right")
        _, said, _ = run(
            capsys, "ab", folder, "--trial", trial["id"], "--choice", choice, "--reviewer", "anna"
        )
    _, said, _ = run(capsys, "ab", folder)
    assert said["anna"]["wins_a"] == 18
    assert said["anna"]["same"]["ties"] == 2
    assert said["anna"]["sound"]

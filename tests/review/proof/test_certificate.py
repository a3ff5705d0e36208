"""A certificate follows from the log, and one that does not is refused with the difference."""

from __future__ import annotations

import copy
import io
import json
from pathlib import Path

import pypdf
import pytest

from neuface_engine.errors import ProjectError
from neuface_engine.review import Project
from neuface_engine.review.proof import (
    Plan,
    certify,
    draw_audit,
    plant_event,
    read_certificate,
    verify,
    write_certificate,
)
from neuface_engine.review.proof.certificate import dumps
from neuface_engine.review.proof.certificate_pdf import write_pdf

from .conftest import says


@pytest.fixture
def audited(project, items) -> Project:
    """Two reviewers, one failure, plants of which one was missed."""
    audit = draw_audit(
        project, reviewer="anna", plan=Plan(limit=0.1, target=0.02, plants=70), items=items, seed="s"
    )
    events = []
    for number, item in enumerate(audit.draws):
        word, reviewer = ("reject" if number == 7 else "accept"), ("anna", "bert")[number % 2]
        events.append(says(item, word, reviewer, reasons=("jaw",) if number == 7 else ()))
    for number, plant in enumerate(audit.plants):
        events.append(plant_event(plant, "accept" if number == 3 else "reject", "anna"))
    project.log.append(*events)
    return project


def test_it_holds_against_the_log_it_was_made_from(audited, tmp_path: Path) -> None:
    certificate = certify(audited)
    assert certificate["final"]
    assert certificate["draws"]["failures"] == 1
    assert certificate["draws"]["reasons"] == {"jaw": 1}
    assert certificate["plants"]["all"]["all"]["caught"] == 69
    assert set(certificate["reviewers"]) == {"anna", "bert"}
    write_certificate(certificate, tmp_path / "c.json")
    found = verify(audited, read_certificate(tmp_path / "c.json"))
    assert found.holds
    assert found.notes == ()


def test_it_says_all_that_one_needs_to_work_it_out(audited) -> None:
    certificate = certify(audited)
    for name in (
        "definition_of_failure",
        "bound",
        "plan",
        "population",
        "draw",
        "draws",
        "plants",
        "reviewers",
        "logs",
        "made",
    ):
        assert certificate[name], name
    assert certificate["draw"]["seed"] == "s"
    assert json.loads(dumps(certificate))["bound"]["sensitivity_at_least"] < 1


@pytest.mark.parametrize(
    ("where", "value", "words"),
    [
        (("draws", "failures"), 0, "draws.failures: 0 in the certificate, 1 from the log"),
        (("bound", "rate"), 0.001, "bound.rate: 0.001 in the certificate"),
        (("draw", "seed"), "t", 'draw.seed: "t" in the certificate, "s" from the log'),
        (("plan", "limit"), 0.2, "plan.limit: 0.2 in the certificate, 0.1 from the log"),
        (("passes",), "yes", 'passes: "yes" in the certificate'),
        (("reviewers", "carol"), 5, "reviewers.carol: in the certificate, but nothing in the log gives it"),
        (("population", "hash"), "0" * 64, "population.hash"),
    ],
)
def test_a_changed_certificate_is_refused_with_the_difference(audited, where, value, words) -> None:
    certificate = json.loads(dumps(certify(audited)))
    inner = certificate
    for name in where[:-1]:
        inner = inner[name]
    inner[where[-1]] = value
    found = verify(audited, certificate)
    assert len(found.differences) == 1
    assert found.differences[0].startswith(words)


def test_a_field_that_is_missing_is_named(audited) -> None:
    certificate = json.loads(dumps(certify(audited)))
    del certificate["draws"]["clean"]
    assert verify(audited, certificate).differences == ("draws.clean: missing in the certificate",)


def test_work_after_the_certificate_leaves_it_standing(audited) -> None:
    certificate = certify(audited)
    audited.log.append(says(_first(audited), "reject", "carol"))
    audited.log.append(says(_first(audited), "reject", "anna"))
    found = verify(audited, certificate)
    assert found.holds
    assert found.notes == (
        "log 'anna' has grown by 1 lines since the certificate",
        "log 'carol' was begun since the certificate",
    )
    assert certify(audited)["draws"]["failures"] == 2


@pytest.mark.parametrize("damage", ["changed", "cut", "gone"])
def test_a_log_that_is_no_longer_what_it_was_is_refused(audited, damage: str) -> None:
    certificate = certify(audited)
    path = audited.folder / "log" / "bert.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    if damage == "changed":
        path.write_bytes(b"".join(lines).replace(b'"reject"', b'"accept"'))
    elif damage == "cut":
        path.write_bytes(b"".join(lines[:-2]))
    else:
        path.unlink()
    found = verify(audited, certificate)
    assert not found.holds
    assert all("log 'bert'" in difference for difference in found.differences)
    if damage == "changed":
        with pytest.raises(ProjectError, match="log 'bert'"):
            certify(audited)


def test_a_last_line_rewritten_with_its_chain_is_still_noticed(audited) -> None:
    certificate = certify(audited)
    path = audited.folder / "log" / "bert.jsonl"
    lines = path.read_bytes().splitlines()
    lines[-1] = lines[-1].replace(b'"accept"', b'"unsure"')
    path.write_bytes(b"\n".join(lines) + b"\n")
    (difference,) = verify(audited, certificate).differences
    assert "has the hash" in difference


def test_an_unfinished_audit_says_so_and_counts_what_is_missing_as_failed(project, items) -> None:
    audit = draw_audit(project, reviewer="anna", plan=Plan(limit=0.1, target=0.02), items=items)
    project.log.append(*[says(item) for item in audit.draws[:-1]])
    certificate = certify(project)
    assert not certificate["final"]
    assert certificate["statement"].startswith("NOT FINISHED")
    project.log.append(says(audit.draws[-1], "reject"))
    finished = certify(project)
    assert finished["bound"]["rate"] == certificate["bound"]["rate"]


def test_drawing_until_it_passes_is_on_the_certificate(audited) -> None:
    draw_audit(audited, reviewer="anna", plan=Plan(limit=0.1, target=0.02), items=_items(audited))
    certificate = certify(audited)
    assert certificate["draw"]["audits_drawn"] == 2
    assert certificate["draw"]["verdicts_before"] > 0


def test_without_an_audit_there_is_no_certificate(project) -> None:
    with pytest.raises(ProjectError, match="--draw"):
        certify(project)


@pytest.mark.parametrize(
    "content", ["", "[]", '{"format": "other"}', '{"format": "neuface-certificate", "version": 9}']
)
def test_what_is_no_certificate_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "c.json").write_text(content, encoding="utf-8")
    with pytest.raises(ProjectError, match=r"c\.json") as error:
        read_certificate(tmp_path / "c.json")
    assert "\n" not in str(error.value)
    with pytest.raises(ProjectError, match="no such certificate"):
        read_certificate(tmp_path / "none.json")


def test_a_certificate_without_its_parts_is_refused(audited) -> None:
    broken = copy.deepcopy(certify(audited))
    del broken["logs"]
    with pytest.raises(ProjectError, match="damaged"):
        verify(audited, broken)


def test_the_pdf_is_one_page_that_says_the_same(audited, tmp_path: Path) -> None:
    certificate = certify(audited)
    write_pdf(certificate, tmp_path / "c.pdf", title="Lab & Söhne <2026> 王")
    data = (tmp_path / "c.pdf").read_bytes()
    reader = pypdf.PdfReader(io.BytesIO(data))
    assert len(reader.pages) == 1
    text = " ".join(reader.pages[0].extract_text().split())
    for words in (
        certificate["population"]["hash"],
        certificate["draw"]["seed"],
        "69 of 70",
        "anna",
        "Lab & Söhne <2026> ?",
        certificate["draws"]["failing"][0],
    ):
        assert words in text
    write_pdf(certificate, tmp_path / "d.pdf", title="Lab & Söhne <2026> 王")
    assert (tmp_path / "d.pdf").read_bytes() == data


def _items(project: Project):
    from neuface_engine.review.proof import load_audit

    return load_audit(project).items


def _first(project: Project):
    from neuface_engine.review.proof import load_audit

    return load_audit(project).draws[0]

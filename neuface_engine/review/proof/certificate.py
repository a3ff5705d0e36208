"""The certificate: what an audit proved, with all that is needed to work it out again from the project's log."""

from __future__ import annotations

import json
import math
import platform
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuface_engine.errors import ProjectError
from neuface_engine.files import written_whole
from neuface_engine.review.journal import Head
from neuface_engine.review.proof.agreement import agreement
from neuface_engine.review.proof.audit import Audit, audits, load_audit, software_version
from neuface_engine.review.proof.bounds import Bound, bound_at_the_end, bound_so_far
from neuface_engine.review.proof.clusters import DEFAULT_ICC, design_effect, effective_sample
from neuface_engine.review.proof.draw import person
from neuface_engine.review.proof.evidence import Evidence, gather
from neuface_engine.review.proof.ledger import Ledger, LogChangedError, read_ledger
from neuface_engine.review.proof.planting import sensitivity_table
from neuface_engine.review.proof.readout import percent

if TYPE_CHECKING:
    from neuface_engine.review.project import Project

FORMAT = "neuface-certificate"
VERSION = 2
_CLOSE = 1e-9


@dataclass(frozen=True)
class Verification:
    """differences   between the certificate and what the log gives, one line each; empty = it holds
    notes            what has happened since that does not touch it
    """

    differences: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return not self.differences


def certify(project: Project) -> dict[str, Any]:
    """The certificate of a project's audit as JSON values: good or bad, finished or not, it says which.

    Raises ProjectError where no audit is drawn, the log is damaged, or the list that was drawn from is not at hand.
    """
    ledger = read_ledger(project)
    drawn = audits(ledger.events)
    audit = load_audit(project, drawn[-1]) if drawn else None
    if audit is None:
        raise ProjectError(
            f"{project.folder}: no audit is drawn; `neuface review audit {project.folder} --draw` draws one"
        )
    certificate: dict[str, Any] = _plain({**_content(audit, ledger), "made": _made()})
    return certificate


def verify(project: Project, certificate: Mapping[str, Any]) -> Verification:
    """Works a certificate out again from the project's log, up to the line that the certificate names.

    Raises ProjectError where the certificate is none of ours, or the list that was drawn from is not at hand.
    """
    try:
        heads = {
            str(name): Head(int(log["lines"]), str(log["hash"])) for name, log in certificate["logs"].items()
        }
        event_id = str(certificate["draw"]["event"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ProjectError(
            "the certificate is damaged (no logs, no draw); give the one that was written"
        ) from None
    try:
        ledger = read_ledger(project, heads)
    except LogChangedError as changed:
        return Verification(tuple(changed.differences))
    drawn = audits(ledger.events)
    event = next((event for event in drawn if event.id == event_id), None)
    if event is None:
        return Verification((f"draw.event: {event_id} in the certificate, no such draw in the log",))
    audit = load_audit(project, event)
    assert audit is not None
    expected = _as_in(certificate.get("version"), _plain(_content(audit, ledger)))
    given = {key: value for key, value in _plain(certificate).items() if key != "made"}
    return Verification(tuple(_differences(given, expected)), tuple(_notes(project, heads)))


def write_certificate(certificate: Mapping[str, Any], path: Path) -> None:
    """As JSON, all or nothing. Raises ProjectError where the disk refuses."""
    with written_whole(path, ProjectError) as stream:
        stream.write((dumps(certificate) + "\n").encode())


def read_certificate(path: Path) -> dict[str, Any]:
    """Raises ProjectError for a missing or damaged file, and for one of another kind or a later version."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ProjectError(f"{path}: no such certificate; `neuface review certify` writes one") from None
    except (OSError, ValueError):
        raise ProjectError(f"{path}: not a readable certificate; give the JSON file, not the PDF") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ProjectError(f"{path}: not a certificate of this program; give the JSON file")
    if not isinstance(content.get("version"), int) or content["version"] > VERSION:
        raise ProjectError(f"{path}: written by a later version; update the program")
    return content


def dumps(certificate: Mapping[str, Any]) -> str:
    return json.dumps(_plain(certificate), indent=1, ensure_ascii=False, sort_keys=True, allow_nan=False)


def certified_bound(evidence: Evidence) -> Bound:
    """Of a fixed plan the exact bound over all its draws (not judged = failed); of a bet, what it won."""
    if evidence.audit.plan.kind == "fixed":
        outcomes = [state != "clean" for state in evidence.states]
        return bound_at_the_end(evidence.audit.plan, outcomes, [bool(caught) for caught in evidence.caught])
    return bound_so_far(
        evidence.audit.plan, evidence.outcomes, evidence.caught_so_far, found=evidence.count("failure")
    )


def _content(audit: Audit, ledger: Ledger) -> dict[str, Any]:
    plan = audit.plan
    evidence = gather(audit, ledger.events)
    bound = certified_bound(evidence)
    judged = evidence.count("clean") + evidence.count("failure")
    final = plan.kind == "betting" or (judged == plan.draws and None not in evidence.caught)
    sample = [
        person(item)
        for item, state in zip(audit.draws, evidence.states, strict=True)
        if state in ("clean", "failure")
    ]
    clips_each = list(Counter(sample).values())
    double = agreement(ledger.events)
    drawn = len(audits(ledger.events))
    return {
        "format": FORMAT,
        "version": VERSION,
        "statement": _statement(audit, bound, evidence, final=final, drawn=drawn),
        "passes": bound.passes,
        "final": final,
        "definition_of_failure": plan.definition,
        "bound": {
            "rate": bound.rate,
            "failing": bound.failing,
            "confidence": plan.confidence,
            "limit": plan.limit,
            "method": bound.method,
            "sensitivity_at_least": bound.sensitivity,
            "sensitivity_measured": plan.plants > 0,
        },
        "plan": plan.to_json(),
        "population": {
            "sequences": len(audit.items),
            "identities": len({person(item) for item in audit.items}),
            "hash": audit.population_hash,
        },
        "draw": {
            "event": audit.id,
            "seed": audit.seed,
            "time": audit.time,
            "reviewer": audit.reviewer,
            "software": audit.version,
            "verdicts_before": audit.verdicts_before,
            "audits_drawn": drawn,
        },
        "draws": {
            "planned": plan.draws,
            "judged": judged,
            "clean": evidence.count("clean"),
            "failures": evidence.count("failure"),
            "not_watched": evidence.count("unwatched"),
            "not_judged": evidence.count("waiting"),
            "rejected_once_but_not_now": evidence.corrected,
            "failing": evidence.failing,
            "reasons": dict(evidence.reasons),
        },
        "watched": dict(evidence.watched),
        "plants": {
            "planned": plan.plants,
            "judged": len(evidence.judged_plants),
            "verdicts_taken_back": evidence.taken_back,
            **{
                group: {name: share.to_json() for name, share in shares.items()}
                for group, shares in sensitivity_table(evidence.judged_plants).items()
            },
        },
        "clusters": {
            "people_in_sample": len(clips_each),
            "icc": DEFAULT_ICC,
            "design_effect": design_effect(clips_each),
            "effective_sample": effective_sample(clips_each) if clips_each else 0.0,
        },
        "double_reviews": {
            "tracks": double.tracks,
            "on_failures": double.on_failures.to_json(),
            "on_clean": double.on_clean.to_json(),
            "ac1": double.ac1.to_json(),
            "disagreements": len(double.disagreements),
        },
        "reviewers": dict(evidence.reviewers),
        "logs": {name: {"lines": head.lines, "hash": head.hash} for name, head in ledger.heads.items()},
    }


def _as_in(version: Any, content: dict[str, Any]) -> dict[str, Any]:
    """The content as an older version of the certificate had it."""
    if version == 1:  # from before reviewers could state what they watched
        content["version"] = 1
        del content["watched"], content["plants"]["verdicts_taken_back"], content["plan"]["watched"]["stated"]
    return content


def _statement(audit: Audit, bound: Bound, evidence: Evidence, *, final: bool, drawn: int) -> str:
    plan, claim = audit.plan, _claim(audit, bound)
    if not final:
        return (
            "NOT FINISHED: draws or plants are not judged yet. Counting each of these as a failure (as missed), "
            + claim
        )
    limit = f"{100 * plan.limit:g} %"
    verdict = f"fewer than {limit} fail" if bound.passes else f"it is NOT proven that fewer than {limit} fail"
    words = f"{claim[0].upper()}{claim[1:]} So {verdict}."
    stated, clean = evidence.watched.get("stated", 0), evidence.count("clean")
    if stated:
        words += f" That {stated:,} of the {clean:,} clean draws were watched is the reviewers' word, not measured."
    if drawn > 1:
        words += f" {drawn} audits were drawn in this project; the confidence is that of this one alone."
    return words


def _claim(audit: Audit, bound: Bound) -> str:
    number = f" ({bound.failing:,})" if bound.failing is not None else ""
    return (
        f"at most {percent(bound.rate)}{number} of the {len(audit.items):,} sequences of this list fail, with "
        f"{100 * audit.plan.confidence:g} % confidence."
    )


def _made() -> dict[str, str]:
    import numpy
    import scipy

    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "neuface-studio": software_version(),
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
    }


def _notes(project: Project, heads: Mapping[str, Head]) -> list[str]:
    notes = []
    for name, head in project.heads().items():
        known = heads.get(name)
        if known is None:
            notes.append(f"log '{name}' was begun since the certificate")
        elif head.lines > known.lines:
            notes.append(f"log '{name}' has grown by {head.lines - known.lines} lines since the certificate")
    return notes


def _differences(given: Any, expected: Any, where: str = "") -> list[str]:
    """Where the certificate's values are not those that the log gives, one line each."""
    if isinstance(given, dict) and isinstance(expected, dict):
        found = []
        for name in sorted({*given, *expected}):
            path = f"{where}.{name}" if where else name
            if name not in given:
                found.append(f"{path}: missing in the certificate")
            elif name not in expected:
                found.append(f"{path}: in the certificate, but nothing in the log gives it")
            else:
                found += _differences(given[name], expected[name], path)
        return found
    if _is_number(given) and _is_number(expected):
        same = math.isclose(given, expected, rel_tol=_CLOSE, abs_tol=1e-12)
    else:
        same = type(given) is type(expected) and given == expected
    words = f"{where}: {_short(given)} in the certificate, {_short(expected)} from the log"
    return [] if same else [words]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."


def _plain(value: Any) -> Any:
    """JSON values; NaN, which JSON has not, as null."""
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

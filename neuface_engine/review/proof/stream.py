"""What the window asks for: the mixed queue of a project, and where a verdict on a plant goes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from neuface_engine.review.coverage import Coverage
from neuface_engine.review.events import PLANT_JUDGED, VERDICTS, Other, Undo, new_id
from neuface_engine.review.proof.audit import Audit, load_audit
from neuface_engine.review.proof.evidence import gather
from neuface_engine.review.proof.mixing import StreamItem, interleave
from neuface_engine.review.proof.planting import Plant
from neuface_engine.review.standing import active

if TYPE_CHECKING:
    from neuface_engine.review.project import Project


def review_stream(
    project: Project,
    suspicion: Iterable[str] = (),
    *,
    reviewer: str = "",
    audit_share: float = 0.5,
    plant_share: float = 0.07,
    audit: Audit | None = None,
) -> list[StreamItem]:
    """What is still to be judged, mixed: the audit's draws, its plants, and `suspicion` (names, the worst first).

    With a `reviewer` who has not been through it, the practice block comes first (`StreamItem.plant.practice`).
    Empty of audit items where none is drawn. `audit`: the project's, where it is at hand. Raises ProjectError.
    """
    audit = load_audit(project) if audit is None else audit
    if audit is None:
        return [StreamItem(name, "suspicion") for name in suspicion]
    evidence = gather(audit, project.index.events("verdict", "adjudication", "undo", PLANT_JUDGED))
    done = {
        item.name
        for item, state in zip(audit.draws, evidence.states, strict=True)
        if state in ("clean", "failure")
    }
    stream = audit_stream(
        project, audit, suspicion, reviewer=reviewer, audit_share=audit_share, plant_share=plant_share
    )
    return [item for item in stream if item.plant is not None or item.sequence not in done]


def audit_stream(
    project: Project,
    audit: Audit,
    suspicion: Iterable[str],
    *,
    reviewer: str = "",
    audit_share: float = 0.5,
    plant_share: float = 0.07,
) -> Iterator[StreamItem]:
    """`review_stream` with all draws, also those that are judged, and made as it is read: of very many sequences
    somebody who asks for the next one needs no more than that."""
    said = [e for e in project.index.events(PLANT_JUDGED, "undo") if isinstance(e, Other | Undo)]
    practised = {
        str(event.data.get("plant"))
        for event in said
        if isinstance(event, Other) and event.data.get("practice") and event.reviewer == reviewer
    }
    for plant in audit.practice:
        if reviewer and plant.id not in practised:
            yield StreamItem(plant.sequence, "plant", plant)
    done = {
        str(event.data.get("plant", ""))
        for event in active(said)
        if isinstance(event, Other) and not event.data.get("practice")
    }
    # What is done is left out of the whole mix: so the order does not change under the reviewer.
    for item in interleave(
        [item.name for item in audit.draws],
        audit.plants,
        suspicion,
        seed=audit.seed,
        audit_share=audit_share,
        plant_share=plant_share,
    ):
        if item.plant is None or item.plant.id not in done:
            yield item


def judge_plant(
    project: Project,
    plant: Plant,
    verdict: str,
    reviewer: str,
    *,
    coverage: Coverage | None = None,
    kind: str | None = None,
    effect_mm: float | None = None,
    event_id: str = "",
) -> bool:
    """Puts a verdict on a plant on record (never on the sequence it was planted in); returns whether it was caught.

    kind         the failure that was really shown, where the plant's own would not have been seen on this clip
    effect_mm    the largest move of a landmark that it made, where that was measured
    event_id     of the event (default: a new one)
    Raises ValueError for another word, ProjectError where the log cannot be written.
    """
    project.log.append(
        plant_event(
            plant,
            verdict,
            reviewer,
            coverage={} if coverage is None else coverage.summary(project.coverage_rule),
            kind=kind,
            effect_mm=effect_mm,
            event_id=event_id,
        )
    )
    return verdict != "accept"


def plant_event(
    plant: Plant,
    verdict: str,
    reviewer: str,
    *,
    coverage: Mapping[str, Any] | None = None,
    kind: str | None = None,
    effect_mm: float | None = None,
    event_id: str = "",
) -> Other:
    """The event of a verdict on a plant, to be appended. Raises ValueError for another word."""
    if verdict not in VERDICTS:
        raise ValueError(f"verdict {verdict!r} is none of {', '.join(VERDICTS)}")
    data = {
        "plant": plant.id,
        "kind": kind or plant.kind,
        "severity": plant.severity,
        "on": plant.sequence,
        "practice": plant.practice,
        "verdict": verdict,
        "coverage": dict(coverage or {}),
        "effect_mm": effect_mm,
    }
    return Other(PLANT_JUDGED, reviewer, data=data, id=event_id or new_id())

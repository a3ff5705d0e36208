"""What the log says about an audit: for each draw and each plant, what became of it. Pure: events in, outcomes out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from neuface_engine.review.coverage import STATED, CoverageRule, basis_of
from neuface_engine.review.events import PLANT_JUDGED, Adjudication, Event, Other, Verdict
from neuface_engine.review.proof.audit import Audit
from neuface_engine.review.proof.draw import Item
from neuface_engine.review.proof.planting import KINDS, Plant
from neuface_engine.review.standing import active

State = Literal["clean", "failure", "unwatched", "waiting"]


@dataclass(frozen=True)
class Evidence:
    """states     of the audit's draws, in their order: what is not clean is, for every bound, a failure
    caught        of its plants, in their order; None = not judged yet
    shown_as      {plant id: kind} of plants that were shown as another kind than was drawn
    corrected     draws that were rejected (or unsure) once and are no failure now, on the same bytes
    reviewers     {name: verdicts on draws and plants}
    reasons       {reason: failed draws that it was given for}
    watched       of the clean draws: how many rest on what the window measured, and how many on the reviewers' word
                  alone ("stated"; "handed_out": those of these whose clip the program made and handed out)
    taken_back    verdicts on plants that were undone
    """

    audit: Audit
    states: tuple[State, ...]
    caught: tuple[bool | None, ...]
    corrected: int
    reviewers: Mapping[str, int]
    reasons: Mapping[str, int]
    shown_as: Mapping[str, str] = field(default_factory=dict)
    watched: Mapping[str, int] = field(default_factory=dict)
    taken_back: int = 0

    def count(self, state: State) -> int:
        return self.states.count(state)

    @property
    def failing(self) -> list[str]:
        """Names of the draws that failed, in their order."""
        return [
            item.name
            for item, state in zip(self.audit.order, self.states, strict=False)
            if state == "failure"
        ]

    @property
    def outcomes(self) -> list[bool]:
        """True = failure, as far as the judging went; what was passed over on the way is a failure."""
        judged = [i for i, state in enumerate(self.states) if state in ("clean", "failure")]
        return [state != "clean" for state in self.states[: judged[-1] + 1]] if judged else []

    @property
    def caught_so_far(self) -> list[bool]:
        """As far as the judging went; what was passed over on the way was missed."""
        judged = [i for i, caught in enumerate(self.caught) if caught is not None]
        return [bool(caught) for caught in self.caught[: judged[-1] + 1]] if judged else []

    @property
    def judged_plants(self) -> list[tuple[Plant, bool]]:
        """Each with the kind that was really shown, and whether it was caught."""
        return [
            (replace(plant, kind=self.shown_as.get(plant.id, plant.kind)), caught)
            for plant, caught in zip(self.audit.plants, self.caught, strict=True)
            if caught is not None
        ]


def gather(audit: Audit, events: Iterable[Event]) -> Evidence:
    """The evidence of an audit, from all events of a project in their order."""
    events = list(events)
    standing = active(events)
    released = {item.name: item.track_hash for item in audit.draws}
    verdicts: dict[str, list[Verdict]] = {}
    ever_failed: set[str] = set()
    on_plants: dict[str, Other] = {}
    reviewers: dict[str, int] = {}
    plant_ids = {plant.id for plant in audit.plants}
    for event in events:
        if isinstance(event, Verdict) and event.verdict != "accept" and _is_released(event, released):
            ever_failed.add(event.sequence)
    for event in standing:
        if isinstance(event, Verdict):
            # A repaired track has other bytes: what is said of it does not change the lot as released.
            if _is_released(event, released):
                verdicts.setdefault(event.sequence, []).append(event)
                reviewers[event.reviewer] = reviewers.get(event.reviewer, 0) + 1
        elif isinstance(event, Other) and event.name == PLANT_JUDGED:
            plant = str(event.data.get("plant", ""))
            if plant in plant_ids and not event.data.get("practice") and plant not in on_plants:
                on_plants[plant] = event
                reviewers[event.reviewer] = reviewers.get(event.reviewer, 0) + 1
    states: list[State] = []
    reasons: dict[str, int] = {}
    watched = {"measured": 0, "stated": 0, "handed_out": 0}
    for item in audit.draws:
        state, why = _state(verdicts.get(item.name, []), audit.plan.watched)
        states.append(state)
        if state == "clean":
            for word in _basis(verdicts[item.name], audit.plan.watched):
                watched[word] += 1
        for reason in why:
            reasons[reason] = reasons.get(reason, 0) + 1
    failed = {item.name for item, state in zip(audit.draws, states, strict=True) if state == "failure"}
    return Evidence(
        audit,
        tuple(states),
        tuple(_caught(on_plants.get(plant.id)) for plant in audit.plants),
        len(ever_failed - failed),
        dict(sorted(reviewers.items())),
        dict(sorted(reasons.items())),
        {
            plant: str(event.data["kind"])
            for plant, event in on_plants.items()
            if event.data.get("kind") in KINDS
        },
        watched,
        _judgements_of(plant_ids, events) - _judgements_of(plant_ids, standing),
    )


def draw_state(item: Item, events: Iterable[Event], rule: CoverageRule) -> State:
    """What became of one draw, from the events on its sequence in their order."""
    said = [event for event in active(events) if isinstance(event, Verdict)]
    return _state([v for v in said if _is_released(v, {item.name: item.track_hash})], rule)[0]


def counts(coverage: Mapping[str, Any], rule: CoverageRule) -> bool:
    """Whether a verdict with this coverage was given by somebody who watched the clip."""
    try:
        views = not rule.every_view or len(coverage["views"]) >= int(coverage["of_views"])
        allowed = rule.stated or basis_of(coverage) != STATED
        return (
            float(coverage["frames"]) >= rule.frames
            and float(coverage["seconds"]) >= rule.seconds
            and views
            and allowed
        )
    except (KeyError, TypeError, ValueError):
        return False


def _is_released(verdict: Verdict, released: Mapping[str, str]) -> bool:
    """Whether it is about a draw, and about the bytes that were released."""
    return released.get(verdict.sequence) == verdict.track_hash


def _state(verdicts: list[Verdict], rule: CoverageRule) -> tuple[State, tuple[str, ...]]:
    """Each reviewer's last verdict; one that does not accept is a failure, unless an adjudication accepts."""
    final = [verdict for verdict in verdicts if isinstance(verdict, Adjudication)]
    latest = list({verdict.reviewer: verdict for verdict in verdicts}.values())
    if final:
        latest = [final[-1]]
    failing = [verdict for verdict in latest if verdict.verdict != "accept"]
    if failing:
        return "failure", tuple(sorted({reason for verdict in failing for reason in verdict.reasons}))
    # To fail a clip one need not see the rest of it; to pass it one must.
    if any(counts(verdict.coverage, rule) for verdict in verdicts if verdict.verdict == "accept"):
        return "clean", ()
    return ("unwatched" if latest else "waiting"), ()


def _basis(verdicts: list[Verdict], rule: CoverageRule) -> tuple[str, ...]:
    """What says that a clean draw was watched; the best of several reviewers' words."""
    counted = [v.coverage for v in verdicts if v.verdict == "accept" and counts(v.coverage, rule)]
    if any(basis_of(coverage) != STATED for coverage in counted):
        return ("measured",)
    return ("stated", "handed_out") if any("handed_s" in coverage for coverage in counted) else ("stated",)


def _judgements_of(plants: set[str], events: Iterable[Event]) -> int:
    return sum(
        isinstance(event, Other)
        and event.name == PLANT_JUDGED
        and str(event.data.get("plant", "")) in plants
        and not event.data.get("practice")
        for event in events
    )


def _caught(event: Other | None) -> bool | None:
    return None if event is None else event.data.get("verdict") != "accept"

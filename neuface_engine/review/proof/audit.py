"""An audit of a project: drawn once, on record in its log, with the list that it was drawn from kept beside it."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuface_engine.errors import ConfigError, ProjectError, TrackError
from neuface_engine.files import written_whole
from neuface_engine.review.events import Event, Other
from neuface_engine.review.proof.draw import (
    Item,
    balance,
    draw_order,
    items_from_bytes,
    new_seed,
    population_bytes,
    population_hash,
)
from neuface_engine.review.proof.plans import Plan, sized
from neuface_engine.review.proof.planting import Plant, draw_plants, practice_plants
from neuface_engine.review.standing import active
from neuface_engine.track_header import MESHES_FORMAT, read_header

if TYPE_CHECKING:
    from neuface_engine.review.project import Project

DRAWN = "audit_drawn"
FOLDER = "audit"
_BALANCED = 0.999


@dataclass(frozen=True)
class Audit:
    """What the event of the draw says, and the list it was drawn from.

    verdicts_before   verdicts that were on record already when the seed was drawn
    """

    plan: Plan
    seed: str
    items: tuple[Item, ...]
    population_hash: str
    reviewer: str
    time: str
    id: str
    version: str
    verdicts_before: int = 0

    @cached_property
    def order(self) -> list[Item]:
        """The whole list in the order of the draw."""
        return draw_order(self.items, self.seed, self.plan.order)

    @property
    def draws(self) -> list[Item]:
        """The sample: the first `plan.draws` of the order."""
        return self.order[: self.plan.draws]

    @cached_property
    def plants(self) -> tuple[Plant, ...]:
        return draw_plants(self.order, self.seed, self.plan.plants, severities=self.plan.severities)

    @property
    def practice(self) -> tuple[Plant, ...]:
        """The block with feedback that goes before; empty for a plan without plants."""
        return practice_plants(self.order, self.seed) if self.plan.plants else ()


def software_version() -> str:
    """Of this program."""
    # By name: the package's lazy names would draw torch into what needs none.
    return str(importlib.import_module("neuface_engine").__version__)


def released_items(project: Project) -> tuple[Item, ...]:
    """Every sequence of the project that has a track, with the hash of the bytes that lie there now."""
    from neuface_engine.review.track_files import file_hash

    rows = project.index.rows(order="name", limit=None)
    items = (Item(row.name, file_hash(project.resolve(row.track)), row.identity or "") for row in rows)
    return tuple(item for item in items if item.track_hash)


def draw_audit(
    project: Project,
    *,
    reviewer: str,
    plan: Plan | None = None,
    order: str = "auto",
    allowed: int | None = None,
    seed: str | None = None,
    items: Sequence[Item] | None = None,
) -> Audit:
    """Draws the audit of a project's list and puts it on record, before the review begins.

    plan     what to prove (its population, draws and allowed failures are worked out here)
    order    "identity", "sequence", or "auto": by identity where everybody has as many clips, so that it costs nothing
    seed     default: 128 random bits
    Raises ProjectError where there is nothing to draw from, ConfigError where the list is too small for the plan, or
    failures are to be planted in meshes without parameters.
    """
    items = released_items(project) if items is None else tuple(items)
    if not items:
        raise ProjectError(f"{project.folder}: no sequence has a track; track some, then draw the audit")
    plan = replace(plan or Plan(), population=len(items))
    if plan.plants:
        _check_plantable(project, items)
    plan = settled(plan, items, order=order, allowed=allowed)
    digest = population_hash(items)
    with written_whole(_path(project, digest), ProjectError) as stream:
        stream.write(population_bytes(items))
    project.set_settings("coverage", asdict(plan.watched))
    data = {
        "plan": plan.to_json(),
        "seed": new_seed() if seed is None else seed,
        "population_hash": digest,
        "population": len(items),
        "version": software_version(),
        "verdicts_before": len(project.index.events("verdict")),
    }
    event = Other(DRAWN, reviewer, data=data)
    project.log.append(event)
    return _audit(event, items)


def _check_plantable(project: Project, items: Sequence[Item]) -> None:
    """Raises ConfigError where a track holds meshes alone: a plant changes face parameters."""
    entries = project.index.entries([item.name for item in items])
    meshes = [name for name, entry in entries.items() if _holds_meshes(project.resolve(entry["track"]))]
    if meshes:
        number = "all" if len(meshes) == len(items) else f"{len(meshes)} (the first: {meshes[0]})"
        raise ConfigError(
            f"{project.folder}: {number} of {len(items)} tracks hold meshes without face parameters, which show no "
            "planted failure; draw the audit without planted failures, or audit these in a project of their own"
        )


def _holds_meshes(path: Path) -> bool:
    try:
        return bool(read_header(path)[0]["format"] == MESHES_FORMAT)
    except TrackError:
        return False  # what cannot be read is told when it is looked at


def settled(plan: Plan, items: Sequence[Item], *, order: str = "auto", allowed: int | None = None) -> Plan:
    """The plan for this list: its order, and the number of draws."""
    if order not in ("auto", "identity", "sequence"):
        raise ConfigError(f"order {order!r}: give auto, identity or sequence")
    named = any(item.identity for item in items)
    if order == "sequence" or plan.kind == "betting" or (order == "auto" and not named):
        return sized(replace(plan, order="sequence", balance=1.0), allowed=allowed)
    by_identity = replace(plan, order="identity")
    try:
        trial = sized(by_identity, allowed=allowed)
        # More draws change the balance, which changes how many draws are needed.
        for _ in range(50):
            weight = balance(items, trial.draws)
            again = sized(replace(by_identity, balance=min(weight, 1.0)), allowed=allowed)
            if again.draws <= trial.draws:
                break
            trial = again
        trial = replace(trial, balance=min(balance(items, trial.draws), 1.0))
    except ConfigError:
        if order == "identity":
            raise
        return sized(replace(plan, order="sequence", balance=1.0), allowed=allowed)
    by_sequence = sized(replace(plan, order="sequence", balance=1.0), allowed=allowed)
    costly = trial.balance < _BALANCED or trial.draws > 1.1 * by_sequence.draws
    return by_sequence if order == "auto" and costly else trial


def audits(events: Iterable[Event]) -> list[Other]:
    """The draws on record that nobody took back, oldest first."""
    return [event for event in active(events) if isinstance(event, Other) and event.name == DRAWN]


def load_audit(project: Project, event: Other | None = None) -> Audit | None:
    """The audit of a project (default: the last one drawn); None where none was.

    Raises ProjectError where the list it was drawn from is missing or was changed.
    """
    if event is None:
        drawn = audits(project.index.events(DRAWN, "undo"))
        if not drawn:
            return None
        event = drawn[-1]
    digest = str(event.data.get("population_hash", ""))
    path = _path(project, digest)
    try:
        data = path.read_bytes()
        items = items_from_bytes(data)
    except FileNotFoundError:
        raise ProjectError(f"{path}: the list the audit was drawn from is missing; restore it") from None
    except (OSError, ValueError) as error:
        raise ProjectError(f"{path}: damaged ({type(error).__name__}); restore it") from None
    if hashlib.sha256(data).hexdigest() != digest:
        raise ProjectError(f"{path}: not the list that the audit was drawn from; restore it")
    return _audit(event, items)


def _path(project: Project, digest: str) -> Any:
    return project.resolve(f"{FOLDER}/population-{digest[:16]}.jsonl")


def _audit(event: Other, items: tuple[Item, ...]) -> Audit:
    data: Mapping[str, Any] = event.data
    try:
        return Audit(
            plan=Plan.from_json(data["plan"]),
            seed=str(data["seed"]),
            items=items,
            population_hash=str(data["population_hash"]),
            reviewer=event.reviewer,
            time=event.time,
            id=event.id,
            version=str(data.get("version", "")),
            verdicts_before=int(data.get("verdicts_before", 0)),
        )
    except (KeyError, TypeError, ValueError):
        raise ProjectError(f"the draw of {event.time} in the log is damaged; draw the audit anew") from None

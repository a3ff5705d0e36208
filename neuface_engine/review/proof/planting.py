"""Planted failures: which, where, and what they tell of the reviewers.

A plant is a handful of parameters; `neuface_engine.tracks.plants` makes the failure from them when it is looked at, and
it is never stored. Reviewers cannot tell it from the rest of their queue, save in a practice block that says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from neuface_engine.review.proof.draw import Item, key
from neuface_engine.review.proof.exact import clopper_pearson

KINDS = {
    "left_right_swap": "left and right swapped",
    "lag": "late by a frame",
    "frozen_frames": "frozen frames",
    "wrong_shape": "wrong shape",
    "jaw": "jaw turned by 3°",
    "closed_lips": "lips closed",
    "one_view_turned": "one view turned by 2°",
    "slow_drift": "slow drift",
}
"""What can be planted; the figures are those of severity 2."""

SEVERITIES = (1, 2, 3, 4)
PRACTICE = 16


@dataclass(frozen=True)
class Plant:
    """One planted failure. severity 1 (slight) to 4 (gross); `seed` settles its place and direction."""

    sequence: str
    kind: str
    severity: int
    seed: str
    practice: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS or self.severity not in SEVERITIES:
            raise ValueError(f"no plant of kind {self.kind!r} and severity {self.severity}")

    @property
    def id(self) -> str:
        return self.seed[:32]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def draw_plants(
    order: Sequence[Item], seed: str, count: int, *, severities: Sequence[int] = SEVERITIES
) -> tuple[Plant, ...]:
    """`count` plants; each run of kinds x severities has every cell once, in a random order.

    They are put on the sequences that the audit would draw last, so that few clips are met twice.
    """
    return _plants(order[::-1], seed, count, severities, practice=False)


def practice_plants(order: Sequence[Item], seed: str, count: int = PRACTICE) -> tuple[Plant, ...]:
    """The block with feedback that comes first; it does not count. Clear and gross ones, every kind as often."""
    return _plants(order[::-1], seed, count, (3, 4), practice=True)


def _plants(
    items: Sequence[Item], seed: str, count: int, severities: Sequence[int], *, practice: bool
) -> tuple[Plant, ...]:
    word = "practice" if practice else "plant"
    cells = [(kind, severity) for kind in KINDS for severity in severities]
    plants: list[Plant] = []
    while items and len(plants) < count:
        block = str(len(plants) // len(cells))
        for kind, severity in sorted(cells, key=lambda cell: key(seed, word, block, cell[0], str(cell[1]))):
            number = len(plants)
            item = items[number % len(items)]
            plants.append(Plant(item.name, kind, severity, key(seed, word, str(number)), practice))
    return tuple(plants[:count])


@dataclass(frozen=True)
class Sensitivity:
    """How many of the plants were caught, with the exact two-sided 95 % interval of the share."""

    caught: int
    planted: int

    @property
    def share(self) -> float:
        return self.caught / self.planted if self.planted else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        return clopper_pearson(self.caught, self.planted)

    def to_json(self) -> dict[str, Any]:
        low, high = self.interval
        return {"caught": self.caught, "planted": self.planted, "low": low, "high": high}


def sensitivity_table(
    judged: Iterable[tuple[Plant, bool]],
) -> dict[str, dict[str, Sensitivity]]:
    """{"all": {"all": ...}, "kind": {kind: ...}, "severity": {"1": ...}} of plants and whether each was caught."""
    rows = list(judged)

    def of(test: Iterable[bool]) -> Sensitivity:
        hits = list(test)
        return Sensitivity(sum(hits), len(hits))

    return {
        "all": {"all": of(caught for _, caught in rows)},
        "kind": {kind: of(caught for plant, caught in rows if plant.kind == kind) for kind in KINDS},
        "severity": {str(s): of(caught for plant, caught in rows if plant.severity == s) for s in SEVERITIES},
    }

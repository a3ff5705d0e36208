"""One queue of three kinds of items that look the same: the audit's draws, plants, and what is suspect."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Literal

from neuface_engine.review.proof.planting import Plant

Source = Literal["audit", "plant", "suspicion"]


@dataclass(frozen=True)
class StreamItem:
    """What comes next. Only `sequence` may be shown; a plant is made from `plant` when it is looked at."""

    sequence: str
    source: Source
    plant: Plant | None = None


def interleave(
    audit: Sequence[str],
    plants: Sequence[Plant],
    suspicion: Iterable[str] = (),
    *,
    seed: str,
    audit_share: float = 0.5,
    plant_share: float = 0.07,
) -> Iterator[StreamItem]:
    """The queue: audit draws in their order, suspect ones in theirs, and plants at random places.

    It is made as it is read, and takes no more of `suspicion` than it needs.

    audit_share   of the items that are no plants, as long as there are suspect ones
    plant_share   of all items (5 to 10 % is usual); more than that only where the plants would not all find a place
    A suspect sequence that the audit draws too comes once, in the audit's place.
    """
    dice, places = random.Random(f"{seed} mix"), random.Random(f"{seed} places")
    drawn = set(audit)
    suspect: Iterator[str] = (name for name in _once(suspicion) if name not in drawn)
    # One plant in each stretch of `gap` items, at a random place of it.
    wanted = max(round((1 - plant_share) / plant_share), 1)
    ahead = list(islice(suspect, max(wanted * len(plants) - len(audit), 0)))
    gap = min(wanted, max((len(audit) + len(ahead)) // max(len(plants), 1), 1))
    real = _alternating(audit, chain(ahead, suspect), dice, audit_share)
    place = 0
    for number, plant in enumerate(plants):
        following = number * gap + places.randrange(gap)
        yield from islice(real, following - place)
        place = following
        yield StreamItem(plant.sequence, "plant", plant)
    yield from real


def _alternating(
    audit: Sequence[str], suspect: Iterator[str], dice: random.Random, audit_share: float
) -> Iterator[StreamItem]:
    draws = iter(audit)
    draw, name = next(draws, None), next(suspect, None)
    while draw is not None or name is not None:
        if name is None or (draw is not None and dice.random() < audit_share):
            assert draw is not None
            yield StreamItem(draw, "audit")
            draw = next(draws, None)
        else:
            yield StreamItem(name, "suspicion")
            name = next(suspect, None)


def _once(names: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name not in seen:
            seen.add(name)
            yield name

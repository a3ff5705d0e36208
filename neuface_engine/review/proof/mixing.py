"""One queue of three kinds of items that look the same: the audit's draws, plants, and what is suspect."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
) -> list[StreamItem]:
    """The queue: audit draws in their order, suspect ones in theirs, and plants at random places.

    audit_share   of the items that are no plants, as long as there are suspect ones
    plant_share   of all items (5 to 10 % is usual); more than that only where the plants would not all find a place
    A suspect sequence that the audit draws too comes once, in the audit's place.
    """
    dice = random.Random(f"{seed} mix")
    drawn = set(audit)
    suspect = [name for name in dict.fromkeys(suspicion) if name not in drawn]
    real: list[StreamItem] = []
    i = j = 0
    while i < len(audit) or j < len(suspect):
        take_audit = j >= len(suspect) or (i < len(audit) and dice.random() < audit_share)
        if take_audit:
            real.append(StreamItem(audit[i], "audit"))
            i += 1
        else:
            real.append(StreamItem(suspect[j], "suspicion"))
            j += 1
    if not plants:
        return real
    if not real:
        return [StreamItem(plant.sequence, "plant", plant) for plant in plants]
    # One plant in each stretch of `gap` real items, at a random place of it.
    gap = min(max(round((1 - plant_share) / plant_share), 1), max(len(real) // len(plants), 1))
    places = [min(number * gap + dice.randrange(gap), len(real)) for number in range(len(plants))]
    stream: list[StreamItem] = []
    waiting = list(zip(places, plants, strict=True))
    for number, item in enumerate(real):
        while waiting and waiting[0][0] <= number:
            plant = waiting.pop(0)[1]
            stream.append(StreamItem(plant.sequence, "plant", plant))
        stream.append(item)
    return stream + [StreamItem(plant.sequence, "plant", plant) for _, plant in waiting]

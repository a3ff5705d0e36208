"""The order of the queue: by suspicion, by what was learned, at random, or by name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeVar, get_args

import numpy as np

from neuface_engine.errors import ConfigError
from neuface_engine.review.learned import Learned, learn

Order = Literal["suspicion", "learned", "random", "name"]
ORDERS: tuple[str, ...] = get_args(Order)


class Row(Protocol):
    """What the orders read of a row of the queue (records' `QueueRow` is one)."""

    @property
    def name(self) -> str: ...
    @property
    def verdict(self) -> str | None: ...
    @property
    def stale(self) -> bool: ...
    @property
    def measures(self) -> Mapping[str, float]: ...
    @property
    def suspicion(self) -> float: ...


R = TypeVar("R", bound=Row)


def ordered(rows: Sequence[R], order: str, *, seed: int = 0, learned: Learned | None = None) -> list[R]:
    """The rows in the order in which to look at them; equals by name, so that the same rows give the same order.

    "suspicion": the most suspicious first. "learned": the likeliest failure first, by `learned` (default: what the
    rows' own verdicts teach); as suspicion while that is not usable. "random": the same for the same seed, whatever
    else is in the project. Raises ConfigError for another order.
    """
    if order == "name":
        return sorted(rows, key=lambda row: row.name)
    if order == "random":
        return sorted(rows, key=lambda row: (random_key(row.name, seed), row.name))
    if order not in ORDERS:
        raise ConfigError(f"the queue knows no order '{order}'; take {', '.join(ORDERS)}")
    if order == "learned":
        learned = learned_from(rows) if learned is None else learned
        if learned.usable:
            chances = learned.probability([row.measures for row in rows])
            ranks = np.lexsort((np.array([row.name for row in rows], dtype=object).astype(str), -chances))
            return [rows[i] for i in ranks.tolist()]
    return sorted(rows, key=lambda row: (-row.suspicion, row.name))


def learned_from(rows: Sequence[Row], *, seed: int = 0) -> Learned:
    """What the standing verdicts among the rows teach; unsure counts as a failure, stale verdicts do not count."""
    judged = [row for row in rows if row.verdict is not None and not row.stale and row.measures]
    return learn([row.measures for row in judged], [row.verdict != "accept" for row in judged], seed=seed)


def random_key(name: str, seed: int) -> bytes:
    """A place in a random order that depends on the name and the seed alone."""
    return hashlib.sha256(f"{seed}\0{name}".encode()).digest()

"""Who looks at what next: no two reviewers are handed the same sequence, unless several are to judge it."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, false, func, or_, select, true

from neuface_engine.errors import ConfigError
from neuface_engine.review import schema
from neuface_engine.review.events import Assigned
from neuface_engine.review.folding import upsert_lease
from neuface_engine.review.index import Index
from neuface_engine.review.queue import Filter, QueueRow, ordered

LEASE_S = 30 * 60.0
"""How long a sequence stays with the reviewer who was handed it, without a verdict."""

s, leases = schema.sequences, schema.leases


def hand_out(
    index: Index,
    reviewer: str,
    where: Filter | None = None,
    *,
    order: str = "suspicion",
    descending: bool | None = None,
    seed: int = 0,
    double: bool = False,
    lease_s: float = LEASE_S,
    new: bool = False,
    without: Sequence[str] = (),
) -> QueueRow | None:
    """The next sequence for this reviewer, now theirs for `lease_s` seconds; None where nothing is left.

    What they hold already and have not judged comes first. Otherwise a sequence with a track that is not judged, or
    was judged on other bytes, and that nobody else holds. Where several reviews are wanted (`Assigned`, or `double`:
    two of everything) it is handed to as many different reviewers. `new`: also sequences without a track. `without`:
    not these. The filter and the order know what this reviewer may know.
    """
    if not reviewer:
        raise ConfigError("reviewer: who are you? give a name")
    where = replace(where or Filter(), seen_by=reviewer)
    index.refresh()
    while True:
        with index.writing() as connection:
            moment = _now(connection)
            open_ones = _open_to(reviewer, where, index, moment, double=double, new=new)
            if without:
                open_ones.append(s.c.name.not_in(without))
            name = connection.execute(_mine(reviewer, moment, open_ones)).scalar()
            if name is None:
                query = select(s.c.name).where(*open_ones)
                dialect = index.engine.dialect.name
                query = ordered(query, order, dialect, descending=descending, seed=seed, seen_by=reviewer)
                query = query.limit(1)
                if connection.dialect.name == "postgresql":
                    query = query.with_for_update(skip_locked=True, of=s)
                name = connection.execute(query).scalar()
                if name is None:
                    return None
                # The row is ours now; what others did to it until a moment ago is seen only by asking again.
                again = select(s.c.name).where(s.c.name == name, *open_ones)
                if connection.execute(again).scalar() is None:
                    continue
            connection.execute(
                upsert_lease(connection), {"sequence": name, "reviewer": reviewer, "until": moment + lease_s}
            )
        return index.row(name)


def open_names(index: Index, reviewer: str, names: Sequence[str], *, double: bool = False) -> set[str]:
    """Those of `names` that `hand_out` might hand this reviewer now."""
    with index.reading() as connection:
        where = Filter(names=tuple(names))
        open_ones = _open_to(reviewer, where, index, _now(connection), double=double, new=False)
        return set(connection.execute(select(s.c.name).where(*open_ones)).scalars())


def hold(index: Index, reviewer: str, sequence: str, lease_s: float = LEASE_S) -> bool:
    """Takes a sequence in hand, judged or not; False where another reviewer has it."""
    index.refresh()
    with index.writing() as connection:
        query = select(s.c.name).where(s.c.name == sequence)
        if connection.dialect.name == "postgresql":
            query = query.with_for_update(of=s)  # one at a time looks whether it is free
        if connection.execute(query).scalar() is None:
            return False
        moment = _now(connection)
        others = select(func.count()).select_from(leases)
        others = others.where(
            leases.c.sequence == sequence, leases.c.until > moment, leases.c.reviewer != reviewer
        )
        if connection.execute(others).scalar_one():
            return False
        connection.execute(
            upsert_lease(connection), {"sequence": sequence, "reviewer": reviewer, "until": moment + lease_s}
        )
        return True


def give_back(index: Index, reviewer: str, sequence: str | None = None) -> None:
    """What the reviewer holds (or one sequence of it) is free for others again."""
    with index.writing() as connection:
        query = delete(leases).where(leases.c.reviewer == reviewer)
        connection.execute(query if sequence is None else query.where(leases.c.sequence == sequence))


def held(index: Index) -> list[tuple[str, str, float]]:
    """(sequence, reviewer, seconds left) of everything that is in hand now."""
    with index.reading() as connection:
        moment = _now(connection)
        query = select(leases).where(leases.c.until > moment).order_by(leases.c.sequence, leases.c.reviewer)
        return [(row.sequence, row.reviewer, row.until - moment) for row in connection.execute(query)]


def draw_double(
    names: Sequence[str],
    share: float,
    *,
    reviewer: str,
    seed: int,
    reviewers: Sequence[str] = (),
    reviews: int = 2,
    blind: bool = True,
) -> Assigned:
    """A uniform draw of a share of the sequences (at least one), each to be judged by several reviewers.

    The same names and seed give the same draw on every machine. Raises ConfigError for a share outside of (0, 1].
    """
    if not 0 < share <= 1:
        raise ConfigError("share: a number above 0 and up to 1; correct it")
    if not names:
        raise ConfigError("there is no sequence to assign; add some first")
    ordered_names = sorted(names)
    number = max(1, round(share * len(ordered_names)))
    drawn = random.Random(seed).sample(ordered_names, number)
    return Assigned(tuple(drawn), reviews, reviewer, blind=blind, reviewers=tuple(reviewers), seed=seed)


def _now(connection: Connection) -> float:
    """Seconds since 1970 by the clock that all clients share."""
    if connection.dialect.name == "postgresql":
        return float(connection.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one())
    return time.time()


def _open_to(
    reviewer: str, where: Filter | None, index: Index, moment: float, *, double: bool, new: bool
) -> list[ColumnElement[bool]]:
    others = (
        select(func.count())
        .select_from(leases)
        .where(leases.c.sequence == s.c.name, leases.c.until > moment, leases.c.reviewer != reviewer)
        .correlate(s)
        .scalar_subquery()
    )
    wanted: Any = s.c.wanted
    if double:
        wanted = (
            func.greatest(s.c.wanted, 2)
            if index.engine.dialect.name == "postgresql"
            else func.max(s.c.wanted, 2)
        )
    mark = f"|{reviewer.replace('|', '/')}|"
    own = s.c.judges.contains(mark, autoescape=True)
    return [
        *(where or Filter()).conditions(index.engine.dialect.name),
        or_(s.c.has_track, s.c.state == "stale", true() if new else false()),
        s.c.reviews + others < wanted,
        or_(~own, s.c.state == "stale"),
        or_(s.c.assigned == "", s.c.assigned.contains(mark, autoescape=True)),
    ]


def _mine(reviewer: str, moment: float, open_ones: list[ColumnElement[bool]]) -> Any:
    held_by_me = and_(leases.c.sequence == s.c.name, leases.c.reviewer == reviewer, leases.c.until > moment)
    return select(s.c.name).join(leases, held_by_me).where(*open_ones).order_by(leases.c.until).limit(1)

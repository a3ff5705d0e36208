"""What a queue shows: a row for each sequence, which of them, and in what order."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, literal_column, not_, or_

from neuface_engine.errors import ConfigError
from neuface_engine.review.schema import sequences as s
from neuface_engine.review.seen import seen_columns

STATES = ("new", "tracked", "accept", "reject", "unsure", "stale")
ORDERS = ("suspicion", "name", "state", "random", "time", "measure:NAME")
_MODULUS = 2_147_483_647
_SHUFFLED = 1 << 31  # names' hashes lie below


@dataclass(frozen=True)
class QueueRow:
    """One sequence in the queue.

    state        "new" (no track), "tracked" (not judged), the verdict that stands, or "stale" (judged, then changed)
    verdict      the one that stands, also where it is stale; None without
    measures     figures by name; what could not be measured is absent
    suspicion    larger = looked at earlier
    source       where its footage lies, as recorded; None = unknown
    track        its track file, relative to the project
    disputed     reviewers differ on the same bytes and nobody has adjudicated
    watched      the verdict's reviewer was shown enough of it
    judges       whose verdicts are about the present bytes
    wanted       how many reviewers it needs; `blind`: they must not see each other's verdicts
    identity     whose face it is, where known
    """

    name: str
    state: str
    verdict: str | None
    reviewer: str | None
    stale: bool
    flags: tuple[str, ...]
    measures: dict[str, float]
    suspicion: float
    source: str | None
    track: str
    reasons: tuple[str, ...] = ()
    disputed: bool = False
    watched: bool = False
    judges: tuple[str, ...] = ()
    wanted: int = 1
    blind: bool = False
    notes: int = 0
    note: str = ""
    time: str | None = None
    identity: str = ""
    has_track: bool = False

    @property
    def is_hidden(self) -> bool:
        """Whether nobody may know what others said of it: it is judged blind, and not by all yet."""
        return self.blind and self.wanted > len(self.judges)


@dataclass(frozen=True)
class Filter:
    """Which sequences; every condition that is given must hold.

    states        any of these
    flags         any of these (`all_flags`: every one)
    reasons       any of these reasons of the standing verdict
    reviewer      who gave the standing verdict
    text          part of the name, in either case
    ranges        {measure: (low, high)}, both included, None = open; what has no such figure is left out
    suspicion     (low, high), likewise
    names         only these
    disputed      only those with (without) a dispute
    with_notes    only those with (without) notes
    identity      of this person
    share         only this share of the sequences, drawn at random, the same every time; 1 = all
    seen_by       who asks: what others said of sequences that are judged blind, and not by all yet, is as if unsaid,
                  in every condition, order, count and row; None = nobody in particular, who may see everything
    """

    states: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    all_flags: bool = False
    reasons: tuple[str, ...] = ()
    reviewer: str | None = None
    text: str = ""
    ranges: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    suspicion: tuple[float | None, float | None] = (None, None)
    names: tuple[str, ...] | None = None
    disputed: bool | None = None
    with_notes: bool | None = None
    identity: str | None = None
    share: float = 1.0
    seen_by: str | None = None

    def conditions(self, dialect: str) -> list[ColumnElement[bool]]:
        """For the WHERE of a query. Raises ConfigError for a state or a measure's name that means nothing."""
        unknown = [state for state in self.states if state not in STATES]
        if unknown:
            raise ConfigError(f"state {unknown[0]!r} is none of {', '.join(STATES)}")
        found: list[ColumnElement[bool]] = [s.c.listed]
        seen = seen_columns(self.seen_by)
        if self.states:
            found.append(seen["state"].in_(self.states))
        if self.flags:
            has = [s.c.flags.contains(f"|{flag}|", autoescape=True) for flag in self.flags]
            found.append(and_(*has) if self.all_flags else or_(*has))
        if self.reasons:
            found.append(or_(*[seen["reasons"].contains(f"|{r}|", autoescape=True) for r in self.reasons]))
        if self.reviewer is not None:
            found.append(seen["reviewer"] == self.reviewer)
        if self.text:
            found.append(func.lower(s.c.name).contains(self.text.lower(), autoescape=True))
        for name, limits in self.ranges.items():
            value = measure(name, dialect)
            found.append(value.is_not(None))
            found += _within(value, limits)
        found += _within(s.c.suspicion, self.suspicion)
        if self.names is not None:
            found.append(s.c.name.in_(self.names))
        if self.disputed is not None:
            found.append(seen["disputed"] if self.disputed else not_(seen["disputed"]))
        if self.with_notes is not None:
            found.append(seen["notes"] > 0 if self.with_notes else seen["notes"] == 0)
        if self.identity is not None:
            found.append(s.c.identity == self.identity)
        if self.share < 1:
            found.append(s.c.shuffle < round(self.share * _SHUFFLED))
        return found


def _within(
    value: ColumnElement[Any], limits: tuple[float | None, float | None]
) -> list[ColumnElement[bool]]:
    low, high = limits
    return [*([value >= low] if low is not None else []), *([value <= high] if high is not None else [])]


def measure(name: str, dialect: str) -> ColumnElement[Any]:
    """The SQL value of one measure; written out, not bound, so that an index on it is used. Raises ConfigError."""
    if not re.fullmatch(r"[\w.:%/ +-]{1,80}", name):
        raise ConfigError(f"measure {name!r}: a name has letters, digits and . : % / + - _ only; correct it")
    if dialect == "postgresql":
        return literal_column(f"((measures->>'{name}')::double precision)")
    return literal_column(f"json_extract(measures, '$.\"{name}\"')")


def ordered(
    query: Select[Any],
    order: str,
    dialect: str,
    *,
    descending: bool | None = None,
    seed: int = 0,
    seen_by: str | None = None,
) -> Select[Any]:
    """`query` in one of `ORDERS`, as this reviewer may know it; the same every time. Raises ConfigError for another."""
    down = order != "name" if descending is None else descending
    if order == "name":
        return query.order_by(s.c.name.desc() if down else s.c.name)
    if order == "suspicion":
        # One index serves both: falling with names rising, or all of it backwards.
        ways = (s.c.suspicion.desc(), s.c.name) if down else (s.c.suspicion, s.c.name.desc())
        return query.order_by(*ways)
    if order == "state":
        columns = (seen_columns(seen_by)["state"], s.c.suspicion, s.c.name)
        return query.order_by(*(column.desc() if down else column.asc() for column in columns))
    if order == "time":
        time = seen_columns(seen_by)["time"]
        return query.order_by((time.desc() if down else time.asc()).nulls_last(), s.c.name)
    if order == "random":
        # One of p - 1 permutations of the names' hashes, chosen by the seed.
        factor, shift = 1 + (seed * 48_271 + 7) % (_MODULUS - 1), seed * 69_621 % _MODULUS
        return query.order_by((s.c.shuffle * factor + shift) % _MODULUS, s.c.name)
    if order.startswith("measure:"):
        value = measure(order.removeprefix("measure:"), dialect)
        return query.order_by(value.desc().nulls_last() if down else value.asc().nulls_last(), s.c.name)
    raise ConfigError(f"order {order!r} is none of {', '.join(ORDERS)}")


_COLUMNS = (
    "name",
    "state",
    "verdict",
    "reviewer",
    "flags",
    "measures",
    "suspicion",
    "source",
    "track",
    "reasons",
    "disputed",
    "watched",
    "judges",
    "wanted",
    "blind",
    "notes",
    "note",
    "time",
    "identity",
    "has_track",
)


def row_columns(seen_by: str | None = None) -> list[ColumnElement[Any]]:
    """What `row_of` makes a row of, as this reviewer may see it (None: as it is)."""
    seen = seen_columns(seen_by)
    return [seen.get(name, s.c[name]).label(name) for name in _COLUMNS]


def row_of(row: Row[Any]) -> QueueRow:
    """A `QueueRow` of the values of `row_columns`."""
    values = dict(row._mapping)
    values["stale"] = values["state"] == "stale"
    for name in ("flags", "reasons", "judges"):
        values[name] = unpack(values[name])
    values["measures"] = values["measures"] or {}
    values["source"] = source_path(values["source"])
    values["track"] = values["track"] or ""
    values["note"] = values["note"] or ""
    return QueueRow(**values)


def shuffle(name: str) -> int:
    """A number below 2^31 for a name, the same everywhere: the random order is made of it."""
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "replace")).digest()[:4], "big") & 0x7FFFFFFF


def pack(words: tuple[str, ...] | list[str]) -> str:
    """Words as one column holds them: "|a|b|", so that one of them is found by LIKE."""
    return f"|{'|'.join(words)}|" if words else ""


def unpack(text: str) -> tuple[str, ...]:
    return tuple(text.strip("|").split("|")) if text else ()


def source_path(text: str | None) -> str | None:
    """The path in a source column: JSON of a `Source`."""
    if not text:
        return None
    path = json.loads(text).get("path")
    return path if isinstance(path, str) else None

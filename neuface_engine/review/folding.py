"""Events become the rows of the index: each is folded in once, in any order of arrival, with the same outcome."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from neuface_engine.review import schema
from neuface_engine.review.chain import Entry
from neuface_engine.review.events import (
    Added,
    Measured,
    Relinked,
    Removed,
    Undo,
    to_record,
)
from neuface_engine.review.parts import parts
from neuface_engine.review.queue import pack, shuffle, unpack
from neuface_engine.review.rejudging import CHUNK, rejudge
from neuface_engine.review.track_files import TrackFiles

s, e = schema.sequences, schema.events


_encode = json.JSONEncoder(ensure_ascii=False).encode


def fold(connection: Connection, log: str, entries: Sequence[Entry]) -> dict[str, None]:
    """Brings the index up to these entries of one log; returns the sequences whose tracks are to be checked."""
    upserts = _Upserts(connection)
    touched: dict[str, None] = {}
    history = []
    for entry in entries:
        event = entry.event
        key = f"{entry.clock}|{entry.line:012d}|{event.id}"
        if isinstance(event, Added):
            touched.update(dict.fromkeys(upserts.added(event, key)))
        elif isinstance(event, Removed):
            upserts.removed(event, key)
        elif isinstance(event, Relinked):
            upserts.relinked(event, key)
        elif isinstance(event, Measured):
            touched.update(dict.fromkeys(upserts.measured(event, key)))
        else:
            history.append(_history_row(log, entry))
    upserts.flush()
    judged = _keep_history(connection, history)
    rejudge(connection, judged)
    _end_leases(connection, history)
    touched.update(dict.fromkeys(judged))
    return touched


class _Upserts:
    """Rows of `sequences` to be written; the newest word on a field wins, in whatever order words arrive."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: list[tuple[str, list[dict[str, Any]]]] = []

    def added(self, event: Added, key: str) -> list[str]:
        rows = []
        for entry in event.sequences:
            source = entry.get("source")
            rows.append(
                {
                    "name": entry["name"],
                    "listed": True,
                    "track": _text(entry.get("track")),
                    "identity": _text(entry.get("identity")),
                    "added_key": key,
                    "source": _encode(source) if isinstance(source, dict) else None,
                    "source_key": key,
                    "shuffle": shuffle(entry["name"]),
                }
            )
        self._add("added", rows)
        return [row["name"] for row in rows]

    def removed(self, event: Removed, key: str) -> None:
        rows = [
            {"name": name, "listed": False, "added_key": key, "shuffle": shuffle(name)}
            for name in event.sequences
        ]
        self._add("removed", rows)

    def relinked(self, event: Relinked, key: str) -> None:
        rows = []
        for entry in event.sequences:
            source = entry.get("source")
            rows.append(
                {
                    "name": entry["name"],
                    "source": _encode(source) if isinstance(source, dict) else None,
                    "source_key": key,
                    "shuffle": shuffle(entry["name"]),
                }
            )
        self._add("relinked", rows)

    def measured(self, event: Measured, key: str) -> list[str]:
        rows = []
        for entry in event.sequences:
            measures = entry.get("measures") or {}
            rows.append(
                {
                    "name": entry["name"],
                    "measures": {
                        name: float(value)
                        for name, value in measures.items()
                        if isinstance(value, int | float) and math.isfinite(value)
                    },
                    "flags": pack([_text(flag) for flag in entry.get("flags") or ()]),
                    "suspicion": _number(entry.get("suspicion")),
                    "measured_key": key,
                    "shuffle": shuffle(entry["name"]),
                }
            )
        self._add("measured", rows)
        return [row["name"] for row in rows]

    def _add(self, kind: str, rows: list[dict[str, Any]]) -> None:
        if self._waiting and self._waiting[-1][0] == kind:
            self._waiting[-1][1].extend(rows)
        else:
            self._waiting.append((kind, list(rows)))

    def flush(self) -> None:
        keyed: dict[str, dict[str, tuple[str, ...]]] = {
            "added": {"added_key": ("listed", "track", "identity"), "source_key": ("source",)},
            "removed": {"added_key": ("listed",)},
            "relinked": {"source_key": ("source",)},
            "measured": {"measured_key": ("measures", "flags", "suspicion")},
        }
        for kind, rows in self._waiting:
            if rows:
                write_rows(self._connection, upsert(self._connection, keyed[kind]), rows)
        self._waiting.clear()


def write_rows(connection: Connection, statement: Any, rows: list[dict[str, Any]]) -> None:
    """Executes an INSERT for rows that all have the same columns."""
    if connection.dialect.name != "sqlite":
        connection.execute(statement, rows)
        return
    # A million rows: SQLAlchemy's treatment of each value would take longer than SQLite takes to write them.
    compiled = statement.compile(dialect=connection.dialect, column_keys=list(rows[0]))
    names = compiled.positiontup
    values = [
        tuple(_encode(value) if isinstance(value, dict) else value for value in (row[n] for n in names))
        for row in rows
    ]
    connection.exec_driver_sql(str(compiled), values)


def upsert(connection: Connection, keyed: dict[str, tuple[str, ...]]) -> Any:
    """INSERT ... ON CONFLICT on `sequences`, in which fields change only if the key they go by is not older."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(s)
    new = statement.excluded
    changes: dict[str, Any] = {}
    for key, names in keyed.items():
        newer = new[key] >= s.c[key]
        for name in (*names, key):
            changes[name] = case((newer, new[name]), else_=s.c[name])
    return statement.on_conflict_do_update(index_elements=["name"], set_=changes)


def _history_row(log: str, entry: Entry) -> dict[str, Any]:
    event = entry.event
    return {
        "id": event.id,
        "kind": event.kind,
        "sequence": getattr(event, "sequence", None) or None,
        "target": event.target if isinstance(event, Undo) else None,
        "reviewer": event.reviewer,
        "clock": entry.clock,
        "line": entry.line,
        "log": log,
        "body": json.dumps(to_record(event), ensure_ascii=False),
    }


def _keep_history(connection: Connection, rows: list[dict[str, Any]]) -> list[str]:
    """Stores the events; returns the sequences on which something may stand now that did not before."""
    if not rows:
        return []
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(insert(e).on_conflict_do_nothing(index_elements=["id"]), rows)
    affected = dict.fromkeys(row["sequence"] for row in rows if row["sequence"])
    for row in rows:
        if row["kind"] == "assigned":
            affected.update(dict.fromkeys(json.loads(row["body"]).get("sequences", ())))
    # An undo is about the sequence of what it takes back, which may have come earlier, now, or not yet.
    target = e.alias()
    while True:
        found = connection.execute(
            select(e.c.id, target.c.sequence)
            .join(target, target.c.id == e.c.target)
            .where(e.c.kind == "undo", e.c.sequence.is_(None), target.c.sequence.is_not(None))
        ).all()
        if not found:
            break
        connection.execute(
            update(e).where(e.c.id == bindparam("which")).values(sequence=bindparam("its")),
            [{"which": identifier, "its": sequence} for identifier, sequence in found],
        )
        affected.update(dict.fromkeys(sequence for _, sequence in found))
    return list(affected)


def _end_leases(connection: Connection, history: list[dict[str, Any]]) -> None:
    """Who has just judged a sequence has it in hand no more."""
    done = [
        {"which": row["sequence"], "whose": row["reviewer"]}
        for row in history
        if row["kind"] in ("verdict", "adjudication")
    ]
    if done:
        leases = schema.leases
        connection.execute(
            delete(leases).where(
                leases.c.sequence == bindparam("which"), leases.c.reviewer == bindparam("whose")
            ),
            done,
        )


def check_tracks(connection: Connection, names: Sequence[str] | None, tracks: TrackFiles) -> int:
    """Looks at the track files of these sequences (None = all) and corrects their states; returns how many changed."""
    columns = (
        s.c.name,
        s.c.track,
        s.c.has_track,
        s.c.track_size,
        s.c.track_mtime,
        s.c.track_hash,
        s.c.verdict,
        s.c.verdict_hash,
        s.c.judges,
        s.c.reviews,
        s.c.state,
    )
    changes = []
    for part in _all_or(connection, names):
        rows = connection.execute(select(*columns).where(s.c.name.in_(part))).all()
        stamps = tracks.stamps([row.track or "" for row in rows])
        for row, stamp in zip(rows, stamps, strict=True):
            if stamp is None and row.state == "new" and row.verdict is None:
                continue
            size, mtime = stamp or (None, None)
            known = row.track_hash if (size, mtime) == (row.track_size, row.track_mtime) else None
            if stamp is not None and row.verdict is not None and not known:
                known = tracks.hash(row.track)
            fresh = row.verdict is not None and stamp is not None and row.verdict_hash == known
            if row.verdict is None:
                state = "new" if stamp is None else "tracked"
            else:
                state = row.verdict if fresh else "stale"
            new = {
                "has_track": stamp is not None,
                "track_size": size,
                "track_mtime": mtime,
                "track_hash": known if stamp is not None else None,
                "state": state,
                "reviews": len(unpack(row.judges)) if fresh else 0,
            }
            if any(getattr(row, column) != value for column, value in new.items()):
                changes.append({"which": row.name, **new})
    if changes:
        connection.execute(
            update(s)
            .where(s.c.name == bindparam("which"))
            .values({column: bindparam(column) for column in changes[0] if column != "which"}),
            changes,
        )
    return len(changes)


def _all_or(connection: Connection, names: Sequence[str] | None) -> Iterator[Sequence[str]]:
    if names is not None:
        yield from parts(names, CHUNK)
        return
    after = ""
    while True:
        query = select(s.c.name).where(s.c.name > after).order_by(s.c.name).limit(CHUNK)
        part = list(connection.execute(query).scalars())
        if not part:
            return
        yield part
        after = part[-1]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else 0.0


def upsert_lease(connection: Connection) -> Any:
    """INSERT of a lease, or its renewal."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(schema.leases)
    return statement.on_conflict_do_update(
        index_elements=["sequence", "reviewer"], set_={"until": statement.excluded.until}
    )

"""What stands on a sequence, worked out from all that was said of it, becomes its row in the index."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from neuface_engine.review import schema
from neuface_engine.review.events import Assigned, Event, Note, Repair, Verdict, from_record
from neuface_engine.review.parts import parts
from neuface_engine.review.queue import pack, shuffle
from neuface_engine.review.standing import active, disputed, standing

s, e, o = schema.sequences, schema.events, schema.opinions
CHUNK = 2000
_UNASSIGNED = {"wanted": 1, "assigned": "", "blind": False}


def rejudge(connection: Connection, names: list[str]) -> None:
    """Works out again what stands on these sequences, and who may see how much of it."""
    if not names:
        return
    upsert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(
        upsert(s).on_conflict_do_nothing(index_elements=["name"]),
        [{"name": name, "shuffle": shuffle(name)} for name in names],
    )
    assigned = _assignments(connection, set(names))
    for part in parts(names, CHUNK):
        by_name: dict[str, list[Any]] = {name: [] for name in part}
        query = (
            select(e.c.sequence, e.c.body)
            .where(
                e.c.sequence.in_(part),
                e.c.kind.in_(("verdict", "adjudication", "note", "repair", "undo")),
            )
            .order_by(e.c.clock, e.c.line, e.c.id)
        )
        for name, body in connection.execute(query):
            event = from_record(json.loads(body))
            if event is not None:
                by_name[name].append(event)
        rows, opinions = [], []
        for name, events in by_name.items():
            said = active(events)
            verdicts = [event for event in said if isinstance(event, Verdict)]
            last = standing(verdicts) if verdicts else None
            judges = dict.fromkeys(v.reviewer for v in verdicts if last and v.track_hash == last.track_hash)
            row = {"which": name, **_standing_row(said, verdicts), **assigned.get(name, _UNASSIGNED)}
            row["judges"] = pack([judge.replace("|", "/") for judge in judges])
            row["hidden"] = bool(said) and row["blind"] and row["wanted"] > len(judges)
            rows.append(row)
            opinions += _opinions(name, said) if row["hidden"] else []
        connection.execute(
            update(s)
            .where(s.c.name == bindparam("which"))
            .values({column: bindparam(column) for column in rows[0] if column != "which"}),
            rows,
        )
        connection.execute(delete(o).where(o.c.sequence.in_(part)))
        if opinions:
            connection.execute(insert(o), opinions)


def _assignments(connection: Connection, names: set[str]) -> dict[str, dict[str, Any]]:
    query = select(e.c.body).where(e.c.kind == "assigned").order_by(e.c.clock, e.c.line, e.c.id)
    found = {}
    for (body,) in connection.execute(query):
        event = from_record(json.loads(body))
        if isinstance(event, Assigned):
            row = {"wanted": event.reviews, "assigned": pack(list(event.reviewers)), "blind": event.blind}
            found.update({name: row for name in event.sequences if name in names})
    return found


def _opinions(name: str, said: list[Event]) -> list[dict[str, Any]]:
    """What each reviewer says of one sequence (`said`: all that stands), as if nobody else had said anything."""
    rows = []
    for reviewer in dict.fromkeys(event.reviewer for event in said):
        own = [event for event in said if event.reviewer == reviewer]
        row = _standing_row(own, [event for event in own if isinstance(event, Verdict)])
        row["track_hash"] = row.pop("verdict_hash")
        for column in ("verdict_id", "disputed"):
            del row[column]
        rows.append({"sequence": name, **row, "reviewer": reviewer})
    return rows


def _standing_row(said: list[Event], verdicts: list[Verdict]) -> dict[str, Any]:
    last = standing(verdicts) if verdicts else None
    return {
        "verdict": last and last.verdict,
        "reviewer": last and last.reviewer,
        "reasons": pack(list(last.reasons)) if last else "",
        "note": last and last.note,
        "time": last and last.time,
        "verdict_id": last and last.id,
        "verdict_hash": last and last.track_hash,
        "disputed": disputed(verdicts),
        "watched": bool(last and last.coverage.get("sufficient", False)),
        "notes": sum(isinstance(event, Note | Repair) for event in said),
    }

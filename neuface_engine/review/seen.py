"""What one reviewer may see of the queue: of what is judged blind, and not by all yet, only their own word."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, case, false, func, literal, null, select

from neuface_engine.review import schema

s, o = schema.sequences, schema.opinions


def seen_columns(reviewer: str | None) -> dict[str, ColumnElement[Any]]:
    """{column: its value as this reviewer may see it}, of the columns that verdicts and notes fill (None: as it is)."""
    names = (
        "state",
        "verdict",
        "reviewer",
        "reasons",
        "note",
        "time",
        "judges",
        "disputed",
        "watched",
        "notes",
    )
    if reviewer is None:
        return {name: s.c[name] for name in names}

    def own(name: str) -> Any:
        query = select(o.c[name]).where(o.c.sequence == s.c.name, o.c.reviewer == reviewer)
        return query.correlate(s).scalar_subquery()

    verdict, track_hash = own("verdict"), own("track_hash")
    unsaid = case((s.c.has_track, "tracked"), else_="new")
    mark = f"|{reviewer.replace('|', '/')}|"
    hidden = {
        "state": case((verdict.is_(None), unsaid), (track_hash == s.c.track_hash, verdict), else_="stale"),
        "verdict": verdict,
        "reviewer": case((verdict.is_not(None), literal(reviewer)), else_=null()),
        "reasons": func.coalesce(own("reasons"), ""),
        "note": own("note"),
        "time": own("time"),
        "judges": case((and_(verdict.is_not(None), track_hash == s.c.verdict_hash), mark), else_=""),
        "disputed": false(),
        "watched": func.coalesce(own("watched"), false()),
        "notes": func.coalesce(own("notes"), 0),
    }
    return {name: case((s.c.hidden, hidden[name]), else_=s.c[name]) for name in names}

"""The tables of a project's index, and of a team's database, which also keeps the logs themselves."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    false,
)
from sqlalchemy.dialects.postgresql import JSONB

SCHEMA_VERSION = 4

Word = String().with_variant(String(collation="C"), "postgresql")
"""Text that sorts by its bytes, the same in every database."""

index_tables = MetaData()
"""Worked out from the logs: can be dropped and made again at any time."""

log_tables = MetaData()
"""The logs of a team, and who has what in hand: never dropped."""

meta = Table("meta", index_tables, Column("key", String, primary_key=True), Column("value", Text))

cursors = Table(
    "cursors",
    index_tables,
    Column("log", Word, primary_key=True),
    Column("stamp", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("lines", BigInteger, nullable=False),
    Column("head", String(64), nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("clock", Word, nullable=False),
    Column("unfinished", Boolean, nullable=False),
)

problems = Table(
    "problems",
    index_tables,
    Column("log", Word, primary_key=True),
    Column("line", BigInteger, primary_key=True),
    Column("words", Text, nullable=False),
)

events = Table(
    "events",
    index_tables,
    Column("id", Word, primary_key=True),
    Column("kind", Word, nullable=False),
    Column("sequence", Word),
    Column("target", Word),
    Column("reviewer", Word, nullable=False),
    Column("clock", Word, nullable=False),
    Column("line", BigInteger, nullable=False),
    Column("log", Word, nullable=False),
    Column("body", Text, nullable=False),
    Index("events_of_sequence", "sequence"),
    Index("events_of_kind", "kind", "clock", "line"),
)

sequences = Table(
    "sequences",
    index_tables,
    Column("name", Word, primary_key=True),
    Column("listed", Boolean, nullable=False, server_default=false()),
    Column("state", Word, nullable=False, server_default="new"),
    Column("suspicion", Float, nullable=False, server_default="0"),
    Column("flags", String, nullable=False, server_default=""),
    Column("verdict", String),
    Column("reviewer", Word),
    Column("reasons", String, nullable=False, server_default=""),
    Column("disputed", Boolean, nullable=False, server_default=false()),
    Column("watched", Boolean, nullable=False, server_default=false()),
    Column("judges", String, nullable=False, server_default=""),
    Column("reviews", Integer, nullable=False, server_default="0"),
    Column("wanted", Integer, nullable=False, server_default="1"),
    Column("assigned", String, nullable=False, server_default=""),
    Column("blind", Boolean, nullable=False, server_default=false()),
    # Something was said of it that those who are still to judge it blind must not see.
    Column("hidden", Boolean, nullable=False, server_default=false()),
    Column("notes", Integer, nullable=False, server_default="0"),
    Column("time", Word),
    Column("note", Text),
    Column("verdict_id", String),
    Column("verdict_hash", String),
    Column("track", String),
    Column("has_track", Boolean, nullable=False, server_default=false()),
    Column("track_size", BigInteger),
    Column("track_mtime", BigInteger),
    Column("track_hash", String),
    Column("identity", Word, nullable=False, server_default=""),
    Column("shuffle", BigInteger, nullable=False),
    Column("added_key", Word, nullable=False, server_default=""),
    Column("source_key", Word, nullable=False, server_default=""),
    Column("measured_key", Word, nullable=False, server_default=""),
    Column("source", Text),
    Column("measures", JSON().with_variant(JSONB(), "postgresql")),
    Index("sequences_by_state", "state", "suspicion"),
    Index("sequences_by_identity", "identity"),
    # Counts what is listed and draws a sample of it without reading the rows, which are long.
    Index("sequences_by_shuffle", "shuffle", "listed"),
)

Index("sequences_by_suspicion", sequences.c.suspicion.desc(), sequences.c.name)
Index(
    "sequences_hidden",
    sequences.c.hidden,
    sqlite_where=sequences.c.hidden,
    postgresql_where=sequences.c.hidden,
)

opinions = Table(
    "opinions",
    index_tables,
    Column("sequence", Word, primary_key=True),
    Column("reviewer", Word, primary_key=True),
    Column("verdict", Word),
    Column("reasons", String, nullable=False),
    Column("note", Text),
    Column("time", Word),
    Column("track_hash", String),
    Column("watched", Boolean, nullable=False),
    Column("notes", Integer, nullable=False),
)
"""What each reviewer says of a sequence whose row is hidden: for those who may see nothing but their own word."""

logs = Table(
    "logs",
    log_tables,
    Column("name", Word, primary_key=True),
    Column("lines", BigInteger, nullable=False),
    Column("head", String(64), nullable=False),
)

lines = Table(
    "lines",
    log_tables,
    Column("log", Word, primary_key=True),
    Column("line", BigInteger, primary_key=True),
    Column("text", Text, nullable=False),
)

leases = Table(
    "leases",
    log_tables,
    Column("sequence", Word, primary_key=True),
    Column("reviewer", Word, primary_key=True),
    Column("until", Float, nullable=False),
)

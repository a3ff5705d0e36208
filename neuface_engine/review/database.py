"""Databases: the project's own index file (SQLite), and a team's PostgreSQL, which keeps the logs as well."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    StaticPool,
    bindparam,
    create_engine,
    event,
    func,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from neuface_engine.errors import ProjectError
from neuface_engine.review import chain, schema
from neuface_engine.review.events import Event
from neuface_engine.review.journal import Head, Talk, log_name

INDEX_FILE = "index.sqlite"
_LINES_AT_ONCE = 20_000
_BUSY_S = 30.0


def sqlite_engine(path: Path | None) -> Engine:
    """An engine on an index file; None = in memory."""
    if path is None:
        engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": _BUSY_S})

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where we say, not where the driver thinks
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=TRUNCATE")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA cache_size=-65536")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        # A writer is the only one from the first moment, so that nobody's transaction fails half way.
        writing = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def sqlite_copy(path: Path) -> Engine:
    """An engine on a copy of an index file in memory; empty where the file cannot be read."""
    engine = sqlite_engine(None)
    with suppress(sqlite3.Error), engine.connect() as connection:
        source = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            source.backup(connection.connection.driver_connection)  # type: ignore[arg-type]
        finally:
            source.close()
    return engine


def postgres_engine(url: str, project: str) -> Engine:
    """An engine on a team's database; each project has a schema of its own there. Raises ProjectError."""
    shown = without_password(url)
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ProjectError(f"{shown}: not a database URL; write postgresql://USER@HOST/DATABASE") from error
    if parsed.get_backend_name() != "postgresql":
        raise ProjectError(f"{shown}: not PostgreSQL; write postgresql://USER@HOST/DATABASE")
    try:
        engine = create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            connect_args={"connect_timeout": 10},
            execution_options={"schema_translate_map": {None: schema_of(project)}},
        )
    except ImportError as error:
        raise ProjectError(
            f"{shown}: PostgreSQL needs a package more; type: pip install 'neuface-studio[postgres]'"
        ) from error
    try:
        with told(engine), engine.begin() as connection:
            # Two clients may come at once; the second waits and finds everything made.
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(schema_of(project)))))
            connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema_of(project)}"'))
            schema.log_tables.create_all(connection)
    except ProjectError:
        engine.dispose()
        raise
    return engine


def schema_of(project: str) -> str:
    return f"neuface_{project}"


def without_password(url: str) -> str:
    """A URL as it may be shown and written down."""
    try:
        return make_url(url).set(password=None).render_as_string(hide_password=True)
    except ArgumentError:
        return "database"


@contextmanager
def told(engine: Engine) -> Iterator[None]:
    """Whatever goes wrong with a database, in one line. Raises ProjectError."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        words = " ".join(str(cause).split())[:300]
        where = engine.url.set(password=None).render_as_string()
        if engine.dialect.name == "sqlite":
            where, remedy = (
                str(engine.url.database or "index"),
                "free space, or delete this file: it is made anew",
            )
        else:
            remedy = "start the server, or give the right address, user and password (~/.pgpass)"
        raise ProjectError(f"{where}: {words}; {remedy}") from error


class DatabaseJournal(Talk):
    """The logs of a team in PostgreSQL: the same lines with the same chain as in files, one log for each reviewer."""

    read_only = ""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._lock = threading.Lock()

    def append(self, *events: Event) -> None:
        """Keeps events; when this returns the server has them on its disk. Raises ProjectError."""
        by_log: dict[str, list[Event]] = {}
        for each in events:
            by_log.setdefault(log_name(each.reviewer), []).append(each)
        with told(self.engine), self.engine.begin() as connection:
            for name, those in sorted(by_log.items()):
                head = self._held(connection, name)
                lines = []
                for each in those:
                    line = chain.line_of(each, head.hash)
                    head = Head(head.lines + 1, chain.hash_of(line))
                    lines.append(line)
                self._extend(connection, name, head, lines)

    def extend(self, log: str, lines: bytes) -> None:
        """Takes over lines of a log file that continue the log here. Raises ProjectError where they do not."""
        parts = lines.rstrip(b"\n").split(b"\n")
        if not lines:
            return
        with told(self.engine), self.engine.begin() as connection:
            head = self._held(connection, log)
            if chain.parse(parts[0]).get("prev") != head.hash:
                raise ProjectError(f"log {log}: what should follow it does not; merge again")
            self._extend(connection, log, Head(head.lines + len(parts), chain.hash_of(parts[-1])), parts)

    def content(self, log: str) -> bytes:
        return b"".join(line + b"\n" for line in self.lines(log))

    def close(self) -> None:
        self.engine.dispose()

    def _held(self, connection: Connection, name: str) -> Head:
        """The head of a log, which nobody else changes until this transaction ends."""
        connection.execute(
            postgresql.insert(schema.logs)
            .values(name=name, lines=0, head=chain.START)
            .on_conflict_do_nothing()
        )
        row = connection.execute(
            select(schema.logs.c.lines, schema.logs.c.head)
            .where(schema.logs.c.name == name)
            .with_for_update()
        ).one()
        return Head(row.lines, row.head)

    def _extend(self, connection: Connection, name: str, head: Head, lines: list[bytes]) -> None:
        first = head.lines - len(lines) + 1
        if lines:
            connection.execute(
                insert(schema.lines),
                [
                    {"log": name, "line": first + place, "text": line.decode()}
                    for place, line in enumerate(lines)
                ],
            )
        connection.execute(
            update(schema.logs)
            .where(schema.logs.c.name == bindparam("which"))
            .values(lines=head.lines, head=head.hash),
            {"which": name},
        )

    def where(self, log: str) -> str:
        return f"log {log}"

    def stamps(self) -> dict[str, tuple[int, int]]:
        with told(self.engine), self.engine.connect() as connection:
            rows = connection.execute(select(schema.logs.c.name, schema.logs.c.lines)).all()
        return {row.name: (row.lines, 0) for row in sorted(rows) if row.lines}

    def read(self, log: str, start: chain.Position) -> chain.Chunk:
        lines = self.lines(log, after=start.lines, limit=_LINES_AT_ONCE)
        chunk = chain.replay(b"".join(line + b"\n" for line in lines), start)
        chunk.more = len(lines) == _LINES_AT_ONCE
        return chunk

    def lines(self, log: str, *, after: int = 0, limit: int | None = None) -> list[bytes]:
        """The lines of a log as a file would hold them."""
        table = schema.lines
        query = (
            select(table.c.text)
            .where(table.c.log == literal(log), table.c.line > after)
            .order_by(table.c.line)
            .limit(limit)
        )
        with told(self.engine), self.engine.connect() as connection:
            return [line.encode() for line in connection.execute(query).scalars()]

    @property
    def events(self) -> tuple[Event, ...]:
        entries = {entry.event.id: entry for name in self.stamps() for entry in self._whole(name).entries}
        return tuple(entry.event for entry in sorted(entries.values(), key=lambda entry: entry.order))

    @property
    def problems(self) -> tuple[str, ...]:
        found = []
        for name in self.stamps():
            for number, words in self._whole(name).problems:
                found.append(f"{self.where(name)}: line {number} {words}")
        return tuple(found)

    def _whole(self, name: str) -> chain.Chunk:
        return chain.replay(self.content(name))

"""The index: what the logs say, ready to be asked. Made from them at any time, and brought up to date as they grow."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, Select, delete, func, insert, select
from sqlalchemy.exc import DatabaseError, OperationalError

from neuface_engine.errors import ProjectError
from neuface_engine.review import schema
from neuface_engine.review.chain import Position, Restarted
from neuface_engine.review.database import INDEX_FILE, sqlite_copy, sqlite_engine, told
from neuface_engine.review.events import Event, from_record
from neuface_engine.review.folding import check_tracks, fold
from neuface_engine.review.journal import Head, Journal
from neuface_engine.review.queue import Filter, QueueRow, measure, ordered, row_columns, row_of, unpack
from neuface_engine.review.seen import seen_columns
from neuface_engine.review.track_files import TrackFiles

s, e = schema.sequences, schema.events
_INDEXED_FROM = 20_000
_PART = 5_000


class Index:
    """Answers questions about all sequences at once. Every question first takes in what was logged meanwhile.

    All methods may be called from several threads. Raises ProjectError where the database fails.
    """

    def __init__(self, engine: Engine, journal: Journal, tracks: TrackFiles) -> None:
        self.engine = engine
        self._journal = journal
        self._tracks = tracks
        self._lock = threading.RLock()
        self._stamps: dict[str, tuple[int, int]] | None = None
        self._writer = engine.execution_options(writing=True)
        with self.writing() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(4_711)))
            self._prepare(connection)

    @classmethod
    def of_folder(cls, folder: Path, journal: Journal, tracks: TrackFiles) -> Index:
        """The index file of a project, shared by all who have it open; a damaged one is made anew.

        Where the folder cannot be written, or another holds the file for long, a copy in memory serves.
        """
        path = folder / INDEX_FILE
        for attempt in (1, 2):
            engine = sqlite_engine(path)
            try:
                index = cls(engine, journal, tracks)
                index.refresh()
                return index
            except ProjectError as error:
                engine.dispose()
                if isinstance(error.__cause__, OperationalError) or attempt == 2:
                    break
                if not isinstance(error.__cause__, DatabaseError):
                    raise
                with suppress(OSError):
                    path.unlink()
        return cls(sqlite_copy(path), journal, tracks)

    # Questions

    def rows(
        self,
        where: Filter | None = None,
        *,
        order: str = "suspicion",
        descending: bool | None = None,
        offset: int = 0,
        limit: int | None = None,
        seed: int = 0,
    ) -> list[QueueRow]:
        """Sequences in the order of "suspicion", "name", "random" (by `seed`), "time" or "measure:NAME".

        Without `descending` the name rises and everything else falls. Raises ConfigError for another order or filter.
        """
        dialect = self.engine.dialect.name
        if order.startswith("measure:"):
            self._index_measure(order.removeprefix("measure:"))
        where = self._seen(where)
        query: Select[Any] = select(*row_columns(where.seen_by)).where(*where.conditions(dialect))
        query = ordered(query, order, dialect, descending=descending, seed=seed, seen_by=where.seen_by)
        query = query.offset(offset or None).limit(limit)
        with self.reading() as connection:
            return [row_of(row) for row in connection.execute(query)]

    def count(self, where: Filter | None = None) -> int:
        """How many sequences pass the filter."""
        query = select(func.count()).select_from(s)
        query = query.where(*self._seen(where).conditions(self.engine.dialect.name))
        with self.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def row(self, name: str) -> QueueRow | None:
        """One sequence; None where the project has none of this name."""
        found = self.rows(Filter(names=(name,)), limit=1)
        return found[0] if found else None

    def names(
        self,
        where: Filter | None = None,
        *,
        order: str = "name",
        descending: bool | None = None,
        offset: int = 0,
        limit: int | None = None,
        seed: int = 0,
    ) -> list[str]:
        """The names alone, which for very many sequences is much less."""
        dialect = self.engine.dialect.name
        where = self._seen(where)
        query = select(s.c.name).where(*where.conditions(dialect))
        query = ordered(query, order, dialect, descending=descending, seed=seed, seen_by=where.seen_by)
        query = query.offset(offset or None).limit(limit)
        with self.reading() as connection:
            return list(connection.execute(query).scalars())

    def hidden_names(self) -> set[str]:
        """Sequences of which something was said that those who are still to judge them blind must not know."""
        with self.reading() as connection:
            return set(connection.execute(select(s.c.name).where(s.c.listed, s.c.hidden)).scalars())

    def states(self, where: Filter | None = None) -> dict[str, int]:
        """{state: how many}; states that do not occur are absent."""
        where = self._seen(where)
        state = seen_columns(where.seen_by)["state"].label("seen_state")
        query = select(state, func.count()).group_by(state)
        query = query.where(*where.conditions(self.engine.dialect.name))
        with self.reading() as connection:
            return {state: int(number) for state, number in connection.execute(query)}

    def flag_counts(self, where: Filter | None = None) -> dict[str, int]:
        """{flag: on how many sequences}, the most frequent first."""
        return self._word_counts(s.c.flags, self._seen(where))

    def reason_counts(self, where: Filter | None = None) -> dict[str, int]:
        """{reason: on how many sequences}, the most frequent first."""
        where = self._seen(where)
        return self._word_counts(seen_columns(where.seen_by)["reasons"], where)

    def measure_names(self) -> list[str]:
        """The measures that sequences of this project have (of those measured last)."""
        query = (
            select(s.c.measures).where(s.c.measures.is_not(None)).order_by(s.c.measured_key.desc()).limit(64)
        )
        names: dict[str, None] = {}
        with self.reading() as connection:
            for measures in connection.execute(query).scalars():
                names.update(dict.fromkeys(measures or {}))
        return sorted(names)

    def values(
        self,
        measures: Sequence[str],
        where: Filter | None = None,
        *,
        order: str = "name",
        limit: int | None = None,
    ) -> tuple[list[str], NDArray[np.float64]]:
        """(names, figures [sequence, measure]); NaN where a sequence has no such figure. In the order of names."""
        dialect = self.engine.dialect.name
        columns = [measure(name, dialect).label(f"m{place}") for place, name in enumerate(measures)]
        query = select(s.c.name, *columns).where(*self._seen(where).conditions(dialect))
        query = ordered(query, order, dialect).limit(limit)
        with self.reading() as connection:
            rows = connection.execute(query).all()
        figures = np.array([[np.nan if v is None else v for v in row[1:]] for row in rows], float)
        return [row[0] for row in rows], figures.reshape(len(rows), len(measures))

    def measured(self) -> Iterator[tuple[str, dict[str, float], tuple[str, ...], float]]:
        """(name, measures, flags, suspicion) of everything that was measured, by name; a part at a time in memory."""
        after = ""
        while True:
            query = select(s.c.name, s.c.measures, s.c.flags, s.c.suspicion).order_by(s.c.name).limit(_PART)
            query = query.where(s.c.listed, s.c.name > after, s.c.measured_key != "")
            with self.reading() as connection:
                rows = connection.execute(query).all()
            if not rows:
                return
            for name, measures, flags, suspicion in rows:
                if measures:
                    yield name, measures, unpack(flags), suspicion
            after = rows[-1][0]

    def entries(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """{sequence: {"track", "source", "identity"}} as listed, of those of these sequences that are."""
        found: dict[str, dict[str, Any]] = {}
        with self.reading() as connection:
            for at in range(0, len(names), 2000):
                query = select(s.c.name, s.c.track, s.c.source, s.c.identity)
                query = query.where(s.c.listed, s.c.name.in_(names[at : at + 2000]))
                for name, track, source, identity in connection.execute(query):
                    record = json.loads(source) if source else None
                    found[name] = {"track": track, "source": record, "identity": identity}
        return found

    def sources(self, names: Iterable[str] | None = None) -> dict[str, Any]:
        """{sequence: record of its `Source`} of those that have one (None: of all)."""
        query = select(s.c.name, s.c.source).where(s.c.listed, s.c.source.is_not(None)).order_by(s.c.name)
        if names is not None:
            query = query.where(s.c.name.in_(list(names)))
        found: dict[str, Any] = {}
        after = ""
        while True:  # in pages, between which others may read
            with self.reading() as connection:
                page = connection.execute(query.where(s.c.name > after).limit(_PART)).all()
            if not page:
                return found
            found.update((name, json.loads(source)) for name, source in page)
            after = page[-1][0]

    def events(self, *kinds: str, sequence: str | None = None, reviewer: str | None = None) -> list[Event]:
        """What was said, oldest first: verdicts, undos, notes, what was shown ... (not: added, measured, relinked)."""
        query = select(e.c.body).order_by(e.c.clock, e.c.line, e.c.id)
        if kinds:
            query = query.where(e.c.kind.in_(kinds))
        if sequence is not None:
            query = query.where(e.c.sequence == sequence)
        if reviewer is not None:
            query = query.where(e.c.reviewer == reviewer)
        with self.reading() as connection:
            found = [from_record(json.loads(body)) for body in connection.execute(query).scalars()]
        return [event for event in found if event is not None]

    def heads(self) -> dict[str, Head]:
        """The state of every log that was taken in, by name."""
        with self.reading() as connection:
            rows = connection.execute(select(schema.cursors).order_by(schema.cursors.c.log)).all()
        return {row.log: Head(row.lines, row.head) for row in rows}

    def problems(self) -> list[tuple[str, int, str]]:
        """(log, line, what is wrong with it) of each damaged line and broken chain that was met."""
        with self.reading() as connection:
            rows = connection.execute(select(schema.problems).order_by("log", "line")).all()
        return [(row.log, row.line, row.words) for row in rows]

    # Keeping up

    def refresh(self) -> None:
        """Takes in what was logged since; reads nothing but that."""
        with self._lock:
            if self._journal.stamps() == self._stamps:
                return
            with self._folding() as connection:
                stamps = (
                    self._journal.stamps()
                )  # as they are now that nobody else folds: others may have been first
                self._take_in(connection, stamps)
            self._stamps = stamps

    def rebuild(self) -> None:
        """Makes everything anew from the logs."""
        with self._lock:
            with self.writing() as connection:
                self._clear(connection)
            self._stamps = None
            self.refresh()

    def check_tracks(self, names: Sequence[str] | None = None) -> int:
        """Looks whether tracks came, went or changed (None: of all sequences); returns how many did."""
        self.refresh()
        self._tracks.forget()
        with self._folding() as connection:
            return check_tracks(connection, names, self._tracks)

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that changes the index."""
        with self._lock, told(self.engine), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def _folding(self) -> Iterator[Connection]:
        """A transaction that changes what stands on sequences: one client at a time, the others wait. Whoever works a
        row out from what it was before would otherwise undo what another wrote meanwhile."""
        with self.writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(
                    select(schema.meta).where(schema.meta.c.key == "version").with_for_update()
                )
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """The index as the logs have it now, to be asked."""
        self.refresh()
        with self._lock, told(self.engine), self.engine.connect() as connection:
            yield connection

    def _take_in(self, connection: Connection, stamps: dict[str, tuple[int, int]]) -> None:
        cursors = self._cursors(connection)
        if any(log not in stamps for log in cursors):
            self._clear(connection)
            cursors = {}
        self._tracks.forget()
        with _rows_first(connection) if not cursors else nullcontext():
            self._fold_logs(connection, stamps, cursors)

    def _fold_logs(
        self,
        connection: Connection,
        stamps: dict[str, tuple[int, int]],
        cursors: dict[str, tuple[tuple[int, int], Position]],
    ) -> None:
        touched: dict[str, None] = {}
        for log, stamp in stamps.items():
            known, position = cursors.get(log, ((-1, 0), Position()))
            if known == stamp:
                continue
            if known[0] == stamp[0] and connection.dialect.name == "sqlite":
                # As long as before but written since: copied, or other lines.
                if not self._is_unchanged(log, position):
                    self._restart(connection, stamps)
                    return
                self._keep_cursor(connection, log, stamp, position)
                continue
            more = True
            while more:
                chunk = self._journal.read(log, position)
                if isinstance(chunk, Restarted):
                    self._restart(connection, stamps)
                    return
                touched.update(fold(connection, log, chunk.entries))
                self._keep_problems(connection, log, chunk.problems)
                position, more = chunk.position, chunk.more
            self._keep_cursor(connection, log, stamp, position)
        check_tracks(connection, list(touched), self._tracks)

    def _is_unchanged(self, log: str, known: Position) -> bool:
        """Whether every line up to the known position is what it was: then the chain ends with the same hash."""
        position, more = Position(), True
        while more:
            chunk = self._journal.read(log, position)
            if chunk.problems:
                return False
            position, more = chunk.position, chunk.more
        return position == known

    def _restart(self, connection: Connection, stamps: dict[str, tuple[int, int]]) -> None:
        self._clear(connection)
        self._take_in(connection, stamps)

    def _clear(self, connection: Connection) -> None:
        for table in (schema.cursors, schema.problems, schema.opinions, e, s):
            connection.execute(delete(table))

    def _prepare(self, connection: Connection) -> None:
        """Makes the tables; those of another version of this program are dropped first."""
        schema.meta.create(connection, checkfirst=True)
        query = select(schema.meta.c.value).where(schema.meta.c.key == "version")
        version = connection.execute(query).scalar()
        if version == str(schema.SCHEMA_VERSION):
            return
        schema.index_tables.drop_all(connection)
        schema.index_tables.create_all(connection)
        schema.leases.create(connection, checkfirst=True)
        connection.execute(insert(schema.meta), {"key": "version", "value": str(schema.SCHEMA_VERSION)})

    def _cursors(self, connection: Connection) -> dict[str, tuple[tuple[int, int], Position]]:
        rows = connection.execute(select(schema.cursors)).all()
        return {
            row.log: (
                (row.stamp, row.changed),
                Position(row.bytes, row.lines, row.head, row.last, row.clock, row.unfinished),
            )
            for row in rows
        }

    def _keep_cursor(
        self, connection: Connection, log: str, stamp: tuple[int, int], position: Position
    ) -> None:
        table = schema.cursors
        connection.execute(delete(table).where(table.c.log == log))
        connection.execute(
            insert(table),
            {
                "log": log,
                "stamp": stamp[0],
                "changed": stamp[1],
                "bytes": position.bytes,
                "lines": position.lines,
                "head": position.head,
                "last": position.last,
                "clock": position.clock,
                "unfinished": position.unfinished,
            },
        )

    def _keep_problems(self, connection: Connection, log: str, problems: list[tuple[int, str]]) -> None:
        table = schema.problems
        for line, words in problems:
            connection.execute(delete(table).where(table.c.log == log, table.c.line == line))
            connection.execute(insert(table), {"log": log, "line": line, "words": words})

    def _seen(self, where: Filter | None) -> Filter:
        """The filter; where there is nothing to hide, as anybody may ask it, which the tables' indices answer."""
        where = where or Filter()
        if where.seen_by is None:
            return where
        with self.reading() as connection:
            hides = connection.execute(select(s.c.name).where(s.c.hidden).limit(1)).first() is not None
        return where if hides else replace(where, seen_by=None)

    def _word_counts(self, column: Any, where: Filter) -> dict[str, int]:
        words = column.label("words")
        query = select(words, func.count()).where(column != "").group_by(words)
        query = query.where(*where.conditions(self.engine.dialect.name))
        totals: dict[str, int] = {}
        with self.reading() as connection:
            for words, number in connection.execute(query):
                for word in unpack(words):
                    totals[word] = totals.get(word, 0) + int(number)
        return dict(sorted(totals.items(), key=lambda item: (-item[1], item[0])))

    def _index_measure(self, name: str) -> None:
        """A large project is sorted by a measure through an index of that measure, made when first asked for."""
        value = measure(name, self.engine.dialect.name)
        title = "measure_" + "".join(c if c.isalnum() else "_" for c in name)
        if self.engine.dialect.name != "sqlite" or self.count() < _INDEXED_FROM:
            return
        with self.writing() as connection:
            connection.exec_driver_sql(f'CREATE INDEX IF NOT EXISTS "{title}" ON sequences ({value})')


@contextmanager
def _rows_first(connection: Connection) -> Iterator[None]:
    """Fill an empty index faster: SQLite sorts a million rows once more quickly than it finds a place for each."""
    if connection.dialect.name != "sqlite":
        yield
        return
    for index in s.indexes:
        index.drop(connection, checkfirst=True)
    yield
    for index in s.indexes:
        index.create(connection, checkfirst=True)

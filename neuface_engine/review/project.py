"""A project: a folder with tracks, runs and the review's logs. It can be moved and copied whole."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuface_engine.errors import ProjectError
from neuface_engine.review.coverage import Coverage, CoverageRule, of_events
from neuface_engine.review.events import (
    UNDOABLE,
    Added,
    Adjudication,
    Event,
    Measured,
    Note,
    Removed,
    Shown,
    Undo,
    Verdict,
)
from neuface_engine.review.journal import FileJournal, Head, last_standing, last_undone
from neuface_engine.review.locking import ProjectLock
from neuface_engine.review.media import Source, portable
from neuface_engine.review.notes import standing_notes
from neuface_engine.review.parts import parts
from neuface_engine.review.places import check_inside, inside, safe_name
from neuface_engine.review.project_file import PROJECT_FILE, ProjectFile
from neuface_engine.review.standing import active_verdicts, standing_verdicts
from neuface_engine.review.track_files import TrackFiles, copy_track, file_hash, same_bytes

if TYPE_CHECKING:
    from neuface_engine.review.database import DatabaseJournal
    from neuface_engine.review.index import Index
    from neuface_engine.review.queue import Filter, QueueRow

_AT_ONCE = 500  # sequences in one event
_IN_MEMORY = 50_000


class Project:
    """`Project.create(folder)`, `Project.open(folder)`; close it, or use it in a `with`.

    folder       where it lies: project.json, tracks/, runs/, log/<reviewer>.jsonl, index.sqlite (made from the logs)
    log          the journal: everything that was said; `append` keeps an event
    index        answers questions about all sequences
    read_only    why nothing can be written ("it is open in process 4711 on lab-3 ..."); empty = it can
    warnings     what the user should know, one line each
    """

    def __init__(
        self,
        file: ProjectFile,
        log: FileJournal | DatabaseJournal,
        lock: ProjectLock | None,
        warnings: tuple[str, ...] = (),
    ) -> None:
        self.folder = file.folder
        self.log = log
        self.warnings = warnings
        self._file = file
        self._lock = lock
        self._tracks = TrackFiles(self.folder.resolve(), self.resolve)

    @classmethod
    def create(cls, folder: str | Path, *, database: str = "") -> Project:
        """Makes a project; opens the one that is there already. Raises ProjectError.

        database    URL of a team's PostgreSQL (postgresql://USER@HOST/DATABASE) which then keeps the logs
        """
        folder = Path(folder)
        if not (folder / PROJECT_FILE).exists():
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ProjectError(
                    f"{folder}: no project can be made here ({error.strerror}); choose another folder"
                ) from error
            file = ProjectFile(folder)
            if database:
                from neuface_engine.review.database import without_password

                file.database = without_password(database)
            file.write()
        return cls.open(folder, database=database)

    @classmethod
    def open(cls, folder: str | Path, *, database: str = "", read_only: bool = False) -> Project:
        """Opens a project; read-only where another process has it open, or the folder cannot be written.

        database    overrides the URL in project.json, which has no password in it
        Raises ProjectError where there is none, it is damaged, or points out of its folder.
        """
        folder = Path(folder)
        file = ProjectFile.read(folder)
        for relative in file.sequences.values():
            inside(folder, relative)
        if database or file.database:
            return cls._of_database(file, database or file.database)
        lock = None if read_only else ProjectLock(folder)
        reason = "as asked" if lock is None else lock.holder
        older = tuple([Added(tuple(file.old_entries()))] if reason and file.sequences else [])
        journal = FileJournal(folder, read_only=reason, older=older)
        warnings = tuple(w for w in (lock.warning if lock else "", _read_only_words(folder, reason)) if w)
        project = cls(file, journal, lock, warnings)
        try:
            if not reason and file.version < 2:
                project._migrate()
        except BaseException:
            project.close()
            raise
        return project

    @classmethod
    def _of_database(cls, file: ProjectFile, url: str) -> Project:
        from neuface_engine.review.database import DatabaseJournal, postgres_engine

        project = cls(file, DatabaseJournal(postgres_engine(url, file.id)), None)
        if file.version < 2:
            project._migrate()
        return project

    def close(self) -> None:
        """Lets others write in the folder."""
        if "index" in self.__dict__:
            self.index.close()
            del self.__dict__["index"]
        if not isinstance(self.log, FileJournal):
            self.log.close()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        lock = self.__dict__.get("_lock")
        if lock is not None:
            lock.release()

    @property
    def id(self) -> str:
        """Names the project wherever its folder goes."""
        return self._file.id

    @property
    def created(self) -> str:
        return self._file.created

    @property
    def read_only(self) -> str:
        return self.log.read_only

    @property
    def problems(self) -> tuple[str, ...]:
        """What the user should know of, one line each: why it is read-only, damaged lines, broken chains."""
        where = self.log.where
        found = (f"{where(log)}: line {line} {words}" for log, line, words in self.index.problems())
        return (*self.warnings, *found)

    def check_writable(self) -> None:
        """Raises ProjectError, saying why, where nothing can be written."""
        if self.read_only:
            raise ProjectError(
                f"{self.folder}: opened read-only, {self.read_only}; close it there, or give yourself permission"
            )

    @cached_property
    def index(self) -> Index:
        """Everything that was said about all sequences, ready to be asked."""
        from neuface_engine.review.index import Index

        if isinstance(self.log, FileJournal):
            return Index.of_folder(self.folder, self.log, self._tracks)
        return Index(self.log.engine, self.log, self._tracks)

    # Settings

    @property
    def settings(self) -> Mapping[str, Any]:
        """By part of the program: "coverage", "flags", ..."""
        return self._file.settings

    def set_settings(self, part: str, values: Mapping[str, Any]) -> None:
        """Keeps the settings of one part. Raises ProjectError."""
        self.check_writable()
        self._file.settings = {**self._file.settings, part: dict(values)}
        self._file.write()

    @property
    def coverage_rule(self) -> CoverageRule:
        """When a clip counts as watched. Raises ConfigError for settings that mean nothing."""
        return CoverageRule.of(self.settings.get("coverage", {}))

    # Files

    def resolve(self, relative: str) -> Path:
        """The file at a path relative to the folder. Raises ProjectError where it would lie outside."""
        return inside(self.folder, relative)

    def track_file(self, name: str) -> Path:
        """Where the track of a sequence lies, or will. Raises ProjectError."""
        row = self.index.row(name)
        return self.resolve(row.track if row is not None and row.track else f"tracks/{safe_name(name)}.npz")

    def track_hash(self, name: str) -> str:
        """sha256 of a sequence's track as it is now; an empty string where there is none. Raises ProjectError."""
        return file_hash(self.track_file(name))

    def run_folder(self, name: str, run: str) -> Path:
        """Where the files of one run on a sequence belong (checkpoints, histories); it need not exist yet."""
        return self.resolve(f"runs/{safe_name(name)}/{safe_name(run)}")

    def source_of(self, name: str) -> Path | None:
        """Where the footage of a sequence should lie; None where that is unknown, or it is the bundled demo."""
        row = self.index.row(name)
        return Source(row.source).locate(self.folder) if row is not None and row.source else None

    def sources(self, names: Iterable[str] | None = None) -> dict[str, Source]:
        """{sequence: footage as recorded} of those whose footage is known (None: of all sequences)."""
        found = {name: Source.from_record(record) for name, record in self.index.sources(names).items()}
        return {name: source for name, source in found.items() if source is not None}

    # Sequences

    @property
    def sequences(self) -> Mapping[str, str]:
        """name -> track file, relative to the folder, in the order of names."""
        return _Sequences(self)

    def add_sequence(
        self,
        name: str,
        track: str | Path | None = None,
        *,
        source: str | Path | None = None,
        identity: str = "",
    ) -> Path:
        """Lists a sequence with its track (default: tracks/<name>.npz); returns the track's path.

        A track from elsewhere is copied into the project (`take_in`).

        What is listed already as given here is left as it is. Raises ProjectError.
        """
        known = self.index.entries([name]).get(name)
        if known is not None:
            same = source is None or (known["source"] or {}).get("path") == portable(
                Path(source).expanduser(), self.folder
            )
            entry = self._entry(
                name, track or known["track"] or None, known["source"] if same else source, identity
            )
            entry["identity"] = identity or known["identity"]
            if entry == {"name": name, **known}:
                return self.resolve(entry["track"])
        else:
            entry = self._entry(name, track, source, identity)
        path = self.resolve(entry["track"])
        self.log.append(Added((_without_empty(entry),)))
        return path

    def add_sequences(self, entries: Iterable[Mapping[str, Any]]) -> int:
        """Lists many at once: mappings with "name" and, where known, "track", "source" and "identity"; how many.

        A source may be a path, or a `Source.to_record()` whose content was hashed already. What an entry leaves out of
        a sequence that is listed already stays. Raises ProjectError.
        """
        self.check_writable()
        fresh = self.index.count() == 0
        number = 0
        for part in parts(entries, _IN_MEMORY):
            known = {} if fresh else self.index.entries([e["name"] for e in part])
            rows = []
            for given in part:
                merged = {**known.get(given["name"], {}), **_without_empty(given)}
                entry = self._entry(
                    merged["name"], merged.get("track"), merged.get("source"), merged.get("identity", "")
                )
                rows.append(_without_empty(entry))
            events = [Added(tuple(rows[at : at + _AT_ONCE])) for at in range(0, len(rows), _AT_ONCE)]
            self.log.append(*events)
            number += len(rows)
        return number

    def take_in(self, name: str, track: Path, *, replace: bool = False) -> Path:
        """Copies a track from elsewhere to where that of a sequence lies, or will; returns that place.

        Raises ProjectError where there is no such file, or (but for `replace`) another one lies there already.
        """
        self.check_writable()
        place = self.track_file(name)
        if not track.is_file():
            raise ProjectError(f"{track}: no such track; make one with `neuface track`")
        if not same_bytes(track, place):
            if place.exists() and not replace:
                raise ProjectError(
                    f"{place}: another track is there already; take {track} in under another name, or replace it"
                )
            copy_track(track, place)
        return place

    def remove_sequences(self, names: Iterable[str], reviewer: str) -> None:
        """Takes sequences off the list; files and what was said about them stay. Raises ProjectError."""
        self.log.append(Removed(tuple(names), reviewer))

    def record_measures(
        self, name: str, measures: Mapping[str, float], flags: Iterable[str] = (), suspicion: float = 0.0
    ) -> None:
        """Keeps the figures and flags of a sequence's track; what is not finite is left out. Raises ProjectError."""
        self.record_many([(name, measures, flags, suspicion)])

    def record_many(self, measured: Iterable[tuple[str, Mapping[str, float], Iterable[str], float]]) -> None:
        """`record_measures` for very many: (name, measures, flags, suspicion)."""
        self.check_writable()
        for part in parts(measured, _IN_MEMORY):
            rows = [_measured(*row) for row in part]
            events = [Measured(tuple(rows[at : at + _AT_ONCE])) for at in range(0, len(rows), _AT_ONCE)]
            self.log.append(*events)

    # Verdicts, notes, what was shown

    def judge(
        self,
        sequence: str,
        verdict: str,
        reviewer: str,
        *,
        reasons: Iterable[str] = (),
        note: str = "",
        coverage: Coverage | None = None,
        adjudicate: bool = False,
    ) -> Verdict:
        """Keeps a verdict on the track as it is on the disk now. Raises ProjectError, ValueError for unknown words."""
        kind = Adjudication if adjudicate else Verdict
        track = self.track_file(sequence)
        event = kind(
            sequence,
            verdict,
            file_hash(track),
            reviewer,
            note=note,
            reasons=tuple(reasons),
            coverage={} if coverage is None else coverage.summary(self.coverage_rule),
        )
        self.log.append(event)
        return event

    def verdict(self, sequence: str) -> Verdict | None:
        """The verdict that stands on a sequence."""
        return standing_verdicts(self._history(sequence)).get(sequence)

    def all_verdicts(self, sequence: str) -> list[Verdict]:
        """Everybody's standing verdicts on a sequence, oldest first."""
        return [v for v in active_verdicts(self._history(sequence)) if v.sequence == sequence]

    def verdicts(self) -> dict[str, Verdict]:
        """The verdict that stands on each sequence."""
        return standing_verdicts(self.index.events("verdict", "adjudication", "undo"))

    def is_stale(self, verdict: Verdict) -> bool:
        """Whether the sequence's track is no longer the one that was judged."""
        row = self.index.row(verdict.sequence)
        return row is None or verdict.is_stale(file_hash(self.resolve(row.track)))

    def notes(self, sequence: str) -> list[Note]:
        """The notes on a sequence that nobody took back, oldest first."""
        return standing_notes(self.index.events("note", "undo", sequence=sequence))

    def coverage(self, sequence: str, reviewer: str, track_hash: str | None = None) -> Coverage | None:
        """What a reviewer was shown of a track (default: as it is now); None where nothing was recorded."""
        if track_hash is None:
            track_hash = file_hash(self.track_file(sequence))
        shown = self.index.events("shown", sequence=sequence, reviewer=reviewer)
        return of_events([x for x in shown if isinstance(x, Shown) and x.track_hash == track_hash])

    def undo(self, reviewer: str, *, sequence: str | None = None, own: bool = True) -> Event | None:
        """Takes back the last verdict, note or repair (the reviewer's own, or anyone's); None where none stands."""
        undone = last_standing(self._said(), sequence=sequence, by=reviewer if own else None)
        if undone is not None:
            self.log.append(Undo(undone.id, reviewer))
        return undone

    def redo(self, reviewer: str, *, sequence: str | None = None) -> Event | None:
        """Brings back what was undone last; None where nothing was, or something was said since."""
        found = last_undone(self._said(), sequence=sequence, by=reviewer)
        if found is None:
            return None
        undo, target = found
        self.log.append(Undo(undo.id, reviewer))
        return target

    def next(self, reviewer: str, where: Filter | None = None, **how: Any) -> QueueRow | None:
        """The next sequence for this reviewer, handed to nobody else meanwhile; see `assignment.hand_out`."""
        from neuface_engine.review.assignment import hand_out

        return hand_out(self.index, reviewer, where, **how)

    def heads(self) -> dict[str, Head]:
        """The state of every log, by name: what a certificate refers to."""
        return self.index.heads()

    def _said(self) -> list[Event]:
        return self.index.events(*UNDOABLE, "undo")

    def _history(self, sequence: str | None) -> list[Event]:
        return self.index.events("verdict", "adjudication", "note", "repair", "undo", sequence=sequence)

    def _entry(
        self,
        name: str,
        track: str | Path | None,
        source: str | Path | Mapping[str, Any] | None,
        identity: str,
    ) -> dict[str, Any]:
        if not name or "\n" in name:
            raise ProjectError(f"sequence {name!r}: a name is one line of text; give it one")
        if track is None:
            relative = f"tracks/{safe_name(name)}.npz"
        elif isinstance(track, str) and not Path(track).is_absolute():
            check_inside(self.folder, track)
            relative = track
        else:
            absolute = Path(track).resolve()
            if not absolute.is_relative_to(self.folder.resolve()):
                absolute = self.take_in(name, absolute).resolve()
            relative = absolute.relative_to(self.folder.resolve()).as_posix()
        record = source
        if isinstance(source, str | Path):
            record = Source.of(source, self.folder).to_record()
        return {"name": name, "track": relative, "source": record, "identity": identity}

    def _migrate(self) -> None:
        """A version 1 folder becomes one of version 2; stopped half-way it goes on the next time."""
        if isinstance(self.log, FileJournal):
            self._file.move_old_log()
        known = set(self.index.names())
        entries = [entry for entry in self._file.old_entries() if entry["name"] not in known]
        for at in range(0, len(entries), _AT_ONCE):
            self.log.append(Added(tuple(entries[at : at + _AT_ONCE])))
        self._file.write()


class _Sequences(Mapping[str, str]):
    """The list of sequences as a mapping, asked of the index."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def __getitem__(self, name: str) -> str:
        row = self._project.index.row(name)
        if row is None:
            raise KeyError(name)
        return row.track

    def __iter__(self) -> Iterator[str]:
        return iter(self._project.index.names())

    def __len__(self) -> int:
        return self._project.index.count()


def _measured(
    name: str, measures: Mapping[str, float], flags: Iterable[str], suspicion: float
) -> dict[str, Any]:
    return {
        "name": name,
        "measures": {key: float(value) for key, value in measures.items() if math.isfinite(value)},
        "flags": list(flags),
        "suspicion": float(suspicion) if math.isfinite(suspicion) else 0.0,
    }


def _without_empty(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if value not in (None, "")}


def _read_only_words(folder: Path, reason: str) -> str:
    return f"{folder}: opened read-only, {reason}" if reason else ""

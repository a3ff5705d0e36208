"""A project as a dataset folder: the accepted tracks in the chosen formats, with all that a reader needs to trust them.

  data/FORMAT/NAME...      the tracks
  sequences.csv, .parquet  a row a sequence: verdict, reasons, flags, figures
  verdicts.parquet, notes.parquet, annotations.jsonld   what was said (annotations: W3C Web Annotation)
  manifest.json            every sequence with its files and their sha256
  croissant.json, LICENSE.txt, ATTRIBUTION.txt, checksums.sha256 (for `sha256sum -c`; written last)

Every file is there whole or not at all; a sequence that is done is noted in `export.journal`, so that a second run
after an interruption goes on where the first one stopped. The folder is complete when the journal is gone.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from neuface_engine.errors import ConfigError, NeuFaceError, TrackError
from neuface_engine.face_model import FaceModel
from neuface_engine.face_model.model import Space
from neuface_engine.files import written_whole
from neuface_engine.review import Filter, Note, Project, QueueRow, file_hash, tables
from neuface_engine.review.events import Verdict
from neuface_engine.tracks import Track
from neuface_engine.tracks.formats import croissant, terms, web_annotations
from neuface_engine.tracks.formats.base import ProgressCallback, write_json
from neuface_engine.tracks.loading import load_track

FORMAT = "neuface-dataset"
FORMAT_VERSION = 1
MANIFEST, JOURNAL, CHECKSUMS = "manifest.json", "export.journal", "checksums.sha256"
DEFAULT_FORMATS = ("npz", "official")
STATES = ("accept", "unsure", "reject", "stale", "tracked", "disputed")
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Choice:
    """What of a project is exported, and how.

    formats: names of FORMATS; include: states of STATES ("tracked": not judged; "disputed": accepted while reviewers
    differ); space, views, frames: as for one track; head: the face model of tracks not made with the open one; layers:
    of videos; name, description, licence, attribution: of the dataset, in words.
    """

    formats: tuple[str, ...] = DEFAULT_FORMATS
    include: tuple[str, ...] = ("accept",)
    space: Space = "posed"
    views: tuple[str, ...] | None = None
    frames: tuple[int | None, int | None] | None = None
    layers: tuple[str, ...] = ("mesh", "landmarks")
    head: FaceModel | None = None
    name: str = ""
    description: str = ""
    licence: str = terms.UNSTATED
    attribution: str = ""


@dataclass(frozen=True)
class Exported:
    """names: what is in the folder; kept: of these, how many a run before had done; left_out: name -> why it is not in;
    failed: name -> the error, for what should be in."""

    folder: Path
    names: tuple[str, ...]
    kept: int
    left_out: dict[str, str]
    failed: dict[str, str] = field(default_factory=dict)


def export_dataset(
    project: Project, out: Path, choice: Choice, *, progress: ProgressCallback | None = None
) -> Exported:
    """Writes the folder, or goes on with one that was begun. Files of sequences that are no longer in it are removed.

    Raises ConfigError for a choice that makes no sense or a folder with other things in it, TrackError where the disk
    refuses. A sequence that cannot be exported is named in `failed`; the others are exported.
    """
    from neuface_engine.tracks.formats import FORMATS

    for name in choice.formats:
        if name not in FORMATS:
            raise ConfigError(f"format {name!r} is unknown; give some of {', '.join(FORMATS)}")
    if not choice.formats:
        raise ConfigError("no format to export; give --format")
    for state in choice.include:
        if state not in STATES:
            raise ConfigError(f"--include {state!r} is unknown; give some of {', '.join(STATES)}")
    project.index.check_tracks()
    rows, left_out = chosen_rows(project, choice.include)
    if not rows:
        raise ConfigError(
            f"{project.folder}: no sequence is {' or '.join(choice.include)}; judge some, or give --include"
        )
    journal = _Journal.open(out)
    done: dict[str, dict[str, Any]] = {}
    failed: dict[str, str] = {}
    kept = 0
    for number, row in enumerate(rows):
        try:
            key = _key(project, row, choice)
            record = journal.record(row.name, key)
            if record is None:
                record = _export_one(project, row, out, choice, key)
                journal.append(record)
            else:
                kept += 1
            done[row.name] = record
        except NeuFaceError as error:
            failed[row.name] = str(error)
        if progress is not None:
            progress("export", number + 1, len(rows))
    _finish(project, out, choice, rows, done, journal, failed)
    return Exported(out, tuple(done), kept, left_out, failed)


def chosen_rows(project: Project, include: Iterable[str]) -> tuple[list[QueueRow], dict[str, str]]:
    """The sequences with one of these states, in the order of names, and why each other one is left out."""
    include = set(include)
    rows, left_out = [], {}
    for row in project.index.rows(order="name"):
        if not row.has_track:
            left_out[row.name] = "no track"
        elif row.disputed and row.state == "accept":
            if "disputed" in include:
                rows.append(row)
            else:
                left_out[row.name] = "disputed"
        elif row.state in include:
            rows.append(row)
        else:
            left_out[row.name] = "not judged" if row.state == "tracked" else row.state
    return rows, left_out


def _key(project: Project, row: QueueRow, choice: Choice) -> str:
    """Changes whenever the exported files would."""
    from neuface_engine import __version__

    parts = (
        __version__,
        file_hash(project.resolve(row.track)),
        choice.formats,
        choice.space,
        choice.views,
        choice.frames,
        choice.layers if "video" in choice.formats else (),
    )
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _export_one(project: Project, row: QueueRow, out: Path, choice: Choice, key: str) -> dict[str, Any]:
    from neuface_engine.tracks.formats import FORMATS, export, selected

    path = project.resolve(row.track)
    track = selected(load_track(path, head=choice.head), views=choice.views, frames=choice.frames)
    name = file_stem(row.name)
    files: list[Path] = []
    for format_name in choice.formats:
        entry = FORMATS[format_name]
        files += export(
            track,
            out / "data" / format_name / (name + entry.suffix),
            format=format_name,
            space=choice.space,
            footage=project.source_of(row.name) if format_name == "video" else None,
            layers=choice.layers,
            track_file=path,
        )
    return {
        "name": row.name,
        "key": key,
        "track_sha256": file_hash(path),
        "views": list(track.views),
        "frames": len(track.frame_indices),
        "fps": track.fps,
        "provenance": track.provenance,
        "files": [_told(file, out) for file in files],
    }


def file_stem(name: str) -> str:
    """A sequence's name fit for every file system; what was changed is told apart by a hash."""
    safe = re.sub(r"[^\w.-]+", "_", name).strip("._")[:100]
    return safe if safe == name else f"{safe or 'sequence'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _told(file: Path, out: Path) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return {"path": file.relative_to(out).as_posix(), "bytes": size, "sha256": digest.hexdigest()}


class _Journal:
    """What is done, a line a sequence, on the disk before the next one begins; and what a finished run had done."""

    def __init__(
        self, out: Path, records: dict[str, dict[str, Any]], finished: dict[str, dict[str, Any]]
    ) -> None:
        self.out, self.records = out, {**finished, **records}
        self.files_before = {f["path"] for record in self.records.values() for f in record["files"]}
        self.path = out / JOURNAL

    @classmethod
    def open(cls, out: Path) -> _Journal:
        """Raises ConfigError where the folder holds something else."""
        finished: dict[str, dict[str, Any]] = {}
        records: dict[str, dict[str, Any]] = {}
        if out.exists() and not out.is_dir():
            raise ConfigError(f"{out}: is a file; a dataset is a folder, give another name")
        try:
            manifest = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
            if manifest["format"] != FORMAT:
                raise ValueError
            finished = {record["name"]: _checked(record) for record in manifest["sequences"]}
        except FileNotFoundError:
            if out.is_dir() and any(out.iterdir()) and not (out / JOURNAL).is_file():
                raise ConfigError(
                    f"{out}: not empty, and no dataset of this program; give another folder"
                ) from None
        except (OSError, ValueError, KeyError, TypeError):
            raise ConfigError(
                f"{out / MANIFEST}: damaged, or of another program; give another folder"
            ) from None
        with suppress(FileNotFoundError):
            for line in (out / JOURNAL).read_bytes().splitlines():
                with suppress(
                    ValueError, KeyError, TypeError
                ):  # a torn last line: that sequence is done again
                    record = _checked(json.loads(line))
                    records[record["name"]] = record
        return cls(out, records, finished)

    def record(self, name: str, key: str) -> dict[str, Any] | None:
        """Of a sequence that is done in this very way and whose files are still there."""
        record = self.records.get(name)
        if record is None or record["key"] != key:
            return None
        for file in record["files"]:
            try:
                if (self.out / file["path"]).stat().st_size != file["bytes"]:
                    return None
            except OSError:
                return None
        return record

    def append(self, record: dict[str, Any]) -> None:
        """On the disk when this returns. Raises TrackError."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as stream:
                stream.write(b"\n" + json.dumps(record, ensure_ascii=False).encode() + b"\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as refused:
            raise TrackError(f"{self.path}: cannot be written ({refused.strerror}); free space") from None
        self.files_before.update(file["path"] for file in record["files"])


def _checked(record: Any) -> dict[str, Any]:
    """Raises ValueError or KeyError where a record is damaged or points out of the folder."""
    for file in record["files"]:
        path = str(file["path"])
        if not path.startswith("data/") or ".." in Path(path).parts:
            raise ValueError
        int(file["bytes"])
    return {"name": str(record["name"]), "key": str(record["key"]), **record}


def _finish(
    project: Project,
    out: Path,
    choice: Choice,
    rows: Sequence[QueueRow],
    done: Mapping[str, dict[str, Any]],
    journal: _Journal,
    failed: Mapping[str, str],
) -> None:
    """What is said about the whole; then the journal goes."""
    current = {file["path"] for record in done.values() for file in record["files"]}
    for path in journal.files_before - current:
        _remove(out, path)
    name = choice.name or project.folder.resolve().name
    by_name = {row.name: row for row in rows if row.name in done}
    only = Filter(names=tuple(by_name))
    table = tables.sequences_table(project, only)
    said: list[Path] = []
    for path, content in (
        (out / "sequences.parquet", table),
        (out / croissant.TABLE, table),
        (out / "verdicts.parquet", _only(tables.verdicts_table(project), by_name)),
        (out / "notes.parquet", _only(tables.notes_table(project), by_name)),
    ):
        tables.write_table(content, path)
        said.append(path)
    said.append(
        web_annotations.write_annotations(
            project_annotations(project, by_name.values(), choice), out / "annotations.jsonld"
        )
    )
    for path, text in (
        (out / "LICENSE.txt", terms.licence_text(name, choice.licence)),
        (
            out / "ATTRIBUTION.txt",
            terms.attribution_text((r["provenance"] for r in done.values()), choice.attribution),
        ),
    ):
        with written_whole(path, TrackError) as stream:
            stream.write(text.encode())
        said.append(path)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    manifest = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "name": name,
        "created": created,
        "project": project.id,
        "included_states": list(choice.include),
        "formats": list(choice.formats),
        "space": choice.space,
        "licence": choice.licence,
        "sequences": [{**done[row.name], **_standing(row)} for row in by_name.values()],
        "failed": dict(failed),
        "logs": {log: {"lines": head.lines, "sha256": head.hash} for log, head in project.heads().items()},
    }
    said.append(write_json(out / MANIFEST, manifest))
    listed = [_told(path, out) for path in said]
    files = [*listed, *(file for record in done.values() for file in record["files"])]
    described = croissant.metadata(
        name=name,
        description=choice.description
        or f"3D face tracks of {len(done)} sequences ({', '.join(choice.include)}) as {', '.join(choice.formats)}.",
        licence=choice.licence,
        created=created,
        files=files,
        table=table,
    )
    files.append(_told(write_json(out / "croissant.json", described), out))
    with written_whole(out / CHECKSUMS, TrackError) as stream:
        stream.write("".join(f"{file['sha256']}  {file['path']}\n" for file in files).encode())
    with suppress(OSError):
        journal.path.unlink(missing_ok=True)


def _standing(row: QueueRow) -> dict[str, Any]:
    return {
        "state": row.state,
        "verdict": row.verdict,
        "reviewer": row.reviewer,
        "time": row.time,
        "reasons": list(row.reasons),
        "watched": row.watched,
        "identity": row.identity,
    }


def _only(table: Any, names: Iterable[str]) -> Any:
    """The rows of these sequences."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return table.filter(pc.is_in(table.column("sequence"), pa.array(list(names), pa.string())))


def _remove(out: Path, path: str) -> None:
    """A file of ours, and the folders that it leaves empty."""
    with suppress(OSError):
        (out / path).unlink(missing_ok=True)
    for folder in (out / path).parents:
        if folder == out:
            break
        with suppress(OSError):
            folder.rmdir()


def project_annotations(project: Project, rows: Iterable[QueueRow], choice: Choice) -> list[dict[str, Any]]:
    """Web annotations of these sequences: the notes, and the verdict that stands."""
    items: list[dict[str, Any]] = []
    for row in rows:
        notes: list[Note] = project.notes(row.name) if row.notes else []
        verdicts: list[Verdict] = project.all_verdicts(row.name) if row.verdict else []
        track: Track | None = None
        if notes and row.has_track:
            try:
                track = load_track(project.resolve(row.track), head=choice.head)
            except NeuFaceError:
                track = None
        items += web_annotations.of_sequence(notes, verdicts, source=row.source, track=track)
    return items


__all__ = ["DEFAULT_FORMATS", "STATES", "Choice", "Exported", "chosen_rows", "export_dataset"]

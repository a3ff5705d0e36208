"""What belongs to the logs of another copy of a project: its tracks, the lists of its audits, where its footage is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from neuface_engine.errors import ProjectError
from neuface_engine.review.database import INDEX_FILE, sqlite_copy
from neuface_engine.review.events import Relinked
from neuface_engine.review.index import Index
from neuface_engine.review.journal import FileJournal
from neuface_engine.review.media import Source, portable
from neuface_engine.review.project import Project
from neuface_engine.review.proof.audit import FOLDER as AUDITS
from neuface_engine.review.track_files import TrackFiles, copy_track, same_bytes

_NAMED = 5


@dataclass(frozen=True)
class TakenOver:
    """tracks: how many were copied; differing: one line where others are here, which stay."""

    tracks: int
    differing: tuple[str, ...]


class Copy:
    """Another copy of a project, to be read and left as it is; close it, or use it in a `with`."""

    def __init__(self, folder: Path) -> None:
        self.project = Project.open(folder, read_only=True)
        if isinstance(self.project.log, FileJournal):
            tracks = TrackFiles(folder.resolve(), self.project.resolve)
            # An index of its own in memory: the one in that folder is not ours to write.
            self.index = Index(sqlite_copy(folder / INDEX_FILE), self.project.log, tracks)
        else:
            self.index = self.project.index

    def __enter__(self) -> Copy:
        return self

    def __exit__(self, *_: object) -> None:
        self.index.close()
        self.project.close()

    def check_names(self, project: Project) -> None:
        """Raises ProjectError where another project (no copy of this one) gives names of ours to other footage."""
        if self.project.id == project.id:
            return
        here, there = project.index.sources(), self.index.sources()
        other = [
            name
            for name in sorted(here.keys() & there.keys())
            if _hash(here[name]) and _hash(there[name]) and _hash(here[name]) != _hash(there[name])
        ]
        if other:
            raise ProjectError(
                f"{self.project.folder}: another project, in which {_some(other)} {_are(other)} of other footage than "
                "here; add these here under other names (`review add --name`)"
            )

    def take_over(self, project: Project) -> TakenOver:
        """Copies what is not here; what is here stays as it is. To be called once the logs are taken over."""
        copied: list[str] = []
        differing: list[str] = []
        entries = self.index.entries(self.index.names())
        ours = project.index.entries(list(entries))
        for name in sorted(entries.keys() & ours.keys()):
            if not entries[name]["track"] or not ours[name]["track"]:
                continue
            theirs = self.project.resolve(entries[name]["track"])
            place = project.resolve(ours[name]["track"])
            if not theirs.is_file() or theirs == place or same_bytes(theirs, place):
                continue
            if place.exists():
                differing.append(name)
                continue
            copy_track(theirs, place)
            copied.append(name)
        project.index.check_tracks(copied)
        self._lists(project)
        self._footage(project)
        lines = []
        if differing:
            lines.append(
                f"{self.project.folder}: has other tracks of {_some(differing)}; those here stay as they are, and "
                "verdicts on the others are stale"
            )
        return TakenOver(len(copied), tuple(lines))

    def _lists(self, project: Project) -> None:
        for path in sorted((self.project.folder / AUDITS).glob("*.jsonl")):
            place = project.resolve(f"{AUDITS}/{path.name}")
            if not place.exists():
                copy_track(path, place)

    def _footage(self, project: Project) -> None:
        """Footage that is known here by a path from the other folder is named as it is seen from this one."""
        found = []
        for name, record in project.index.sources().items():
            source = Source.from_record(record)
            if source is None or not source.path or source.locate(project.folder).exists():
                continue
            there = source.locate(self.project.folder)
            if there.exists():
                moved = Source(portable(there, project.folder), source.hash, source.size)
                found.append({"name": name, "source": moved.to_record()})
        if found:
            project.log.append(Relinked(tuple(found)))


def _hash(record: object) -> str:
    source = Source.from_record(record)
    return "" if source is None else source.hash


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"

"""A project: a folder with tracks, a list of its sequences, and the review's log. It can be moved and copied whole."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from neuface_engine.errors import ProjectError
from neuface_engine.review.events import Verdict, standing_verdicts
from neuface_engine.review.log import EventLog

PROJECT_FILE = "project.json"
LOG_FILE = "review.jsonl"
FORMAT = "neuface-project"
VERSION = 1


@dataclass
class Project:
    """`Project.create(folder)`, `Project.open(folder)`; `log` holds the events.

    sequences   name -> track file, a path relative to the folder with forward slashes
    """

    folder: Path
    log: EventLog
    sequences: dict[str, str] = field(default_factory=dict)
    created: str = ""

    @classmethod
    def create(cls, folder: str | Path) -> Project:
        """Makes a project; opens the one that is there already. Raises ProjectError."""
        folder = Path(folder)
        if (folder / PROJECT_FILE).exists():
            return cls.open(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ProjectError(
                f"{folder}: no project can be made here ({error.strerror}); choose another folder"
            ) from error
        created = datetime.now(UTC).isoformat(timespec="seconds")
        project = cls(folder, EventLog(folder / LOG_FILE), {}, created)
        project._save()
        return project

    @classmethod
    def open(cls, folder: str | Path) -> Project:
        """Reads a project. Raises ProjectError where there is none, it is damaged, or it points out of its folder."""
        folder = Path(folder)
        path = folder / PROJECT_FILE
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise ProjectError(
                f"{folder}: not a project (it has no {PROJECT_FILE}); create one there"
            ) from None
        except (OSError, ValueError) as error:
            raise ProjectError(
                f"{path}: damaged; restore it, or take it away and create the project anew"
            ) from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ProjectError(f"{path}: not a project of this program; choose another folder")
        version, sequences = content.get("version"), content.get("sequences", {})
        if not isinstance(version, int) or version > VERSION:
            raise ProjectError(f"{path}: written by a later version; update the program")
        if not isinstance(sequences, dict) or not all(isinstance(value, str) for value in sequences.values()):
            raise ProjectError(f"{path}: its list of sequences is damaged; restore it")
        project = cls(folder, EventLog(folder / LOG_FILE), dict(sequences), str(content.get("created", "")))
        for relative in sequences.values():
            project.resolve(relative)
        return project

    def resolve(self, relative: str) -> Path:
        """The file at a path relative to the folder. Raises ProjectError where it would lie outside."""
        pure = PurePosixPath(relative)
        outside = pure.is_absolute() or ".." in pure.parts or "\\" in relative or ":" in relative
        root = self.folder.resolve()
        path = root / pure
        if outside or not path.resolve().is_relative_to(root):
            raise ProjectError(
                f"{self.folder / PROJECT_FILE}: '{relative}' leaves the project folder; correct the path"
            )
        return path

    def add_sequence(self, name: str, track: str | Path | None = None) -> Path:
        """Lists a sequence with its track (default: tracks/<name>.npz); returns the track's path."""
        if track is None:
            safe = re.sub(r"[^\w.-]+", "_", name).strip("._") or "sequence"
            relative = f"tracks/{safe}.npz"
        else:
            absolute = Path(track).resolve()
            if not absolute.is_relative_to(self.folder.resolve()):
                raise ProjectError(f"{track}: outside of the project {self.folder}; copy it there first")
            relative = absolute.relative_to(self.folder.resolve()).as_posix()
        path = self.resolve(relative)
        if self.sequences.get(name) != relative:
            self.sequences[name] = relative
            self._save()
        return path

    def verdicts(self) -> dict[str, Verdict]:
        """The verdict that stands on each sequence."""
        return standing_verdicts(self.log.events)

    def is_stale(self, verdict: Verdict) -> bool:
        """Whether the sequence's track is no longer the one that was judged."""
        relative = self.sequences.get(verdict.sequence)
        return relative is None or verdict.is_stale(file_hash(self.resolve(relative)))

    def _save(self) -> None:
        content = {
            "format": FORMAT,
            "version": VERSION,
            "created": self.created,
            "sequences": dict(sorted(self.sequences.items())),
        }
        path = self.folder / PROJECT_FILE
        temporary: str | None = None
        try:
            descriptor, temporary = tempfile.mkstemp(prefix=PROJECT_FILE, suffix=".part", dir=self.folder)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(content, file, indent=1, ensure_ascii=False)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except OSError as error:
            if temporary is not None:
                Path(temporary).unlink(missing_ok=True)
            raise ProjectError(
                f"{path}: cannot be written ({error.strerror or error}); free space or choose another folder"
            ) from error


def file_hash(path: Path) -> str:
    """sha256 of a file's bytes; an empty string where it is not there."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""

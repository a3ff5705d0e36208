"""project.json: what a project is, beside what was said in it; and projects of older versions."""

from __future__ import annotations

import contextlib
import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from neuface_engine.errors import ProjectError
from neuface_engine.files import written_whole
from neuface_engine.review.journal import LOG_FOLDER, OLD_LOG

PROJECT_FILE = "project.json"
FORMAT = "neuface-project"
VERSION = 2
OLD_SOURCES = "sources.json"


@dataclass
class ProjectFile:
    """The content of project.json.

    id          of the project, wherever its folder goes
    settings    JSON values: "coverage", "flags", ... each a dict of one part of the program
    database    URL of the team's database, without a password; empty = the logs are files
    sequences   of a version 1 folder: name -> track
    """

    folder: Path
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:16])
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    settings: dict[str, Any] = field(default_factory=dict)
    database: str = ""
    version: int = VERSION
    sequences: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> ProjectFile:
        """Raises ProjectError where there is none, it is damaged, or of a later version."""
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
        settings = content.get("settings", {})
        file = cls(folder, created=str(content.get("created", "")), version=version, sequences=sequences)
        file.settings = settings if isinstance(settings, dict) else {}
        file.database = str(content.get("database", ""))
        identifier = content.get("id", "")
        if isinstance(identifier, str) and identifier.isalnum():
            file.id = identifier
        return file

    def write(self) -> None:
        """All or nothing. Raises ProjectError."""
        content: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "id": self.id,
            "created": self.created,
            "settings": self.settings,
        }
        if self.database:
            content["database"] = self.database
        with written_whole(self.folder / PROJECT_FILE, ProjectError) as stream:
            stream.write(json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n")
        self.version = VERSION

    def old_entries(self) -> list[dict[str, Any]]:
        """The sequences of a version 1 folder as entries of `Added`; their footage from its sources.json."""
        sources: dict[str, Any] = {}
        with contextlib.suppress(OSError, ValueError, AttributeError):
            sources = json.loads((self.folder / OLD_SOURCES).read_text(encoding="utf-8")).get("sources", {})
        from neuface_engine.review.media import Source

        entries = []
        for name, track in self.sequences.items():
            entry: dict[str, Any] = {"name": name, "track": track}
            path = sources.get(name) if isinstance(sources, dict) else None
            if isinstance(path, str):
                entry["source"] = Source.of(path, self.folder).to_record()
            elif isinstance(sources, dict) and name in sources:
                entry["source"] = Source("").to_record()
            entries.append(entry)
        return entries

    def move_old_log(self) -> None:
        """review.jsonl of version 1 becomes one of the logs, byte for byte: its chain stays what it was."""
        old, new = self.folder / OLD_LOG, self.folder / LOG_FOLDER / "review.jsonl"
        if not old.exists() or new.exists():
            return
        try:
            new.parent.mkdir(exist_ok=True)
            old.replace(new)
        except OSError as error:
            raise ProjectError(
                f"{old}: cannot be moved to {new} ({error.strerror}); give yourself permission"
            ) from error

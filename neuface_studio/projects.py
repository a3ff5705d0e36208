"""Where a sequence's result and verdict live: a project folder, by default one for each footage."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from neuface_engine.errors import NeuFaceError, ProjectError

SOURCE_FILE = "studio.json"


def projects_folder() -> Path:
    """The user's folder of projects (NEUFACE_PROJECTS overrides it)."""
    override = os.environ.get("NEUFACE_PROJECTS")
    if override:
        return Path(override)
    return Path(platformdirs.user_data_dir("neuface-studio", appauthor=False)) / "projects"


def default_project_folder(source: Path | None) -> Path:
    """The project of this footage: its name and a hash of its full path; None stands for the demo."""
    if source is None:
        return projects_folder() / "demo"
    resolved = source.expanduser().resolve()
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", resolved.stem or "footage").strip("._") or "footage"
    digest = hashlib.sha256(os.fsencode(str(resolved))).hexdigest()[:10]
    return projects_folder() / f"{name}-{digest}"


@dataclass(frozen=True)
class Source:
    """The footage that a project was made from; ``path`` None is the demo."""

    name: str
    path: Path | None


def is_project(folder: Path) -> bool:
    """Whether the folder was made by this program."""
    return (folder / SOURCE_FILE).is_file()


def remember_source(folder: Path, source: Path | None, name: str) -> None:
    """Write down which footage the project belongs to, so that the project folder alone can be opened again."""
    entry = {"name": name, "path": None if source is None else str(source.expanduser().resolve())}
    replace_text(folder / SOURCE_FILE, json.dumps({"version": 1, "source": entry}, indent=1) + "\n")


def read_source(folder: Path) -> Source:
    """The footage of a project. Raises ProjectError if the folder does not say."""
    path = folder / SOURCE_FILE
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))["source"]
        return Source(str(entry["name"]), None if entry["path"] is None else Path(entry["path"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProjectError(f"{path}: cannot be read; open the footage itself instead") from error


def recent_sources(limit: int = 6) -> list[Source]:
    """Footage opened before and still there, the newest first; the demo is left out."""
    try:
        files = sorted(
            projects_folder().glob(f"*/{SOURCE_FILE}"), key=lambda p: p.stat().st_mtime, reverse=True
        )
    except OSError:
        return []
    found: list[Source] = []
    for file in files:
        try:
            source = read_source(file.parent)
        except NeuFaceError:
            continue
        if source.path is not None and source.path.exists():
            found.append(source)
        if len(found) == limit:
            break
    return found


def track_path(folder: Path, sequence_name: str) -> Path:
    """Where the finished track of a sequence is kept."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", sequence_name).strip("._") or "sequence"
    return folder / "tracks" / f"{name}.npz"


def file_hash(path: Path) -> str:
    """sha256 of a file, or an empty string if it is not there."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def replace_text(path: Path, text: str) -> None:
    """Write a small text file in one step."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.writing")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise ProjectError(
            f"{path}: cannot be written ({error.strerror or error}); choose another folder"
        ) from error

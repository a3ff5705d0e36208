"""Which project folder belongs to which footage; by default every footage has one of its own."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from neuface_engine.errors import NeuFaceError, ProjectError
from neuface_engine.files import written_whole
from neuface_engine.review.project import PROJECT_FILE

SOURCES_FILE = "sources.json"
DEMO = "demo"


@dataclass(frozen=True)
class Source:
    """Footage of a project, in its ``folder``; ``path`` None is the bundled demo."""

    name: str
    path: Path | None
    folder: Path


def projects_folder() -> Path:
    """The user's folder of projects (NEUFACE_PROJECTS overrides it)."""
    override = os.environ.get("NEUFACE_PROJECTS")
    if override:
        return Path(override)
    return Path(platformdirs.user_data_dir("neuface-studio", appauthor=False)) / "projects"


def default_project_folder(source: Path | None) -> Path:
    """The project of this footage: its name and a hash of its full path; None is the demo."""
    if source is None:
        return projects_folder() / DEMO
    resolved = source.expanduser().resolve()
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", resolved.stem).strip("._") or "footage"
    return projects_folder() / f"{name}-{_digest(resolved)}"


def is_project(folder: Path) -> bool:
    """Whether the folder is a project."""
    try:
        return (folder / PROJECT_FILE).is_file()
    except OSError:
        return False  # it cannot be read


def sequence_name(folder: Path, source: Path | None, wanted: str) -> str:
    """The footage's name in the project: ``wanted``, with a hash if other footage has that name already."""
    known = _read(folder).get("sources", {})
    path = _text(source)
    if known.get(wanted, path) == path:
        return wanted
    return f"{wanted}-{_digest(source) if source is not None else DEMO}"


def remember_source(folder: Path, source: Path | None, name: str) -> None:
    """Write down where the footage is, so that the project folder alone can be opened. Raises ProjectError."""
    content = _read(folder)
    sources = {**content.get("sources", {}), name: _text(source)}
    text = json.dumps({"version": 1, "last": name, "sources": sources}, indent=1, ensure_ascii=False)
    with written_whole(folder / SOURCES_FILE, ProjectError) as stream:
        stream.write(f"{text}\n".encode())


def read_source(folder: Path) -> Source:
    """The footage last opened in a project. Raises ProjectError if the folder does not say."""
    content = _read(folder)
    name = content.get("last")
    if not isinstance(name, str) or name not in content.get("sources", {}):
        raise ProjectError(
            f"{folder / SOURCES_FILE}: does not say which footage it is; open the footage itself"
        )
    path = content["sources"][name]
    return Source(name, None if path is None else Path(path), folder)


def source_of(folder: Path, name: str) -> Path | None:
    """Where the footage of a sequence is; None is the demo. Raises ProjectError if the folder does not say."""
    sources = _read(folder).get("sources", {})
    if name not in sources:
        raise ProjectError(
            f"{folder / SOURCES_FILE}: does not say where '{name}' is; open the footage itself"
        )
    return None if sources[name] is None else Path(sources[name])


def name_of(folder: Path, source: Path | None) -> str | None:
    """The sequence of a project that has this footage, the last one opened first; None where there is none."""
    content = _read(folder)
    names = [name for name, path in content.get("sources", {}).items() if path == _text(source)]
    last = content.get("last")
    return last if last in names else next(iter(names), None)


def recent_sources(limit: int = 5) -> list[Source]:
    """Footage opened before and still there, the newest first; the demo is left out."""
    dated = []
    for file in projects_folder().glob(f"*/{SOURCES_FILE}"):
        try:
            dated.append((file.stat().st_mtime, read_source(file.parent)))
        except (OSError, NeuFaceError):
            continue
    dated.sort(key=lambda entry: entry[0], reverse=True)
    there = [source for _, source in dated if source.path is not None and source.path.exists()]
    return there[:limit]


def _read(folder: Path) -> dict:
    try:
        content = json.loads((folder / SOURCES_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    sound = isinstance(content, dict) and isinstance(content.get("sources", {}), dict)
    return content if sound else {}


def _text(source: Path | None) -> str | None:
    return None if source is None else str(source.expanduser().resolve())


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(str(path.expanduser().resolve()))).hexdigest()[:10]

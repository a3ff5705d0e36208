"""Footage that was moved is found again by its content, and its new place written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from neuface_engine.review.events import Relinked
from neuface_engine.review.media import Found, Source, check_folder, search
from neuface_engine.review.project import Project


@dataclass(frozen=True)
class Relinking:
    """found: what was found again, and written down; missing: names of sequences whose footage is still not there."""

    found: tuple[Found, ...]
    missing: tuple[str, ...]


def missing_sources(project: Project, names: Sequence[str] | None = None) -> dict[str, Source]:
    """{sequence: source} of everything whose footage is not where it should be (None: of all sequences)."""
    lost = {}
    for name, source in project.sources(names).items():
        if source.path and not source.locate(project.folder).exists():
            lost[name] = source
    return lost


def relink(project: Project, folder: str | Path, *, reviewer: str) -> Relinking:
    """Looks for all missing footage in a folder and those below it. Raises ProjectError."""
    project.check_writable()
    check_folder(Path(folder))
    missing = missing_sources(project)
    found = search(missing, Path(folder)) if missing else []
    entries = [
        {"name": item.sequence, "source": Source.of(item.path, project.folder).to_record()} for item in found
    ]
    if entries:
        project.log.append(Relinked(tuple(entries), reviewer))
    there = {item.sequence for item in found}
    return Relinking(tuple(found), tuple(name for name in missing if name not in there))

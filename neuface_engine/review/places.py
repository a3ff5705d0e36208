"""Where the files of a project lie: paths that do not leave its folder, names fit for every file system."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePosixPath

from neuface_engine.errors import ProjectError
from neuface_engine.review.project_file import PROJECT_FILE


def inside(folder: Path, relative: str) -> Path:
    """The file at a path relative to the folder. Raises ProjectError where it would lie outside, also by a link."""
    check_inside(folder, relative)
    root = folder.resolve()
    path = root / PurePosixPath(relative)
    if not path.resolve().is_relative_to(root):
        raise _leaves(folder, relative)
    return path


def check_inside(folder: Path, relative: str) -> None:
    """Raises ProjectError for a path that is not relative, or goes up."""
    pure = PurePosixPath(relative)
    if pure.is_absolute() or ".." in pure.parts or "\\" in relative or ":" in relative:
        raise _leaves(folder, relative)


def safe_name(name: str) -> str:
    """A name fit for every file system; what was changed is told apart by a hash."""
    safe = re.sub(r"[^\w.-]+", "_", name).strip("._")[:100]
    return safe if safe == name else f"{safe or 'sequence'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _leaves(folder: Path, relative: str) -> ProjectError:
    return ProjectError(f"{folder / PROJECT_FILE}: '{relative}' leaves the project folder; correct the path")

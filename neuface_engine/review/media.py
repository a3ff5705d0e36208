"""Where footage lies and how it is known again: a path relative to the project where possible, and a content hash."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from neuface_engine.errors import ProjectError

_VIDEOS = (
    ".mp4",
    ".mov",
    ".avi",
    ".mkv",
    ".webm",
    ".m4v",
    ".mpg",
    ".mpeg",
    ".wmv",
    ".flv",
    ".ts",
    ".mts",
    ".3gp",
)
_IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
MEDIA_SUFFIXES = frozenset((*_VIDEOS, *_IMAGES))

_BLOCK = 1 << 20
_FILES_LOOKED_INTO = 32


@dataclass(frozen=True)
class Source:
    """Footage of a sequence.

    path    relative to the project folder with forward slashes ("../clips/001.mp4"), or absolute where the two share
            no folder; empty = the bundled demo
    hash    of its content (`fingerprint`), empty where it was not there to be read
    size    bytes of all its files
    """

    path: str
    hash: str = ""
    size: int = 0

    @classmethod
    def of(cls, path: str | Path, project: Path) -> Source:
        """The source at `path`, as it is now; without hash and size where it cannot be read."""
        absolute = Path(path).expanduser().resolve()
        try:
            files = list(_media(absolute))
            size = sum(file.stat().st_size for file in files)
            return cls(portable(absolute, project), _of_files(absolute, files), size)
        except OSError:
            return cls(portable(absolute, project))

    @classmethod
    def from_record(cls, record: Any) -> Source | None:
        """Of an entry in the log; None where it names none."""
        if isinstance(record, str):
            return cls(record)
        if not isinstance(record, dict) or not isinstance(record.get("path"), str):
            return None
        size = record.get("size", 0)
        return cls(record["path"], str(record.get("hash", "")), size if isinstance(size, int) else 0)

    def to_record(self) -> dict[str, Any]:
        return {"path": self.path, "hash": self.hash, "size": self.size}

    def locate(self, project: Path) -> Path:
        """Its absolute path; whether it is there is another question."""
        return Path(os.path.normpath(project.resolve() / PurePosixPath(self.path)))

    @property
    def name(self) -> str:
        return PurePosixPath(self.path.replace("\\", "/")).name


def portable(path: Path, project: Path) -> str:
    """`path` as seen from the project folder; absolute where they have nothing but the root in common."""
    path, project = path.resolve(), project.resolve()
    try:
        common = Path(os.path.commonpath([path, project]))
    except ValueError:  # other drives
        return path.as_posix()
    if common == Path(common.anchor):
        return path.as_posix()
    return Path(os.path.relpath(path, project)).as_posix()


def fingerprint(path: Path) -> str:
    """Knows footage again wherever it lies: sha256 of its size and of three blocks of 1 MiB; "" where it is not there.

    A file up to 3 MiB is read whole; a longer one at its beginning, middle and end. Of a folder: the names in it and
    the fingerprints of its videos and images (32 of them, evenly spread, and of the others the sizes).
    """
    try:
        return _of_files(path, list(_media(path)))
    except OSError:
        return ""


def _of_files(path: Path, files: list[Path]) -> str:
    """`fingerprint` of what lies at a path: itself, or in a folder `files`."""
    if not path.is_dir():
        return _of_file(path)
    step = max(1, len(files) // _FILES_LOOKED_INTO)
    digest = hashlib.sha256(b"folder")
    for number, file in enumerate(files):
        known = _of_file(file) if number % step == 0 else str(file.stat().st_size)
        digest.update(f"{file.relative_to(path).as_posix()}\x1f{known}\x1e".encode())
    return digest.hexdigest()


def _of_file(path: Path) -> str:
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        if size <= 3 * _BLOCK:
            digest.update(file.read())
        else:
            for start in (0, (size - _BLOCK) // 2, size - _BLOCK):
                file.seek(start)
                digest.update(file.read(_BLOCK))
    return digest.hexdigest()


def _media(path: Path) -> Iterator[Path]:
    """The file itself, or the videos and images in a folder and those below, in the order of names."""
    if not path.is_dir():
        yield path
        return
    for folder, subfolders, names in os.walk(path):
        subfolders.sort()
        for name in sorted(names):
            if Path(name).suffix.lower() in MEDIA_SUFFIXES:
                yield Path(folder) / name


@dataclass(frozen=True)
class Found:
    """Footage found again: by its "content", or, where no hash was ever taken, by its "name" alone."""

    sequence: str
    path: Path
    by: str


def check_folder(folder: Path) -> None:
    """Raises ProjectError where there is none."""
    if not folder.is_dir():
        raise ProjectError(f"{folder}: no such folder; name the one into which the footage was moved")


def search(missing: dict[str, Source], folder: Path) -> list[Found]:
    """Looks below `folder` for the sources of sequences: {sequence: source}. Those not found are left out.

    A candidate has the size and the content hash of what was lost; those with its name are tried first. A source
    without a hash is found by its name, where only one thing below has it. Raises ProjectError without a folder.
    """
    check_folder(folder)
    by_name: dict[str, list[Path]] = {}
    by_size: dict[int, list[Path]] = {}
    folders: list[Path] = []
    for parent, subfolders, names in os.walk(folder):
        subfolders.sort()
        folders.append(Path(parent))
        by_name.setdefault(Path(parent).name, []).append(Path(parent))
        for name in sorted(names):
            if Path(name).suffix.lower() in MEDIA_SUFFIXES:
                path = Path(parent) / name
                by_name.setdefault(name, []).append(path)
                by_size.setdefault(path.stat().st_size, []).append(path)
    hashes: dict[Path, str] = {}

    def hash_of(path: Path) -> str:
        if path not in hashes:
            hashes[path] = fingerprint(path)
        return hashes[path]

    found = []
    for sequence, source in missing.items():
        named = by_name.get(source.name, [])
        if not source.hash:
            if len(named) == 1:
                found.append(Found(sequence, named[0], "name"))
            continue
        sized = by_size.get(source.size, [])
        candidates = dict.fromkeys([*named, *sized]) if sized else dict.fromkeys([*named, *folders])
        for path in candidates:
            if hash_of(path) == source.hash:
                found.append(Found(sequence, path, "content"))
                break
    return found

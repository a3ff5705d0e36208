"""The track files of a project, looked at without opening them wherever that is enough."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from neuface_engine.errors import ProjectError
from neuface_engine.files import written_whole

Stamp = tuple[int, int]
_FEW = 64


class TrackFiles:
    """Sizes, times and hashes of track files; `resolve` turns a project's relative path into a file's."""

    def __init__(self, folder: Path, resolve: Callable[[str], Path]) -> None:
        self._folder = folder
        self._resolve = resolve
        self._listed: dict[str, dict[str, Path | None]] = {}

    def stamps(self, tracks: Sequence[str]) -> list[Stamp | None]:
        """(size, time of change) of each track; None where there is no such file, or it lies outside the project."""
        if len(tracks) <= _FEW:
            return [self._stamp(track) for track in tracks]
        # A folder is listed once: most tracks of a large new project are not there yet, and no link leads out of it.
        return [self._stamp_listed(track) for track in tracks]

    def hash(self, track: str) -> str:
        """sha256 of the file; an empty string where it is not there."""
        try:
            return file_hash(self._resolve(track))
        except ProjectError:
            return ""

    def forget(self) -> None:
        """Folders are listed again when next asked."""
        self._listed.clear()

    def _stamp(self, track: str) -> Stamp | None:
        if not track:
            return None
        try:
            return _stamp_of(self._resolve(track).stat())
        except (OSError, ProjectError):
            return None

    def _stamp_listed(self, track: str) -> Stamp | None:
        parent, _, name = track.rpartition("/")
        if parent not in self._listed:
            self._listed[parent] = self._files_in(parent)
        files = self._listed[parent]
        if name not in files:
            return None
        path = files[name]
        try:
            return self._stamp(track) if path is None else _stamp_of(path.stat())
        except OSError:
            return None

    def _files_in(self, parent: str) -> dict[str, Path | None]:
        """{name: path} of what lies in a folder of the project; None for a link, which must be followed each time."""
        try:
            with os.scandir(self._resolve(parent)) as entries:
                return {entry.name: None if entry.is_symlink() else Path(entry) for entry in entries}
        except (OSError, ProjectError):
            return {}


def _stamp_of(status: os.stat_result) -> Stamp:
    return status.st_size, status.st_mtime_ns


def file_hash(path: Path) -> str:
    """sha256 of a file's bytes; an empty string where it is not there."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def same_bytes(one: Path, other: Path) -> bool:
    """Whether two files are there and alike; only what is equally long is read."""
    try:
        alike = one.stat().st_size == other.stat().st_size
    except OSError:
        return False
    return alike and file_hash(one) == file_hash(other)


def copy_track(source: Path, place: Path) -> None:
    """Copies a file whole or not at all, and reads it back. Raises ProjectError."""
    wanted = file_hash(source)
    try:
        stream = source.open("rb")
    except OSError as error:
        raise ProjectError(
            f"{source}: cannot be read ({error.strerror}); give yourself permission"
        ) from error
    with stream, written_whole(place, ProjectError) as copy:
        shutil.copyfileobj(stream, copy, 1 << 20)
    if file_hash(place) != wanted:
        raise ProjectError(f"{place}: is not what was copied from {source}; check the disk, and copy again")

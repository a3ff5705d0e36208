"""Which sequences lie under what was dropped on the queue: files, folders of views, folders of such folders."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from neuface_engine.video.reader import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from neuface_engine.video.views import natural_key

DEPTH = 5
NO_FOOTAGE = frozenset(map(Path, ("/proc", "/sys", "/dev")))  # files of the system alone, without end


class FootageSearch:
    """A walk through folders, links included, but neither round in circles nor to the same footage twice.

    ``looking`` is told of each folder before it is read, and may raise to end the walk. What could not be read is in
    ``unreadable``: {path: reason}.
    """

    def __init__(self, looking: Callable[[Path], object] = lambda folder: None) -> None:
        self.unreadable: dict[Path, str] = {}
        self._looking = looking

    def sequences_under(self, path: Path) -> Iterator[tuple[str, Path]]:
        """(name, footage) of each sequence under ``path``, naturally sorted.

        A video is a sequence. A folder with videos is one with a view a video; a folder with images, or with folders of
        images alone, is one too. Any other folder is looked into.
        """
        if _is_file(path):
            if path.suffix.lower() in VIDEO_SUFFIXES | IMAGE_SUFFIXES:
                yield path.stem, path
            return
        # The folders around: a link to them leads round in circles.
        above = dict.fromkeys(Path(os.path.realpath(path)).parents, DEPTH)
        for folder in self._footage_folders(path, DEPTH, above):
            inside = folder.relative_to(path).parts
            yield "_".join(inside) if inside else Path(os.path.realpath(path)).name, folder

    def is_collection(self, path: Path) -> bool:
        """Whether a path is a folder of folders and no sequence itself; what lies deeper is not looked at."""
        folders, videos, images = self._content(path)
        return bool(folders) and not self._is_footage(folders, videos, images)

    def _footage_folders(self, folder: Path, depth: int, seen: dict[Path, int]) -> Iterator[Path]:
        """``seen`` grows: how deep each folder was looked into. What several links lead to is found once."""
        real = Path(os.path.realpath(folder))
        if seen.get(real, -1) >= depth or real in NO_FOOTAGE:
            return
        seen[real] = depth
        folders, videos, images = self._content(folder)
        if self._is_footage(folders, videos, images):
            seen[real] = DEPTH
            yield folder
            return
        if depth:
            for child in folders:
                yield from self._footage_folders(child, depth - 1, seen)

    def _is_footage(self, folders: list[Path], videos: bool, images: bool) -> bool:
        return videos or images or (bool(folders) and all(self._is_images(child) for child in folders))

    def _is_images(self, folder: Path) -> bool:
        folders, videos, images = self._content(folder)
        return images and not videos and not folders

    def _content(self, folder: Path) -> tuple[list[Path], bool, bool]:
        """Folders, and whether there are videos and images."""
        self._looking(folder)
        folders, videos, images = [], False, False
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir():
                        folders.append(Path(entry.path))
                    else:
                        suffix = Path(entry.name).suffix.lower()
                        videos = videos or suffix in VIDEO_SUFFIXES
                        images = images or suffix in IMAGE_SUFFIXES
        except OSError as error:
            self.unreadable[folder] = error.strerror or str(error)
            return [], False, False
        return sorted(folders, key=lambda entry: natural_key(entry.name)), videos, images


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False  # in a folder that cannot be read


def plain_name(wanted: str) -> str:
    """A name as it can stand in a file's name."""
    return re.sub(r"[^\w.-]+", "_", wanted).strip("_") or "sequence"


def free_name(name: str, is_taken: Callable[[str], bool]) -> str:
    """``name``, with the next free number behind it if need be."""
    number, candidate = 2, name
    while is_taken(candidate):
        candidate, number = f"{name}-{number}", number + 1
    return candidate

"""Which sequences lie under what was dropped on the queue: files, folders of views, folders of such folders."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from neuface_engine.video.reader import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from neuface_engine.video.views import natural_key

DEPTH = 5


def sequences_under(path: Path) -> Iterator[tuple[str, Path]]:
    """(name, footage) of each sequence under ``path``, naturally sorted.

    A video is a sequence. A folder with videos is one with a view a video; a folder with images, or with folders of
    images alone, is one too. Any other folder is looked into.
    """
    if path.is_file():
        if path.suffix.lower() in VIDEO_SUFFIXES | IMAGE_SUFFIXES:
            yield path.stem, path
        return
    for folder in _footage_folders(path, DEPTH, _above(path)):
        inside = folder.relative_to(path).parts
        yield "_".join(inside) if inside else path.resolve().name, folder


def is_collection(path: Path) -> bool:
    """Whether more than one sequence lies under a folder, none of them in itself."""
    if not path.is_dir():
        return False
    found = _footage_folders(path, DEPTH, _above(path))
    first = next(found, None)
    return first is not None and first != path


def _above(path: Path) -> dict[Path, int]:
    """The folders around one, as seen: a link to them leads round in circles."""
    return dict.fromkeys(path.resolve().parents, DEPTH)


def _footage_folders(folder: Path, depth: int, seen: dict[Path, int]) -> Iterator[Path]:
    """``seen`` grows: how deep each folder was looked into. What several links lead to is found once."""
    real = folder.resolve()
    if seen.get(real, -1) >= depth:
        return
    seen[real] = depth
    folders, videos, images = _content(folder)
    if videos or images or (folders and all(_is_images(child) for child in folders)):
        seen[real] = DEPTH
        yield folder
        return
    if depth:
        for child in folders:
            yield from _footage_folders(child, depth - 1, seen)


def _is_images(folder: Path) -> bool:
    folders, videos, images = _content(folder)
    return images and not videos and not folders


def _content(folder: Path) -> tuple[list[Path], bool, bool]:
    """Folders, and whether there are videos and images."""
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
    except OSError:
        return [], False, False
    return sorted(folders, key=lambda entry: natural_key(entry.name)), videos, images


def free_name(wanted: str, taken: set[str]) -> str:
    """``wanted``, or with the next free number behind it; it is taken from then on."""
    name = re.sub(r"[^\w.-]+", "_", wanted).strip("_") or "sequence"
    number, candidate = 2, name
    while candidate in taken:
        candidate, number = f"{name}-{number}", number + 1
    taken.add(candidate)
    return candidate

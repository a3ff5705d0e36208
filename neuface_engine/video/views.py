"""Which files are views of one sequence: a video, a folder with one video a view, or folders of images."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

from neuface_engine.errors import ConfigError, MediaError
from neuface_engine.video.reader import IMAGE_SUFFIXES, VIDEO_SUFFIXES, ViewReader


def find_views(path: str | Path, *, pattern: str | None = None) -> list[ViewReader]:
    """The views under `path`, sorted naturally by name; nothing is decoded yet.

    A single file is one view. In a folder each video is a view, named by its stem; a folder without videos is
    one view made of its images, or one view for each subfolder of images. `pattern` (a glob such as `cam_0[12]*`)
    keeps the views whose name it matches.

    Raises MediaError where nothing fits, ConfigError where the pattern matches no view.
    """
    path = Path(path)
    if not path.exists():
        raise MediaError(f"{path}: no such file or folder; check the path")
    try:
        views = _folder_views(path) if path.is_dir() else [ViewReader(path.stem, (path,))]
    except PermissionError:
        raise MediaError(f"{path}: may not be read; give yourself permission to read it") from None
    if pattern is not None:
        kept = [view for view in views if _matches(view, pattern)]
        if not kept:
            names = ", ".join(view.name for view in views)
            raise ConfigError(f"{path}: no view matches '{pattern}'; there are: {names}")
        views = kept
    return views


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Sorts view2 before view10."""
    parts = re.split(r"(\d+)", text.lower())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def _matches(view: ViewReader, pattern: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for name in (view.name, view.files[0].name))


def _folder_views(folder: Path) -> list[ViewReader]:
    entries = sorted(
        (entry for entry in folder.iterdir() if not entry.name.startswith(".")),
        key=lambda entry: natural_key(entry.name),
    )
    videos = [entry for entry in entries if entry.is_file() and entry.suffix.lower() in VIDEO_SUFFIXES]
    if videos:
        stems = [video.stem for video in videos]
        return [ViewReader(v.stem if stems.count(v.stem) == 1 else v.name, (v,)) for v in videos]
    images = _images(entries)
    if images:
        return [ViewReader(folder.resolve().name or "images", images)]
    nested = [(entry, _images(sorted(entry.iterdir(), key=lambda e: natural_key(e.name))))
              for entry in entries if entry.is_dir()]  # fmt: skip
    views = [ViewReader(entry.name, files) for entry, files in nested if files]
    if not views:
        raise MediaError(
            f"{folder}: no video and no image in this folder; give one video a view (mp4, mov, avi, mkv, webm) "
            "or png/jpg images"
        )
    return views


def _images(entries: list[Path]) -> tuple[Path, ...]:
    return tuple(
        e for e in entries
        if e.is_file() and not e.name.startswith(".") and e.suffix.lower() in IMAGE_SUFFIXES
    )  # fmt: skip

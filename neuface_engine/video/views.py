"""Which files are views of one sequence: a video, a folder with one video a view, folders of images, or a pattern."""

from __future__ import annotations

import fnmatch
from pathlib import Path

from neuface_engine.errors import ConfigError, MediaError
from neuface_engine.video import patterns
from neuface_engine.video.patterns import natural_key
from neuface_engine.video.reader import DEFAULT_IMAGE_FPS, IMAGE_SUFFIXES, VIDEO_SUFFIXES, ViewReader

__all__ = ["choose_views", "find_views", "natural_key"]


def find_views(path: str | Path, *, pattern: str | None = None) -> list[ViewReader]:
    """The views under `path`, sorted naturally by name; nothing is decoded yet.

    A single file is one view. In a folder each video is a view, named by its stem; a folder without videos is
    one view made of its images, or one view for each subfolder of images. A path with the fields {view} and {frame},
    such as `clip/{view}/img_{frame}.png` or `video/{view}/happy/001.mp4`, names them itself. `pattern` (a glob such as
    `cam_0[12]*`) keeps the views whose name it matches.

    Raises MediaError where nothing fits, ConfigError where the pattern matches no view.
    """
    path = Path(path)
    if not path.exists():
        if not patterns.has_fields(path):
            raise MediaError(f"{path}: no such file or folder; check the path")
        return choose_views(path, views_of_pattern(path), pattern)
    try:
        views = _folder_views(path) if path.is_dir() else [ViewReader(path.stem, (path,))]
    except PermissionError:
        raise MediaError(f"{path}: may not be read; give yourself permission to read it") from None
    return choose_views(path, views, pattern)


def choose_views(path: Path, views: list[ViewReader], pattern: str | None) -> list[ViewReader]:
    """The views whose name (or first file's name) the glob matches; all for None. Raises ConfigError for none."""
    if pattern is None:
        return views
    kept = [view for view in views if _matches(view, pattern)]
    if not kept:
        names = ", ".join(view.name for view in views)
        raise ConfigError(f"{path}: no view matches '{pattern}'; there are: {names}")
    return kept


def views_of_pattern(path: Path, *, fps: float | None = None) -> list[ViewReader]:
    """The views of a path with {view}, {frame} or both. Raises MediaError where no file fits."""
    root, below = patterns.split_pattern(path)
    if not root.is_dir():
        raise MediaError(f"{root}: no such folder; check the path")
    files: dict[str, list[tuple[int, Path]]] = {}
    for match in patterns.find(root, below):
        suffix = match.path.suffix.lower()
        if suffix in IMAGE_SUFFIXES or suffix in VIDEO_SUFFIXES:
            name = match.fields.get(patterns.VIEW, root.resolve().name or "images")
            files.setdefault(name, []).append((int(match.fields.get(patterns.FRAME, 0)), match.path))
    if not files:
        raise MediaError(f"{path}: no video and no image matches this pattern; check the names below {root}")
    return [
        ViewReader(name, tuple(file for _, file in sorted(files[name])), fps=fps or DEFAULT_IMAGE_FPS)
        for name in sorted(files, key=natural_key)
    ]


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

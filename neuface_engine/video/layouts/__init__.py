"""Datasets: from a folder as it was downloaded to its sequences, one module for each layout."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from neuface_engine.errors import ConfigError, MediaError
from neuface_engine.video.layouts import (
    celebvhq,
    folders,
    manifest,
    mead,
    nersemble,
    vocaset,
    voxceleb2,
)  # fmt: skip
from neuface_engine.video.layouts import (
    pattern as by_pattern,
)
from neuface_engine.video.patterns import has_fields
from neuface_engine.video.sources import SequenceSource

_DATASETS = {module.NAME: module for module in (mead, voxceleb2, celebvhq, vocaset, nersemble)}
_PLAIN: dict[str, Callable[[Path], list[SequenceSource]]] = {
    "single": folders.single,
    "folders": folders.folders,
    "videos": folders.videos,
}
LAYOUTS = ("auto", *_DATASETS, manifest.NAME, *_PLAIN)


def find_sequences(
    path: str | Path,
    layout: str = "auto",
    *,
    pattern: str | None = None,
    fps: float | None = None,
    allow_outside: bool = False,
) -> list[SequenceSource]:
    """The sequences of a dataset, in natural order; nothing is decoded.

    `layout`: one of LAYOUTS; "auto" recognises MEAD, VoxCeleb2, CelebV-HQ, VOCASET, NeRSemble and csv manifests, and
    takes other footage for one sequence, or where it is none, each folder below for one. `pattern`: a folder of one's
    own, see `layouts.pattern`; `fps` of its images. `allow_outside`: a manifest may name files outside of its folder.

    Raises MediaError where there is nothing, ConfigError for an unknown layout or a pattern that leaves the folder.
    """
    path = Path(path)
    try:
        sources = _find(path, layout, pattern, fps, allow_outside)
    except PermissionError as error:
        raise MediaError(f"{error.filename or path}: may not be read; give yourself permission") from None
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror or error}); check the path") from None
    if not sources:
        raise MediaError(f"{path}: no footage of the layout {layout!r}; see docs/footage.md for the folders")
    return _named_apart(sources)


def open_source(path: str | Path, *, allow_outside: bool = True) -> SequenceSource:
    """One sequence: a video, an image, a folder, a pattern, or `manifest.csv#name`, as in `SequenceSource.path`."""
    path = Path(path)
    chosen = None if path.exists() else _of_manifest(path, allow_outside)
    return SequenceSource.of(path) if chosen is None else chosen[0]


def is_footage(path: str | Path) -> bool:
    """Whether `open_source` may find something there: it exists, or is a pattern or a manifest's row that fits."""
    try:
        return Path(path).exists() or bool(open_source(path).views)
    except (MediaError, ConfigError):
        return False


def _find(
    path: Path, layout: str, pattern: str | None, fps: float | None, allow_outside: bool
) -> list[SequenceSource]:
    if layout not in LAYOUTS:
        raise ConfigError(f"layout {layout!r} is unknown; give {', '.join(LAYOUTS)}")
    if not path.exists():
        chosen = _of_manifest(path, allow_outside)
        return chosen if chosen is not None else folders.single(path)
    if pattern is not None:
        if not path.is_dir():
            raise MediaError(f"{path}: a pattern needs a folder; give the one that it starts in")
        return by_pattern.find(path, pattern, fps=fps)
    if layout == manifest.NAME or (layout == "auto" and manifest.recognises(path)):
        return manifest.find(path, allow_outside=allow_outside)
    if path.is_file() or layout == "single":
        return folders.single(path)
    if layout in _DATASETS:
        return _DATASETS[layout].find(path)
    if layout in _PLAIN:
        return _PLAIN[layout](path)
    for module in _DATASETS.values():
        if module.recognises(path):
            found = module.find(path)
            if not found:
                raise MediaError(
                    f"{path}: looks like {module.NAME} but has no pictures or videos; see docs/footage.md"
                )
            return found
    try:
        return folders.single(path)
    except MediaError:
        found = folders.folders(path)
        if not found:
            raise
        return found


def _of_manifest(path: Path, allow_outside: bool) -> list[SequenceSource] | None:
    """The one sequence of `manifest.csv#name`; None where the path is something else."""
    stem, mark, name = str(path).partition(".csv#")
    file = Path(stem + ".csv")
    if not mark or not file.is_file() or has_fields(file):
        return None
    found = [s for s in manifest.find(file, allow_outside=allow_outside) if s.name == name]
    if not found:
        raise MediaError(f"{file}: has no sequence {name!r}; check the column 'name'")
    return found


def _named_apart(sources: list[SequenceSource]) -> list[SequenceSource]:
    """Names made unique: the second `a` becomes `a_2`."""
    many = {name for name, count in Counter(source.name for source in sources).items() if count > 1}
    taken = {source.name for source in sources}
    seen: set[str] = set()
    out = []
    for source in sources:
        name, number = source.name, 2
        if name in many and name in seen:
            while f"{name}_{number}" in taken:
                number += 1
            name = f"{name}_{number}"
            taken.add(name)
        seen.add(name)
        out.append(source if name == source.name else replace(source, name=name))
    return out

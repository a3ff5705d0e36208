"""The one folder of a user's models, and where in it something lies."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import platformdirs

from neuface_engine.assets.catalogue import CATALOGUE, Asset, asset
from neuface_engine.errors import AssetError, ConfigError

MAX_DEPTH, MAX_FILES = 7, 20_000
"""How far the folder is looked through; a data set that was put there by mistake must not hold up the page."""

HEAD_SUFFIXES = (".pkl", ".npz", ".safetensors")


def assets_folder() -> Path:
    """$NEUFACE_ASSETS, else the user's data folder; it need not exist."""
    given = os.environ.get("NEUFACE_ASSETS")
    return (
        Path(given)
        if given
        else Path(platformdirs.user_data_dir("neuface-studio", appauthor=False)) / "assets"
    )


def home_of(entry: Asset) -> Path:
    """The folder in which the files of an entry are looked for: ours, or that of the library that reads them."""
    if entry.kind == "detector":
        from neuface_engine.landmarks import fan_files

        return fan_files.folder()
    return assets_folder()


def find(entry: Asset, folder: Path | None = None) -> list[Path]:
    """The files of one asset in the folder, the best name first."""
    return find_all([entry], folder or home_of(entry))[entry.name]


def find_all(
    entries: list[Asset], folder: Path | None = None, *, root: Path | None = None
) -> dict[str, list[Path]]:
    """The files of several assets by name, in one walk. `root`: a folder above, whose names count as well."""
    folder = folder or assets_folder()
    ranked: dict[str, list[tuple[int, str]]] = {entry.name: [] for entry in entries}
    for path in _files(folder):
        for entry in entries:
            place = rank(entry, path.relative_to(root or folder))
            if place is not None:
                ranked[entry.name].append((place, str(path)))
    return {name: [Path(path) for _, path in sorted(found)] for name, found in ranked.items()}


def rank(entry: Asset, path: Path) -> int | None:
    """How good a name of the asset this relative path is, 0 the best; None: it is none."""
    inside = "/" + path.as_posix().lower()
    return next((i for i, glob in enumerate(entry.files) if _matches(inside, glob)), None)


def locate(name: str, folder: Path | None = None) -> Path:
    """The file of the asset `name` in the folder. Raises AssetError, saying where it is obtained."""
    entry = asset(name)
    folder = folder or home_of(entry)
    found = find(entry, folder)
    if not found:
        raise AssetError(
            f"{folder}: has no {entry.title} ({entry.files[0].split('/')[-1]}); obtain it from {entry.url}, then "
            f"`neuface assets add FILE` (`neuface assets how {entry.name}` says it step by step)"
        )
    return found[0]


def find_file(name: str, folder: Path | None = None) -> Path | None:
    """A file of exactly this name (capitals aside) anywhere in the folder."""
    return next((p for p in _files(folder or assets_folder()) if p.name.lower() == name.lower()), None)


def head_files(folder: Path | None = None) -> list[Path]:
    """Every face model in the folder of assets."""
    found = find_all([entry for entry in CATALOGUE if entry.kind == "head"], folder)
    return list(dict.fromkeys(file for files in found.values() for file in files))


def unnamed_heads(folder: Path | None = None) -> list[Path]:
    """Files that may be face models but have no name of the catalogue, such as a converted one that was put there."""
    folder = folder or assets_folder()
    files = [path for path in _files(folder) if path.suffix.lower() in HEAD_SUFFIXES]
    named = [path.relative_to(folder) for path in files]
    return [
        path
        for path, inside in zip(files, named, strict=True)
        if all(rank(entry, inside) is None for entry in CATALOGUE)
    ]


def head_file(path: Path) -> Path:
    """The file of a face model that was given as a file, as a folder or by its name in the catalogue.

    Raises AssetError for a folder without one, and for a name of which nothing lies in the folder of assets.
    """
    if path.is_dir():
        heads = [entry for entry in CATALOGUE if entry.kind == "head"]
        found = [file for files in find_all(heads, path, root=path.parent).values() for file in files]
        if not found:
            raise AssetError(f"{path}: a folder without a FLAME model; give its file, e.g. generic_model.pkl")
        return found[0]
    if not path.exists() and is_asset(str(path)):
        return locate(str(path))
    return path


def is_asset(name: str) -> bool:
    """Whether the catalogue has a face model, encoder or other entry of this name."""
    try:
        asset(name)
    except ConfigError:
        return False
    return True


def _matches(inside: str, glob: str) -> bool:
    """Whether a path ends as a glob says: * within one name, **/ for any folders, also none."""
    return _pattern(glob).fullmatch(inside) is not None


@lru_cache(maxsize=256)
def _pattern(glob: str) -> re.Pattern[str]:
    names = re.escape(glob).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
    return re.compile(f".*/{names}")


def _files(folder: Path) -> Iterator[Path]:
    count = 0
    for place, folders, names in os.walk(folder, followlinks=True):
        depth = len(Path(place).relative_to(folder).parts)
        folders[:] = [] if depth >= MAX_DEPTH else sorted(f for f in folders if not f.startswith("."))
        for name in sorted(names):
            count += 1
            if count > MAX_FILES:
                return
            yield Path(place) / name

"""What was worked out once about some footage (detections, crops), on disk beside its content hash.

The cache is a convenience: a damaged entry is thrown away and made again, and where nothing can be written the
work goes on with a warning.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray

from neuface_engine.errors import MediaError
from neuface_engine.video.reader import check_readable

FORMAT = "1"
DEFAULT_LIMIT_MB = 4096.0


def cache_folder(cache_dir: str | Path | None = None) -> Path:
    """`cache_dir`, else $NEUFACE_CACHE, else the user's cache folder."""
    if cache_dir is not None:
        return Path(cache_dir)
    return Path(
        os.environ.get("NEUFACE_CACHE") or platformdirs.user_cache_dir("neuface-studio", appauthor=False)
    )


def file_hash(path: Path) -> str:
    """sha256 of a file's bytes. Raises MediaError where it cannot be read."""
    check_readable(path)
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(2**20):
                digest.update(block)
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror}); copy it again") from error
    return digest.hexdigest()


def key(*parts: object) -> str:
    """A short key out of everything the result depends on."""
    return hashlib.sha256("\x1f".join([FORMAT, *map(str, parts)]).encode()).hexdigest()[:40]


def load(folder: Path, name: str, expected: Iterable[str]) -> dict[str, NDArray] | None:
    """The arrays of entry `name`, or None where there is none, it is damaged or lacks one of `expected`."""
    path = folder / f"{name}.npz"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {field: archive[field] for field in archive.files}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError):
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        return None
    if not set(expected) <= set(arrays):
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # most recently used
    return arrays


def save(folder: Path, name: str, arrays: Mapping[str, NDArray]) -> str | None:
    """Writes an entry in one step (a reader sees all of it or nothing). Returns a warning where that failed."""
    temporary: str | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=f"{name}.", suffix=".part", dir=folder)
        with os.fdopen(descriptor, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        Path(temporary).replace(folder / f"{name}.npz")
        _prune(folder)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        return f"{folder}: nothing cached ({error.strerror or error}); the next run detects again"
    return None


def _prune(folder: Path) -> None:
    """Drops the entries used longest ago where the folder exceeds $NEUFACE_CACHE_MB."""
    limit = float(os.environ.get("NEUFACE_CACHE_MB") or DEFAULT_LIMIT_MB) * 2**20
    entries = sorted(((p.stat().st_mtime, p.stat().st_size, p) for p in folder.glob("*.npz")), reverse=True)
    total = 0
    for position, (_, size, path) in enumerate(entries):
        total += size
        if position and total > limit:
            path.unlink(missing_ok=True)

"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from neuface_engine.errors import NeuFaceError


@contextmanager
def written_whole(path: Path, error: type[NeuFaceError]) -> Iterator[BinaryIO]:
    """A stream whose content takes the place of `path` once it is complete and on the disk; folders are made.

    Whatever ends the block early, what was there before stays and nothing half-written is left. Raises `error`, in
    one line that names the file, where the disk refuses.
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except OSError as refused:
        _remove(part)
        raise error(
            f"{path}: cannot be written ({refused.strerror}); free space or choose another folder"
        ) from None
    except BaseException:
        _remove(part)
        raise


def check_folder(folder: Path, error: type[NeuFaceError]) -> None:
    """Make `folder`, and say now what would be said after the work: raises `error` where no file can be put there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as refused:
        raise error(
            f"{folder}: cannot be written to ({refused.strerror}); give another folder or change its permissions"
        ) from None


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)

"""The face models in the folder of assets, by what they are and not by their names."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from neuface_engine.assets.folder import assets_folder, head_files, unnamed_heads
from neuface_engine.errors import NeuFaceError
from neuface_engine.face_model import FaceModel


def head_with(fingerprint: str) -> FaceModel | None:
    """The one with these bases; None where it is not there. Files that are not whole are passed over."""
    files = tuple((file, file.stat().st_mtime_ns) for file in (*head_files(), *unnamed_heads()))
    return _head_with(fingerprint, assets_folder(), files)


@lru_cache(maxsize=4)
def _head_with(fingerprint: str, folder: Path, files: tuple[tuple[Path, int], ...]) -> FaceModel | None:
    for file, _ in files:
        try:
            head = FaceModel.load(file)
        except NeuFaceError:  # `neuface assets check` says why
            continue
        if head.fingerprint == fingerprint:
            return head
    return None

"""Which files make up one sequence, and what its dataset knows about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neuface_engine.video.patterns import fields_of, split_pattern
from neuface_engine.video.reader import DEFAULT_IMAGE_FPS, ViewReader
from neuface_engine.video.views import find_views


@dataclass(frozen=True)
class ViewFiles:
    """One view: its name, and one video or the images in order."""

    name: str
    files: tuple[Path, ...]


@dataclass(frozen=True)
class SequenceSource:
    """One sequence of a dataset, not yet decoded; `load_sequence` takes it.

    name          unique within its dataset, fit for a file name
    path          opens the same files again: a file, a folder, or a pattern with {view} and {frame}
    views         in order
    identity      whose face it is, as far as the dataset says; None = not known
    fps           of views made of images (a video knows its own); None = not known
    cameras       a file with the rotations of the cameras, by the names of the views
    ground_truth  a folder with one true mesh a frame, in order
    layout        the layout that recognised it
    details       what else the dataset says (emotion, level, ...), JSON values
    """

    name: str
    path: Path
    views: tuple[ViewFiles, ...]
    identity: str | None = None
    fps: float | None = None
    cameras: Path | None = None
    ground_truth: Path | None = None
    layout: str = "single"
    details: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, path: str | Path) -> SequenceSource:
        """Of one sequence: a video, a folder or a pattern (see `find_views`). Raises MediaError."""
        path = Path(path)
        return cls.of_readers(_name_of(path), path, find_views(path))

    @classmethod
    def of_readers(cls, name: str, path: Path, readers: list[ViewReader], **known: Any) -> SequenceSource:
        return cls(name, path, tuple(ViewFiles(reader.name, reader.files) for reader in readers), **known)

    def readers(self) -> list[ViewReader]:
        """A fresh reader for each view."""
        return [ViewReader(v.name, v.files, fps=self.fps or DEFAULT_IMAGE_FPS) for v in self.views]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.name,
            "path": str(self.path),
            "layout": self.layout,
            "identity": self.identity,
            "fps": self.fps,
            "cameras": None if self.cameras is None else str(self.cameras),
            "ground_truth": None if self.ground_truth is None else str(self.ground_truth),
            "views": {view.name: [str(file) for file in view.files] for view in self.views},
            "details": dict(self.details),
        }


def _name_of(path: Path) -> str:
    """The stem of a file, the name of a folder; of a pattern, what has no field in it."""
    if path.exists() or not fields_of(str(path)):
        whole = path.resolve()
        return whole.stem if path.is_file() else whole.name
    root, below = split_pattern(path)
    plain = [part for part in below.split("/") if not fields_of(part)]
    return "_".join(Path(part).stem for part in plain) or root.resolve().name

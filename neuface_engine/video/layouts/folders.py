"""Folders without a layout of their own: one sequence, one sequence for each folder, or one for each video.

single     the folder (or file) is one sequence: one video a view, or images, or one folder of images a view
folders    each folder below is one sequence as in `single`
videos     each video below, however deep, is one sequence of one view
"""

from __future__ import annotations

import os
from pathlib import Path

from neuface_engine.errors import MediaError
from neuface_engine.video.patterns import natural_key
from neuface_engine.video.reader import VIDEO_SUFFIXES
from neuface_engine.video.sources import SequenceSource, ViewFiles


def single(root: Path) -> list[SequenceSource]:
    """Raises MediaError where there is neither a video nor an image."""
    return [SequenceSource.of(root)]


def folders(root: Path) -> list[SequenceSource]:
    """The folders below that are sequences; those with neither video nor image are passed over."""
    from dataclasses import replace

    sources = []
    for entry in sorted(root.iterdir(), key=lambda e: natural_key(e.name)):
        if entry.is_dir() and not entry.name.startswith("."):
            try:
                sources.append(replace(SequenceSource.of(entry), layout="folders"))
            except MediaError:
                continue
    return sources


def videos(root: Path) -> list[SequenceSource]:
    """Named by their paths below the folder."""
    found: list[Path] = []
    for folder, below, files in os.walk(root):
        below[:] = [name for name in below if not name.startswith(".")]
        found += [
            Path(folder, name)
            for name in files
            if Path(name).suffix.lower() in VIDEO_SUFFIXES and not name.startswith(".")
        ]
    found.sort(key=lambda file: natural_key(file.relative_to(root).as_posix()))
    return [
        SequenceSource(
            name="_".join(file.relative_to(root).with_suffix("").parts),
            path=file,
            views=(ViewFiles(file.stem, (file,)),),
            layout="videos",
        )
        for file in found
    ]

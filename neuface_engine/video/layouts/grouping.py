"""From files that match a pattern to sequences: the fields other than {view} and {frame} name a sequence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from neuface_engine.video import patterns
from neuface_engine.video.patterns import natural_key
from neuface_engine.video.reader import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from neuface_engine.video.sources import ViewFiles


@dataclass
class Group:
    """The files of one sequence. `locator`: the pattern with only {view} and {frame} left, which finds them again."""

    fields: dict[str, str]
    locator: Path
    files: dict[str, list[tuple[int, Path]]] = field(default_factory=dict)

    def views(self) -> tuple[ViewFiles, ...]:
        """Views in natural order, frames by number."""
        return tuple(
            ViewFiles(name, tuple(file for _, file in sorted(self.files[name])))
            for name in sorted(self.files, key=natural_key)
        )

    def frame_numbers(self) -> list[int]:
        """The numbers of the first view's frames, sorted."""
        first = min(self.files, key=natural_key)
        return sorted(number for number, _ in self.files[first])


def group(root: Path, pattern: str, *, kinds: Mapping[str, str] | None = None) -> list[Group]:
    """The sequences below `root` whose videos or images match, in natural order of their paths."""
    groups: dict[tuple[str, ...], Group] = {}
    for match in patterns.find(root, pattern, kinds=kinds):
        if match.path.suffix.lower() not in IMAGE_SUFFIXES | VIDEO_SUFFIXES:
            continue
        own = {k: v for k, v in match.fields.items() if k not in (patterns.VIEW, patterns.FRAME)}
        key = tuple(own.values())
        if key not in groups:
            groups[key] = Group(own, root / patterns.fill(pattern, own))
        frame = int(match.fields.get(patterns.FRAME, 0))
        view = match.fields.get(patterns.VIEW)
        if view is None:
            # the folder of the images, the stem of a video
            has_frames = patterns.FRAME in match.fields
            view = match.path.parent.resolve().name if has_frames else match.path.stem
        groups[key].files.setdefault(view, []).append((frame, match.path))
    return list(groups.values())


def mean_step(numbers: list[int]) -> int:
    """By how much frame numbers usually rise: 3 where every third frame of a recording is there."""
    steps = sorted(b - a for a, b in pairwise(numbers) if b > a)
    return steps[len(steps) // 2] if steps else 1

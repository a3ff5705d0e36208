"""VoxCeleb2 (Chung et al. 2018): cropped talking faces from the web, one view, 25 fps.

    dev/mp4/id00012/21Uxsk56VDQ/00001.mp4

The folder given may be the one that holds dev and test, or any of those below down to mp4 or one person.
"""

from __future__ import annotations

import re
from pathlib import Path

from neuface_engine.video.layouts.grouping import group
from neuface_engine.video.sources import SequenceSource

NAME = "voxceleb2"
_PERSON = r"id\d{5}"
_KINDS = {"identity": _PERSON, "part": "dev|test", "clip": r"\d+"}
_BELOW = ("{part}/mp4/", "mp4/", "")


def recognises(root: Path) -> bool:
    """A folder of VoxCeleb2's persons: id and five digits, a folder a video, numbered clips."""
    return _prefix(root) is not None or _is_person(root)


def find(root: Path) -> list[SequenceSource]:
    """One sequence for each clip."""
    if _is_person(root):
        person = root.resolve().name
        return _clips(root, "{video}/{clip}.mp4", person)
    return _clips(root, f"{_prefix(root) or ''}{{identity}}/{{video}}/{{clip}}.mp4", None)


def _clips(root: Path, pattern: str, person: str | None) -> list[SequenceSource]:
    sources = []
    for found in group(root, pattern, kinds=_KINDS):
        fields = found.fields
        identity = person or fields["identity"]
        sources.append(
            SequenceSource(
                name="_".join([identity, fields["video"], fields["clip"]]),
                path=found.locator,
                views=found.views(),
                identity=identity,
                layout=NAME,
                details={"video": fields["video"], **({"part": fields["part"]} if "part" in fields else {})},
            )
        )
    return sources


def _prefix(root: Path) -> str | None:
    for below, glob in zip(_BELOW, ("*/mp4/id*", "mp4/id*", "id*"), strict=True):
        for entry in root.glob(glob):
            if re.fullmatch(_PERSON, entry.name) and next(entry.glob("*/*.mp4"), None) is not None:
                return below
    return None


def _is_person(root: Path) -> bool:
    return (
        re.fullmatch(_PERSON, root.resolve().name) is not None
        and next(root.glob("*/*.mp4"), None) is not None
    )

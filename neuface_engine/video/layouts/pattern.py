"""Any folder, by a pattern such as `{identity}/{sequence}/{view}/{frame}.png` or `{sequence}/cam_{view}.mp4`.

{view} and {frame} say which view and frame a file is, {identity} whose face it is; all other fields (any name), and
{identity}, tell one sequence from another and make up its name. Without {view} each sequence has one view.
"""

from __future__ import annotations

from pathlib import Path

from neuface_engine.errors import MediaError
from neuface_engine.video.layouts.grouping import group
from neuface_engine.video.sources import SequenceSource

NAME = "pattern"


def find(root: Path, pattern: str, *, fps: float | None = None) -> list[SequenceSource]:
    """Raises ConfigError for a pattern that leaves the folder and MediaError where nothing matches."""
    sources = [
        SequenceSource(
            name="_".join(found.fields.values()) or root.resolve().name,
            path=found.locator,
            views=found.views(),
            identity=found.fields.get("identity"),
            fps=fps,
            layout=NAME,
            details={k: v for k, v in found.fields.items() if k != "identity"},
        )
        for found in group(root, pattern)
    ]
    if not sources:
        raise MediaError(f"{root}: no video and no image matches the pattern {pattern!r}; check its folders")
    return sources

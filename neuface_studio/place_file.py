"""Where the reviewer stopped in each sequence of a project, kept in its folder for the next start."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from neuface_studio.undo import Place

FILE = "place.json"
VERSION = 1
KEPT = 500  # sequences whose places are remembered


def remember(place: Place) -> None:
    """Write a place down. What cannot be written is not worth a message: only the place is lost."""
    if place.project is None or not place.sequence:
        return
    content = _read(place.project)
    places: dict[str, Any] = content.get("places", {})
    places.pop(place.sequence, None)
    places[place.sequence] = [place.frame, place.view, place.run, place.iteration]
    while len(places) > KEPT:
        places.pop(next(iter(places)))
    text = json.dumps({"version": VERSION, "places": places}, ensure_ascii=False)
    path = place.project / FILE
    part = path.with_name(f"{FILE}.part")
    with suppress(OSError):
        # Not synced: a process that is killed loses nothing, and the disk is not asked every second.
        part.write_text(text, encoding="utf-8")
        part.replace(path)


def recall(project: Path, sequence: str) -> Place | None:
    """The place in a sequence; None where none is known."""
    stored = _read(project).get("places", {}).get(sequence)
    if not (isinstance(stored, list) and len(stored) == 4):
        return None
    frame, view, run, iteration = stored
    numbers = isinstance(frame, int) and isinstance(view, int) and isinstance(run, str)
    if not numbers or not (iteration is None or isinstance(iteration, int)):
        return None
    return Place(project, sequence, max(0, frame), max(0, view), run, iteration)


def _read(project: Path) -> dict[str, Any]:
    try:
        content = json.loads((project / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    sound = isinstance(content, dict) and isinstance(content.get("places", {}), dict)
    return content if sound else {}

"""Notes on a frame range x view x region: what reviewers wrote down about parts of a sequence."""

from __future__ import annotations

from collections.abc import Iterable

from neuface_engine.review.events import Event, Note
from neuface_engine.review.standing import active

REGIONS = ("lips", "jaw", "chin", "cheeks", "nose", "lids", "brows", "forehead", "contour", "ears", "neck")
"""The parts of a face that a note may name; other words are allowed too."""


def standing_notes(events: Iterable[Event]) -> list[Note]:
    """The notes that nobody took back, oldest first."""
    return [event for event in active(list(events)) if isinstance(event, Note)]


def place(note: Note) -> str:
    """Where a note belongs, in words: "frames 12-30, left, lips"; "everywhere" without limits."""
    words = []
    if note.frames is not None:
        first, last = note.frames
        words.append(f"frame {first}" if first == last else f"frames {first}-{last}")
    words += [*note.views, *note.regions]
    return ", ".join(words) or "everywhere"

"""Verdicts on sequences: a project folder, its append-only logs, and an index made from them. No torch, no Qt."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neuface_engine.review.coverage import Coverage, CoverageRule
    from neuface_engine.review.events import (
        REASONS,
        VERDICTS,
        Added,
        Adjudication,
        Assigned,
        Event,
        Measured,
        Note,
        Other,
        Relinked,
        Removed,
        Repair,
        Shown,
        Undo,
        Verdict,
    )
    from neuface_engine.review.log import EventLog
    from neuface_engine.review.project import Project
    from neuface_engine.review.queue import Filter, QueueRow
    from neuface_engine.review.standing import active_verdicts, standing_verdicts
    from neuface_engine.review.track_files import file_hash

# Imported when first used: a log alone needs no database.
_HOME = {
    "Coverage": "coverage",
    "CoverageRule": "coverage",
    "EventLog": "log",
    "Project": "project",
    "active_verdicts": "standing",
    "standing_verdicts": "standing",
    "Filter": "queue",
    "QueueRow": "queue",
    "file_hash": "track_files",
    **dict.fromkeys(
        (
            "REASONS",
            "VERDICTS",
            "Added",
            "Adjudication",
            "Assigned",
            "Event",
            "Measured",
            "Note",
            "Other",
            "Relinked",
            "Removed",
            "Repair",
            "Shown",
            "Undo",
            "Verdict",
        ),
        "events",
    ),
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"neuface_engine.review.{_HOME[name]}"), name)
    raise AttributeError(f"module 'neuface_engine.review' has no attribute {name!r}")


__all__ = [
    "REASONS",
    "VERDICTS",
    "Added",
    "Adjudication",
    "Assigned",
    "Coverage",
    "CoverageRule",
    "Event",
    "EventLog",
    "Filter",
    "Measured",
    "Note",
    "Other",
    "Project",
    "QueueRow",
    "Relinked",
    "Removed",
    "Repair",
    "Shown",
    "Undo",
    "Verdict",
    "active_verdicts",
    "file_hash",
    "standing_verdicts",
]

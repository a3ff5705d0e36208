"""Verdicts on sequences: a project folder and its append-only event log. Needs neither torch nor Qt."""

from __future__ import annotations

from neuface_engine.review.events import VERDICTS, Event, Undo, Verdict, active_verdicts, standing_verdicts
from neuface_engine.review.log import EventLog
from neuface_engine.review.project import Project, file_hash

__all__ = [
    "VERDICTS",
    "Event",
    "EventLog",
    "Project",
    "Undo",
    "Verdict",
    "active_verdicts",
    "file_hash",
    "standing_verdicts",
]

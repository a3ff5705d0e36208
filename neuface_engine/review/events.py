"""What can happen in a review, and what stands after it: state is the replay of the events."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

VERDICTS = ("accept", "reject", "unsure")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _new_id() -> str:
    return uuid.uuid4().hex


@dataclass(frozen=True)
class Verdict:
    """One reviewer's word on one sequence.

    sequence      its name in the project
    verdict       "accept", "reject" or "unsure"
    track_hash    sha256 of the track file that was looked at: with other bytes the verdict is stale
    time          UTC, ISO 8601
    """

    sequence: str
    verdict: str
    track_hash: str
    reviewer: str
    note: str = ""
    time: str = field(default_factory=_now)
    id: str = field(default_factory=_new_id)

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(f"verdict {self.verdict!r} is none of {', '.join(VERDICTS)}")
        if not self.sequence:
            raise ValueError("a verdict names its sequence")

    def is_stale(self, track_hash: str) -> bool:
        """Whether the track has changed since."""
        return self.track_hash != track_hash


@dataclass(frozen=True)
class Undo:
    """Takes back the event with the id `target` (which may itself be an undo: that is a redo)."""

    target: str
    reviewer: str
    time: str = field(default_factory=_now)
    id: str = field(default_factory=_new_id)


Event = Verdict | Undo
_KINDS: dict[str, type[Verdict] | type[Undo]] = {"verdict": Verdict, "undo": Undo}


def to_record(event: Event) -> dict[str, Any]:
    """The event as JSON values, its kind under "event"."""
    kind = "undo" if isinstance(event, Undo) else "verdict"
    return {"event": kind, **asdict(event)}


def from_record(record: dict[str, Any]) -> Event | None:
    """The event of a record; None for a kind that a later version wrote. Raises ValueError where it is damaged."""
    kind = _KINDS.get(str(record.get("event")))
    if kind is None:
        return None
    names = kind.__dataclass_fields__
    values = {name: record[name] for name in names if name in record}
    if not all(isinstance(value, str) for value in values.values()):
        raise ValueError("a field is not text")
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError("a field is missing") from error


def active_verdicts(events: Iterable[Event]) -> list[Verdict]:
    """The verdicts that no standing undo takes back, oldest first."""
    cancelled: set[str] = set()
    standing: list[Verdict] = []
    for event in reversed(list(events)):
        if event.id in cancelled:
            continue
        if isinstance(event, Undo):
            cancelled.add(event.target)
        else:
            standing.append(event)
    return standing[::-1]


def standing_verdicts(events: Iterable[Event]) -> dict[str, Verdict]:
    """The last verdict that stands on each sequence."""
    return {verdict.sequence: verdict for verdict in active_verdicts(events)}

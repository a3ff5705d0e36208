"""What can happen in a review: the kinds of events, and their records in the log."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, ClassVar

VERDICTS = ("accept", "reject", "unsure")

REASONS = {
    "mesh_off_face": "mesh off the face",
    "wrong_shape": "wrong identity or shape",
    "jitter": "jitter",
    "frozen_face": "frozen face",
    "lips": "lips",
    "lids": "lids",
    "jaw": "jaw",
    "one_view_off": "one view off",
    "wrong_person": "wrong person",
    "no_face": "no face",
    "bad_video": "bad video",
    "other": "other",
}
"""Why a sequence was not accepted: the word in the log, and what people read."""

MACHINE = "project"
"""Whose log holds what no person said: sequences added, measures taken."""


def now() -> str:
    """The time as events carry it: UTC, ISO 8601, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def new_id() -> str:
    return uuid.uuid4().hex


@dataclass(frozen=True)
class Verdict:
    """One reviewer's word on one sequence.

    sequence      its name in the project
    verdict       "accept", "reject" or "unsure"
    track_hash    sha256 of the track file that was looked at: with other bytes the verdict is stale
    reasons       keys of `REASONS`
    coverage      what of the clip was really shown (`Coverage.summary`); empty where nothing was recorded
    time          UTC, ISO 8601
    """

    kind: ClassVar[str] = "verdict"
    sequence: str
    verdict: str
    track_hash: str
    reviewer: str
    note: str = ""
    reasons: tuple[str, ...] = ()
    coverage: Mapping[str, Any] = field(default_factory=dict)
    time: str = field(default_factory=now)
    id: str = field(default_factory=new_id)

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(f"verdict {self.verdict!r} is none of {', '.join(VERDICTS)}")
        if not self.sequence:
            raise ValueError("a verdict names its sequence")
        object.__setattr__(self, "reasons", _words(self.reasons))
        unknown = [reason for reason in self.reasons if reason not in REASONS]
        if unknown:
            raise ValueError(f"reason {unknown[0]!r} is none of {', '.join(REASONS)}")
        _check(self, "coverage", Mapping)
        _check_text(self)

    def is_stale(self, track_hash: str) -> bool:
        """Whether the track has changed since."""
        return self.track_hash != track_hash


@dataclass(frozen=True)
class Adjudication(Verdict):
    """The last word where reviewers differ: it stands above verdicts on the same bytes."""

    kind: ClassVar[str] = "adjudication"


@dataclass(frozen=True)
class Undo:
    """Takes back the event with the id `target` (which may itself be an undo: that is a redo)."""

    kind: ClassVar[str] = "undo"
    target: str
    reviewer: str
    time: str = field(default_factory=now)
    id: str = field(default_factory=new_id)

    def __post_init__(self) -> None:
        _check_text(self)


@dataclass(frozen=True)
class Note:
    """Words about a part of a sequence.

    frames     first and last frame, counted in the sequence from 0; None = all
    views      names of views; empty = all
    regions    parts of the face (`notes.REGIONS`, or words of your own); empty = all
    """

    kind: ClassVar[str] = "note"
    sequence: str
    text: str
    reviewer: str
    frames: tuple[int, int] | None = None
    views: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    track_hash: str = ""
    time: str = field(default_factory=now)
    id: str = field(default_factory=new_id)

    def __post_init__(self) -> None:
        if not self.sequence or not self.text:
            raise ValueError("a note names its sequence and says something")
        object.__setattr__(self, "views", _words(self.views))
        object.__setattr__(self, "regions", _words(self.regions))
        if self.frames is not None:
            first, last = (_count(value) for value in self.frames)
            if first > last:
                raise ValueError(f"a range of frames rises, {first}..{last} does not")
            object.__setattr__(self, "frames", (first, last))
        _check_text(self)


@dataclass(frozen=True)
class Shown:
    """What a reviewer was really shown of one track, since the event before.

    frames        {view: [[first, last], ...]}, ranges of frames that were on the screen in that view
    num_frames    of the whole sequence
    all_views     of the whole sequence
    seconds       looked at, with the window in front and awake
    """

    kind: ClassVar[str] = "shown"
    sequence: str
    track_hash: str
    reviewer: str
    frames: Mapping[str, tuple[tuple[int, int], ...]]
    num_frames: int
    all_views: tuple[str, ...]
    seconds: float
    time: str = field(default_factory=now)
    id: str = field(default_factory=new_id)

    def __post_init__(self) -> None:
        _check(self, "frames", Mapping)
        ranges = {
            view: tuple((_count(first), _count(last)) for first, last in parts)
            for view, parts in self.frames.items()
        }
        object.__setattr__(self, "frames", ranges)
        object.__setattr__(self, "all_views", _words(self.all_views))
        object.__setattr__(self, "num_frames", _count(self.num_frames))
        object.__setattr__(self, "seconds", float(self.seconds))
        if not math.isfinite(self.seconds) or self.seconds < 0:
            raise ValueError("seconds looked at are finite and not negative")
        _check_text(self)


@dataclass(frozen=True)
class Repair:
    """A correction of what the optimisation is given (a landmark moved, a range left out).

    what    "landmark", "mute", "exclude_frames", "exclude_view", ...
    data    JSON values that say exactly which and how
    """

    kind: ClassVar[str] = "repair"
    sequence: str
    what: str
    reviewer: str
    data: Mapping[str, Any] = field(default_factory=dict)
    time: str = field(default_factory=now)
    id: str = field(default_factory=new_id)

    def __post_init__(self) -> None:
        _check(self, "data", Mapping)
        _check_text(self)


@dataclass(frozen=True)
class Added:
    """Sequences that the project has from now on, or has with another track or source.

    Each entry: {"name", "track" (path in the project), "source" ({"path", "hash", "size"} or null), "identity"}.
    """

    kind: ClassVar[str] = "added"
    sequences: tuple[Mapping[str, Any], ...]
    reviewer: str = MACHINE
    time: str = field(default_factory=now)
    id: str = field(default_factory=new_id)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sequences", _entries(self.sequences))
        _check_text(self)


@dataclass(frozen=True)
class Removed:
    """Sequences that the project no longer has. What was said about them stays in the log."""

    kind: ClassVar[str] = "removed"
    sequences: tuple[str, ...]
    reviewer: str = MACHINE
    time: str = field(default_factory=now)
    id: str = field(default_factory=new_id)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sequences", _words(self.sequences))
        _check_text(self)


@dataclass(frozen=True)
class Relinked:
    """Where the footage of sequences was found again: entries {"name", "source"}."""

    kind: ClassVar[str] = "relinked"
    sequences: tuple[Mapping[str, Any], ...]
    reviewer: str = MACHINE
    time: str = field(default_factory=now)
    id: str = field(default_factory=new_id)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sequences", _entries(self.sequences))
        _check_text(self)


@dataclass(frozen=True)
class Measured:
    """Figures and flags of tracks: entries {"name", "measures": {name: number}, "flags": [...], "suspicion"}."""

    kind: ClassVar[str] = "measured"
    sequences: tuple[Mapping[str, Any], ...]
    reviewer: str = MACHINE
    time: str = field(default_factory=now)
    id: str = field(default_factory=new_id)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sequences", _entries(self.sequences))
        _check_text(self)


@dataclass(frozen=True)
class Assigned:
    """Sequences that are to be judged by several reviewers.

    reviews      how many reviewers each needs
    blind        whether they must not see each other's verdicts
    reviewers    who may judge them; empty = anyone
    seed         of the draw, where they were drawn
    """

    kind: ClassVar[str] = "assigned"
    sequences: tuple[str, ...]
    reviews: int
    reviewer: str
    blind: bool = True
    reviewers: tuple[str, ...] = ()
    seed: int | None = None
    time: str = field(default_factory=now)
    id: str = field(default_factory=new_id)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sequences", _words(self.sequences))
        object.__setattr__(self, "reviewers", _words(self.reviewers))
        if _count(self.reviews) < 1:
            raise ValueError("at least one review")
        _check_text(self)


@dataclass(frozen=True)
class Other:
    """An event of another kind: of another part of the program (a sample drawn, a plant shown), or of a later one."""

    name: str
    reviewer: str
    sequence: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    time: str = field(default_factory=now)
    id: str = field(default_factory=new_id)

    def __post_init__(self) -> None:
        if self.name in _KINDS or not self.name:
            raise ValueError(f"{self.name!r} has a class of its own")
        _check(self, "data", Mapping)
        _check_text(self)

    @property
    def kind(self) -> str:
        return self.name


Event = (
    Verdict
    | Adjudication
    | Undo
    | Note
    | Shown
    | Repair
    | Added
    | Removed
    | Relinked
    | Measured
    | Assigned
    | Other
)
_CLASSES: tuple[type[Any], ...] = (
    Verdict,
    Adjudication,
    Undo,
    Note,
    Shown,
    Repair,
    Added,
    Removed,
    Relinked,
    Measured,
    Assigned,
)
_KINDS: dict[str, type[Any]] = {kind.kind: kind for kind in _CLASSES}

PLANT_JUDGED = "plant_judged"
"""An `Other` of the audit: a verdict on a planted failure, which for its reviewer is a verdict as any."""

UNDOABLE = ("verdict", "adjudication", "note", "repair", PLANT_JUDGED)


def sequence_of(event: Event) -> str | None:
    """The sequence that something was said about, as its reviewer saw it; None where it was about none."""
    if isinstance(event, Other) and event.name == PLANT_JUDGED:
        return str(event.data.get("on", ""))
    return getattr(event, "sequence", None)


def to_record(event: Event) -> dict[str, Any]:
    """The event as JSON values, its kind under "event". What is empty or unsaid is left out."""
    values = {f.name: getattr(event, f.name) for f in fields(event)}
    if isinstance(event, Other):
        del values["name"]
    optional = {f.name for f in fields(event)} - {"id", "time", "reviewer", "note"}
    kept = {
        key: value
        for key, value in values.items()
        if key not in optional or (value is not None and value != () and value != {})
    }
    return {"event": event.kind, **kept}


def from_record(record: Mapping[str, Any]) -> Event | None:
    """The event of a record; None for one that says nothing we can keep. Raises ValueError where it is damaged."""
    kind = str(record.get("event"))
    if kind not in _KINDS:
        if not all(isinstance(record.get(name), str) for name in ("id", "reviewer", "time")):
            return None
        data = record.get("data")
        return Other(
            kind,
            record["reviewer"],
            str(record.get("sequence", "")),
            data if isinstance(data, Mapping) else {},
            record["time"],
            record["id"],
        )
    cls = _KINDS[kind]
    values = {f.name: record[f.name] for f in fields(cls) if f.name in record}
    if kind == "shown":
        values = {"frames": {}, "all_views": (), **values}
    if kind in ("added", "removed", "relinked", "measured", "assigned"):
        values = {"sequences": (), **values}
    try:
        event: Event = cls(**values)
    except TypeError as error:
        raise ValueError("a field is missing or of the wrong kind") from error
    return event


def _words(values: Iterable[str]) -> tuple[str, ...]:
    values = (values,) if isinstance(values, str) else tuple(values)
    if not all(isinstance(value, str) for value in values):
        raise ValueError("a list of words holds something else")
    return values


def _entries(values: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    values = tuple(values)
    if not all(isinstance(v, Mapping) and isinstance(v.get("name"), str) and v["name"] for v in values):
        raise ValueError("a sequence has no name")
    return values


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is not a whole number from 0")
    return value


def _check(event: Any, name: str, kind: type) -> None:
    if not isinstance(getattr(event, name), kind):
        raise ValueError(f"{name} is of the wrong kind")


_TEXTS = {
    "sequence",
    "verdict",
    "track_hash",
    "reviewer",
    "note",
    "text",
    "target",
    "time",
    "id",
    "what",
    "name",
}


def _check_text(event: Any) -> None:
    for f in fields(event):
        if f.name in _TEXTS and not isinstance(getattr(event, f.name), str):
            raise ValueError("a field is not text")

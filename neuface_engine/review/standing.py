"""What stands after all that was said: state is the replay of the events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from neuface_engine.review.events import Adjudication, Event, Undo, Verdict

_E = TypeVar("_E", bound=Any)


def active(events: Iterable[_E]) -> list[_E]:
    """The events other than undos that no standing undo takes back, in the given order."""
    events = list(events)
    stands = _which_stand(events)
    return [event for event in events if not isinstance(event, Undo) and stands[event.id]]


def active_undos(events: Iterable[Event]) -> list[Undo]:
    """The undos that stand, in the given order."""
    events = list(events)
    stands = _which_stand(events)
    return [event for event in events if isinstance(event, Undo) and stands[event.id]]


def _which_stand(events: list[Any]) -> dict[str, bool]:
    """An event stands unless a standing undo takes it back: so the answer does not depend on the order of events."""
    undos: dict[str, list[str]] = {}
    for event in events:
        if isinstance(event, Undo):
            undos.setdefault(event.target, []).append(event.id)
    stands: dict[str, bool] = {}
    for event in events:
        # A long chain of undo, redo, undo ... must not meet the limit of recursion.
        waiting = [event.id]
        while waiting:
            current = waiting[-1]
            first = [u for u in undos.get(current, ()) if u not in stands and u not in waiting]
            if first:
                waiting.extend(first)
                continue
            stands[current] = not any(stands.get(u, False) for u in undos.get(current, ()))
            waiting.pop()
    return stands


def active_verdicts(events: Iterable[Event]) -> list[Verdict]:
    """The verdicts (adjudications among them) that no standing undo takes back, oldest first."""
    return [event for event in active(events) if isinstance(event, Verdict)]


def standing_verdicts(events: Iterable[Event]) -> dict[str, Verdict]:
    """The verdict that stands on each sequence: the last one, unless an adjudication on the same bytes is there."""
    by_sequence: dict[str, list[Verdict]] = {}
    for verdict in active_verdicts(events):
        by_sequence.setdefault(verdict.sequence, []).append(verdict)
    return {name: standing(verdicts) for name, verdicts in by_sequence.items()}


def standing(verdicts: list[Verdict]) -> Verdict:
    """The one of a sequence's verdicts (oldest first, at least one) that stands."""
    last = verdicts[-1]
    final = [v for v in verdicts if isinstance(v, Adjudication) and v.track_hash == last.track_hash]
    return final[-1] if final else last


def disputed(verdicts: list[Verdict]) -> bool:
    """Whether reviewers differ on the same bytes (each one's last verdict counts) and nobody has adjudicated."""
    if not verdicts or isinstance(standing(verdicts), Adjudication):
        return False
    latest = {v.reviewer: v.verdict for v in verdicts if v.track_hash == verdicts[-1].track_hash}
    return len(set(latest.values())) > 1

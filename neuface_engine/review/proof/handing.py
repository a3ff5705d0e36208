"""What a reviewer without a window has in hand: a draw, a suspect clip, or a planted failure, all looking the same.

The log says that a clip was handed out, and in sealed words what it was. The seal is no secret (its key is the draw's
seed, which is on record): it keeps somebody who reads the log in passing from knowing where the plants are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from neuface_engine.review.assignment import LEASE_S, give_back, hand_out, held, hold, open_names
from neuface_engine.review.events import PLANT_JUDGED, Event, Other, Verdict, new_id, now, sequence_of
from neuface_engine.review.parts import parts
from neuface_engine.review.proof.audit import DRAWN, Audit, audits, load_audit
from neuface_engine.review.proof.draw import Item
from neuface_engine.review.proof.evidence import State, draw_state, gather
from neuface_engine.review.proof.mixing import Source, StreamItem
from neuface_engine.review.proof.planting import Plant
from neuface_engine.review.proof.stream import audit_stream
from neuface_engine.review.queue import Filter
from neuface_engine.review.standing import active

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from neuface_engine.review.index import Index
    from neuface_engine.review.project import Project

HANDED, GIVEN_BACK = "handed", "given_back"
_AT_ONCE = 200
_SEALED_BYTES = 256


@dataclass(frozen=True)
class Handed:
    """A clip that a reviewer was handed, and has not given back.

    plant         the failure that is planted in it; None for the released track
    kind          of failure that it really shows; effect_mm: the largest move of a landmark that it makes
    track_hash    sha256 of the track file that it was made from
    time          when it was handed out, UTC
    clip          sha256 of the video that was made of it; empty where none was
    judged        whether its reviewer has said something of it that stands
    """

    sequence: str
    track_hash: str
    time: str
    plant: Plant | None = None
    kind: str | None = None
    effect_mm: float | None = None
    clip: str = ""
    judged: bool = False

    @property
    def seconds_ago(self) -> float | None:
        """None where the clock has been put back since."""
        passed = (datetime.fromisoformat(now()) - datetime.fromisoformat(self.time)).total_seconds()
        return passed if passed >= 0 else None


def record_hand_out(
    project: Project,
    reviewer: str,
    sequence: str,
    track_hash: str,
    *,
    plant: Plant | None = None,
    kind: str | None = None,
    effect_mm: float | None = None,
    clip: str = "",
) -> None:
    """Puts on record that a clip was made and handed to a reviewer. Raises ProjectError.

    clip    sha256 of the video
    """
    identifier = new_id()
    inside = {} if plant is None else {"plant": plant.to_json(), "kind": kind, "effect_mm": effect_mm}
    data = {"track_hash": track_hash, **({"clip": clip} if clip else {})}
    drawn = _seeds(project)
    if drawn:
        data["audit"], seed = list(drawn.items())[-1]
        data["what"] = _sealed(seed, identifier, inside)
    project.log.append(Other(HANDED, reviewer, sequence, data, id=identifier))


def in_hand(project: Project, reviewer: str) -> dict[str, Handed]:
    """{sequence: the last clip of it that this reviewer was handed}: what a verdict of theirs is about.

    Also those that are judged: who corrects a verdict speaks of the same clip.
    """
    events = project.index.events(
        HANDED, GIVEN_BACK, "verdict", "adjudication", "undo", PLANT_JUDGED, reviewer=reviewer
    )
    seeds = _seeds(project)
    found: dict[str, Handed] = {}
    for event in active(events):
        if isinstance(event, Other) and event.name == HANDED:
            found[event.sequence] = _handed(event, seeds.get(str(event.data.get("audit", "")), ""))
        elif isinstance(event, Other) and event.name == GIVEN_BACK:
            if event.sequence in found and not found[event.sequence].judged:
                del found[event.sequence]
        else:
            name = sequence_of(event) or ""
            if name in found and _is_about(event, found[name]):
                found[name] = replace(found[name], judged=True)
    return found


def give_all_back(project: Project, reviewer: str) -> list[str]:
    """What the reviewer holds and has not judged is free for others; its names. Raises ProjectError."""
    names = [name for name, handed in in_hand(project, reviewer).items() if not handed.judged]
    names += [name for name, who, _ in held(project.index) if who == reviewer and name not in names]
    project.log.append(*[Other(GIVEN_BACK, reviewer, name) for name in names])
    give_back(project.index, reviewer)
    return names


def candidates(
    project: Project,
    reviewer: str,
    where: Filter | None = None,
    *,
    mixed: bool = True,
    names: Callable[[], Iterable[str]] | None = None,
    double: bool = False,
    lease_s: float = LEASE_S,
    **order: Any,
) -> Iterator[StreamItem]:
    """What this reviewer may look at next, each theirs when it is yielded, and free again when the next is asked for.

    First what they have in hand already. Then, where an audit is drawn (and `mixed`), the window's stream: practice,
    the audit's draws, planted failures and suspects. Then whatever else the queue has, such as second reviews.

    names    the suspects, in the order in which they are wanted (default: all that pass `where`, in `order`)
    """
    audit = load_audit(project) if mixed else None
    wanted = names or (lambda: _names(project.index, where or Filter(), **order))
    tried: list[str] = []

    def held_items() -> Iterator[StreamItem]:
        yield from _in_hand_still(project, audit, reviewer, double=double, lease_s=lease_s)
        if audit is not None:
            yield from _mixed(project, audit, reviewer, wanted(), double=double, lease_s=lease_s)
        if names is None:
            while row := hand_out(
                project.index, reviewer, where, double=double, lease_s=lease_s, without=tried, **order
            ):
                yield StreamItem(row.name, "suspicion")
        else:
            for name in names():
                only = Filter(names=(name,))
                if hand_out(project.index, reviewer, only, double=double, lease_s=lease_s, without=tried):
                    yield StreamItem(name, "suspicion")

    for item in held_items():
        if item.plant is not None or item.sequence not in tried:
            yield item
            tried.append(item.sequence)
        give_back(project.index, reviewer, item.sequence)


def _in_hand_still(
    project: Project, audit: Audit | None, reviewer: str, *, double: bool, lease_s: float
) -> Iterator[StreamItem]:
    """What the reviewer was handed, holds, and has not judged."""
    leased = {name for name, who, _ in held(project.index) if who == reviewer}
    if not leased:
        return
    for name, handed in in_hand(project, reviewer).items():
        if handed.judged or name not in leased or (handed.plant is not None and audit is None):
            continue
        if handed.plant is None and not _still_open(project, audit, reviewer, name, double=double):
            continue
        if hold(project.index, reviewer, name, lease_s):
            source: Source = "suspicion" if handed.plant is None else "plant"
            yield StreamItem(name, source, handed.plant)


def _mixed(
    project: Project, audit: Audit, reviewer: str, suspects: Iterable[str], *, double: bool, lease_s: float
) -> Iterator[StreamItem]:
    """The window's stream without what is done, or in another's hands; each item is held when it is yielded.

    Draws that were accepted without being watched come again, after all the others.
    """
    index = project.index
    stream = audit_stream(project, audit, suspects, reviewer=reviewer)
    drawn = {item.name: item for item in audit.draws}
    again: list[StreamItem] = []
    for chunk in parts(stream, _AT_ONCE):
        free = open_names(index, reviewer, [i.sequence for i in chunk if i.plant is None], double=double)
        for item in chunk:
            if item.plant is None and item.sequence not in free:
                again += [item] if item.source == "audit" else []
                continue
            if item.source == "audit" and not _is_wanted(project, audit, drawn[item.sequence]):
                continue
            if not hold(index, reviewer, item.sequence, lease_s):
                continue
            # It is ours now; what others did to it until a moment ago is seen only by asking again.
            if _is_open(project, item, reviewer, double=double):
                yield item
            else:
                give_back(index, reviewer, item.sequence)
    if not again:
        return
    evidence = gather(audit, index.events("verdict", "adjudication", "undo", PLANT_JUDGED))
    unwatched = {
        item.name for item, state in zip(audit.draws, evidence.states, strict=True) if state == "unwatched"
    }
    for item in again:
        name = item.sequence
        if name in unwatched and project.track_hash(name) == drawn[name].track_hash:
            row = index.row(name)
            if row is not None and row.state == "accept" and hold(index, reviewer, name, lease_s):
                yield item


def _names(index: Index, where: Filter, **order: Any) -> Iterator[str]:
    """The names that pass, a part at a time and each part twice as long: most who ask need only the first."""
    offset, size = 0, _AT_ONCE
    while names := index.names(where, offset=offset, limit=size, **order):
        yield from names
        offset, size = offset + size, 2 * size


def _is_wanted(project: Project, audit: Audit, item: Item) -> bool:
    """Whether a draw waits for a verdict, which counts on the bytes that were released only."""
    return (
        _draw_state(project, audit, item) in ("waiting", "unwatched")
        and project.track_hash(item.name) == item.track_hash
    )


def _draw_state(project: Project, audit: Audit, item: Item) -> State:
    events = project.index.events("verdict", "adjudication", "undo", sequence=item.name)
    return draw_state(item, events, audit.plan.watched)


def _is_open(project: Project, item: StreamItem, reviewer: str, *, double: bool) -> bool:
    if item.plant is None:
        return item.sequence in open_names(project.index, reviewer, [item.sequence], double=double)
    judged = active(project.index.events(PLANT_JUDGED, "undo"))
    return not any(
        isinstance(event, Other)
        and event.data.get("plant") == item.plant.id
        and (event.reviewer == reviewer or not item.plant.practice)
        for event in judged
    )


def _still_open(project: Project, audit: Audit | None, reviewer: str, name: str, *, double: bool) -> bool:
    if audit is not None:
        drawn = (item for item in audit.draws if item.name == name)
        if any(_draw_state(project, audit, item) in ("waiting", "unwatched") for item in drawn):
            return True
    return name in open_names(project.index, reviewer, [name], double=double)


def _is_about(event: Event, handed: Handed) -> bool:
    if isinstance(event, Verdict):
        return handed.plant is None
    return handed.plant is not None and getattr(event, "data", {}).get("plant") == handed.plant.id


def _seeds(project: Project) -> dict[str, str]:
    """{event of the draw: its seed}, oldest first, also of draws that were followed by another."""
    return {
        event.id: str(event.data.get("seed", "")) for event in audits(project.index.events(DRAWN, "undo"))
    }


def _handed(event: Other, seed: str) -> Handed:
    inside = _unsealed(seed, event.id, str(event.data.get("what", "")))
    plant = None
    if isinstance(inside.get("plant"), dict):
        plant = Plant(**inside["plant"])
    track_hash = str(event.data.get("track_hash", ""))
    clip = str(event.data.get("clip", ""))
    return Handed(
        event.sequence, track_hash, event.time, plant, inside.get("kind"), inside.get("effect_mm"), clip
    )


def _sealed(seed: str, identifier: str, inside: dict[str, Any]) -> str:
    text = json.dumps(inside, separators=(",", ":")).encode().ljust(_SEALED_BYTES)
    return bytes(a ^ b for a, b in zip(text, _keystream(seed, identifier, len(text)), strict=True)).hex()


def _unsealed(seed: str, identifier: str, words: str) -> dict[str, Any]:
    """What was sealed; nothing where the words belong to another draw."""
    try:
        data = bytes.fromhex(words)
        found = json.loads(
            bytes(a ^ b for a, b in zip(data, _keystream(seed, identifier, len(data)), strict=True))
        )
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _keystream(seed: str, identifier: str, length: int) -> bytes:
    return hashlib.shake_256(f"{seed}\nhanded\n{identifier}".encode()).digest(length)

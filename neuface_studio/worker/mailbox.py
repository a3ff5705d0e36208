"""What the optimiser tells the window, and the one slot it passes through.

The optimiser never waits for the window: it posts its newest state into a mailbox with one slot, and the window looks
into it 15 times a second.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import Any

from neuface_studio.maps import MapKey, PackedMap, PixelMap
from neuface_studio.model import FIRST_RUN, IterationRecord, RunState


@dataclass(frozen=True)
class Snapshot:
    """What the optimiser tells the window: new iterations since the last look, and its state now."""

    records: tuple[IterationRecord, ...] = ()
    gradient: tuple[MapKey, PackedMap] | None = None
    pixels: tuple[MapKey, PixelMap] | None = None
    state: RunState | None = None
    figures: tuple[str, dict[str, dict[str, float]]] | None = None  # of which run, and its figures
    opened: str | None = None  # a run that was begun
    error: str | None = None
    resumed: bool = False  # runs of an earlier session are there again
    owner: str = FIRST_RUN  # among whose iterations the saved result is, where they are
    notes: tuple[tuple[str, str], ...] = ()  # level and text of lines for the reviewer
    unwatched: tuple[bool, ...] = ()  # for each record: was the window still during this iteration?


@dataclass
class Mailbox:
    """One slot, latest wins; only the light records of an unread snapshot are carried over."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _slot: Snapshot | None = None

    def put(self, snapshot: Snapshot) -> None:
        with self._lock:
            old = self._slot
            if old is not None:
                snapshot = replace(
                    snapshot,
                    records=old.records + snapshot.records,
                    unwatched=old.unwatched + snapshot.unwatched,
                    gradient=snapshot.gradient or old.gradient,
                    pixels=snapshot.pixels or old.pixels,
                    state=snapshot.state or old.state,
                    figures=snapshot.figures or old.figures,
                    error=snapshot.error or old.error,
                    resumed=snapshot.resumed or old.resumed,
                    owner=snapshot.owner if snapshot.resumed else old.owner,
                    notes=old.notes + snapshot.notes,
                    opened=snapshot.opened if snapshot.opened is not None else old.opened,
                )
            self._slot = snapshot

    @property
    def state(self) -> RunState | None:
        """The optimiser's state in the unread snapshot; None where it says nothing."""
        with self._lock:
            return None if self._slot is None else self._slot.state

    def take(self) -> Snapshot | None:
        with self._lock:
            snapshot, self._slot = self._slot, None
            return snapshot


@dataclass(frozen=True)
class SavedResult:
    """The track of an earlier session, and how the window shows it until a new run begins."""

    track: Any
    record: IterationRecord

"""The iterations of every run on the open footage, and what is left of them when another sequence is opened."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import dataclass, field

from neuface_studio.model import FIRST_RUN, Footage, IterationRecord, RunState, parameter_bytes
from neuface_studio.undo import Place

Figures = dict[str, dict[str, float]]


@dataclass
class History:
    """The iterations of one run by their index; ``indices`` rise."""

    records: dict[int, IterationRecord] = field(default_factory=dict)
    indices: list[int] = field(default_factory=list)

    def add(self, record: IterationRecord) -> None:
        """Take an iteration over; one of the same index is replaced."""
        if record.index not in self.records:
            bisect.insort(self.indices, record.index)
        self.records[record.index] = record

    def drop(self, index: int) -> None:
        del self.records[index]
        self.indices.remove(index)

    def nearest(self, index: int) -> int:
        """The index of the iteration nearest to ``index``; there must be one."""
        place = bisect.bisect_left(self.indices, index)
        return min(self.indices[max(0, place - 1) : place + 1], key=lambda i: abs(i - index))

    def newest(self) -> IterationRecord | None:
        return self.records[self.indices[-1]] if self.indices else None


class Histories:
    """Histories by the run's name, in the order in which the runs began; the first run is always there."""

    def __init__(self) -> None:
        self._runs: dict[str, History] = {FIRST_RUN: History()}

    def __contains__(self, run: str) -> bool:
        return run in self._runs

    def __getitem__(self, run: str) -> History:
        return self._runs[run]

    @property
    def names(self) -> list[str]:
        return list(self._runs)

    def add(self, records: Iterable[IterationRecord]) -> None:
        for record in records:
            self._runs.setdefault(record.run, History()).add(record)

    def before(self, record: IterationRecord) -> IterationRecord | None:
        """The iteration that the step to ``record`` began from, or None if it is not kept."""
        known = self._runs.get(record.run, History()).records.get(record.index - 1)
        return None if record.saved or known is None or known.saved else known

    def nbytes(self) -> int:
        """Memory held by the parameters."""
        total = 0
        for history in self._runs.values():
            newest = history.newest()
            if newest is not None:
                total += len(history.indices) * parameter_bytes(newest.parameters)
        return total


@dataclass(frozen=True)
class Aside:
    """A sequence that was left for another one, with all its iterations."""

    place: Place
    footage: Footage
    histories: Histories
    figures: dict[str, Figures]
    choices: dict[str, IterationRecord]
    chosen: str
    run_state: RunState

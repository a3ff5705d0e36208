"""The project's index, asked in the words of the queue's table and filter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from neuface_engine.review import Project
from neuface_engine.review.queue import Filter, QueueRow
from neuface_studio.queue_filter import Wanted


def filter_of(wanted: Wanted | None, reviewer: str) -> Filter:
    """The index's filter, as this reviewer may see what passes it."""
    if wanted is None:
        return Filter(seen_by=reviewer)
    ranges: dict[str, tuple[float | None, float | None]] = {}
    for measure, side, value in (*wanted.bounds, *wanted.brushed):
        low, high = ranges.get(measure, (None, None))
        if side == ">":
            ranges[measure] = (value if low is None else max(low, value), high)
        else:
            ranges[measure] = (low, value if high is None else min(high, value))
    suspicion = ranges.pop("suspicion", (None, None))
    return Filter(
        states=(wanted.state,) if wanted.state else (),
        flags=(wanted.flag,) if wanted.flag else (),
        reasons=(wanted.reason,) if wanted.reason else (),
        reviewer=wanted.reviewer or None,
        disputed=True if wanted.disputed else None,
        text=wanted.text,
        ranges=ranges,
        suspicion=suspicion,
        seen_by=reviewer,
    )


class QueueIndex:
    """What the queue's model asks, and what ``reviewer()`` may see of the answer."""

    def __init__(self, project: Project, reviewer: Callable[[], str]) -> None:
        self._project, self._reviewer = project, reviewer

    def rows(
        self, wanted: Any, *, order: str, descending: bool, offset: int, limit: int
    ) -> Sequence[QueueRow]:
        return self._project.index.rows(
            filter_of(wanted, self._reviewer()),
            order=order,
            descending=descending,
            offset=offset,
            limit=limit,
        )

    def names(self, wanted: Any, *, order: str, descending: bool, limit: int) -> list[str]:
        return self._project.index.names(
            filter_of(wanted, self._reviewer()), order=order, descending=descending, limit=limit
        )

    def count(self, wanted: Any) -> int:
        return self._project.index.count(filter_of(wanted, self._reviewer()))

    def first_flagged(self, wanted: Any, *, order: str, descending: bool, after: int) -> int | None:
        """The first row behind ``after`` that carries a flag; None where there is none."""
        offset, step = after + 1, 512
        while True:
            rows = self.rows(wanted, order=order, descending=descending, offset=offset, limit=step)
            for place, row in enumerate(rows):
                if row.flags and row.state not in ("accept", "reject", "unsure"):
                    return offset + place
            if len(rows) < step:
                return None
            offset += step

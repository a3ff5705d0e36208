"""Looking for footage under folders in the background, and taking its fingerprints: both read the disk."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal

from neuface_studio.footage_folders import FootageSearch, plain_name
from neuface_studio.model import Task
from neuface_studio.worker.long_work import CancelledError, LongWorker

HAND_OVER_S = 0.5  # so often what was found goes into the queue
HAND_OVER = 200  # sequences at most
TOLD_S = 0.1


@dataclass(frozen=True)
class FoundSequence:
    """A sequence that the project does not have: the name it should get, and the record of its `Source`."""

    name: str
    source: dict[str, Any]


@dataclass(frozen=True)
class GatherRequest:
    """Where to look, and for which project. In the worker's thread ``known`` reads what the project has already
    (absolute paths), and ``take_in`` lists in it what was found."""

    paths: tuple[Path, ...]
    project: Path
    known: Callable[[], set[Path]]
    take_in: Callable[[list[FoundSequence]], None]


@dataclass(frozen=True)
class Gathered:
    """``found`` sequences lie there, of which ``fresh`` were added; {path: reason} of what cannot be read."""

    found: int
    fresh: int
    unreadable: dict[Path, str]


class GatherWorker(LongWorker):
    """``added(number of sequences)`` follows again and again, then one of ``done``, ``failed`` and ``cancelled``."""

    added = Signal(int)
    done = Signal(object)

    def __init__(self, request: GatherRequest) -> None:
        super().__init__(f"looking for footage under {request.paths[0]}")
        self._request = request
        self._told, self._label = 0.0, ""

    def _work(self) -> None:
        self.done.emit(self._gather())

    def _gather(self) -> Gathered:
        count = 0

        def looking(folder: Path) -> None:
            self._report(
                Task("Looking for footage", None, f"{count:,} found, now in {folder.name or folder}")
            )

        search = FootageSearch(looking)
        known, fresh = self._request.known(), []
        for path in self._request.paths:
            for name, footage in search.sequences_under(path):
                count += 1
                absolute = footage.resolve()
                if absolute not in known:
                    known.add(absolute)
                    fresh.append((name, absolute))
        self._take_fingerprints(fresh)
        return Gathered(count, len(fresh), search.unreadable)

    def _take_fingerprints(self, sequences: list[tuple[str, Path]]) -> None:
        from neuface_engine.review.media import Source

        ready: list[FoundSequence] = []
        begun, handed_over = False, time.monotonic()
        try:
            for number, (name, path) in enumerate(sequences):
                share = number / len(sequences)
                self._report(Task("Adding", share, f"{number:,} of {len(sequences):,}"))
                source = Source.of(path, self._request.project).to_record()
                ready.append(FoundSequence(plain_name(name), source))
                if len(ready) == HAND_OVER or time.monotonic() > handed_over + HAND_OVER_S:
                    self._hand_over(ready)
                    begun, ready, handed_over = True, [], time.monotonic()
        except CancelledError:
            if begun:  # what was read stays; where nothing is in the project yet, nothing comes in
                self._hand_over(ready)
            raise
        self._hand_over(ready)

    def _hand_over(self, sequences: list[FoundSequence]) -> None:
        if sequences:
            self._request.take_in(sequences)
            self.added.emit(len(sequences))

    def _report(self, task: Task) -> None:
        """Tell how far it is, not too often but whenever something else begins; cancels here."""
        self._check()
        now = time.monotonic()
        if now >= self._told + TOLD_S or task.label != self._label:
            self._told, self._label = now, task.label
            self.progressed.emit(task)

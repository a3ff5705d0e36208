"""All runs on the open footage: awake or as their files have them, and under which repairs each went on from when."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from neuface_engine.errors import NeuFaceError
from neuface_engine.optimization.repairs import Repairs
from neuface_studio.model import FIRST_RUN, Footage
from neuface_studio.worker.held_run import HeldRun
from neuface_studio.worker.keeping import RunKeeper, owner
from neuface_studio.worker.mailbox import SavedResult

Phases = tuple[tuple[int, Repairs], ...]
"""Pairs (iteration, repairs): from that iteration on the run went on under these."""


@dataclass(frozen=True)
class Beginning:
    """``resumed``: runs of an earlier session are there again; ``owner``: the one among whose iterations the saved
    result is; ``notes``: level and text of what the reviewer should know."""

    resumed: bool
    owner: str
    notes: tuple[tuple[str, str], ...]


class HeldRuns:
    """Runs by name, in the order in which they began."""

    def __init__(self, footage: Footage, keeper: RunKeeper, device: str) -> None:
        self._footage = footage
        self._keeper = keeper
        self._device = device
        self._runs: dict[str, HeldRun] = {}
        self._sequences: dict[Repairs, Any] = {Repairs(): footage.original or footage.sequence}
        self.watching = False  # |dL/dM| of the iterations to come

    def __getitem__(self, name: str) -> HeldRun:
        return self._runs[name]

    def __iter__(self) -> Iterator[HeldRun]:
        return iter(list(self._runs.values()))

    def get(self, name: str) -> HeldRun | None:
        return self._runs.get(name)

    def put(self, name: str, run: Any) -> HeldRun:
        """Hold a run under this name."""
        held = self._runs[name] = HeldRun.of(name, run)
        if held.awake:
            run.watch_vertex_gradient = self.watching
        return held

    def watch_gradient(self, watch: bool) -> None:
        self.watching = watch
        for held in self:
            if held.awake:
                held.run.watch_vertex_gradient = watch

    def stop(self) -> None:
        for held in self:
            if held.awake:
                held.run.stop()

    # Footage and repairs

    def under(self, repairs: Repairs) -> Any:
        """The footage with these repairs: the same object for the same repairs. Raises ConfigError."""
        if repairs not in self._sequences:
            self._sequences[repairs] = repairs.apply(self._sequences[Repairs()])
        return self._sequences[repairs]

    def know(self, repairs: Repairs, sequence: Any) -> None:
        """The footage with these repairs, where it was made already."""
        self._sequences.setdefault(repairs, sequence)

    def phases(self, run: Any) -> Phases:
        """Under which repairs the run went on from when."""
        return tuple((start, self._repairs_of(sequence)) for start, sequence in run.sequences)

    def _repairs_of(self, sequence: Any) -> Repairs:
        return next(repairs for repairs, known in self._sequences.items() if known is sequence)

    # The disk

    def begin(self, saved: SavedResult | None, make: Callable[[], Any]) -> Beginning:
        """Take up the runs of earlier sessions; ``make`` gives the first run where it has to begin anew."""
        # A run may move its head to another device; the window goes on drawing with its own.
        head = copy.deepcopy(self._footage.head)
        kept, trouble = self._keeper.read(self._footage.encoder, head, self.under)
        place = FIRST_RUN if saved is None else owner(kept, saved)
        first = kept.pop(FIRST_RUN, None)
        going_on = first is not None and place is not None  # a result that is none of the runs' counts more
        if going_on:
            self.put(FIRST_RUN, first)
            try:
                self.woken(FIRST_RUN)
            except NeuFaceError as error:
                trouble.append(str(error))
                going_on = False
        if not going_on:
            self.put(FIRST_RUN, make())
        for name, run in kept.items():
            self.put(name, run)
        return Beginning(place is not None and (going_on or bool(kept)), place or FIRST_RUN, _told(trouble))

    def woken(self, name: str) -> HeldRun:
        """The run, made again if it lies in its file only. Raises CheckpointError."""
        held = self._runs[name]
        return held if held.awake else self.put(name, held.run.wake(device=self._device))

    def keep(self, *, at_once: bool = False) -> str:
        """Keep what is new of them all, now and then; why that fails, once."""
        awake = ((held, self.phases(held.run)) for held in self if held.awake)
        return self._keeper.keep(awake, at_once=at_once)

    def keep_for_good(self) -> str:
        """As `keep`, at once, and see that the project does not grow without bounds."""
        return self.keep(at_once=True) or self._keeper.bound_project()


def _told(trouble: list[str]) -> tuple[tuple[str, str], ...]:
    """Why saved runs are left aside, in one line."""
    if not trouble:
        return ()
    what = "A saved run is" if len(trouble) == 1 else f"{len(trouble)} saved runs are"
    return (("warning", f"{what} left aside: {trouble[0]}"),)

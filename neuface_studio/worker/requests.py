"""What the window asks of the optimiser, from any thread; the optimiser's thread takes it up when it can."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Turn:
    """What is to be done next with the active ``run``: a job, or an iteration (``go``), of a run that goes on or one
    that was asked for alone (``single``)."""

    run: str
    job: Callable[[], None] | None
    go: bool
    single: bool


class Requests:
    """Holds what is wanted until it is done. Every method may be called from any thread."""

    def __init__(self, run: str, target: int) -> None:
        self.changed = threading.Condition()
        self.run = run
        self.target = target
        self.stopped = False
        self._running = False
        self._begun = False
        self._single_steps = 0
        self._jobs: deque[Callable[[], None]] = deque()

    def start(self, run: str, target: int) -> None:
        """Let a run go on until iteration ``target``."""
        with self.changed:
            self.run, self.target, self._running = run, target, True
            self.changed.notify()

    def aim(self, target: int) -> None:
        """Another iteration to go on to."""
        with self.changed:
            self.target = target

    def pause(self) -> None:
        """Go on no further than the iteration in progress."""
        with self.changed:
            self._running = False
            self.changed.notify()

    def step(self, run: str) -> None:
        """One iteration of a run, then rest."""
        with self.changed:
            self.run, self._running = run, False
            self._single_steps += 1
            self.changed.notify()

    def activate(self, run: str) -> None:
        """Another run, unless one goes on."""
        with self.changed:
            if not self._running and not self._single_steps:
                self.run = run
            self.changed.notify()

    def at_rest(self, job: Callable[[], None]) -> None:
        """Something to do as soon as no run goes on."""
        with self.changed:
            self._jobs.append(job)
            self.changed.notify()

    def begin(self) -> None:
        """Stop waiting for a reason to begin."""
        with self.changed:
            self._begun = True
            self.changed.notify()

    def stop(self) -> None:
        """Leave for good."""
        with self.changed:
            self.stopped = True
            self.changed.notify()

    def take(self, last: Callable[[str], int]) -> Turn | None:
        """The next turn, given the last iteration of a run; None to leave for good."""
        with self.changed:
            if self.stopped:
                return None
            job = self._jobs.popleft() if self._jobs and not self._running else None
            single = job is None and self._single_steps > 0
            if single:
                self._single_steps -= 1
            go = job is None and (single or (self._running and last(self.run) < self.target))
            if not go:
                self._running = False
            return Turn(self.run, job, go, single)

    def wait(self, other: Callable[[], bool]) -> None:
        """Sleep until there is something to take, or ``other`` holds; that is looked at after every change."""
        with self.changed:
            while not (self.stopped or self._running or self._single_steps or self._jobs or other()):
                self.changed.wait()

    def wait_to_begin(self) -> bool:
        """Sleep until there is a reason to begin; False where it is to end instead."""
        self.wait(lambda: self._begun)
        return not self.stopped

"""Sequences that were left for another one: their iterations stay in memory, and a run of theirs goes on."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from neuface_engine.errors import NeuFaceError
from neuface_studio.histories import Aside
from neuface_studio.model import RunState
from neuface_studio.results import KeptResults
from neuface_studio.worker import BackgroundThread, OptimiserWorker
from neuface_studio.worker.memory import give_back

PLACES = 3  # sequences kept beside the open one: their pictures are the memory they cost
LOOK_MS = 500
END_MS = 120_000

Key = tuple[Path, Path | None, str]
"""Project folder, footage, and the sequence's name there; an empty name is that of whatever has this footage."""


def is_same(wanted: Key, known: Key | None) -> bool:
    """Whether a sequence is the one that is wanted."""
    return known is not None and wanted[:2] == known[:2] and wanted[2] in ("", known[2])


@dataclass
class Parked:
    """All that is needed to go on where the sequence was left."""

    aside: Aside
    optimiser: OptimiserWorker
    thread: BackgroundThread
    kept: KeptResults

    @property
    def running(self) -> bool:
        """Whether its run still goes on; what the mailbox says last counts."""
        told = self.optimiser.mailbox.state
        return (told or self.aside.run_state) == RunState.RUNNING

    def save(self) -> bool:
        """Keep the newest iteration of the run as the project's track. Raises NeuFaceError."""
        run = self.aside.place.run
        track, newest = self.optimiser.newest_track(run)
        if track is None or newest <= self.kept.newest.get(run, 0) or self.kept.book is None:
            return False
        track.save(self.kept.book.track_file)
        self.kept.saved = run, newest
        self.kept.newest[run] = newest
        return True

    def end(self) -> None:
        self.thread.join(self.optimiser.stop, END_MS)
        self.thread.deleteLater()


class ParkingLot(QObject):
    """Keeps the sequences left last. ``finished(name)`` follows when a run among them has come to rest."""

    finished = Signal(str)
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._parked: OrderedDict[Key, Parked] = OrderedDict()
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._look)

    def park(self, key: Key, parked: Parked) -> None:
        """Put a sequence aside; the one left longest ago ends when there are too many."""
        self._parked[key] = parked
        if len(self._parked) > PLACES:
            self._leave(self._parked.popitem(last=False)[1])
            give_back()
        self._timer.start()

    def take(self, key: Key) -> Parked | None:
        """The sequence back, or None if it was not left or is gone."""
        known = next((known for known in reversed(self._parked) if is_same(key, known)), key)
        parked = self._parked.pop(known, None)
        if not self._parked:
            self._timer.stop()
        return parked

    def running(self) -> list[str]:
        """The names of those whose run goes on."""
        return [parked.aside.place.sequence for parked in self._parked.values() if parked.running]

    def pause_all(self) -> list[str]:
        """Pause every run among them, as another one begins; the names of those that ran."""
        running = [parked for parked in self._parked.values() if parked.running]
        for parked in running:
            parked.optimiser.pause()
        return [parked.aside.place.sequence for parked in running]

    def end(self, folder: Path, name: str) -> None:
        """End the sequence of this name, if it is among them; its track is kept."""
        for key in [key for key in self._parked if (key[0], key[2]) == (folder, name)]:
            self._leave(self._parked.pop(key))

    def clear(self) -> None:
        """End them all; their tracks are kept."""
        self._timer.stop()
        while self._parked:
            self._leave(self._parked.popitem(last=False)[1])

    def _leave(self, parked: Parked) -> None:
        self._save(parked)
        parked.end()

    def _save(self, parked: Parked) -> bool:
        try:
            return parked.save()
        except NeuFaceError as error:
            self.failed.emit(f"The track of {parked.aside.place.sequence} is not saved: {error}")
            return False

    @Slot()
    def _look(self) -> None:
        for parked in self._parked.values():
            if not parked.running and self._save(parked):
                self.finished.emit(parked.aside.place.sequence)

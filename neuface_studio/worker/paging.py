"""Reading pages of the queue in a thread of its own, so that scrolling never waits for the disk."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import Signal, Slot

from neuface_studio.worker.waiting import WaitingWorker

WAITING = 6  # pages wished for: what was scrolled past is not read

Read = Callable[[int], Sequence[Any]]
"""The rows of a page."""


class PageWorker(WaitingWorker):
    """Reads the page that was asked for last first. ``read(ticket, page, rows)`` or ``failed(reason)`` follow."""

    read = Signal(object, int, object)
    failed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._wishes: OrderedDict[int, Read] = OrderedDict()
        self._ticket: object = None

    def want(self, ticket: object, page: int, read: Read) -> None:
        """Ask for a page; another ticket means that everything else is out of date."""
        with self._wake:
            if ticket is not self._ticket:
                self._wishes.clear()
                self._ticket = ticket
            self._wishes[page] = read
            self._wishes.move_to_end(page)
            while len(self._wishes) > WAITING:
                self._wishes.popitem(last=False)
            self._wake.notify()

    @Slot()
    def run(self) -> None:
        from neuface_engine.errors import NeuFaceError

        for ticket, page, read in self._items():
            try:
                rows = read(page)
            except NeuFaceError as error:
                self.failed.emit(str(error))
                continue
            self.read.emit(ticket, page, rows)
        self.finished.emit()

    def _has_work(self) -> bool:
        return bool(self._wishes)

    def _take(self) -> tuple[object, int, Read]:
        return self._ticket, *self._wishes.popitem()

"""What every worker in a thread of its own has in common that sleeps until something is asked of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from PySide6.QtCore import QObject, Signal


class WaitingWorker(QObject):
    """Subclasses change what waits with `_wake` held, notify it, and work through `_items` in their slot ``run``, which
    ends with `finished`."""

    finished = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._wake = threading.Condition()
        self._stop = False

    def stop(self) -> None:
        """From any thread: leave after what is in progress."""
        with self._wake:
            self._stop = True
            self._wake.notify()

    def _items(self) -> Iterator[Any]:
        """What `_take` gives, whenever something waits, until the worker is stopped."""
        while True:
            with self._wake:
                while not (self._stop or self._has_work()):
                    self._wake.wait()
                if self._stop:
                    return
                item = self._take()
            yield item

    def _has_work(self) -> bool:
        """Whether something waits; `_wake` is held."""
        raise NotImplementedError

    def _take(self) -> Any:
        """The next item; `_wake` is held."""
        raise NotImplementedError

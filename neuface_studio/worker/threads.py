"""Threads of the background work: how many torch may use, their priority, and an orderly end."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QThread

log = logging.getLogger(__name__)


_wanted = 0  # threads that the user has set; 0 = none


def set_worker_threads(number: int) -> None:
    """Use so many threads for torch in the work that begins from now on; 0 = as many as are good."""
    global _wanted
    _wanted = number


def worker_threads() -> int:
    """Threads for torch: what the user has set, else one core stays free for the window."""
    return _wanted or max(1, (os.cpu_count() or 2) - 1)


def lower_priority(steps: int = 15) -> None:
    """Make the calling thread give way to the window (Linux only; elsewhere the system's scheduler decides)."""
    if sys.platform == "linux":
        try:
            thread = threading.get_native_id()
            own = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, min(19, own + steps))
        except OSError as error:
            log.debug("thread priority not lowered: %s", error)


class BackgroundThread(QThread):
    """A thread around one worker object with a ``run`` slot and a ``finished`` signal; joins in an orderly way."""

    def __init__(self, worker: Any, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        worker.moveToThread(self)
        self.started.connect(worker.run)
        worker.finished.connect(self.quit)
        self.start()

    def join(self, request_stop: Callable[[], None], timeout_ms: int = 60_000) -> bool:
        """Ask the work to stop, then wait for the thread; False if it did not end in time."""
        request_stop()
        self.quit()
        return self.wait(timeout_ms)


def end_worker(worker: Any, thread: BackgroundThread | None) -> None:
    """End a worker that has a ``stop`` method, and its thread; nothing where there is none (None)."""
    if worker is not None and thread is not None:
        thread.join(worker.stop)
        thread.deleteLater()

"""What every worker has in common that does one long thing, can be cancelled, and says how it ended."""

from __future__ import annotations

import logging
import threading

from PySide6.QtCore import QObject, Signal, Slot

from neuface_studio.worker.threads import lower_priority

log = logging.getLogger(__name__)


class CancelledError(Exception):
    """Raised inside a progress callback to leave long work early."""


class LongWorker(QObject):
    """Subclasses do it in `_work`, which emits what came out, and call `_check` wherever it may end early.

    At most one of ``failed(reason)`` and ``cancelled`` follows, and always ``finished``.
    """

    progressed = Signal(object)
    failed = Signal(str)
    cancelled = Signal()
    finished = Signal()

    def __init__(self, what: str) -> None:
        """``what`` is done, for the words on a fault: "opening the demo"."""
        super().__init__()
        self._what = what
        self._stop = threading.Event()

    def cancel(self) -> None:
        """Ask the work to end at the next progress report; may be called from any thread."""
        self._stop.set()

    @Slot()
    def run(self) -> None:
        from neuface_engine.errors import NeuFaceError

        try:
            lower_priority()
            self._work()
        except CancelledError:
            self.cancelled.emit()
        except NeuFaceError as error:
            self.failed.emit(str(error))
        except Exception as error:
            log.exception("%s failed", self._what)
            self.failed.emit(f"Fault while {self._what}: {error!r}. Please report it.")
        finally:
            self.finished.emit()

    def _work(self) -> None:
        raise NotImplementedError

    def _check(self) -> None:
        if self._stop.is_set():
            raise CancelledError

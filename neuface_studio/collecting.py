"""Python's garbage collection, kept to the window's thread.

Python collects in whichever thread happens to allocate. Where a cycle holds a closed widget, that may be the
optimiser's thread, and Qt does not survive a widget's end outside its own.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer, Slot

EVERY_MS = 1000


class Collector(QObject):
    """Takes Python's own thresholds, but only between two events of the thread that it was made in. Until `stop`."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        gc.collect()
        gc.freeze()  # modules and the like stay for good: no need to go through them again and again
        gc.disable()
        self._timer = QTimer(self, interval=EVERY_MS)
        self._timer.timeout.connect(self._collect)
        self._timer.start()

    def stop(self) -> None:
        """Back to Python's own way."""
        self._timer.stop()
        gc.enable()
        gc.unfreeze()

    @Slot()
    def _collect(self) -> None:
        full = [count > limit for count, limit in zip(gc.get_count(), gc.get_threshold(), strict=True)]
        if full[0]:
            gc.collect(2 if all(full) else int(full[1]))

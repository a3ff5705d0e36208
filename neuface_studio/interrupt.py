"""Ctrl-C in the terminal, and the system's wish that the program ends: the window is closed as by its button."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from contextlib import suppress

from PySide6.QtCore import QObject, QSocketNotifier, Slot

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupt(QObject):
    """Calls ``close`` in the window's thread at the first signal; a second one ends the process at once.

    Qt's loop runs no Python while nothing happens in the window, so Python is woken through a socket.
    """

    def __init__(self, close: Callable[[], object], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._close = close
        self._heard, self._said = socket.socketpair()
        for end in (self._heard, self._said):
            end.setblocking(False)
        self._notifier = QSocketNotifier(self._heard.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._on_heard)
        self._descriptor_before = signal.set_wakeup_fd(self._said.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, self._on_signal) for number in SIGNALS}

    def _on_signal(self, number: int, _frame: object) -> None:
        for known in SIGNALS:
            signal.signal(known, signal.SIG_DFL)

    @Slot()
    def _on_heard(self) -> None:
        with suppress(OSError):
            heard = self._heard.recv(64)
            if any(number in heard for number in SIGNALS):
                self._close()

    def stop(self) -> None:
        """Leave the signals as they were before."""
        self._notifier.setEnabled(False)
        signal.set_wakeup_fd(self._descriptor_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._heard.close()
        self._said.close()

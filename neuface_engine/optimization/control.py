"""Pausing and stopping a run from another thread."""

from __future__ import annotations

from threading import Event


class Control:
    """`pause`, `resume` and `stop` may be called from any thread; they take effect between two iterations.

    stop_reason: None while a run can go on, then "converged", "iteration limit", "stopped" or "diverged".
    """

    def __init__(self) -> None:
        self._running, self._stopped = Event(), Event()
        self._running.set()
        self.stop_reason: str | None = None

    def pause(self) -> None:
        """The iteration in progress is finished, then iterating waits."""
        self._running.clear()

    def resume(self) -> None:
        self._running.set()

    def stop(self) -> None:
        """Iterating ends after the iteration in progress."""
        self._stopped.set()
        self._running.set()

    @property
    def paused(self) -> bool:
        return not self._running.is_set()

    def _go_on(self) -> None:
        """As if it had never ended."""
        self._stopped.clear()
        self.stop_reason = None

    def _may_go_on(self) -> bool:
        """Waits while paused; False once stopped."""
        self._running.wait()
        return not self._stopped.is_set()

"""The state of the first run on the disk: kept now and then, found again by the next session."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from neuface_engine.errors import NeuFaceError
from neuface_studio.worker.held_run import HeldRun
from neuface_studio.worker.mailbox import SavedResult

log = logging.getLogger(__name__)

INTERVAL_S = 20.0  # between two states that are kept while a run goes on


class RunKeeper:
    """Writes a run's state into ``path``; None: nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._kept = 0  # the iteration in the file
        self._time = time.monotonic()

    def resume(self, run: Any, saved: SavedResult | None) -> bool | None:
        """Put the run into the state that an earlier session left; False where there is none that fits.

        None: it does not belong to the saved result, which counts; the run is spoilt.
        """
        from neuface_engine.optimization.checkpoint import resume

        if self._path is None or not self._path.exists():
            return False
        try:
            resume(run, self._path)
        except NeuFaceError as error:
            log.info("the run of an earlier session is left aside: %s", error)
            return False
        if saved is not None:
            index, pose = saved.record.index, saved.record.parameters.pose.cpu()
            known = index < len(run.history)
            if not known or not run.history.parameters(index).pose.cpu().allclose(pose, atol=1e-5):
                return None
        self._kept = len(run.history) - 1
        return True

    def keep(self, held: HeldRun, *, at_once: bool = False) -> str:
        """Write the state, if it is new and it is time; why that fails, once, or an empty string."""
        from neuface_engine.optimization.checkpoint import save_checkpoint

        if self._path is None:
            return ""
        due = at_once or time.monotonic() - self._time > INTERVAL_S
        if not due or held.last in (0, self._kept):
            return ""
        self._kept, self._time = held.last, time.monotonic()
        try:
            save_checkpoint(held.run, self._path)
        except NeuFaceError as error:
            self._path = None  # said once
            return f"A crash would lose this run's iterations: {error}"
        return ""

"""The optimiser in its thread: takes commands, posts snapshots. No widgets, no drawing."""

from __future__ import annotations

import copy
import logging
import threading
from dataclasses import fields, replace
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot

from neuface_studio.session import Footage, IterationRecord, RunState, pack_map
from neuface_studio.worker.mailbox import Mailbox, SavedResult, Snapshot
from neuface_studio.worker.threads import lower_priority, worker_threads

log = logging.getLogger(__name__)


class OptimiserWorker(QObject):
    """Owns one NeuFace run. Commands may come from any thread; everything it has to say goes into the mailbox."""

    finished = Signal()

    def __init__(
        self,
        footage: Footage,
        *,
        target: int = 100,
        saved: SavedResult | None = None,
        config_changes: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self._saved = saved
        self.mailbox = Mailbox()
        self.window_still = False  # set by the window to measure what its drawing costs
        self._footage = footage
        self._config_changes = config_changes or {}
        self._wake = threading.Condition()
        self._running = False
        self._single_steps = 0
        self._target = target
        self._stop = False
        self._watch_gradient = False
        self._wanted_gradient: int | None = None
        self._run: Any = None
        self._weights: dict[str, float] = {}

    # Commands, from any thread

    def start_running(self, target: int) -> None:
        """Run until iteration ``target``."""
        with self._wake:
            self._target = target
            self._running = True
            self._wake.notify()

    def set_target(self, target: int) -> None:
        with self._wake:
            self._target = target

    def pause(self) -> None:
        """Pause after the iteration in progress."""
        with self._wake:
            self._running = False
            self._wake.notify()

    def step(self) -> None:
        """Do one EM iteration, then pause."""
        with self._wake:
            self._running = False
            self._single_steps += 1
            self._wake.notify()

    def watch_gradient(self, watch: bool) -> None:
        """Keep |dL/dM| of the iterations to come."""
        self._watch_gradient = watch
        run = self._run
        if run is not None:
            run.watch_vertex_gradient = watch

    def want_gradient(self, index: int) -> None:
        """Work out |dL/dM| of a past iteration again, at the next pause."""
        with self._wake:
            self._wanted_gradient = index
            self._wake.notify()

    def stop(self) -> None:
        """Leave for good, at the next opportunity."""
        with self._wake:
            self._stop = True
            self._wake.notify()
        run = self._run
        if run is not None:
            run.stop()

    def track(self, iteration: int) -> Any:
        """The `FaceTrack` of a stored iteration; reading the history is safe while the run goes on."""
        return None if self._run is None else self._run.track(iteration=iteration)

    # The thread itself

    @Slot()
    def run(self) -> None:
        from neuface_engine.errors import NeuFaceError

        try:
            lower_priority()
            self._prepare()
            self._loop()
        except NeuFaceError as error:
            self.mailbox.put(Snapshot(state=RunState.FAILED, error=str(error)))
        except Exception as error:
            log.exception("the optimisation failed")
            self.mailbox.put(
                Snapshot(
                    state=RunState.FAILED, error=f"Fault in the optimisation: {error!r}. Please report it."
                )
            )
        finally:
            self.finished.emit()

    def _prepare(self) -> None:
        import torch

        import neuface_engine as nf

        torch.set_num_threads(worker_threads())
        config = nf.NeuFaceConfig(**self._config_changes)
        suffix = "_weight"
        weights = {
            name.removesuffix(suffix): value for name, value in vars(config).items() if name.endswith(suffix)
        }
        known = {entry.name for entry in fields(nf.Losses)}
        self._weights = {name: value for name, value in weights.items() if value and name in known}
        footage = self._footage
        # The run may move its head to another device; the window goes on drawing with its own.
        run = nf.NeuFace(footage.sequence, footage.encoder, copy.deepcopy(footage.head), config=config)
        if self._stop:
            return
        initial = run.initial
        run.watch_vertex_gradient = self._watch_gradient
        self._run = run
        self.mailbox.put(Snapshot(records=(self._record(initial),), unwatched=(False,), state=RunState.READY))
        if self._saved is not None and not self._stop:
            self._measure_saved(self._saved)

    def _loop(self) -> None:
        evaluated = last = 0
        while True:
            with self._wake:
                if self._stop:
                    return
                stepping = self._single_steps > 0
                self._single_steps = max(0, self._single_steps - 1)
                go = stepping or (self._running and last < self._target)
                if not go:
                    self._running = False
                    wanted, self._wanted_gradient = self._wanted_gradient, None
            if go:
                last = self._iterate(None if stepping else RunState.RUNNING)
                continue
            self.mailbox.put(Snapshot(state=self._resting_state(last)))
            if wanted is not None:
                values = self._run.vertex_gradient(wanted).numpy()
                self.mailbox.put(Snapshot(gradient=(wanted, pack_map(values))))
            if last and evaluated != last:
                self.mailbox.put(Snapshot(figures=self._evaluate()))
                evaluated = last
            with self._wake:
                while not (
                    self._stop or self._running or self._single_steps or self._wanted_gradient is not None
                ):
                    self._wake.wait()

    def _resting_state(self, last: int) -> RunState:
        if last == 0:
            return RunState.READY
        return RunState.FINISHED if last >= self._target else RunState.PAUSED

    def _iterate(self, state: RunState | None) -> int:
        still_before = self.window_still
        iteration = self._run.step()
        gradient = None
        if iteration.vertex_gradient is not None:
            gradient = (iteration.index, pack_map(iteration.vertex_gradient.cpu().numpy()))
        self.mailbox.put(
            Snapshot(
                records=(self._record(iteration),),
                unwatched=(still_before and self.window_still,),
                gradient=gradient,
                state=state,
            )
        )
        return int(iteration.index)

    def _record(self, iteration: Any) -> IterationRecord:
        losses = {"total": float(iteration.losses.total)}
        losses |= {
            name: weight * float(getattr(iteration.losses, name)) for name, weight in self._weights.items()
        }
        return IterationRecord(
            index=int(iteration.index),
            parameters=iteration.parameters,
            losses=losses,
            cvd_mm=np.asarray(iteration.cvd_mm_per_view, dtype=np.float64),
            msi=np.asarray(iteration.msi_landmark_per_view, dtype=np.float64),
            nme_percent=np.asarray(iteration.nme_percent_per_view, dtype=np.float64),
            seconds=float(iteration.seconds),
        )

    def _measure_saved(self, saved: SavedResult) -> None:
        """The figures of a result that was loaded, as an iteration has them."""
        import neuface_engine as nf

        track = saved.track
        valid = track.detected.float()
        landmarks = track.landmarks(kind="dynamic")
        projected = nf.project(landmarks, track.parameters.camera)
        record = replace(
            saved.record,
            cvd_mm=nf.metrics.cross_view_distance(track.vertices(space="canonical"), valid).per_view_mm(),
            msi=nf.metrics.motion_stability(landmarks, valid),
            nme_percent=nf.metrics.landmark_error(projected, track.landmarks_2d, valid),
        )
        self.mailbox.put(Snapshot(records=(record,), unwatched=(False,), figures=self._evaluate(track)))

    def _evaluate(self, track: Any = None) -> dict[str, dict[str, float]]:
        import neuface_engine as nf

        tracks = {"encoder": self._run.track(iteration=0), "neuface": track or self._run.track()}
        figures: dict[str, dict[str, float]] = {}
        for name, track in tracks.items():
            if self._stop:
                return {}
            values = nf.metrics.evaluate(track, self._footage.sequence).as_dict()
            figures[name] = {
                key: float(value) for key, value in values.items() if isinstance(value, (int, float))
            }
        return figures

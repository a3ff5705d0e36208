"""The optimiser in its thread: takes commands, posts snapshots. No widgets, no drawing."""

from __future__ import annotations

import copy
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot

from neuface_studio.maps import PixelMap, pack_map
from neuface_studio.model import FIRST_RUN, Footage, IterationRecord, RunState
from neuface_studio.worker.mailbox import Mailbox, SavedResult, Snapshot
from neuface_studio.worker.threads import lower_priority, worker_threads

log = logging.getLogger(__name__)

PIXEL_SHARE = 0.1  # of the optimiser's time, at most, goes into maps over the pixels while it runs


@dataclass(frozen=True)
class HeldRun:
    """One of the runs on this footage, and the weights of its loss terms."""

    name: str
    run: Any
    weights: dict[str, float]


class OptimiserWorker(QObject):
    """Owns the runs on one footage. Commands may come from any thread; what it has to say goes into the mailbox."""

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
        self._watch_pixels: int | None = None  # the frame whose map over the pixels is wanted
        self._pixels_of: tuple[str, int, int] | None = None  # run, iteration and frame of the last one
        self._pixels_after = 0.0  # s on the clock: not before
        self._jobs: deque[Callable[[], None]] = deque()
        self._held: dict[str, HeldRun] = {}
        self._active = FIRST_RUN

    # Commands, from any thread

    def start_running(self, target: int, run: str = FIRST_RUN) -> None:
        """Let a run go on until iteration ``target``."""
        with self._wake:
            self._active = run
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

    def step(self, run: str = FIRST_RUN) -> None:
        """Do one EM iteration of a run, then pause."""
        with self._wake:
            self._active = run
            self._running = False
            self._single_steps += 1
            self._wake.notify()

    def watch_gradient(self, watch: bool) -> None:
        """Keep |dL/dM| of the iterations to come."""
        self._watch_gradient = watch
        for held in list(self._held.values()):
            held.run.watch_vertex_gradient = watch

    def watch_pixels(self, frame: int | None) -> None:
        """Keep the map over the pixels of this frame up to date, of the newest iteration; None: no longer."""
        with self._wake:
            self._watch_pixels = frame
            self._wake.notify()

    def want_gradient(self, run: str, index: int) -> None:
        """Work out |dL/dM| of a past iteration again, at the next pause."""
        self._do_at_rest(lambda: self._gradient(run, index))

    def branch(self, name: str, run: str, iteration: int, changes: dict[str, Any]) -> None:
        """Pause; begin the run ``name``, which goes on from an iteration of ``run`` with other settings."""
        self.pause()
        self._do_at_rest(lambda: self._branch(name, run, iteration, changes))

    def fit(self, name: str) -> None:
        """Pause; begin a run of FLAME fitting from the encoder's prediction."""
        self.pause()
        self._do_at_rest(lambda: self._fit(name))

    def _do_at_rest(self, job: Callable[[], None]) -> None:
        with self._wake:
            self._jobs.append(job)
            self._wake.notify()

    def stop(self) -> None:
        """Leave for good, at the next opportunity."""
        with self._wake:
            self._stop = True
            self._wake.notify()
        for held in list(self._held.values()):
            held.run.stop()

    def track(self, run: str, iteration: int) -> Any:
        """The `FaceTrack` of a stored iteration; reading the history is safe while the run goes on."""
        held = self._held.get(run)
        return None if held is None else held.run.track(iteration=iteration)

    def newest_track(self, run: str) -> tuple[Any, int]:
        """The `FaceTrack` of the newest iteration and its index; (None, 0) before the first."""
        held = self._held.get(run)
        newest = 0 if held is None else len(held.run.history) - 1
        return (held.run.track(iteration=newest), newest) if held is not None and newest > 0 else (None, 0)

    def config(self, run: str) -> Any:
        """The settings under which a run goes on now; None before it exists."""
        held = self._held.get(run)
        return None if held is None else held.run.config

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
        footage = self._footage
        # The run may move its head to another device; the window goes on drawing with its own.
        run = nf.NeuFace(footage.sequence, footage.encoder, copy.deepcopy(footage.head), config=config)
        if self._stop:
            return
        held = self._hold(FIRST_RUN, run)
        self.mailbox.put(
            Snapshot(records=(record_of(held, run.initial),), unwatched=(False,), state=RunState.READY)
        )
        if self._saved is not None and not self._stop:
            self._measure_saved(self._saved)

    def _hold(self, name: str, run: Any) -> HeldRun:
        run.watch_vertex_gradient = self._watch_gradient
        held = HeldRun(name, run, weights_of(run))
        self._held[name] = held
        return held

    def _loop(self) -> None:
        evaluated: tuple[str, int] | None = None
        while True:
            with self._wake:
                if self._stop:
                    return
                job = self._jobs.popleft() if self._jobs and not self._running else None
                held = self._held[self._active]
                last = len(held.run.history) - 1
                stepping = job is None and self._single_steps > 0
                self._single_steps = max(0, self._single_steps - 1) if stepping else self._single_steps
                go = job is None and (stepping or (self._running and last < self._target))
                if not go:
                    self._running = False
            if job is not None:
                job()
                continue
            if go:
                self._iterate(held, None if stepping else RunState.RUNNING)
                if time.perf_counter() > self._pixels_after:
                    self._pixels(held)
                continue
            self.mailbox.put(Snapshot(state=self._resting_state(last)))
            if last and evaluated != (held.name, last):
                self.mailbox.put(Snapshot(figures=(held.name, self._evaluate(held))))
                evaluated = held.name, last
            self._pixels(held)
            with self._wake:
                while not (
                    self._stop
                    or self._running
                    or self._single_steps
                    or self._jobs
                    or self._pixels_due(held) is not None
                ):
                    self._wake.wait()

    def _pixels_due(self, held: HeldRun) -> tuple[str, int, int] | None:
        """Run, iteration and frame of which a map over the pixels is wanted and not there yet."""
        frame = self._watch_pixels
        due = None if frame is None else (held.name, len(held.run.history) - 1, frame)
        return None if due == self._pixels_of else due

    def _pixels(self, held: HeldRun) -> None:
        """Work out what the next step of the newest state sees of the shown frame; while running, now and then."""
        from neuface_engine.optimization import gradient_maps

        due = self._pixels_due(held)
        if due is None:
            return
        self._pixels_of = due  # also where it fails: not tried for ever
        started = time.perf_counter()
        run, (_, index, frame) = held.run, due
        if run.method == "flame-fitting":
            strength = gradient_maps.landmark_gradient(run)[frame].numpy()
            pixels = PixelMap.of_landmarks(frame, strength, gradient_maps.detected_points(run)[frame].numpy())
        else:
            crops = [(frame, view) for view in range(len(self._footage.sequence.views))]
            pixels = PixelMap.of_pixels(frame, gradient_maps.pixel_gradient(run, crops).numpy())
        self.mailbox.put(Snapshot(pixels=((held.name, index), pixels)))
        took = time.perf_counter() - started
        self._pixels_after = time.perf_counter() + took * (1 / PIXEL_SHARE - 1)

    # Jobs, done while the optimisation rests

    def _gradient(self, run: str, index: int) -> None:
        values = self._held[run].run.vertex_gradient(index).numpy()
        self.mailbox.put(Snapshot(gradient=((run, index), pack_map(values))))

    def _branch(self, name: str, run: str, iteration: int, changes: dict[str, Any]) -> None:
        origin = self._held[run].run
        self._open(name, lambda: origin.branch(iteration, config=replace(origin.config, **changes)))

    def _fit(self, name: str) -> None:
        import neuface_engine as nf

        footage = self._footage
        config = nf.FlameFittingConfig(iterations=max(self._target, 1))
        head = copy.deepcopy(footage.head)
        self._open(name, lambda: nf.FlameFitting(footage.sequence, footage.encoder, head, config=config))

    def _open(self, name: str, make: Callable[[], Any]) -> None:
        """Make a run, and show it with what it has of a history."""
        from neuface_engine.errors import NeuFaceError

        self.mailbox.put(Snapshot(state=RunState.PREPARING))
        try:
            run = make()
        except NeuFaceError as error:
            self.mailbox.put(Snapshot(error=str(error)))
            return
        held = self._hold(name, run)
        records = tuple(record_of(held, run.history.iteration(index)) for index in run.history.indices)
        with self._wake:
            self._active = name
        self.mailbox.put(Snapshot(records=records, unwatched=(False,) * len(records), opened=name))

    def _resting_state(self, last: int) -> RunState:
        if last == 0:
            return RunState.READY
        return RunState.FINISHED if last >= self._target else RunState.PAUSED

    def _iterate(self, held: HeldRun, state: RunState | None) -> None:
        still_before = self.window_still
        iteration = held.run.step()
        gradient = None
        if iteration.vertex_gradient is not None:
            key = held.name, int(iteration.index)
            gradient = key, pack_map(iteration.vertex_gradient.cpu().numpy())
        self.mailbox.put(
            Snapshot(
                records=(record_of(held, iteration),),
                unwatched=(still_before and self.window_still,),
                gradient=gradient,
                state=state,
            )
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
        figures = FIRST_RUN, self._evaluate(self._held[FIRST_RUN], track)
        self.mailbox.put(Snapshot(records=(record,), unwatched=(False,), figures=figures))

    def _evaluate(self, held: HeldRun, track: Any = None) -> dict[str, dict[str, float]]:
        import neuface_engine as nf

        tracks = {"encoder": held.run.track(iteration=0), "neuface": track or held.run.track()}
        figures: dict[str, dict[str, float]] = {}
        for name, track in tracks.items():
            if self._stop:
                return {}
            values = nf.metrics.evaluate(track, self._footage.sequence).as_dict()
            figures[name] = {
                key: float(value) for key, value in values.items() if isinstance(value, (int, float))
            }
        return figures


def weights_of(run: Any) -> dict[str, float]:
    """Weight of each loss term of a run, by its name; those without effect are left out."""
    suffix = "_weight"
    weights = {
        name.removesuffix(suffix): value for name, value in vars(run.config).items() if name.endswith(suffix)
    }
    known = {entry.name for entry in fields(run.initial.losses)}
    return {name: value for name, value in weights.items() if value and name in known}


def record_of(held: HeldRun, iteration: Any) -> IterationRecord:
    """An iteration of the engine as the window keeps it."""
    losses = {"total": float(iteration.losses.total)}
    losses |= {name: weight * float(getattr(iteration.losses, name)) for name, weight in held.weights.items()}
    return IterationRecord(
        index=int(iteration.index),
        parameters=iteration.parameters,
        losses=losses,
        cvd_mm=np.asarray(iteration.cvd_mm_per_view, dtype=np.float64),
        msi=np.asarray(iteration.msi_landmark_per_view, dtype=np.float64),
        nme_percent=np.asarray(iteration.nme_percent_per_view, dtype=np.float64),
        seconds=float(iteration.seconds),
        run=held.name,
        settings=settings_at(held.run, int(iteration.index)),
    )


def settings_at(run: Any, index: int) -> Any:
    """The settings under which the losses of an iteration are meant."""
    from neuface_engine.optimization.run import in_force

    return in_force(run.settings, index)

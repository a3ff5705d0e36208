"""Background work: loading footage, and the optimiser with its one-slot mailbox. No widgets, no drawing.

The optimiser never waits for the window: it posts its newest state into a mailbox with one slot, and the window looks
into it 15 times a second.
"""

from __future__ import annotations

import copy
import logging
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, QThread, Signal, Slot

from neuface_studio.session import Footage, IterationRecord, RunState, Task

log = logging.getLogger(__name__)


def worker_threads() -> int:
    """Threads for torch: one core stays free for the window."""
    return max(1, (os.cpu_count() or 2) - 1)


def lower_priority() -> None:
    """Make the calling thread give way to the window (Linux only; elsewhere the system's scheduler decides)."""
    if sys.platform == "linux":
        try:
            thread = threading.get_native_id()
            own = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, min(19, own + 15))
        except OSError as error:
            log.debug("thread priority not lowered: %s", error)


# Loading


STAGES = {
    "decode": "Decoding the videos",
    "detect": "Finding the face in every picture",
    "crop": "Cutting out the faces",
}


@dataclass(frozen=True)
class LoadRequest:
    """What to open: a path, or None for the bundled demo."""

    path: Path | None
    views: str | None = None
    max_frames: int | None = None


class CancelledError(Exception):
    """Raised inside a progress callback to leave long work early."""


class LoadWorker(QObject):
    """Decodes and detects in a thread of its own; exactly one of the three result signals follows."""

    progressed = Signal(object)
    loaded = Signal(object)
    failed = Signal(str)
    cancelled = Signal()
    finished = Signal()

    def __init__(self, request: LoadRequest) -> None:
        super().__init__()
        self._request = request
        self._stop = threading.Event()

    def cancel(self) -> None:
        """Ask the work to end at the next progress report; may be called from any thread."""
        self._stop.set()

    @Slot()
    def run(self) -> None:
        from neuface_engine.errors import NeuFaceError

        try:
            lower_priority()
            footage = self._load()
            if self._stop.is_set():
                raise CancelledError
            self.loaded.emit(footage)
        except CancelledError:
            self.cancelled.emit()
        except NeuFaceError as error:
            self.failed.emit(str(error))
        except Exception as error:
            log.exception("loading failed")
            self.failed.emit(
                f"Fault while opening {self._request.path or 'the demo'}: {error!r}. Please report it."
            )
        finally:
            self.finished.emit()

    def _load(self) -> Footage:
        self._report("Starting the engine", None)
        import torch

        import neuface_engine as nf

        torch.set_num_threads(worker_threads())
        is_demo = self._request.path is None
        path = nf.resources.path("demo") if self._request.path is None else self._request.path
        self._report("Loading the head and the encoder", None)
        head = nf.FaceModel.load("open")
        encoder = nf.load_encoder("open")
        self._check()
        sequence = nf.load_sequence(
            path,
            views=self._request.views,
            max_frames=self._request.max_frames,
            crop_size=encoder.input_size,
            crop_scale=encoder.crop_scale,
            progress=self._progress,
        )
        self._report("Decoding the frames", None)
        sequence.frames[0, 0]  # a cached sequence decodes its frames when the first of them is asked for
        self._check()
        self._report("Preparing the display", None)
        faces = np.ascontiguousarray(head.faces.cpu().numpy(), dtype=np.int32)
        warm_up_raster(faces, head.num_vertices)
        return Footage(sequence=sequence, head=head, encoder=encoder, faces=faces, is_demo=is_demo)

    def _progress(self, stage: str, done: int, total: int) -> None:
        self._check()
        fraction = done / total if total else None
        self._report(STAGES.get(stage, stage), fraction, f"{done} of {total} pictures" if total else "")

    def _report(self, label: str, fraction: float | None, detail: str = "") -> None:
        self.progressed.emit(Task(label, fraction, detail))

    def _check(self) -> None:
        if self._stop.is_set():
            raise CancelledError


def warm_up_raster(faces: np.ndarray, num_vertices: int) -> None:
    """Compile (or load from the cache) the drawing kernels, so that the first picture is not late."""
    from neuface_engine import raster

    frame = np.zeros((16, 16, 3), np.uint8)
    points = np.zeros((num_vertices, 3), np.float32)
    normals = np.zeros_like(points)
    raster.draw_shaded(frame, points, normals, faces)
    raster.draw_wireframe(frame, points, faces)
    raster.draw_scalar(frame, points, faces, points[:, 0], vmin=0.0, vmax=1.0, normals=normals)
    raster.vertex_normals(points, faces)


# Optimising


@dataclass(frozen=True)
class Snapshot:
    """What the optimiser tells the window: new iterations since the last look, and its state now."""

    records: tuple[IterationRecord, ...] = ()
    gradient: tuple[int, np.ndarray] | None = None
    state: RunState | None = None
    figures: dict[str, dict[str, float]] | None = None
    error: str | None = None
    unwatched: tuple[bool, ...] = ()  # for each record: was the window still during this iteration?


@dataclass
class Mailbox:
    """One slot, latest wins; only the light records of an unread snapshot are carried over."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _slot: Snapshot | None = None

    def put(self, snapshot: Snapshot) -> None:
        with self._lock:
            old = self._slot
            if old is not None:
                snapshot = replace(
                    snapshot,
                    records=old.records + snapshot.records,
                    unwatched=old.unwatched + snapshot.unwatched,
                    gradient=snapshot.gradient or old.gradient,
                    state=snapshot.state or old.state,
                    figures=snapshot.figures or old.figures,
                    error=snapshot.error or old.error,
                )
            self._slot = snapshot

    def take(self) -> Snapshot | None:
        with self._lock:
            snapshot, self._slot = self._slot, None
            return snapshot


@dataclass(frozen=True)
class SavedResult:
    """The track of an earlier session, and how the window shows it until a new run begins."""

    track: Any
    record: IterationRecord


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
                self.mailbox.put(Snapshot(gradient=(wanted, self._run.vertex_gradient(wanted).numpy())))
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
            gradient = (iteration.index, iteration.vertex_gradient.cpu().numpy())
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


class BackgroundThread(QThread):
    """A thread around one worker object with a ``run`` slot and a ``finished`` signal; joins in an orderly way."""

    def __init__(
        self, worker: LoadWorker | OptimiserWorker, name: str, parent: QObject | None = None
    ) -> None:
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

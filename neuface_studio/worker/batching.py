"""Optimising many sequences one after the other in the background; one that fails does not stop the others."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from neuface_studio.durations import TOLD_AFTER, duration
from neuface_studio.model import ITERATIONS, Task
from neuface_studio.worker.loading import STAGES
from neuface_studio.worker.long_work import CancelledError
from neuface_studio.worker.threads import lower_priority, worker_threads

log = logging.getLogger(__name__)

LOADED, OPTIMISED = 0.1, 0.95  # shares of an item that are done when it is


@dataclass(frozen=True)
class BatchItem:
    """One sequence of a batch: its footage (None is the demo), where its track belongs, and which face it follows."""

    name: str
    source: Path | None
    track: Path
    face: tuple[str, ...] = ("main",)


@dataclass(frozen=True)
class BatchPlan:
    """What is optimised, how, and by what. ``thresholds`` decide what is flagged."""

    items: tuple[BatchItem, ...]
    iterations: int = ITERATIONS
    config: dict[str, Any] = field(default_factory=dict)
    encoder: str = "open"
    head: str = "open"
    device: str = "auto"
    thresholds: Any = None


class BatchWorker(QObject):
    """Works through a plan. ``done(name, measures, flags, suspicion)`` or ``failed(name, reason)`` follow each item."""

    began = Signal(str)
    progressed = Signal(object)
    done = Signal(str, object, object, float)
    failed = Signal(str, str)
    finished = Signal()

    def __init__(self, plan: BatchPlan) -> None:
        super().__init__()
        self._plan = plan
        self._stop = threading.Event()
        self._may_go = threading.Event()
        self._may_go.set()
        self._seconds: list[float] = []  # of work, that each item took which is done
        self._place = 0
        self._iterating_since = 0.0
        self._rested = 0.0

    def cancel(self) -> None:
        """Leave after the iteration in progress; may be called from any thread."""
        self._stop.set()
        self._may_go.set()

    def hold(self, held: bool) -> None:
        """Rest while somebody else needs the processor."""
        self._may_go.clear() if held and not self._stop.is_set() else self._may_go.set()

    @Slot()
    def run(self) -> None:
        from neuface_engine.errors import NeuFaceError

        try:
            lower_priority()
            models = self._models()
            for place, item in enumerate(self._plan.items):
                self._check()
                self._place = place
                self.began.emit(item.name)
                began = self._clock()
                try:
                    self._optimise(item, *models)
                except NeuFaceError as error:
                    self.failed.emit(item.name, str(error))
                    continue
                self._seconds.append(self._clock() - began)
        except CancelledError:
            log.debug("the batch was cancelled")
        except NeuFaceError as error:
            self.failed.emit("", str(error))
        except Exception as error:
            log.exception("the batch failed")
            self.failed.emit("", f"Fault while optimising the queue: {error!r}. Please report it.")
        finally:
            self.finished.emit()

    def _models(self) -> tuple[Any, Any]:
        self._report("Loading the head and the encoder", 0.0)
        import torch

        import neuface_engine as nf

        torch.set_num_threads(worker_threads())
        encoder = nf.load_encoder(self._plan.encoder)
        return encoder.fitted_head(nf.FaceModel.load(self._plan.head)), encoder

    def _optimise(self, item: BatchItem, head: Any, encoder: Any) -> None:
        import neuface_engine as nf
        from neuface_engine.review import flags

        path = nf.resources.path("demo") if item.source is None else item.source

        def report(stage: str, number: int, total: int) -> None:
            self._report(f"{item.name}: {STAGES.get(stage, stage).lower()}", LOADED * number / max(total, 1))

        sequence = nf.load_sequence(
            path,
            face=item.face,
            progress=report,
            **encoder.crop_options,
        )
        count = self._plan.iterations
        self._report(f"{item.name}: the encoder is at work", LOADED)
        config = nf.NeuFaceConfig(iterations=count, **self._plan.config)
        run = nf.NeuFace(sequence, encoder, head, config=config, device=self._plan.device)
        self._iterating_since = self._clock()
        for number in range(count):
            share = LOADED + (OPTIMISED - LOADED) * number / count
            self._report(f"{item.name}: iteration {number + 1} of {count}", share)
            run.step()
        track = run.track()
        track.save(item.track)
        self._report(f"{item.name}: measuring", OPTIMISED)
        measures = nf.metrics.measures(track, sequence)
        raised = flags.raise_flags(measures, self._plan.thresholds)
        names = tuple(flag.name for flag in raised)
        self.done.emit(item.name, measures, names, flags.suspicion(raised))

    def _report(self, label: str, share: float) -> None:
        """Tell how far the batch is, ``share`` of the present item being done; rests and cancels here."""
        self._check()
        total = len(self._plan.items)
        fraction = (self._place + share) / max(total, 1)
        detail = f"{self._place + 1} of {total}"
        an_item = self._seconds_of_an_item(share)
        if an_item is not None:
            detail += f", {duration((total - self._place - share) * an_item)} left"
        self.progressed.emit(Task(label, fraction, detail))

    def _check(self) -> None:
        """Rest while the batch is held. Raises CancelledError where it was cancelled."""
        came = time.perf_counter()
        self._may_go.wait()
        self._rested += time.perf_counter() - came
        if self._stop.is_set():
            raise CancelledError

    def _seconds_of_an_item(self, share: float) -> float | None:
        """As the done ones took, or the iterations of the first one; None while too little is known."""
        if self._seconds:
            return sum(self._seconds) / len(self._seconds)
        spent = self._clock() - self._iterating_since
        return spent / (share - LOADED) if share > LOADED and spent > TOLD_AFTER else None

    def _clock(self) -> float:
        """Seconds, while nobody else needs the processor."""
        return time.perf_counter() - self._rested

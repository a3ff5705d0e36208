"""The optimiser in its thread: takes commands, posts snapshots. No widgets, no drawing."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from neuface_engine.errors import NeuFaceError
from neuface_engine.optimization.repairs import Repairs
from neuface_studio.maps import pack_map
from neuface_studio.model import FIRST_RUN, Footage, RunState, run_title
from neuface_studio.worker.figures import figures_of, measured, tracks_of
from neuface_studio.worker.held_run import HeldRun
from neuface_studio.worker.held_runs import HeldRuns
from neuface_studio.worker.keeping import RunKeeper
from neuface_studio.worker.mailbox import Mailbox, SavedResult, Snapshot
from neuface_studio.worker.pixel_watch import PixelWatch
from neuface_studio.worker.requests import Requests
from neuface_studio.worker.threads import lower_priority, worker_threads

log = logging.getLogger(__name__)

REPAIRED = ("muted_landmarks", "excluded_frames", "excluded_views")


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
        device: str = "auto",
        patient: bool = False,
        kept_in: Path | None = None,
    ) -> None:
        """``patient``: a saved result is shown and the encoder waits until something is asked of it.

        ``kept_in``: the folder in which the runs are kept, and are looked for at the beginning.
        """
        super().__init__()
        self._saved = saved
        self._patient = patient and saved is not None
        self.mailbox = Mailbox()
        self.window_still = False  # set by the window to measure what its drawing costs
        self._footage = footage
        self._config_changes = config_changes or {}
        self._device = device
        self._asked = Requests(FIRST_RUN, target)
        self._repairs = self._wanted = Repairs()
        self._undoing = 0  # repairs that wait to be undone
        self._plain: dict[str, Any] = {}  # what the settings mute and exclude without repairs
        self._pixel_watch = PixelWatch()
        self._held = HeldRuns(footage, RunKeeper(kept_in), device)

    # Commands, from any thread

    def start_running(self, target: int, run: str = FIRST_RUN) -> None:
        """Let a run go on until iteration ``target``."""
        self._asked.start(run, target)

    def set_target(self, target: int) -> None:
        self._asked.aim(target)

    def pause(self) -> None:
        """Pause after the iteration in progress."""
        self._asked.pause()

    def step(self, run: str = FIRST_RUN) -> None:
        """Do one EM iteration of a run, then pause."""
        self._asked.step(run)

    def begin(self) -> None:
        """Have the encoder at work, if it waits."""
        self._asked.begin()

    def watch_gradient(self, watch: bool) -> None:
        """Keep |dL/dM| of the iterations to come."""
        self._held.watch_gradient(watch)

    def watch_pixels(self, frame: int | None) -> None:
        """Keep the map over the pixels of this frame up to date, of the newest iteration; None: no longer."""
        with self._asked.changed:
            self._pixel_watch.frame = frame
            self._asked.changed.notify()

    def repair(self, footage: Footage, repairs: Repairs) -> None:
        """Let every run go on with these landmarks, muting and excluding what the repairs say; ``footage`` has them
        applied."""
        with self._asked.changed:
            self._wanted = repairs
            if self._undoing:  # after that
                self._asked.at_rest(lambda: self._take_repairs(footage, repairs))
            else:
                self._take_repairs(footage, repairs)
            self._asked.changed.notify()

    def undo_repair(self, footage: Footage, repairs: Repairs, run: str, number: int) -> None:
        """Pause; a run goes back to where it was before these repairs were changed. Steps taken since stay in it, and
        branch ``number`` goes on from there."""
        self.pause()
        with self._asked.changed:
            self._wanted = repairs
            self._undoing += 1
        self._asked.at_rest(lambda: self._undo_repair(footage, repairs, run, number))

    def activate(self, run: str) -> None:
        """Let a run be the one that is kept up to date while nothing is asked for."""
        if self._held.get(run) is not None:
            self._asked.activate(run)

    def want_gradient(self, run: str, index: int) -> None:
        """Work out |dL/dM| of a past iteration again, at the next pause."""
        self._asked.at_rest(lambda: self._gradient(run, index))

    def branch(self, name: str, run: str, iteration: int, changes: dict[str, Any]) -> None:
        """Pause; begin the run ``name``, which goes on from an iteration of ``run`` with other settings."""
        self.pause()
        self._asked.at_rest(lambda: self._branch(name, run, iteration, changes))

    def fit(self, name: str) -> None:
        """Pause; begin a run of FLAME fitting from the encoder's prediction."""
        self.pause()
        self._asked.at_rest(lambda: self._fit(name))

    def stop(self) -> None:
        """Leave for good, at the next opportunity."""
        self._asked.stop()
        self._held.stop()

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
        try:
            lower_priority()
            self._prepare()
            self._loop()
            self._held.keep_for_good()
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

        if self._patient and not self._waited():
            return
        torch.set_num_threads(worker_threads())
        plain = nf.NeuFaceConfig(**self._config_changes)
        self._plain = {
            field.name: getattr(plain, field.name) for field in fields(plain) if field.name in REPAIRED
        }
        saved = self._saved
        begun = self._held.begin(saved, lambda: self._begun(nf.NeuFace, self._config_of(plain)))
        if self._asked.stopped:
            return
        records = tuple(record for held in self._held for record in held.records())
        self.mailbox.put(
            Snapshot(
                records=records,
                unwatched=(False,) * len(records),
                state=self._resting_state(self._held[FIRST_RUN].last),
                resumed=begun.resumed,
                owner=begun.owner,
                notes=begun.notes,
            )
        )
        if saved is not None and not begun.resumed:
            self._measure_saved(saved)

    def _begun(self, method: Any, config: Any) -> Any:
        """A new run on the footage as it is repaired now."""
        footage = self._footage
        # The run may move its head to another device; the window goes on drawing with its own.
        head = copy.deepcopy(footage.head)
        sequence = self._held.under(self._repairs)
        return method(sequence, footage.encoder, head, config=config, device=self._device)

    def _keep(self, *, at_once: bool = False) -> None:
        """Keep the state of the runs, now and then, and whenever they rest."""
        trouble = self._held.keep(at_once=at_once)
        if trouble:
            self.mailbox.put(Snapshot(error=trouble))

    def _waited(self) -> bool:
        """Until there is a reason to begin; False where it is to end instead."""
        self.mailbox.put(Snapshot(state=RunState.READY))
        if self._saved is not None:
            self._measure_saved(self._saved)
        return self._asked.wait_to_begin()

    def _woken(self, name: str) -> HeldRun | None:
        """A run that can go on; None, saying why, where its file cannot be used."""
        if not self._held[name].awake:
            self.mailbox.put(Snapshot(state=RunState.PREPARING))
        try:
            return self._held.woken(name)
        except NeuFaceError as error:
            self.mailbox.put(Snapshot(error=str(error)))
            return None

    def _loop(self) -> None:
        evaluated: tuple[str, int] | None = None
        while True:
            turn = self._asked.take(lambda run: self._held[run].last)
            if turn is None:
                return
            if turn.job is not None:
                turn.job()
                continue
            held, go = self._held[turn.run], turn.go
            last = held.last
            if go or (self._pixel_watch.due(held) and not held.awake):
                woken = self._woken(held.name)
                if woken is None:
                    go = False
                    self._asked.pause()
                    self._pixel_watch.give_up(held)
                else:
                    held = woken
            if self._catch_up(held):
                evaluated = None
            if go:
                self._iterate(held, None if turn.single else RunState.RUNNING)
                self._keep()
                if self._pixel_watch.rested:
                    self._pixels(held)
                continue
            self.mailbox.put(Snapshot(state=self._resting_state(last)))
            self._keep(at_once=True)
            if last and evaluated != (held.name, last):
                figures = figures_of(tracks_of(held.run), held.run.sequence, lambda: self._asked.stopped)
                self.mailbox.put(Snapshot(figures=(held.name, figures)))
                evaluated = held.name, last
            self._pixels(held)
            self._asked.wait(partial(self._has_new, held))

    def _has_new(self, held: HeldRun) -> bool:
        """Whether there is something to do about a run that rests."""
        return self._pixel_watch.due(held) or held.name != self._asked.run or self._behind(held)

    def _take_repairs(self, footage: Footage, repairs: Repairs) -> None:
        self._footage, self._repairs = footage, repairs
        self._held.know(repairs, footage.sequence)

    def _behind(self, held: HeldRun) -> bool:
        """Whether repairs were made that the run does not know of."""
        return held.awake and held.run.sequence is not self._held.under(self._repairs)

    def _catch_up(self, held: HeldRun) -> bool:
        """Take repairs over into a run; its newest iteration is measured anew under them. False: nothing was new."""
        if not self._behind(held):
            return False
        run, sequence = held.run, self._held.under(self._repairs)
        if held.last:
            run.snapshots.add(run.snapshot())  # where undoing the repair goes back to
        try:
            run.repair(sequence, self._config_of(run.config))
        except NeuFaceError as error:
            run.sequence = sequence
            self.mailbox.put(Snapshot(error=str(error)))
            return True
        self._pixel_watch.forget()
        self.mailbox.put(Snapshot(records=(held.newest(),), unwatched=(False,)))
        return True

    def _config_of(self, config: Any) -> Any:
        """Settings with what the repairs mute and exclude."""
        return self._repairs.options(replace(config, **self._plain), self._footage.sequence)

    def _pixels(self, held: HeldRun) -> None:
        """Work out what the next step of the newest state sees of the shown frame, where the window wants it."""
        pixels = self._pixel_watch.make(held)
        if pixels is not None:
            self.mailbox.put(Snapshot(pixels=((held.name, held.last), pixels)))

    # Jobs, done while the optimisation rests

    def _gradient(self, run: str, index: int) -> None:
        held = self._woken(run)
        if held is not None:
            values = held.run.vertex_gradient(index).numpy()
            self.mailbox.put(Snapshot(gradient=((run, index), pack_map(values))))

    def _branch(self, name: str, run: str, iteration: int, changes: dict[str, Any]) -> None:
        held = self._woken(run)
        if held is not None:
            origin = held.run
            self._open(name, lambda: origin.branch(iteration, config=replace(origin.config, **changes)))

    def _undo_repair(self, footage: Footage, repairs: Repairs, run: str, number: int) -> None:
        with self._asked.changed:
            self._undoing -= 1
        if self._wanted != repairs:
            return  # undone, redone or repaired again meanwhile
        undone = self._repairs
        self._take_repairs(footage, repairs)
        self.activate(run)
        held = self._held.get(run)
        start, last = (0, None) if held is None else self._held.phases(held.run)[-1]
        if held is None or last != undone or held.last <= start:
            return  # no step was taken under it: the run goes on from where it is
        held = self._woken(run)
        if held is None:
            return
        origin = held.run

        def back() -> Any:
            branch = origin.branch(start)
            branch.repair(self._held.under(repairs), self._config_of(branch.config))
            return branch

        self._open(f"branch {number} (from {start})", back)
        words = (
            f"Back at iteration {start}, before the repair; the iterations since stay in “{run_title(run)}”."
        )
        self.mailbox.put(Snapshot(notes=(("info", words),)))

    def _fit(self, name: str) -> None:
        import neuface_engine as nf

        config = self._config_of(nf.FlameFittingConfig(iterations=max(self._asked.target, 1)))
        self._open(name, lambda: self._begun(nf.FlameFitting, config))

    def _open(self, name: str, make: Callable[[], Any]) -> None:
        """Make a run, and show it with what it has of a history."""
        self.mailbox.put(Snapshot(state=RunState.PREPARING))
        try:
            run = make()
        except NeuFaceError as error:
            self.mailbox.put(Snapshot(error=str(error)))
            return
        records = self._held.put(name, run).records()
        self._asked.run = name
        self.mailbox.put(Snapshot(records=records, unwatched=(False,) * len(records), opened=name))

    def _resting_state(self, last: int) -> RunState:
        if last == 0:
            return RunState.READY
        return RunState.FINISHED if last >= self._asked.target else RunState.PAUSED

    def _iterate(self, held: HeldRun, state: RunState | None) -> None:
        still_before = self.window_still
        iteration = held.run.step()
        gradient = None
        if iteration.vertex_gradient is not None:
            key = held.name, int(iteration.index)
            gradient = key, pack_map(iteration.vertex_gradient.cpu().numpy())
        self.mailbox.put(
            Snapshot(
                records=(held.record(iteration),),
                unwatched=(still_before and self.window_still,),
                gradient=gradient,
                state=state,
            )
        )

    def _measure_saved(self, saved: SavedResult) -> None:
        """The figures of a result that was loaded, as an iteration has them."""
        held = self._held.get(FIRST_RUN)
        tracks = {} if held is None else tracks_of(held.run)
        record = measured(saved)
        figures = figures_of(
            tracks | {"neuface": saved.track}, self._footage.sequence, lambda: self._asked.stopped
        )
        self.mailbox.put(Snapshot(records=(record,), unwatched=(False,), figures=(FIRST_RUN, figures)))

"""The optimiser on the open footage: begun, run, paused, stepped, branched, ended. No widgets."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from neuface_studio.model import CompareMode, IterationRecord
from neuface_studio.news import News
from neuface_studio.open_projects import OpenProjects
from neuface_studio.opening import SHUTDOWN_TIMEOUT_MS
from neuface_studio.parking import ParkingLot
from neuface_studio.preferences import Settings
from neuface_studio.repairing import RepairBook
from neuface_studio.results import Results
from neuface_studio.session import RunState, Session
from neuface_studio.viewer_cost import ViewerCost
from neuface_studio.worker import BackgroundThread, OptimiserWorker, SavedResult, Snapshot, worker_threads
from neuface_studio.worker.keeping import FIRST_FILE, saved_runs

POLL_INTERVAL_MS = 66
FLAME_FITTING = "FLAME fitting"
OF_A_RUN = ("vertex", "update", "pixel")  # heat maps that a saved result does not have


class RunControl(QObject):
    """Runs the optimiser in its thread, and looks for its news 15 times a second.

    ``run_when_ready``: footage that is opened is optimised at once. ``window_still_changed(still)``: the window is to
    stop drawing, or to go on, so that the cost of drawing can be measured.
    """

    window_still_changed = Signal(bool)

    def __init__(
        self, session: Session, parent: QObject | None = None, *, preferences: Settings | None = None
    ) -> None:
        super().__init__(parent)
        self.session = session
        self.preferences = preferences
        self.run_when_ready = False
        self.projects = OpenProjects()
        self.results = Results(session, self.track, self, projects=self.projects)
        self.repairs = RepairBook(session, self.results, self)
        self.lot = ParkingLot(self)
        self.news = News(session, self.results)
        self._optimiser: OptimiserWorker | None = None
        self._optimiser_thread: BackgroundThread | None = None
        self._cost = ViewerCost()
        self._heat = ""  # the heat map that was drawn last
        self._poll_timer = QTimer(self)
        self._poll_timer.setInterval(POLL_INTERVAL_MS)
        self._poll_timer.timeout.connect(self.poll)
        session.layers_changed.connect(self._on_layers)
        session.iteration_changed.connect(self._on_iteration)
        session.frame_changed.connect(self._watch)
        session.comparison.changed.connect(self._on_comparison)
        session.runs_changed.connect(self._on_runs)
        self.repairs.changed.connect(self._repair)
        session.threads = worker_threads()

    # Beginning and ending

    def _start_optimiser(self, saved: SavedResult | None = None) -> None:
        footage = self.session.footage
        if footage is None:
            return
        folder = self.results.runs_folder
        optimiser = OptimiserWorker(
            footage,
            target=self.session.target_iterations,
            saved=saved,
            config_changes={} if self.preferences is None else self.preferences.now.config_changes(),
            device="auto" if self.preferences is None else self.preferences.now.device,
            patient=self.results.many and not saved_runs(folder),
            kept_in=folder,
        )
        self._optimiser = optimiser
        self._repair()
        self._watch()
        self._cost = ViewerCost()
        self.session.viewer_cost_percent = None
        self.session.set_run_state(RunState.PREPARING)
        self._optimiser_thread = BackgroundThread(optimiser, "optimiser", self)
        self._poll_timer.start()

    def _end_optimiser(self) -> None:
        self._poll_timer.stop()
        optimiser, thread = self._optimiser, self._optimiser_thread
        self._optimiser = self._optimiser_thread = None
        if optimiser is not None and thread is not None:
            thread.join(optimiser.stop, SHUTDOWN_TIMEOUT_MS)
            thread.deleteLater()
        self.results.begin_run()

    # Commands

    def toggle_run(self) -> None:
        """Run, or pause after the iteration in progress."""
        if self._optimiser is None:
            return
        if self.session.run_state == RunState.RUNNING:
            self._optimiser.pause()
            return
        if not self.session.run_state.can_run:
            return
        newest = self.session.newest_optimised
        if newest >= self.session.target_iterations:
            self.set_target(newest + 100)
        self._begin()
        self._optimiser.start_running(self.session.target_iterations, self.session.run_name)
        self.session.set_run_state(RunState.RUNNING)

    def step_once(self) -> None:
        """Do exactly one EM iteration."""
        if self._optimiser is None or not self.session.run_state.can_run:
            return
        newest = self.session.newest_optimised
        if newest >= self.session.target_iterations:
            self.set_target(newest + 1)
        self._begin()
        self._optimiser.step(self.session.run_name)
        self.session.set_run_state(RunState.RUNNING)

    def _begin(self) -> None:
        if any(record.saved for record in self.session.records()):
            self.session.drop_saved()
            self.session.notify(
                "info", "A new run starts from the encoder; the saved result stays until you pause it."
            )
        self.session.set_follow(True)
        resting = self.lot.pause_all()
        if resting:
            self.session.notify("info", f"{', '.join(resting)} is paused meanwhile: one run at a time.")

    def restart_run(self) -> None:
        """Forget the first run and start again from the encoder; branches stay."""
        if self.session.footage is None:
            return
        self.results.autosave()
        self._end_optimiser()
        self.session.clear_history()
        self.session.forget_figures()
        self.news.stopped_at = None
        folder = self.results.runs_folder
        if folder is not None:
            with suppress(OSError):
                (folder / FIRST_FILE).unlink(missing_ok=True)
        self._start_optimiser()

    def branch(self, changes: dict[str, Any], origin: IterationRecord | None = None) -> None:
        """Begin a run that goes on from ``origin``, or the shown iteration, with other settings; both runs stay."""
        record = self.session.record() if origin is None else origin
        if self._optimiser is None or record is None or record.saved or not self._may_open_run():
            return
        if not self.session.is_there(record):
            self.session.notify(
                "info", f"{record.title} is no longer there: the run was started over meanwhile."
            )
            return
        self.session.set_playing(False)
        self.results.autosave()
        name = f"branch {self._next_branch()} (from {record.index})"
        self._optimiser.branch(name, record.run, record.index, changes)
        self.session.notify("info", f"Going back to iteration {record.index} for {name}…")

    def _next_branch(self) -> int:
        numbers = [re.match(r"branch (\d+) ", name) for name in self.session.runs]
        return 1 + max((int(number[1]) for number in numbers if number), default=0)

    def fit(self) -> None:
        """Begin a run of FLAME fitting, the baseline of the paper, from the encoder's prediction."""
        if self._optimiser is None or not self._may_open_run():
            return
        if FLAME_FITTING in self.session.runs:
            self.session.show_run(FLAME_FITTING)
            return
        self.results.autosave()
        self._optimiser.fit(FLAME_FITTING)
        self.session.set_run_state(RunState.PREPARING)

    def _may_open_run(self) -> bool:
        state = self.session.run_state
        return state.can_run or state == RunState.RUNNING

    def settings(self) -> Any:
        """The engine's settings under which the shown run goes on; None before there is one."""
        return None if self._optimiser is None else self._optimiser.config(self.session.run_name)

    def set_target(self, iterations: int) -> None:
        """Let the run end at this iteration."""
        self.session.set_target(iterations)
        if self._optimiser is not None:
            self._optimiser.set_target(iterations)

    def track(self, iteration: int) -> Any:
        """The `FaceTrack` of an iteration of the shown run, or None."""
        return None if self._optimiser is None else self._optimiser.track(self.session.run_name, iteration)

    # News

    @Slot()
    def poll(self) -> None:
        """Take the newest snapshot out of the mailbox."""
        if self._optimiser is None:
            return
        snapshot = self._optimiser.mailbox.take()
        if snapshot is None:
            return
        self._measure_cost(snapshot)
        if self.news.take(snapshot):
            self.window_still_changed.emit(False)
        if self.run_when_ready and self.session.run_state == RunState.READY:
            self.run_when_ready = False
            self.toggle_run()
        self.session.status_changed.emit()

    def _measure_cost(self, snapshot: Snapshot) -> None:
        if not snapshot.records or snapshot.opened is not None or snapshot.resumed:
            return
        for record, still in zip(snapshot.records, snapshot.unwatched, strict=True):
            if record.index > 0 and not record.saved:
                self._cost.add(record.seconds, still)
                if still:
                    self._set_still(False)
        self.session.viewer_cost_percent = self._cost.percent
        running = self.session.run_state == RunState.RUNNING and not self.session.playing
        if running and self._cost.due(snapshot.records[-1].index):
            self._set_still(True)

    def _set_still(self, still: bool) -> None:
        if self._optimiser is not None and self._optimiser.window_still != still:
            self._optimiser.window_still = still
            self.window_still_changed.emit(still)

    # What the window wants to know of the run

    @Slot()
    def _on_comparison(self) -> None:
        """What is compared with may have to be worked out first."""
        comparison = self.session.comparison
        used = comparison.flipped or comparison.mode != CompareMode.OFF
        if self._optimiser is not None and used and comparison.reference is None:
            if self.session.run_state.can_run:
                self.session.notify(
                    "info", "The encoder is at work: its meshes are there to compare with in a moment."
                )
            self._optimiser.begin()

    @Slot()
    def _on_layers(self) -> None:
        record, heat = self.session.record(), self.session.layers.drawn.heat
        before, self._heat = self._heat, heat
        if record is not None and record.saved and heat in OF_A_RUN and heat != before:
            self.session.notify(
                "info", "A saved result has no gradients and no updates: run, or step once, to see them."
            )
        self._watch()
        self._want_gradient()

    @Slot()
    def _repair(self) -> None:
        """Let the optimisation go on from the repaired state."""
        if self._optimiser is None or self.session.footage is None:
            return
        footage, repairs = self.session.footage, self.repairs.repairs
        if self.repairs.undoing:
            self._optimiser.undo_repair(footage, repairs, self.session.run_name, self._next_branch())
        else:
            self._optimiser.repair(footage, repairs)

    @Slot()
    def _on_runs(self) -> None:
        if self._optimiser is not None:
            self._optimiser.activate(self.session.run_name)

    @Slot()
    def _watch(self) -> None:
        """Have the optimiser keep what the layers show, and nothing else."""
        if self._optimiser is not None:
            drawn = self.session.layers.drawn
            self._optimiser.watch_gradient(drawn.gradient)
            self._optimiser.watch_pixels(self.session.frame if drawn.heat == "pixel" else None)

    @Slot(int)
    def _on_iteration(self, _: int) -> None:
        if self.session.run_state != RunState.RUNNING:
            self._want_gradient()

    def _want_gradient(self) -> None:
        session = self.session
        record = session.record()
        if self._optimiser is None or record is None or record.saved or not session.layers.gradient:
            return
        if session.gradients.typical_peak(record.map_key) == 0.0 and session.run_state != RunState.PREPARING:
            self._optimiser.want_gradient(*record.map_key)

"""What the commands do: binds the session to the background threads and to the project folder. No widgets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from neuface_engine.errors import NeuFaceError
from neuface_studio import projects
from neuface_studio.opening import SHUTDOWN_TIMEOUT_MS, Opener
from neuface_studio.playback import Playback
from neuface_studio.results import Results
from neuface_studio.session import Footage, IterationRecord, RunState, Session
from neuface_studio.undo import Place
from neuface_studio.viewer_cost import ViewerCost
from neuface_studio.worker import BackgroundThread, OptimiserWorker, SavedResult, Snapshot, worker_threads

POLL_INTERVAL_MS = 66
FLAME_FITTING = "FLAME fitting"
STILL_EVERY = 16  # one iteration in so many is run with the window still, to measure what drawing costs


class Controller(QObject):
    """Opens footage and runs the optimiser on it."""

    opening = Signal(str)
    window_still_changed = Signal(bool)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.project_override: Path | None = None
        self.run_when_ready = False
        self.opener = Opener(session, self)
        self.playback = Playback(session, self)
        self.results = Results(session, self.track, self)
        self._optimiser: OptimiserWorker | None = None
        self._optimiser_thread: BackgroundThread | None = None
        self._branches = 0
        self._destination: Place | None = None  # to go to once it is open
        self._cost = ViewerCost()
        self._poll_timer = QTimer(self)
        self._poll_timer.setInterval(POLL_INTERVAL_MS)
        self._poll_timer.timeout.connect(self.poll)
        self.opener.opened.connect(self._on_opened)
        session.layers_changed.connect(self._on_layers)
        session.iteration_changed.connect(self._on_iteration)
        session.frame_changed.connect(self._watch)
        session.undo_stack.went.connect(self.go_to)
        session.threads = worker_threads()

    # Opening

    def open_path(
        self, path: Path | None, *, views: str | None = None, max_frames: int | None = None
    ) -> None:
        """Open footage or a project folder in the background; None opens the demo."""
        self.opener.cancel()
        self._destination = None
        self.close_footage()
        project = self.project_override
        try:
            if path is not None and projects.is_project(path):
                project = path
                path = projects.read_source(path).path
        except NeuFaceError as error:
            self.session.notify("error", str(error))
            return
        self.session.project_folder = project or projects.default_project_folder(path)
        self.opening.emit("the demo" if path is None else path.name)
        self.opener.start(path, views=views, max_frames=max_frames)

    @Slot(object)
    def go_to(self, place: Place) -> None:
        """Show a place, opening its sequence if another one is open."""
        session = self.session
        if place.is_beside(session.place()):
            session.go_to(place)
            session.undo_stack.arrived()
            return
        if place.project is None:
            return
        try:
            source = projects.source_of(place.project, place.sequence)
        except NeuFaceError as error:
            session.notify("error", str(error))
            return
        self.open_path(source)
        session.project_folder = place.project
        self._destination = place

    @Slot()
    def cancel_loading(self) -> None:
        """Stop loading and wait for its thread."""
        self.opener.cancel()

    def close_footage(self) -> None:
        """Save the track, end the optimiser, forget the footage."""
        if self.session.footage is None and self._optimiser is None:
            return
        self.results.autosave()
        self._end_optimiser()
        self.results.close()
        self.session.close_footage()

    @Slot(object, object)
    def _on_opened(self, footage: Footage, source: Path | None) -> None:
        session = self.session
        folder = session.project_folder or projects.default_project_folder(source)
        session.open_footage(footage)
        session.project_folder = folder
        for warning in footage.sequence.warnings:
            session.notify("warning", warning)
        self.results.open(folder, source, footage.sequence.name)
        saved = self.results.load_saved_track()
        self.results.show_judgement()
        self._start_optimiser(saved)
        destination, self._destination = self._destination, None
        if destination is not None and destination.is_beside(session.place()):
            session.go_to(destination)
            session.undo_stack.arrived()

    # Optimising

    def _start_optimiser(self, saved: SavedResult | None = None) -> None:
        footage = self.session.footage
        if footage is None:
            return
        optimiser = OptimiserWorker(footage, target=self.session.target_iterations, saved=saved)
        self._optimiser = optimiser
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

    def restart_run(self) -> None:
        """Forget this run and start again from the encoder."""
        if self.session.footage is None:
            return
        self.results.autosave()
        self._end_optimiser()
        self.session.clear_history()
        self.session.forget_figures()
        self._start_optimiser()

    def branch(self, changes: dict[str, Any]) -> None:
        """Begin a run that goes on from the shown iteration with other settings; both runs stay."""
        record = self.session.record()
        if self._optimiser is None or record is None or record.saved or not self._may_open_run():
            return
        self.session.set_playing(False)
        self.results.autosave()
        self._branches += 1
        name = f"branch {self._branches} (from {record.index})"
        self._optimiser.branch(name, record.run, record.index, changes)
        self.session.notify("info", f"Going back to iteration {record.index} for {name}…")

    def fit(self) -> None:
        """Begin a run of FLAME fitting, the baseline of the paper, from the encoder's prediction."""
        if self._optimiser is None or not self._may_open_run():
            return
        if FLAME_FITTING in self.session.runs:
            self.session.show_run(FLAME_FITTING)
            return
        self.results.autosave()
        self._optimiser.fit(FLAME_FITTING)

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

    @Slot()
    def poll(self) -> None:
        """Take the newest snapshot out of the mailbox."""
        if self._optimiser is None:
            return
        snapshot = self._optimiser.mailbox.take()
        if snapshot is not None:
            self._take(snapshot)

    def _take(self, snapshot: Snapshot) -> None:
        session = self.session
        if snapshot.gradient is not None:
            session.gradients.put(*snapshot.gradient)
        if snapshot.pixels is not None:
            session.pixels.put(*snapshot.pixels)
        fresh = [record for record in snapshot.records if not self._replaced_by_saved(record)]
        session.add_records(fresh)
        if snapshot.opened is not None:
            session.show_run(snapshot.opened)
        self._measure_cost(snapshot)
        if (snapshot.gradient or snapshot.pixels) and not snapshot.records:
            session.maps_changed.emit()
        if snapshot.error is not None:
            session.notify("error", snapshot.error)
        if snapshot.figures is not None:
            session.set_final_figures(*snapshot.figures)
        if snapshot.state is not None and snapshot.state != session.run_state:
            resting = session.run_state in (RunState.RUNNING, RunState.READY) and snapshot.state in (
                RunState.PAUSED,
                RunState.FINISHED,
                RunState.FAILED,
            )
            session.set_run_state(snapshot.state)
            if resting:
                self.window_still_changed.emit(False)
                self.results.autosave()
                if snapshot.state == RunState.FINISHED:
                    session.notify(
                        "good",
                        f"Finished: {self.session.newest_optimised} EM iterations. Your verdict, please: 1, 2 or 3.",
                    )
        if self.run_when_ready and session.run_state == RunState.READY:
            self.run_when_ready = False
            self.toggle_run()
        session.status_changed.emit()

    def _replaced_by_saved(self, record: IterationRecord) -> bool:
        known = self.session.record(record.index)
        return known is not None and known.saved and not record.saved

    def _measure_cost(self, snapshot: Snapshot) -> None:
        if self._optimiser is None or not snapshot.records or snapshot.opened is not None:
            return
        for record, still in zip(snapshot.records, snapshot.unwatched, strict=True):
            if record.index > 0 and not record.saved:
                self._cost.add(record.seconds, still)
                if still:
                    self._set_still(False)
        self.session.viewer_cost_percent = self._cost.percent
        due = snapshot.records[-1].index % STILL_EVERY == STILL_EVERY - 1
        if due and self.session.run_state == RunState.RUNNING and not self.session.playing:
            self._set_still(True)

    def _set_still(self, still: bool) -> None:
        if self._optimiser is not None and self._optimiser.window_still != still:
            self._optimiser.window_still = still
            self.window_still_changed.emit(still)

    @Slot()
    def _on_layers(self) -> None:
        self._watch()
        self._want_gradient()

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

    def shutdown(self) -> None:
        """Stop timers, then threads, in this order; may be called twice."""
        self.playback.stop()
        self.opener.cancel()
        self.close_footage()
        self._poll_timer.stop()

"""What the commands do: binds the session to the background threads and to the project folder. No widgets."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from neuface_engine.errors import NeuFaceError
from neuface_studio import place_file, projects
from neuface_studio.model import FIRST_RUN, CompareMode
from neuface_studio.open_projects import OpenProjects
from neuface_studio.opening import SHUTDOWN_TIMEOUT_MS, Opener
from neuface_studio.parking import Key, Parked, ParkingLot, is_same
from neuface_studio.playback import Playback
from neuface_studio.preferences import Settings
from neuface_studio.repairing import RepairBook
from neuface_studio.results import Results
from neuface_studio.session import Footage, IterationRecord, RunState, Session
from neuface_studio.undo import Place
from neuface_studio.viewer_cost import ViewerCost
from neuface_studio.worker import BackgroundThread, OptimiserWorker, SavedResult, Snapshot, worker_threads

POLL_INTERVAL_MS = 66
PLACE_MS = 400  # between two writings of the reviewer's place
FLAME_FITTING = "FLAME fitting"
STILL_EVERY = 16  # one iteration in so many is run with the window still, to measure what drawing costs


class Controller(QObject):
    """Opens footage and runs the optimiser on it."""

    opening = Signal(str)
    window_still_changed = Signal(bool)

    def __init__(
        self, session: Session, parent: QObject | None = None, *, preferences: Settings | None = None
    ) -> None:
        super().__init__(parent)
        self.session = session
        self.preferences = preferences
        self.project_override: Path | None = None
        self.run_when_ready = False
        self.opener = Opener(session, self)
        self.playback = Playback(session, self)
        self.projects = OpenProjects()
        self.results = Results(session, self.track, self, projects=self.projects)
        self.repairs = RepairBook(session, self.results, self)
        self.lot = ParkingLot(self)
        self.lot.failed.connect(self._on_failed)
        self._key: Key | None = None  # of the open footage
        self._name = ""  # of what is being opened, where the project lists it already
        self._optimiser: OptimiserWorker | None = None
        self._optimiser_thread: BackgroundThread | None = None
        self._branches = 0
        self._destination: Place | None = None  # to go to once it is open
        self._cost = ViewerCost()
        self._poll_timer = QTimer(self)
        self._poll_timer.setInterval(POLL_INTERVAL_MS)
        self._poll_timer.timeout.connect(self.poll)
        self._stopped_at: Place | None = None  # in the open sequence, when it was left
        self._place_timer = QTimer(self)
        self._place_timer.setSingleShot(True)
        self._place_timer.setInterval(PLACE_MS)
        self._place_timer.timeout.connect(self.keep_place)
        session.frame_changed.connect(self._note_place)
        session.iteration_changed.connect(self._note_place)
        session.selection_changed.connect(self._note_place)
        session.judgement_changed.connect(self._note_place)
        self.opener.opened.connect(self._on_opened)
        session.layers_changed.connect(self._on_layers)
        session.iteration_changed.connect(self._on_iteration)
        session.frame_changed.connect(self._watch)
        self.repairs.changed.connect(self._repair)
        session.comparison.changed.connect(self._on_comparison)
        session.undo_stack.went.connect(self.go_to)
        session.threads = worker_threads()

    # Opening

    def open_path(
        self, path: Path | None, *, views: str | None = None, max_frames: int | None = None
    ) -> None:
        """Open footage or a project folder in the background; None opens the demo."""
        self.opener.cancel()
        self._destination = None
        project = self.project_override
        try:
            if path is not None and projects.is_project(path):
                project = path
                path = projects.read_source(path).path
        except NeuFaceError as error:
            self.session.notify("error", str(error))
            return
        self.open_sequence(
            project or projects.default_project_folder(path), path, views=views, max_frames=max_frames
        )

    def open_sequence(
        self,
        folder: Path,
        path: Path | None,
        *,
        name: str = "",
        views: str | None = None,
        max_frames: int | None = None,
        fresh: bool = False,
    ) -> None:
        """Open footage as a sequence of a project; the open one is put aside, with all its iterations.

        ``name``: of the sequence, where the project lists it; several sequences may share their footage. ``fresh``:
        from the disk, even if it is open or was put aside.
        """
        key = folder, path, name
        if not fresh and self.session.footage is not None and is_same(key, self._key):
            return
        self.opener.cancel()
        self._put_aside()
        parked = None if fresh else self.lot.take(key)
        if parked is not None:
            self._take_back(key, parked)
            return
        self._key, self._name = key, name
        self.session.project_folder = folder
        self.opening.emit("the demo" if path is None else path.name)
        models = {} if self.preferences is None else self.preferences.models()
        self.opener.start(path, views=views, max_frames=max_frames, **models)

    @property
    def opening_name(self) -> str:
        """What the project calls the sequence that was asked for last; empty where it does not list it."""
        return self._name

    def _put_aside(self) -> None:
        session = self.session
        optimiser, thread, key = self._optimiser, self._optimiser_thread, self._key
        ready = session.run_state not in (RunState.PREPARING, RunState.FAILED)
        planted = any(record.planted for record in session.records())
        if optimiser is None or thread is None or key is None or not ready or planted:
            self.close_footage()
            return
        self.poll()
        self.keep_place()
        self.results.autosave()
        running = session.run_state == RunState.RUNNING
        name, kept, aside = session.sequence_name, self.results.put_aside(), session.put_aside()
        self._poll_timer.stop()
        self._optimiser = self._optimiser_thread = self._key = None
        if aside is not None:
            self.lot.park(key, Parked(aside, optimiser, thread, kept))
        if running:
            session.notify("info", f"{name} goes on in the background until another run begins.")

    def _take_back(self, key: Key, parked: Parked) -> None:
        self._key = *key[:2], parked.aside.place.sequence
        self._optimiser, self._optimiser_thread = parked.optimiser, parked.thread
        self._cost = ViewerCost()
        self.session.take_back(parked.aside)
        self.results.take_back(parked.kept)
        self.repairs.load()
        self._watch()
        self._poll_timer.start()
        self._arrive()

    def _arrive(self) -> None:
        """Go on to where the reviewer wanted to be in the sequence that is open now."""
        destination, self._destination = self._destination, None
        if destination is not None and destination.is_beside(self.session.place()):
            self.session.go_to(destination)
            self.session.undo_stack.arrived()

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
        self._destination = place
        self.open_sequence(place.project, source, name=place.sequence)

    @Slot()
    def cancel_loading(self) -> None:
        """Stop loading and wait for its thread."""
        self.opener.cancel()

    def close_footage(self) -> None:
        """Save the track, end the optimiser, forget the footage."""
        if self.session.footage is None and self._optimiser is None:
            return
        self.keep_place()
        self.results.autosave()
        self._end_optimiser()
        self.results.close()
        self.session.close_footage()
        self._key = None

    @Slot(object, object)
    def _on_opened(self, footage: Footage, source: Path | None) -> None:
        session = self.session
        folder = session.project_folder or projects.default_project_folder(source)
        session.open_footage(footage)
        session.project_folder = folder
        for warning in footage.sequence.warnings:
            session.notify("warning", warning)
        self.results.open(folder, source, footage.sequence.name, name=self._name)
        if self._key is not None:
            self._key = *self._key[:2], session.sequence_name
        self.repairs.load()
        saved = self.results.load_saved_track()
        self.results.show_judgement()
        self._stopped_at = place_file.recall(folder, session.sequence_name)
        if self._stopped_at is not None:
            session.select_view(self._stopped_at.view)
            session.set_frame(self._stopped_at.frame)
        self._start_optimiser(saved)
        self._arrive()

    # Optimising

    def _start_optimiser(self, saved: SavedResult | None = None) -> None:
        footage = self.session.footage
        if footage is None:
            return
        checkpoint = self.results.checkpoint
        optimiser = OptimiserWorker(
            footage,
            target=self.session.target_iterations,
            saved=saved,
            config_changes={} if self.preferences is None else self.preferences.now.config_changes(),
            device="auto" if self.preferences is None else self.preferences.now.device,
            patient=self.results.many and not (checkpoint is not None and checkpoint.exists()),
            checkpoint=checkpoint,
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
        """Forget this run and start again from the encoder."""
        if self.session.footage is None:
            return
        self.results.autosave()
        self._end_optimiser()
        self.session.clear_history()
        self.session.forget_figures()
        checkpoint = self.results.checkpoint
        if checkpoint is not None:
            with suppress(OSError):
                checkpoint.unlink(missing_ok=True)
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

    @Slot()
    def _on_comparison(self) -> None:
        """What is compared with may have to be worked out first."""
        comparison = self.session.comparison
        used = comparison.flipped or comparison.mode != CompareMode.OFF
        if self._optimiser is not None and used and comparison.reference is None:
            self._optimiser.begin()

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

    @Slot(str)
    def _on_failed(self, message: str) -> None:
        self.session.notify("error", message)

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
        if snapshot.resumed:
            self._resume(max((r.index for r in snapshot.records if r.run == FIRST_RUN), default=0))
        fresh = [record for record in snapshot.records if not self._replaced_by_saved(record)]
        session.add_records(fresh)
        if snapshot.resumed and self._stopped_at is not None:
            session.go_to(self._stopped_at)
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

    def _resume(self, newest: int) -> None:
        """The run of an earlier session goes on, with all its iterations."""
        session = self.session
        saved = next((record for record in session.records() if record.saved), None)
        session.drop_saved()
        self.results.adopt(saved, newest)
        session.notify(
            "info", "The run of the last session, with all its iterations. Return goes on with it."
        )

    @Slot()
    def _note_place(self) -> None:
        """Write down where the reviewer is, once in a moment."""
        if self.session.footage is not None and not self._place_timer.isActive():
            self._place_timer.start()

    @Slot()
    def keep_place(self) -> None:
        """Write down at once where the reviewer is."""
        self._place_timer.stop()
        if self.session.footage is not None and self.session.record() is not None:
            place_file.remember(self.session.place())

    def _replaced_by_saved(self, record: IterationRecord) -> bool:
        known = self.session.record(record.index)
        return known is not None and known.saved and not record.saved

    def _measure_cost(self, snapshot: Snapshot) -> None:
        if self._optimiser is None or not snapshot.records or snapshot.opened is not None or snapshot.resumed:
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
    def _repair(self) -> None:
        """Let the optimisation go on from the repaired state."""
        if self._optimiser is not None and self.session.footage is not None:
            self._optimiser.repair(self.session.footage, self.repairs.repairs)

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
        self.lot.clear()
        self._poll_timer.stop()
        self._place_timer.stop()
        self.projects.close()

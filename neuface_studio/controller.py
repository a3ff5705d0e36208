"""What the commands do: binds the session to the background threads and to the project folder. No widgets."""

from __future__ import annotations

import functools
import gc
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from neuface_engine.errors import NeuFaceError
from neuface_studio import projects
from neuface_studio.session import Footage, IterationRecord, RunState, Session
from neuface_studio.verdicts import VerdictBook
from neuface_studio.worker import (
    BackgroundThread,
    LoadRequest,
    LoadWorker,
    OptimiserWorker,
    SavedResult,
    Snapshot,
    worker_threads,
)

POLL_INTERVAL_MS = 66
STILL_EVERY = 16  # one iteration in so many is run with the window still, to measure what drawing costs
SHUTDOWN_TIMEOUT_MS = 120_000


class Controller(QObject):
    """Opens footage, runs the optimiser, saves tracks and verdicts."""

    opening = Signal(str)
    window_still_changed = Signal(bool)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.project_override: Path | None = None
        self._loader: LoadWorker | None = None
        self._loader_thread: BackgroundThread | None = None
        self._loading_source: Path | None = None
        self._optimiser: OptimiserWorker | None = None
        self._optimiser_thread: BackgroundThread | None = None
        self._book: VerdictBook | None = None
        self._saved_iteration: int | None = None
        self._newest_when_saved = 0
        self._cost = ViewerCost()
        self._poll_timer = QTimer(self)
        self._poll_timer.setInterval(POLL_INTERVAL_MS)
        self._poll_timer.timeout.connect(self.poll)
        self._play_timer = QTimer(self)
        self._play_timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._play_timer.timeout.connect(self._advance)
        self._play_start = (0.0, 0)
        self.run_when_ready = False
        self.may_advance = True  # the view grid clears it while it is still drawing the last frame
        session.playing_changed.connect(self._on_playing)
        session.layers_changed.connect(self._on_layers)
        session.iteration_changed.connect(self._on_iteration)
        session.threads = worker_threads()

    # Opening

    @property
    def loading(self) -> bool:
        return self._loader is not None

    def open_path(
        self, path: Path | None, *, views: str | None = None, max_frames: int | None = None
    ) -> None:
        """Open footage or a project folder in the background; None opens the demo."""
        self.cancel_loading()
        self.close_footage()
        project = self.project_override
        try:
            if path is not None and projects.is_project(path):
                project = path
                path = projects.read_source(path).path
        except NeuFaceError as error:
            self.session.notify("error", str(error))
            return
        self._loading_source = path
        self.session.project_folder = project or projects.default_project_folder(path)
        self.opening.emit("the demo" if path is None else path.name)
        loader = LoadWorker(LoadRequest(path, views=views, max_frames=max_frames))
        loader.progressed.connect(self.session.task_changed)
        loader.loaded.connect(self._on_loaded)
        loader.failed.connect(self._on_load_failed)
        loader.cancelled.connect(self._on_load_cancelled)
        self._loader = loader
        self._loader_thread = BackgroundThread(loader, "loader", self)

    def cancel_loading(self) -> None:
        """Stop loading and wait for its thread."""
        if self._loader is None or self._loader_thread is None:
            return
        loader, thread = self._loader, self._loader_thread
        self._loader = self._loader_thread = None
        loader.loaded.disconnect(self._on_loaded)
        loader.failed.disconnect(self._on_load_failed)
        loader.cancelled.disconnect(self._on_load_cancelled)
        thread.join(loader.cancel, SHUTDOWN_TIMEOUT_MS)
        thread.deleteLater()
        self.session.task_changed.emit(None)

    def close_footage(self) -> None:
        """Save the track, end the optimiser, forget the footage."""
        if self.session.footage is None and self._optimiser is None:
            return
        self.autosave()
        self._end_optimiser()
        self._book = None
        self.session.close_footage()

    @Slot(object)
    def _on_loaded(self, footage: Footage) -> None:
        if self._is_stale():
            return
        self._finish_loading()
        spare_the_collector()
        session = self.session
        folder = session.project_folder or projects.default_project_folder(self._loading_source)
        session.open_footage(footage)
        session.project_folder = folder
        for warning in footage.sequence.warnings:
            session.notify("warning", warning)
        self._open_book(folder, footage.sequence.name)
        saved = self._load_saved_track()
        self._show_judgement()
        self._start_optimiser(saved)

    def _open_book(self, folder: Path, wanted: str) -> None:
        from neuface_engine.review import Project

        source = self._loading_source
        try:
            project = Project.create(folder)
            name = projects.sequence_name(folder, source, wanted)
            projects.remember_source(folder, source, name)
            self._book = VerdictBook(project, name)
            problems = self._book.problems
        except NeuFaceError as error:
            self._book = None
            self.session.notify("error", f"Results and verdicts cannot be kept: {error}")
            return
        for problem in problems[:3]:
            self.session.notify("warning", problem)

    @Slot(str)
    def _on_load_failed(self, message: str) -> None:
        if self._is_stale():
            return
        self._finish_loading()
        self.session.notify("error", message)

    @Slot()
    def _on_load_cancelled(self) -> None:
        if self._is_stale():
            return
        self._finish_loading()
        self.session.notify("info", "Opening was cancelled.")

    def _is_stale(self) -> bool:
        """Whether a result comes from a loader given up meanwhile: disconnecting does not call back what is queued."""
        return self._loader is None or self.sender() not in (None, self._loader)

    def _finish_loading(self) -> None:
        thread = self._loader_thread
        self._loader = self._loader_thread = None
        if thread is not None:
            thread.quit()
            thread.wait(SHUTDOWN_TIMEOUT_MS)
            thread.deleteLater()
        self.session.task_changed.emit(None)

    # Optimising

    def _start_optimiser(self, saved: SavedResult | None = None) -> None:
        footage = self.session.footage
        if footage is None:
            return
        optimiser = OptimiserWorker(footage, target=self.session.target_iterations, saved=saved)
        optimiser.watch_gradient(self.session.layers.gradient)
        self._optimiser = optimiser
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
        self._saved_iteration = None
        self._newest_when_saved = 0

    def toggle_run(self) -> None:
        """Run, or pause after the iteration in progress."""
        if self._optimiser is None:
            return
        if self.session.run_state == RunState.RUNNING:
            self._optimiser.pause()
            return
        if not self.session.run_state.can_run:
            return
        newest = self._newest_optimised()
        if newest >= self.session.target_iterations:
            self.set_target(newest + 100)
        self._begin()
        self._optimiser.start_running(self.session.target_iterations)
        self.session.set_run_state(RunState.RUNNING)

    def step_once(self) -> None:
        """Do exactly one EM iteration."""
        if self._optimiser is None or not self.session.run_state.can_run:
            return
        newest = self._newest_optimised()
        if newest >= self.session.target_iterations:
            self.set_target(newest + 1)
        self._begin()
        self._optimiser.step()
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
        self.autosave()
        self._end_optimiser()
        self.session.clear_history()
        self.session.set_final_figures({})
        self._start_optimiser()

    def set_target(self, iterations: int) -> None:
        """Let the run end at this iteration."""
        self.session.set_target(iterations)
        if self._optimiser is not None:
            self._optimiser.set_target(iterations)

    def _newest_optimised(self) -> int:
        return max((record.index for record in self.session.records() if not record.saved), default=0)

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
        fresh = [record for record in snapshot.records if not self._replaced_by_saved(record)]
        session.add_records(fresh)
        self._measure_cost(snapshot)
        if snapshot.gradient is not None and not snapshot.records:
            session.layers_changed.emit()
        if snapshot.error is not None:
            session.notify("error", snapshot.error)
        if snapshot.figures is not None:
            session.set_final_figures(snapshot.figures)
        if snapshot.state is not None and snapshot.state != session.run_state:
            resting = session.run_state in (RunState.RUNNING, RunState.READY) and snapshot.state in (
                RunState.PAUSED,
                RunState.FINISHED,
                RunState.FAILED,
            )
            session.set_run_state(snapshot.state)
            if resting:
                self.window_still_changed.emit(False)
                self.autosave()
                if snapshot.state == RunState.FINISHED:
                    session.notify(
                        "good",
                        f"Finished: {self._newest_optimised()} EM iterations. Your verdict, please: 1, 2 or 3.",
                    )
        if self.run_when_ready and session.run_state == RunState.READY:
            self.run_when_ready = False
            self.toggle_run()
        session.status_changed.emit()

    def _replaced_by_saved(self, record: IterationRecord) -> bool:
        known = self.session.record(record.index)
        return known is not None and known.saved and not record.saved

    def _measure_cost(self, snapshot: Snapshot) -> None:
        if self._optimiser is None or not snapshot.records:
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
        if self._optimiser is not None:
            self._optimiser.watch_gradient(self.session.layers.gradient)
        self._want_gradient()

    @Slot(int)
    def _on_iteration(self, _: int) -> None:
        if self.session.run_state != RunState.RUNNING:
            self._want_gradient()

    def _want_gradient(self) -> None:
        session = self.session
        record = session.record()
        if self._optimiser is None or record is None or record.saved or not session.layers.gradient:
            return
        if session.gradients.typical_peak(record.index) == 0.0 and session.run_state != RunState.PREPARING:
            self._optimiser.want_gradient(record.index)

    # Playback

    @Slot(bool)
    def _on_playing(self, playing: bool) -> None:
        if not playing:
            self._play_timer.stop()
            return
        fps = self._fps()
        self._play_start = (time.perf_counter(), self.session.frame)
        self._play_timer.start(max(8, round(500 / fps)))

    def _fps(self) -> float:
        footage = self.session.footage
        fps = float(footage.sequence.fps) if footage is not None else 25.0
        return fps if 0.5 < fps < 1000 else 25.0

    @Slot()
    def _advance(self) -> None:
        """Real time: frames that come too late are left out."""
        if not self.may_advance:
            return
        started, first = self._play_start
        self.session.set_frame(
            (first + int((time.perf_counter() - started) * self._fps())) % self.session.num_frames
        )

    def seek(self, frame: int) -> None:
        """Go to a frame; playback goes on from there."""
        self.session.set_frame(frame)
        self._play_start = (time.perf_counter(), self.session.frame)

    # Saving and judging

    def autosave(self) -> bool:
        """Keep the newest optimised iteration as the project's track, if it is not kept already."""
        newest = self._newest_optimised()
        # Not after a verdict on an earlier iteration: that one is the result until the run goes on.
        if newest == 0 or newest <= self._newest_when_saved:
            return False
        return self._save_track(newest)

    def _save_track(self, iteration: int) -> bool:
        session = self.session
        track = None if self._optimiser is None else self._optimiser.track(iteration)
        if track is None or self._book is None:
            return False
        try:
            track.save(self._book.track_file)
        except NeuFaceError as error:
            session.notify("error", f"The track is not saved: {error}")
            return False
        self._saved_iteration = iteration
        self._newest_when_saved = self._newest_optimised()
        session.autosaved_at = time.strftime("%H:%M:%S")
        self._show_judgement()
        session.status_changed.emit()
        return True

    def _load_saved_track(self) -> SavedResult | None:
        import neuface_engine as nf

        session = self.session
        if self._book is None or session.footage is None:
            return None
        try:
            path = self._book.track_file
            if not path.exists():
                return None
            track = nf.FaceTrack.load(path, head=session.footage.head)
            record = record_of_track(track, session.footage)
        except NeuFaceError as error:
            session.notify("warning", f"The saved track is left aside: {error}")
            return None
        session.add_records([record])
        session.notify(
            "info", f"The saved result of {record.index} EM iterations. A new run starts from the encoder."
        )
        return SavedResult(track, record)

    def judge(self, verdict: str, note: str, reviewer: str) -> None:
        """Save the shown iteration and the verdict on it, at once."""
        session = self.session
        record = session.record()
        if record is None or self._book is None or session.footage is None:
            return
        if not record.saved and record.index != self._saved_iteration and not self._save_track(record.index):
            return
        try:
            self._book.add(verdict, note, reviewer)
        except NeuFaceError as error:
            session.notify("error", f"The verdict is not saved: {error}")
            return
        session.autosaved_at = time.strftime("%H:%M:%S")
        self._show_judgement()
        session.notify(
            "good", f"{VERDICT_WORDS[verdict]}, iteration {record.index}. Saved; Ctrl+Z takes it back."
        )
        session.status_changed.emit()

    def undo(self, reviewer: str) -> None:
        """Take back the last verdict on this sequence."""
        if self._book is None:
            return
        try:
            undone = self._book.undo(reviewer)
        except NeuFaceError as error:
            self.session.notify("error", f"The verdict is not taken back: {error}")
            return
        self._show_judgement()
        self.session.notify(
            "info", "The last verdict is taken back." if undone else "There is no verdict to take back."
        )

    def _show_judgement(self) -> None:
        judgement = None
        if self._book is not None:
            try:
                judgement = self._book.current()
            except NeuFaceError as error:
                self.session.notify("error", str(error))
        self.session.set_judgement(judgement)

    # The end

    def shutdown(self) -> None:
        """Stop timers, then threads, in this order; may be called twice."""
        self._play_timer.stop()
        self.cancel_loading()
        self.close_footage()
        self._poll_timer.stop()


VERDICT_WORDS = {"accept": "Accepted", "reject": "Rejected", "unsure": "Marked unsure"}


class ViewerCost:
    """How much slower iterations are while the window draws than while it is still."""

    def __init__(self) -> None:
        self._watched: list[float] = []
        self._still: list[float] = []

    def add(self, seconds: float, still: bool) -> None:
        samples = self._still if still else self._watched
        samples.append(seconds)
        del samples[:-40]

    @property
    def percent(self) -> float | None:
        if len(self._still) < 2 or len(self._watched) < 6:
            return None
        return max(0.0, 100.0 * (float(np.median(self._watched)) / float(np.median(self._still)) - 1.0))


@functools.cache
def spare_the_collector() -> None:
    """Once, when all libraries are loaded: their 260,000 objects need not be looked through again and again.

    A full pass over them takes 140 ms, in which neither the window nor the optimiser moves.
    """
    gc.collect()
    gc.freeze()


def record_of_track(track: Any, footage: Footage) -> IterationRecord:
    """A saved track as a shown iteration. Raises TrackError if it does not fit the footage."""
    import neuface_engine as nf

    parameters = track.parameters
    expected = tuple(footage.sequence.landmarks.shape[:2])
    if tuple(parameters.batch_shape) != expected:
        raise nf.TrackError(
            f"it has {tuple(parameters.batch_shape)} frames and views, the footage has {expected}; run again"
        )
    views = len(footage.sequence.views)
    empty = np.full(views, np.nan)
    index = int(track.provenance.get("iterations", 0) or 0)
    return IterationRecord(
        index=max(index, 1),
        parameters=parameters,
        losses={},
        cvd_mm=empty,
        msi=empty,
        nme_percent=empty,
        seconds=0.0,
        saved=True,
    )


def default_reviewer() -> str:
    """The name under which the user is logged in, as a first guess."""
    for variable in ("NEUFACE_REVIEWER", "USER", "USERNAME", "LOGNAME"):
        if os.environ.get(variable):
            return os.environ[variable]
    return "reviewer"

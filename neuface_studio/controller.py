"""What is open: footage and projects come and go, sequences are put aside and taken back. No widgets."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from neuface_engine.errors import NeuFaceError
from neuface_studio import faces, place_file, projects
from neuface_studio.opening import Opener
from neuface_studio.parking import Key, Parked, is_same
from neuface_studio.place_keeping import PlaceKeeper
from neuface_studio.playback import Playback
from neuface_studio.preferences import Settings
from neuface_studio.running import RunControl
from neuface_studio.session import Footage, RunState, Session
from neuface_studio.undo import Place
from neuface_studio.viewer_cost import ViewerCost
from neuface_studio.worker.memory import give_back


class Controller(RunControl):
    """What the commands call: opens footage, and runs the optimiser on it."""

    opening = Signal(str)
    # The open footage is about to be closed or put aside: what is in the hand is to be put down.
    leaving = Signal()

    def __init__(
        self, session: Session, parent: QObject | None = None, *, preferences: Settings | None = None
    ) -> None:
        super().__init__(session, parent, preferences=preferences)
        self.project_override: Path | None = None
        self.opener = Opener(session, self)
        self.playback = Playback(session, self)
        self.places = PlaceKeeper(session, self)
        self._key: Key | None = None  # of the open footage
        self._name = ""  # of what is being opened, where the project lists it already
        self._destination: Place | None = None  # to go to once it is open
        self.opener.opened.connect(self._on_opened)
        self.lot.failed.connect(self._on_failed)
        session.undo_stack.went.connect(self.go_to)

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
        face = self._face(folder, path, name)
        self.opener.start(path, views=views, max_frames=max_frames, face=face, **models)

    def _face(self, folder: Path, path: Path | None, name: str) -> faces.Face:
        try:
            return faces.of_sequence(self.projects, folder, path, name)
        except NeuFaceError as error:
            self.session.notify("warning", f"Which face was chosen is not known: {error}")
            return faces.MAIN

    def leave(self, folder: Path, name: str) -> None:
        """End the work on a sequence, whether it is open or was put aside; its track is kept."""
        if (self.session.project_folder, self.session.sequence_name) == (folder, name):
            self.close_footage()
        self.lot.end(folder, name)

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
        self.leaving.emit()
        self.poll()
        self.places.keep()
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
        self.leaving.emit()
        self.places.keep()
        self.results.autosave()
        self._end_optimiser()
        self.results.close()
        self.session.close_footage()
        self._key = None
        # By then whoever shows the footage has let go of it, and a closed window is gone.
        QTimer.singleShot(10, give_back)

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
        stopped_at = self.news.stopped_at = place_file.recall(folder, session.sequence_name)
        if stopped_at is not None:
            session.select_view(stopped_at.view)
            session.set_frame(stopped_at.frame)
        self._start_optimiser(saved)
        self._arrive()

    @Slot(str)
    def _on_failed(self, message: str) -> None:
        self.session.notify("error", message)

    def shutdown(self) -> None:
        """Stop timers, then threads, in this order; may be called twice."""
        self.playback.stop()
        self.opener.cancel()
        self.close_footage()
        self.lot.clear()
        self._poll_timer.stop()
        self.places.stop()
        self.projects.close()

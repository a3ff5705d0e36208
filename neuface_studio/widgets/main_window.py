"""The one window: follows the session, and ends everything when it is closed."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QSettings, Qt, QTimer, Slot
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeyEvent

from neuface_engine.review.queue import Filter
from neuface_studio import actions as table
from neuface_studio.keys import allow
from neuface_studio.queue_index import filter_of
from neuface_studio.session import RunState, Task
from neuface_studio.theme import apply_text_size
from neuface_studio.widgets.commands import (
    CompareCommands,
    EditCommands,
    FileCommands,
    HelpCommands,
    LayerCommands,
    PlayCommands,
    QueueCommands,
    RepairCommands,
    ReviewCommands,
    RunCommands,
    ViewCommands,
    WindowCommands,
)
from neuface_studio.widgets.commands.base import Commands
from neuface_studio.widgets.doorway import Doorway
from neuface_studio.widgets.flip_key import FlipKey
from neuface_studio.widgets.keyboard_focus import KeyboardFocus
from neuface_studio.widgets.wiring import connect
from neuface_studio.widgets.workspace import Workspace

GROUPS = (
    FileCommands,
    EditCommands,
    RunCommands,
    ViewCommands,
    PlayCommands,
    WindowCommands,
    LayerCommands,
    RepairCommands,
    QueueCommands,
    CompareCommands,
    ReviewCommands,
    HelpCommands,
)


class MainWindow(Workspace):
    """Owns session, controller and panels; closing it ends every thread and timer."""

    def __init__(self, *, settings: QSettings | None = None, project: Path | None = None) -> None:
        super().__init__(settings=settings, project=project)
        self.flip_key = FlipKey(self.session.comparison, self.actions_by_id["flip"], self)
        self.keyboard = KeyboardFocus(self, self.view_grid)
        self._closed = False
        self._clearing = QTimer(self)
        self._clearing.setSingleShot(True)
        self._clearing.timeout.connect(self._clear_panels)
        self._doorway = Doorway(self)
        connect(self)
        self._arrangement.show_panels(False)
        self.start_page.show_recent()
        self.on_preferences()
        self.update_actions()
        self._arrangement.restore()

    def _make_commands(self) -> list[Commands]:
        return [group(self) for group in GROUPS]

    # Commands

    @Slot(object)
    def open_path(
        self, path: Path | None, *, views: str | None = None, max_frames: int | None = None
    ) -> None:
        """Open footage, a project folder or a folder of many sequences; None is the demo."""
        self._doorway.open_path(path, views=views, max_frames=max_frames)

    def recover(self) -> bool:
        """Go on where the last session stopped, if it ended without closing; False where it was closed."""
        return self._doorway.recover()

    def open_project(self, folder: Path) -> None:
        """Show the queue of a project, and go on in the sequence where it was left."""
        self._doorway.open_project(folder)

    @Slot(object)
    def add_footage(self, paths: list[Path]) -> None:
        """Add what lies under these paths to the queue; the first is opened where nothing is open."""
        self._doorway.add_footage(paths)

    def show_queue(self, shown: bool, *, for_good: bool = False) -> None:
        """Show or hide the queue; ``for_good`` remembers it."""
        self.queue_dock.setVisible(shown)
        if for_good:
            self.settings.setValue("window/queue", shown)
        self.update_checks()

    @Slot()
    def on_queue(self) -> None:
        """A queue of one needs no list, unless the user wants it."""
        wanted = str(self.settings.value("window/queue", "")).lower()
        many = self.queue.count() > 1
        was_hidden = self.queue_dock.isHidden()
        self.queue_dock.setVisible(wanted == "true" or (wanted != "false" and many))
        if was_hidden and not self.queue_dock.isHidden():
            self._arrangement.size_queue()
        self.update_checks()

    @Slot()
    def on_queue_left(self) -> None:
        self.view_grid.setFocus(Qt.FocusReason.ShortcutFocusReason)

    @Slot()
    def on_preferences(self) -> None:
        now = self.preferences.now
        self.start_page.show_models(now.encoder, now.head)
        self.controller.playback.every_frame = now.every_frame
        apply_text_size(now.text_points)
        self.update_checks()

    def save_picture(self, path: Path) -> bool:
        """Write what the window shows as PNG; says so in the notice line."""
        if self.grab().save(str(path), "PNG"):
            self.session.notify("info", f"Picture saved as {path}.")
            return True
        self.session.notify("error", f"{path}: cannot be written; choose another folder.")
        return False

    # The review

    def listed(self) -> tuple[Filter, str, bool]:
        """The queue as it is filtered and sorted."""
        return filter_of(self.queue.model.wanted, self.desk.reviewer()), *self.queue.model.order

    @Slot()
    def on_blind(self) -> None:
        """In a blind comparison nothing is in sight that tells the sides apart."""
        docks = [
            *self.side_docks,
            self.paper_dock,
            self.plot_dock,
            self.frames_dock,
            self.slit_dock,
            self.repair_dock,
        ]
        for dock in docks:
            dock.setVisible(not self.trials.on and self.session.footage is not None)
        self.compare_bar.setVisible(not self.trials.on and self.session.footage is not None)
        self.view_grid.show_bare(self.trials.on and not self.trials.ready)
        self.update_checks()

    # Following what comes in

    @Slot(object)
    def on_adding(self, task: Task | None) -> None:
        self._doorway.on_adding(task)

    @Slot(object)
    def on_added(self, folder: Path) -> None:
        self.queue.on_added(folder)
        self._doorway.on_added(folder)
        if folder == self.queue.folder:
            self.show_queue(True)

    @Slot(str)
    def on_opening(self, name: str) -> None:
        if self.desk.switching:
            return
        self.notices.clear()
        self.pages.setCurrentWidget(self.start_page)
        self.start_page.begin(name)

    @Slot()
    def on_cancelled(self) -> None:
        self._doorway.on_cancelled()
        self.start_page.show_task(None)
        self.session.notify("info", "Opening was cancelled.")

    @Slot()
    def on_footage(self) -> None:
        footage = self.session.footage
        if footage is None and self.desk.switching:
            return
        if footage is None:
            self.pages.setCurrentWidget(self.start_page)
            self.start_page.show_task(None)
            self.start_page.show_recent()
            self.setWindowTitle("NeuFace Studio")
            self._title.setText("")
        else:
            self.pages.setCurrentWidget(self.view_grid)
            self.view_grid.setFocus(Qt.FocusReason.OtherFocusReason)
            name = "Demo" if footage.is_demo else footage.sequence.name
            views = len(footage.sequence.views)
            self.setWindowTitle(f"{name} – NeuFace Studio")
            self._title.setText(
                f"{name}   ·   {views} view{'' if views == 1 else 's'} × {self.session.num_frames} frames"
            )
            self._arrangement.show_panels(True)
            if self.trials.on:
                self.on_blind()
        self.on_task(None)
        if self.session.project_folder is not None:
            self.queue.show(self.session.project_folder)
        self._doorway.note_open()
        self.update_actions()

    @Slot(object)
    def on_task(self, task: object) -> None:
        if task is None and not self._closed:
            self._clearing.start()

    @Slot()
    def _clear_panels(self) -> None:
        """Put the panels away once nothing is open; from one sequence to another they stay where they are."""
        if self.session.footage is None and not self.controller.opener.loading:
            self._arrangement.show_panels(False)

    @Slot()
    def on_frame_requested(self) -> None:
        self.controller.playback.may_advance = False

    @Slot()
    def on_refreshed(self) -> None:
        self.controller.playback.may_advance = True

    @Slot()
    def update_actions(self) -> None:
        session = self.session
        have = {
            "": True,
            "sequence": session.footage is not None,
            "track": session.footage is not None and session.newest is not None and session.newest > 0,
        }
        for entry in table.COMMANDS:
            allow(self.actions_by_id[entry.id], entry, have[entry.needs])
        can_run = session.run_state.can_run or session.run_state == RunState.RUNNING
        self.actions_by_id["toggle_run"].setEnabled(can_run)
        self.actions_by_id["step_once"].setEnabled(session.run_state.can_run)

    @Slot()
    def update_checks(self) -> None:
        session = self.session
        for group in self._commands:
            if isinstance(group, LayerCommands):
                group.show_checks()
        self.actions_by_id["toggle_follow"].setChecked(session.follow)
        self.actions_by_id["solo_view"].setChecked(session.solo)
        self.actions_by_id["posed_3d"].setChecked(session.posed_3d)
        self.actions_by_id["blind_trial"].setChecked(self.trials.on)
        self.actions_by_id["adjudicate"].setChecked(self.desk.adjudicating)
        self.actions_by_id["choose_face"].setChecked(self.face_chooser.active)
        self.actions_by_id["repair_mode"].setChecked(session.repairing)
        self.actions_by_id["hide_queue"].setChecked(self.queue_dock.isVisible())
        self.actions_by_id["every_frame"].setChecked(self.preferences.now.every_frame)

    # Drag and drop

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        if self._doorway.take_drop(event.mimeData()):
            event.acceptProposedAction()

    # Layout and the end

    def reset_layout(self) -> None:
        """Every panel back to its first place and size."""
        self._arrangement.reset()
        self.on_queue()

    def default_layout(self) -> None:
        """Sizes of the docks for the present size of the window."""
        self._arrangement.set_sizes()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """The comparison is flipped to only while the key is held."""
        self.flip_key.release(event)
        super().keyReleaseEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        # A key that is let go in another window is never heard of.
        if event.type() == QEvent.Type.ActivationChange and not self.isActiveWindow():
            self.flip_key.let_go()
        super().changeEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.shutdown()
        super().closeEvent(event)

    def shutdown(self) -> None:
        """Stop timers, end threads, close the plotter; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._clearing.stop()
        self.flip_key.let_go()
        self.controller.places.keep()
        if self.session.footage is not None:
            self._arrangement.save()
        self.session.set_playing(False)
        self.face_chooser.stop()
        self.view_grid.stop()
        self.renderer.stop()
        self.analyst.stop()
        self.exporter.stop()
        self.adder.stop()
        self.queue.stop()
        self.desk.holding.stop()  # while its project is open
        self.controller.shutdown()
        self.desk.stop()
        # Closing the footage stirs the panels once more: their timers stop last, then the plotter closes.
        for panel in (
            self.notices,
            self.plots,
            self.queue_panel,
            self.view_grid,
            self.view3d,
            self.slit_panel,
            self.paper_panel,
        ):
            panel.stop()
        self.settings.sync()

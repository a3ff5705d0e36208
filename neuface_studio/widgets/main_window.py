"""The one window: puts the panels together and gives every command its function."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, QSettings, Qt, QTimer, Slot
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeyEvent
from PySide6.QtWidgets import (
    QLabel,
    QMainWindow,
    QSizePolicy,
    QStackedWidget,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from neuface_engine.review import Project
from neuface_engine.review.queue import Filter
from neuface_studio import actions as table
from neuface_studio.analyst import Analyst
from neuface_studio.controller import Controller
from neuface_studio.keys import KeyMap
from neuface_studio.preferences import Settings
from neuface_studio.queue import Queue
from neuface_studio.queue_index import filter_of
from neuface_studio.reviewing.blind import BlindTrials
from neuface_studio.reviewing.desk import ReviewDesk
from neuface_studio.scene.exporting import Exporter
from neuface_studio.scene.renderer import Renderer
from neuface_studio.session import RunState, Session
from neuface_studio.theme import apply_text_size
from neuface_studio.widgets.arrangement import Arrangement
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
from neuface_studio.widgets.common import scrolling, sideways
from neuface_studio.widgets.compare_bar import CompareBar
from neuface_studio.widgets.doorway import Doorway
from neuface_studio.widgets.figures_panel import FiguresPanel
from neuface_studio.widgets.frames_panel import FramesPanel
from neuface_studio.widgets.layer_panel import LayerPanel
from neuface_studio.widgets.notices import NoticeLine
from neuface_studio.widgets.paper_panel import PaperPanel
from neuface_studio.widgets.plots import Plots
from neuface_studio.widgets.queue_dock import QueueDock
from neuface_studio.widgets.repair_panel import RepairPanel
from neuface_studio.widgets.review_bar import ReviewBar
from neuface_studio.widgets.review_docks import ReviewPanels
from neuface_studio.widgets.slit_panel import SlitPanel
from neuface_studio.widgets.start_page import StartPage
from neuface_studio.widgets.status_line import StatusLine
from neuface_studio.widgets.transport import Transport
from neuface_studio.widgets.view3d import View3D
from neuface_studio.widgets.view_grid import ViewGrid

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


class MainWindow(QMainWindow):
    """Owns session, controller and panels; closing it ends every thread and timer."""

    def __init__(self, *, settings: QSettings | None = None, project: Path | None = None) -> None:
        super().__init__()
        self.settings = settings if settings is not None else QSettings("NeuFace", "NeuFace Studio")
        self.session = Session(self)
        self.preferences = Settings(self.settings, self)
        self.controller = Controller(self.session, self, preferences=self.preferences)
        self.controller.project_override = project
        self.queue = Queue(self.session, self.controller, self.preferences, self)
        self.renderer = Renderer(self.session, self)
        self.analyst = Analyst(self.session, self)
        self.desk = ReviewDesk(self.session, self.controller, self._project, self)
        self.trials = BlindTrials(self.session, self.desk, self)
        self.exporter = Exporter(self.session, self)
        self.setWindowTitle("NeuFace Studio")
        self.setAcceptDrops(True)
        self.setDockOptions(QMainWindow.DockOption.AnimatedDocks | QMainWindow.DockOption.AllowTabbedDocks)
        self._commands = [group(self) for group in GROUPS]
        self.actions_by_id = table.build_actions(self, self._handler)
        self.keys = KeyMap(self.settings)
        self.keys.apply(self.actions_by_id)
        self._closed = False
        self._clearing = QTimer(self)
        self._clearing.setSingleShot(True)
        self._clearing.timeout.connect(self._clear_panels)
        self._doorway, self._arrangement = Doorway(self), Arrangement(self)
        self._build_menus()
        self._build_panels()
        self._connect()
        self._update_actions()
        self._arrangement.restore()

    # Construction

    def _build_menus(self) -> None:
        for name in table.MENUS:
            menu = self.menuBar().addMenu(name)
            menu.setToolTipsVisible(True)
            for entry in table.commands_of(name):
                if entry.starts_group:
                    menu.addSeparator()
                menu.addAction(self.actions_by_id[entry.id])
        # Actions work by their keys even while a dock hides their menu entry.
        self.addActions(list(self.actions_by_id.values()))
        self._title = QLabel()
        self._title.setObjectName("soft")
        self._title.setContentsMargins(0, 5, 14, 0)
        self._title.setMinimumWidth(430)  # the menu bar does not ask again when the text grows
        self._title.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.menuBar().setCornerWidget(self._title, Qt.Corner.TopRightCorner)

    def _build_panels(self) -> None:
        session, actions = self.session, self.actions_by_id
        self.start_page = StartPage(actions)
        self.view_grid = ViewGrid(session, self.renderer)
        self.view_grid.setAccessibleName("Footage, one tile a view")
        self.pages = QStackedWidget()
        self.pages.addWidget(self.start_page)
        self.pages.addWidget(self.view_grid)
        # The hidden start page must not keep the window from being made lower.
        self.start_page.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)
        centre = QWidget()
        self.notices = NoticeLine(centre)
        column = QVBoxLayout(centre)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(6)
        self.compare_bar = CompareBar(session, actions)
        column.addWidget(self.compare_bar)
        column.addWidget(self.pages, 1)
        self.setCentralWidget(centre)

        self.view3d = View3D(session, self.renderer, actions)
        self.figures = FiguresPanel(session)
        self.layer_panel = LayerPanel(session, actions)
        self.plots = Plots(session)
        self.transport = Transport(session, self.controller, actions)
        self.queue_panel = QueueDock(self.queue.model, actions)
        self.review_bar = ReviewBar(session, self.desk, actions, self.settings)
        self.review_panels = ReviewPanels(session, self.desk, self.trials, self.queue, actions)
        self.status_line = StatusLine(session)
        self.setStatusBar(self.status_line)

        self.side_docks = [
            self._arrangement.dock(name, title, widget, Qt.DockWidgetArea.RightDockWidgetArea)
            for name, title, widget in (
                ("view3d", "3D", self.view3d),
                ("figures", "Measures", self.figures),
                ("layers", "Layers", scrolling(self.layer_panel)),
            )
        ]
        self.queue_dock = self._arrangement.dock(
            "queue", "Queue", self.queue_panel, Qt.DockWidgetArea.LeftDockWidgetArea
        )
        self.plot_dock = self._arrangement.dock(
            "plots", "Optimisation", scrolling(self.plots), Qt.DockWidgetArea.BottomDockWidgetArea
        )
        self.frames_panel = FramesPanel(session, self.analyst)
        self.frames_dock = self._arrangement.dock(
            "frames", "Views and frames", scrolling(self.frames_panel), Qt.DockWidgetArea.BottomDockWidgetArea
        )
        self.slit_panel = SlitPanel(session, self.renderer)
        self.slit_dock = self._arrangement.dock(
            "slit", "Slit scan", self.slit_panel, Qt.DockWidgetArea.BottomDockWidgetArea
        )
        self.paper_panel = PaperPanel(session, self.renderer)
        self.paper_dock = self._arrangement.dock(
            "paper", "Overlay, turned", self.paper_panel, Qt.DockWidgetArea.RightDockWidgetArea
        )
        self.tabifyDockWidget(self.side_docks[0], self.paper_dock)
        self.side_docks[0].raise_()
        self.repair_panel = RepairPanel(session, self.controller.repairs, actions)
        self.repair_dock = self._arrangement.dock(
            "repair", "Repairs", scrolling(self.repair_panel), Qt.DockWidgetArea.BottomDockWidgetArea
        )
        self.review_docks = [
            self._arrangement.dock(name, title, sideways(page), Qt.DockWidgetArea.BottomDockWidgetArea)
            for name, title, page in self.review_panels.pages
        ]
        for dock in (self.frames_dock, self.slit_dock, self.repair_dock, *self.review_docks):
            self.tabifyDockWidget(self.plot_dock, dock)
        self.plot_dock.raise_()
        self.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        for name, widget in (("review", self.review_bar), ("transport", self.transport)):
            bar = QToolBar(name)
            bar.setObjectName(name)
            bar.setMovable(False)
            bar.setFloatable(False)
            bar.toggleViewAction().setEnabled(False)
            widget.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
            bar.addWidget(widget)
            self.addToolBarBreak(Qt.ToolBarArea.BottomToolBarArea)
            self.addToolBar(Qt.ToolBarArea.BottomToolBarArea, bar)
        self.bars = [
            bar for bar in self.findChildren(QToolBar) if bar.objectName() in ("transport", "review")
        ]

    def _connect(self) -> None:
        session, controller = self.session, self.controller
        session.footage_changed.connect(self._on_footage)
        session.noticed.connect(self.notices.show_notice)
        session.task_changed.connect(self.start_page.show_task)
        session.task_changed.connect(self._on_task)
        self.exporter.task_changed.connect(self.status_line.show_task)
        self.status_line.cancelled.connect(self.exporter.cancel)
        self.queue.changed.connect(self._on_queue)
        self.queue.task_changed.connect(self.queue_panel.show_task)
        self.queue_panel.chosen.connect(self.queue.open_row)
        self.queue_panel.dropped.connect(self.add_footage)
        self.queue_panel.cancelled.connect(self.queue.cancel)
        self.queue_panel.left.connect(self._on_queue_left)
        self.preferences.changed.connect(self._on_preferences)
        session.marks.changed.connect(self.transport.show_marks)
        session.run_state_changed.connect(self._update_actions)
        session.history_changed.connect(self._update_actions)
        session.layers_changed.connect(self._update_checks)
        session.muted_changed.connect(self._update_checks)
        session.repairing_changed.connect(self._update_checks)
        self.view_grid.handling.moved.connect(controller.repairs.move)
        controller.repairs.reviewer_name = self.review_bar.reviewer_name
        session.follow_changed.connect(self._update_checks)
        session.selection_changed.connect(self._update_checks)
        session.posed_changed.connect(self._update_checks)
        session.frame_changed.connect(self._on_frame_requested)
        controller.opening.connect(self._on_opening)
        controller.window_still_changed.connect(self.view_grid.set_still)
        controller.window_still_changed.connect(self.view3d.set_still)
        self.start_page.source_chosen.connect(self.open_path)
        self.start_page.cancelled.connect(controller.cancel_loading)
        self.start_page.cancelled.connect(self._on_cancelled)
        self.view_grid.pointed.connect(self.compare_bar.read)
        self.view_grid.refreshed.connect(self._on_refreshed)
        self.view_grid.refreshed.connect(self.desk.watcher.shown)
        self.desk.going.listed = self._listed
        self.queue.model.modelReset.connect(self.desk.going.renew)
        self.desk.flagger.recorded.connect(self.queue.model.refresh_rows)
        self.trials.changed.connect(self._on_blind)
        for dock, panel in (
            (self.side_docks[0], self.view3d),
            (self.slit_dock, self.slit_panel),
            (self.paper_dock, self.paper_panel),
        ):
            dock.visibilityChanged.connect(panel.show_up)
        self.review_docks[1].visibilityChanged.connect(self.review_panels.order_to_front)
        self.review_docks[2].visibilityChanged.connect(self.review_panels.proof_to_front)
        self.view_grid.scale_changed.connect(self.layer_panel.show_scale)
        self._arrangement.show_panels(False)
        self.start_page.show_recent()
        self._on_preferences()

    # Commands

    def _handler(self, identifier: str) -> Callable[..., None]:
        """The slot of a command: ``do_<id>`` of one of the groups."""
        name = f"do_{identifier}"
        return next(getattr(group, name) for group in self._commands if hasattr(group, name))

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
        self._update_checks()

    @Slot()
    def _on_queue(self) -> None:
        """A queue of one needs no list, unless the user wants it."""
        wanted = str(self.settings.value("window/queue", "")).lower()
        many = self.queue.count() > 1
        self.queue_dock.setVisible(wanted == "true" or (wanted != "false" and many))
        self._update_checks()

    @Slot()
    def _on_queue_left(self) -> None:
        self.view_grid.setFocus(Qt.FocusReason.ShortcutFocusReason)

    @Slot()
    def _on_preferences(self) -> None:
        now = self.preferences.now
        self.start_page.show_models(now.encoder, now.head)
        self.controller.playback.every_frame = now.every_frame
        apply_text_size(now.text_points)
        self._update_checks()

    def save_picture(self, path: Path) -> bool:
        """Write what the window shows as PNG; says so in the notice line."""
        if self.grab().save(str(path), "PNG"):
            self.session.notify("info", f"Picture saved as {path}.")
            return True
        self.session.notify("error", f"{path}: cannot be written; choose another folder.")
        return False

    # The review

    def _project(self) -> Project | None:
        """The project of the open sequence, else that of the queue."""
        book = self.controller.results.book
        return book.project if book is not None else self.queue.project

    def _listed(self) -> tuple[Filter, str, bool]:
        """The queue as it is filtered and sorted."""
        return filter_of(self.queue.model.wanted), *self.queue.model.order

    @Slot()
    def _on_blind(self) -> None:
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
        self._update_checks()

    # Following the session

    @Slot(str)
    def _on_opening(self, name: str) -> None:
        if self.desk.switching:
            return
        self.notices.clear()
        self.pages.setCurrentWidget(self.start_page)
        self.start_page.begin(name)

    @Slot()
    def _on_cancelled(self) -> None:
        self.start_page.show_task(None)
        self.session.notify("info", "Opening was cancelled.")

    @Slot()
    def _on_footage(self) -> None:
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
        self._on_task(None)
        if self.session.project_folder is not None:
            self.queue.show(self.session.project_folder)
        self._doorway.note_open()
        self._update_actions()

    @Slot(object)
    def _on_task(self, task: object) -> None:
        if task is None and not self._closed:
            self._clearing.start()

    @Slot()
    def _clear_panels(self) -> None:
        """Put the panels away once nothing is open; from one sequence to another they stay where they are."""
        if self.session.footage is None and not self.controller.opener.loading:
            self._arrangement.show_panels(False)

    @Slot()
    def _on_frame_requested(self) -> None:
        self.controller.playback.may_advance = False

    @Slot()
    def _on_refreshed(self) -> None:
        self.controller.playback.may_advance = True

    @Slot()
    def _update_actions(self) -> None:
        session = self.session
        have = {
            "": True,
            "sequence": session.footage is not None,
            "track": session.footage is not None and session.newest is not None and session.newest > 0,
        }
        for entry in table.COMMANDS:
            self.actions_by_id[entry.id].setEnabled(have[entry.needs])
        can_run = session.run_state.can_run or session.run_state == RunState.RUNNING
        self.actions_by_id["toggle_run"].setEnabled(can_run)
        self.actions_by_id["step_once"].setEnabled(session.run_state.can_run)

    @Slot()
    def _update_checks(self) -> None:
        session = self.session
        for group in self._commands:
            if isinstance(group, LayerCommands):
                group.show_checks()
        self.actions_by_id["toggle_follow"].setChecked(session.follow)
        self.actions_by_id["solo_view"].setChecked(session.solo)
        self.actions_by_id["posed_3d"].setChecked(session.posed_3d)
        self.actions_by_id["blind_trial"].setChecked(self.trials.on)
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
        self._on_queue()

    def default_layout(self) -> None:
        """Sizes of the docks for the present size of the window."""
        self._arrangement.set_sizes()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """The comparison is flipped to only while the key is held."""
        if self.session.comparison.flipped and not event.isAutoRepeat():
            self.session.comparison.flip(False)
        super().keyReleaseEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        # A key that is let go in another window is never heard of.
        if event.type() == QEvent.Type.ActivationChange and not self.isActiveWindow():
            self.session.comparison.flip(False)
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
        self.controller.places.keep()
        if self.session.footage is not None:
            self._arrangement.save()
        self.session.set_playing(False)
        self.view_grid.stop()
        self.renderer.stop()
        self.analyst.stop()
        self.exporter.stop()
        self.queue.stop()
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

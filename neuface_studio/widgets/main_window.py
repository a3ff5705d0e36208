"""The one window: puts the panels together and gives every command its function."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QByteArray, QEvent, QSettings, Qt, Slot
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeyEvent
from PySide6.QtWidgets import (
    QDockWidget,
    QLabel,
    QMainWindow,
    QSizePolicy,
    QStackedWidget,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from neuface_studio import actions as table
from neuface_studio.analyst import Analyst
from neuface_studio.controller import Controller
from neuface_studio.keys import KeyMap
from neuface_studio.scene.exporting import Exporter
from neuface_studio.scene.renderer import Renderer
from neuface_studio.session import RunState, Session
from neuface_studio.widgets.commands import (
    CompareCommands,
    EditCommands,
    FileCommands,
    HelpCommands,
    LayerCommands,
    ReviewCommands,
    RunCommands,
    ViewCommands,
)
from neuface_studio.widgets.compare_bar import CompareBar
from neuface_studio.widgets.figures_panel import FiguresPanel
from neuface_studio.widgets.frames_panel import FramesPanel
from neuface_studio.widgets.layer_panel import LayerPanel
from neuface_studio.widgets.notices import NoticeLine
from neuface_studio.widgets.plots import Plots
from neuface_studio.widgets.review_bar import ReviewBar
from neuface_studio.widgets.start_page import StartPage
from neuface_studio.widgets.status_line import StatusLine
from neuface_studio.widgets.transport import Transport
from neuface_studio.widgets.view3d import View3D
from neuface_studio.widgets.view_grid import ViewGrid

LAYOUT_VERSION = 2
GROUPS = (
    FileCommands,
    EditCommands,
    RunCommands,
    ViewCommands,
    LayerCommands,
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
        self.controller = Controller(self.session, self)
        self.controller.project_override = project
        self.renderer = Renderer(self.session, self)
        self.analyst = Analyst(self.session, self)
        self.exporter = Exporter(self.session, self)
        self.setWindowTitle("NeuFace Studio")
        self.setAcceptDrops(True)
        self.setDockOptions(QMainWindow.DockOption.AnimatedDocks | QMainWindow.DockOption.AllowTabbedDocks)
        self._commands = [group(self) for group in GROUPS]
        self.actions_by_id = table.build_actions(self, self._handler)
        self.keys = KeyMap(self.settings)
        self.keys.apply(self.actions_by_id)
        self._closed = False
        self._build_menus()
        self._build_panels()
        self._connect()
        self._update_actions()
        self._restore_layout()

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

        self.view3d = View3D(session, self.renderer)
        self.figures = FiguresPanel(session)
        self.layer_panel = LayerPanel(session, actions)
        self.plots = Plots(session)
        self.transport = Transport(session, self.controller, actions)
        self.review_bar = ReviewBar(session, self.controller.results, actions, self.settings)
        self.status_line = StatusLine(session)
        self.setStatusBar(self.status_line)

        side = QWidget()
        side_column = QVBoxLayout(side)
        side_column.setContentsMargins(0, 0, 6, 0)
        side_column.setSpacing(6)
        side_column.addWidget(self.view3d, 1)
        side_column.addWidget(self.figures)
        side_column.addWidget(self.layer_panel)
        self.side_dock = self._dock(
            "side", "3D, measures, layers", side, Qt.DockWidgetArea.RightDockWidgetArea
        )
        self.plot_dock = self._dock(
            "plots", "Optimisation", self.plots, Qt.DockWidgetArea.BottomDockWidgetArea
        )
        self.frames_panel = FramesPanel(session, self.analyst)
        self.frames_dock = self._dock(
            "frames", "Views and frames", self.frames_panel, Qt.DockWidgetArea.BottomDockWidgetArea
        )
        self.tabifyDockWidget(self.plot_dock, self.frames_dock)
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
        self._bars = [
            bar for bar in self.findChildren(QToolBar) if bar.objectName() in ("transport", "review")
        ]

    def _dock(self, name: str, title: str, widget: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title, self)
        dock.setObjectName(f"dock_{name}")
        dock.setWidget(widget)
        dock.setFeatures(
            QDockWidget.DockWidgetFeature.DockWidgetMovable
            | QDockWidget.DockWidgetFeature.DockWidgetFloatable
        )
        self.addDockWidget(area, dock)
        return dock

    def _connect(self) -> None:
        session, controller = self.session, self.controller
        session.footage_changed.connect(self._on_footage)
        session.noticed.connect(self.notices.show_notice)
        session.task_changed.connect(self.start_page.show_task)
        self.exporter.task_changed.connect(self.status_line.show_task)
        self.status_line.cancelled.connect(self.exporter.cancel)
        session.run_state_changed.connect(self._update_actions)
        session.history_changed.connect(self._update_actions)
        session.layers_changed.connect(self._update_checks)
        session.muted_changed.connect(self._update_checks)
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
        self.view_grid.scale_changed.connect(self.layer_panel.show_scale)
        self._show_panels(False)
        self.start_page.show_recent()
        self._update_checks()

    # Commands

    def _handler(self, identifier: str) -> Callable[..., None]:
        """The slot of a command: ``do_<id>`` of one of the groups."""
        name = f"do_{identifier}"
        return next(getattr(group, name) for group in self._commands if hasattr(group, name))

    @Slot(object)
    def open_path(self, path: Path | None) -> None:
        """Open footage or a project folder; None is the demo."""
        if path is not None:
            self.settings.setValue("open/folder", str(path.parent))
        self.notices.clear()
        self.controller.open_path(path)

    def save_picture(self, path: Path) -> bool:
        """Write what the window shows as PNG; says so in the notice line."""
        if self.grab().save(str(path), "PNG"):
            self.session.notify("info", f"Picture saved as {path}.")
            return True
        self.session.notify("error", f"{path}: cannot be written; choose another folder.")
        return False

    # Following the session

    @Slot(str)
    def _on_opening(self, name: str) -> None:
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
        self._show_panels(footage is not None)
        self._update_actions()

    def _show_panels(self, shown: bool) -> None:
        for widget in (self.side_dock, self.plot_dock, self.frames_dock, *self._bars, self.compare_bar):
            widget.setVisible(shown)

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

    # Drag and drop

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if not paths:
            return
        event.acceptProposedAction()
        if len(paths) > 1:
            self.session.notify(
                "info",
                "Several files were dropped: put the views of one moment into a folder to open them together.",
            )
        self.open_path(paths[0])

    # Layout and the end

    def _restore_layout(self) -> None:
        geometry = self.settings.value("window/geometry")
        state = self.settings.value("window/state")
        if isinstance(geometry, QByteArray):
            self.restoreGeometry(geometry)
        else:
            self.resize(1600, 1000)
        if isinstance(state, QByteArray):
            self.restoreState(state, LAYOUT_VERSION)
        else:
            self.default_layout()
        self._show_panels(self.session.footage is not None)

    def default_layout(self) -> None:
        """Sizes of the docks for the present size of the window."""
        self.resizeDocks([self.side_dock], [max(260, min(420, self.width() // 5))], Qt.Orientation.Horizontal)
        self.resizeDocks([self.plot_dock], [max(150, min(240, self.height() // 6))], Qt.Orientation.Vertical)

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
        if self.session.footage is not None:
            self.settings.setValue("window/geometry", self.saveGeometry())
            self.settings.setValue("window/state", self.saveState(LAYOUT_VERSION))
        self.session.set_playing(False)
        self.view_grid.stop()
        self.renderer.stop()
        self.analyst.stop()
        self.exporter.stop()
        self.controller.shutdown()
        # Closing the footage stirs the panels once more: their timers stop last, then the plotter closes.
        for panel in (self.notices, self.plots, self.view_grid, self.view3d):
            panel.stop()
        self.settings.sync()

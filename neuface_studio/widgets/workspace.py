"""What the window is made of: the models behind it, its menus, and its panels in their docks. Nothing is connected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSettings, Qt
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
from neuface_studio import actions as table
from neuface_studio.adding import Adder
from neuface_studio.analyst import Analyst
from neuface_studio.controller import Controller
from neuface_studio.face_choosing import FaceChooser
from neuface_studio.face_switching import FaceSwitch
from neuface_studio.keys import KeyMap
from neuface_studio.preferences import Settings
from neuface_studio.queue import Queue
from neuface_studio.reviewing.blind import BlindTrials
from neuface_studio.reviewing.desk import ReviewDesk
from neuface_studio.scene.exporting import Exporter
from neuface_studio.scene.renderer import Renderer
from neuface_studio.session import Session
from neuface_studio.widgets.arrangement import Arrangement
from neuface_studio.widgets.commands.base import Commands
from neuface_studio.widgets.common import scrolling, sideways
from neuface_studio.widgets.compare_bar import CompareBar
from neuface_studio.widgets.face_handling import FaceBar
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


class Workspace(QMainWindow):
    """Session, controller and panels, each under its name."""

    def __init__(self, *, settings: QSettings | None = None, project: Path | None = None) -> None:
        super().__init__()
        self.settings = settings if settings is not None else QSettings("NeuFace", "NeuFace Studio")
        self.session = Session(self)
        self.preferences = Settings(self.settings, self)
        self.session.set_target(self.preferences.now.iterations)
        self.controller = Controller(self.session, self, preferences=self.preferences)
        self.controller.project_override = project
        self.queue = Queue(self.session, self.controller, self.preferences, self)
        self.adder = Adder(self.session, self.controller.projects, self)
        self.renderer = Renderer(self.session, self)
        self.analyst = Analyst(self.session, self)
        self.desk = ReviewDesk(self.session, self.controller, self._project, self)
        self.trials = BlindTrials(self.session, self.desk, self)
        self.exporter = Exporter(self.session, self)
        self.face_chooser = FaceChooser(self.session, self)
        self.face_switch = FaceSwitch(self.session, self.controller, self)
        self.setWindowTitle("NeuFace Studio")
        self.setAcceptDrops(True)
        self.setDockOptions(QMainWindow.DockOption.AnimatedDocks | QMainWindow.DockOption.AllowTabbedDocks)
        self._commands = self._make_commands()
        self.actions_by_id = table.build_actions(self, self._handler)
        self.keys = KeyMap(self.settings)
        self.keys.apply(self.actions_by_id)
        self._arrangement = Arrangement(self)
        self._build_menus()
        self._build_panels()

    def _make_commands(self) -> list[Commands]:
        """The groups of commands; each has the functions of its menu."""
        raise NotImplementedError

    def _handler(self, identifier: str) -> Callable[..., None]:
        """The slot of a command: ``do_<id>`` of one of the groups."""
        name = f"do_{identifier}"
        return next(getattr(group, name) for group in self._commands if hasattr(group, name))

    def _project(self) -> Project | None:
        """The project of the open sequence, else that of the queue."""
        book = self.controller.results.book
        return book.project if book is not None else self.queue.project

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
        self.view_grid.choose_from(self.face_chooser)
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
        self.face_bar = FaceBar(session, self.face_chooser)
        column.addWidget(self.face_bar)
        column.addWidget(self.pages, 1)
        self.setCentralWidget(centre)

        self.view3d = View3D(session, self.renderer, actions)
        self.figures = FiguresPanel(session)
        self.layer_panel = LayerPanel(session, actions)
        self.plots = Plots(session)
        self.transport = Transport(session, self.controller, actions, self.desk.flagger)
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

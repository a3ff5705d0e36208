"""Where the panels stand in the window: made as docks, restored, put back, and shown with the footage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QSize, Qt
from PySide6.QtWidgets import QDockWidget, QTabBar, QWidget

from neuface_studio.widgets.common import wrap_tool_tips

if TYPE_CHECKING:
    from neuface_studio.widgets.workspace import Workspace

LAYOUT_VERSION = 3
TALL = 1000  # px: from this height on 3D, measures and layers stand one below the other


class Arrangement:
    """The docks of a window."""

    def __init__(self, window: Workspace) -> None:
        self._window = window
        self._unsized = False
        self._first_state = QByteArray()

    def dock(self, name: str, title: str, widget: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        """Put a panel into a dock of its own."""
        dock = QDockWidget(title, self._window)
        dock.setObjectName(f"dock_{name}")
        dock.setWidget(widget)
        dock.setFeatures(
            QDockWidget.DockWidgetFeature.DockWidgetMovable
            | QDockWidget.DockWidgetFeature.DockWidgetFloatable
        )
        self._window.addDockWidget(area, dock)
        return dock

    def restore(self) -> None:
        """As the user left it, else as it belongs."""
        window = self._window
        self._first_state = window.saveState(LAYOUT_VERSION)
        geometry = window.settings.value("window/geometry")
        state = window.settings.value("window/state")
        layout = window.layout()
        if layout is not None:
            layout.activate()  # forgets the width that the docks had beside each other, before they were tabs
        if isinstance(geometry, QByteArray):
            window.restoreGeometry(geometry)
        window.resize(
            (window.size() if geometry else QSize(1600, 1000)).boundedTo(
                window.screen().availableGeometry().size()
            )
        )
        if isinstance(state, QByteArray):
            window.restoreState(state, LAYOUT_VERSION)
        else:
            self.set_sizes()
        self._unsized = True  # hidden docks take no sizes: once more when they are shown
        self.show_panels(window.session.footage is not None)
        window.queue_dock.hide()
        wrap_tool_tips(window)

    def save(self) -> None:
        """Remember it for the next start."""
        window = self._window
        window.settings.setValue("window/geometry", window.saveGeometry())
        window.settings.setValue("window/state", window.saveState(LAYOUT_VERSION))
        window.settings.setValue("window/tall", int(window.height() >= TALL))

    def reset(self) -> None:
        """Every panel back to its first place and size."""
        window = self._window
        window.restoreState(self._first_state, LAYOUT_VERSION)
        window.settings.remove("window/state")
        self._unsized = True
        self.show_panels(window.session.footage is not None)

    def show_panels(self, shown: bool) -> None:
        """Show everything that is about footage, or nothing of it."""
        window = self._window
        docks = (
            *window.side_docks,
            window.plot_dock,
            window.frames_dock,
            window.slit_dock,
            window.paper_dock,
            window.repair_dock,
            *window.review_docks,
        )
        for widget in (*docks, *window.bars, window.compare_bar):
            widget.setVisible(shown)
        if shown and self._unsized:
            self._unsized = False
            if not self._as_left():
                self.set_sizes()
        self.name_tabs()

    def _as_left(self) -> bool:
        """The docks as the user left them; False where there is nothing, or the window was made for another screen."""
        window = self._window
        state, tall = window.settings.value("window/state"), window.settings.value("window/tall")
        if not isinstance(state, QByteArray) or str(tall) != str(int(window.height() >= TALL)):
            return False
        queue = window.queue_dock.isVisible()
        restored = window.restoreState(state, LAYOUT_VERSION)
        for dock in window.findChildren(QDockWidget):
            dock.setVisible(dock is not window.queue_dock or queue)
        return restored

    def name_tabs(self) -> None:
        """Give the tab bars, which Qt makes for docks in one place, a name that can be said."""
        direct = Qt.FindChildOption.FindDirectChildrenOnly
        for bar in self._window.findChildren(QTabBar, options=direct):
            titles = ", ".join(bar.tabText(place) for place in range(bar.count()))
            bar.setAccessibleName(f"Panels in one place: {titles}")

    def set_sizes(self) -> None:
        """Sizes of the docks for the present size of the window."""
        window = self._window
        self._arrange_side()
        down = Qt.Orientation.Vertical
        self.size_queue()
        share = window.height() * 18 // 100 if window.height() >= TALL else 0
        window.resizeDocks([window.plot_dock], [max(132, min(320, share))], down)

    def size_queue(self) -> None:
        """Give the queue its width; a hidden dock takes none."""
        wide = max(230, min(420, self._window.width() // 5))
        self._window.resizeDocks([self._window.queue_dock], [wide], Qt.Orientation.Horizontal)

    def _arrange_side(self) -> None:
        """3D with the paper's pictures above; below measures and layers, sharing a place in a low window."""
        window = self._window
        view3d, figures, layers = window.side_docks
        column = (*window.side_docks, window.paper_dock)
        shown = [not dock.isHidden() for dock in column]
        for dock in column:
            window.removeDockWidget(dock)  # a dock among tabs cannot be split from them
        window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, view3d)
        if window.height() >= TALL:
            window.splitDockWidget(view3d, figures, Qt.Orientation.Vertical)
            window.splitDockWidget(figures, layers, Qt.Orientation.Vertical)
            heights = [window.height() // 3, 140, 400]
        else:
            window.splitDockWidget(view3d, layers, Qt.Orientation.Vertical)
            window.tabifyDockWidget(layers, figures)
            heights = [window.height() * 2 // 5, window.height() // 4, window.height() // 4]
        window.tabifyDockWidget(view3d, window.paper_dock)
        for dock, visible in zip(column, shown, strict=True):
            dock.setVisible(visible)
        view3d.raise_()
        layers.raise_()
        window.resizeDocks(window.side_docks, heights, Qt.Orientation.Vertical)
        window.resizeDocks(
            [view3d],
            [max(270, min(420, window.width() // 5), window.width() // 7)],
            Qt.Orientation.Horizontal,
        )

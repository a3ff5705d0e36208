"""Live curves over the EM iterations: loss terms, CVD and MSI of each view, and what they are at the shown one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from neuface_studio import theme
from neuface_studio.actions import EXPLANATIONS
from neuface_studio.session import IterationRecord, Session
from neuface_studio.widgets.common import soft

pg.setConfigOptions(antialias=False, background=theme.PANEL, foreground=theme.TEXT_FAINT)

LOSS_NAMES = {
    "total": "total",
    "landmark": "landmarks",
    "dense": "478 points",
    "temporal": "motion",
    "multiview": "views",
    "shape": "shape prior",
    "expression": "expr. prior",
    "size": "size prior",
    "aperture": "lids and lips",
    "photometric": "pixels",
}
REDRAW_INTERVAL_MS = 70  # one plot at a time: three at once would hold up the keys


class DecadeAxis(pg.AxisItem):
    """A logarithmic axis with few, plain labels: 1, 2 and 5 of each decade, or the decades where there are many."""

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        decades = range(int(np.floor(low)), int(np.ceil(high)) + 1)
        steps = (1.0, 2.0, 5.0) if high - low < 1.2 else (1.0, 3.0) if high - low < 2.0 else (1.0,)
        stride = 1 if high - low < 5 else 2
        values = [np.log10(step) + decade for decade in decades if decade % stride == 0 for step in steps]
        return [(1.0, [value for value in values if low <= value <= high])]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        return [figure(10.0**value) for value in values]


class CurvePlot(QFrame):
    """One plot with a legend that reads out the shown iteration; a click goes to an iteration."""

    clicked = Signal(int)

    def __init__(
        self,
        title: str,
        unit: str,
        explanation: str,
        *,
        logarithmic: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.setToolTip(explanation)
        self._logarithmic = logarithmic
        self._curves: dict[str, pg.PlotDataItem] = {}
        self._read_outs: dict[str, QLabel] = {}
        self._data: dict[str, np.ndarray] = {}
        self._x = np.zeros(0)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(10, 6, 8, 4)
        outer.setSpacing(2)
        head = QHBoxLayout()
        head.addWidget(QLabel(title))
        head.addWidget(soft(unit, name="faint"))
        head.addStretch(1)
        outer.addLayout(head)
        row = QHBoxLayout()
        row.setSpacing(8)
        self._plot = pg.PlotWidget(axisItems={"left": DecadeAxis("left")} if logarithmic else None)
        self._plot.setAccessibleName(
            f"{title} over the iterations, {unit}" if unit else f"{title} over the iterations"
        )
        self._plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # a picture; its numbers are in the legend
        self._plot.setMenuEnabled(False)
        self._plot.setMouseEnabled(x=False, y=False)
        self._plot.hideButtons()
        self._plot.setMinimumSize(QSize(120, 60))
        self._plot.viewport().installEventFilter(self)
        self._plot.installEventFilter(self)
        for side in ("left", "bottom"):
            axis = self._plot.getAxis(side)
            axis.setPen(pg.mkPen(theme.LINE_STRONG))
            axis.setTextPen(pg.mkPen(theme.TEXT_FAINT))
            axis.setStyle(tickLength=-4, tickTextOffset=4)
        self._plot.getAxis("left").setWidth(44)
        self._plot.getAxis("bottom").setHeight(20)
        self._plot.showGrid(x=False, y=True, alpha=0.12)
        if logarithmic:
            self._plot.setLogMode(y=True)
        self._cursor = pg.InfiniteLine(angle=90, pen=pg.mkPen(theme.TEXT_SOFT, style=Qt.PenStyle.DashLine))
        self._plot.addItem(self._cursor)
        self._cursor.hide()
        row.addWidget(self._plot, 1)
        self._legend = QGridLayout()
        self._legend.setSpacing(0)
        self._legend.setHorizontalSpacing(7)
        column = QVBoxLayout()
        column.addLayout(self._legend)
        column.addStretch(1)
        row.addLayout(column)
        outer.addLayout(row, 1)
        self._empty = soft("Curves appear with the first iterations.", self._plot, name="faint")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)

    def set_curves(self, names: dict[str, str], colours: list[str]) -> None:
        """``names``: key -> what the legend says."""
        for curve in self._curves.values():
            self._plot.removeItem(curve)
        while (item := self._legend.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()  # it ends when control comes back to the event loop, and would be seen until then
                widget.deleteLater()
        self._curves, self._read_outs, self._data = {}, {}, {}
        for row, ((key, name), colour) in enumerate(zip(names.items(), colours, strict=True)):
            self._curves[key] = self._plot.plot(pen=pg.mkPen(colour, width=1))
            chip = QLabel()
            chip.setFixedSize(10, 10)
            chip.setStyleSheet(f"background: {colour}; border-radius: 2px;")
            label = soft(name[:14] + ("…" if len(name) > 14 else ""), name="legend")
            value = soft(name="reading")
            value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            value.setMinimumWidth(46)
            self._legend.addWidget(chip, row, 0)
            self._legend.addWidget(label, row, 1)
            self._legend.addWidget(value, row, 2)
            self._read_outs[key] = value

    def read_outs(self) -> list[str]:
        """The figures beside the curves."""
        return [label.text() for label in self._read_outs.values()]

    def set_data(self, x: np.ndarray, data: dict[str, np.ndarray], last: int) -> None:
        """Curves over iterations ``x``; the axis goes to ``last``."""
        self._x, self._data = x, data
        for key, curve in self._curves.items():
            values = data.get(key, np.zeros(0))
            curve.setData(x, np.maximum(values, 1e-12) if self._logarithmic else values, connect="finite")
        self._plot.setXRange(0, max(last, 1), padding=0.02)
        self._plot.enableAutoRange(axis="y")
        empty = len(x) < 2
        self._empty.setVisible(empty)
        for side in ("left", "bottom"):  # no figures along axes that nothing is drawn on
            self._plot.getAxis(side).setStyle(showValues=not empty)

    def set_cursor(self, index: int | None) -> None:
        """Move the line and the read-outs to an iteration."""
        self._cursor.setVisible(index is not None)
        if index is None:
            for label in self._read_outs.values():
                label.clear()
            return
        self._cursor.setValue(index)
        place = np.flatnonzero(self._x == index)
        for key, label in self._read_outs.items():
            values = self._data.get(key)
            label.setText(figure(values[place[0]]) if values is not None and len(place) else "–")

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        of_plot = watched is self._plot
        if of_plot and event.type() == QEvent.Type.Resize:
            self._empty.setGeometry(self._plot.rect().adjusted(44, 0, 0, -20))
        if of_plot:
            return False
        pressed = event.type() == QEvent.Type.MouseButtonPress or (
            event.type() == QEvent.Type.MouseMove
            and isinstance(event, QMouseEvent)
            and bool(event.buttons() & Qt.MouseButton.LeftButton)
        )
        if pressed and isinstance(event, QMouseEvent):
            point = self._plot.plotItem.vb.mapSceneToView(self._plot.mapToScene(event.position().toPoint()))
            self.clicked.emit(max(0, round(point.x())))
            return True
        return False


class Plots(QWidget):
    """The three plots side by side, redrawn a few times a second at most."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        self.losses = CurvePlot("Loss terms", "weighted, logarithmic", EXPLANATIONS["loss"], logarithmic=True)
        self.cvd = CurvePlot("CVD per view", "mm, lower is better", EXPLANATIONS["cvd"])
        self.msi = CurvePlot("MSI per view", "frame⁴/mm², higher is better", EXPLANATIONS["msi"])
        for plot in (self.losses, self.cvd, self.msi):
            plot.clicked.connect(session.show_iteration)
            row.addWidget(plot, 1)
        self._terms: list[str] = []
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.setInterval(REDRAW_INTERVAL_MS)
        self._redraw.timeout.connect(self._draw_next)
        self._stale: list[CurvePlot] = []
        session.footage_changed.connect(self._on_footage)
        session.history_changed.connect(self._schedule)
        session.run_state_changed.connect(self._schedule)
        session.iteration_changed.connect(self._move_cursor)

    def stop(self) -> None:
        self._stale.clear()
        self._redraw.stop()

    @Slot()
    def _on_footage(self) -> None:
        names = {str(view): name for view, name in enumerate(self._session.view_names)}
        colours = [theme.view_colour(view) for view in range(len(names))]
        self.cvd.set_curves(names, colours)
        self.msi.set_curves(names, colours)
        self._schedule()

    @Slot()
    def _schedule(self) -> None:
        self._stale += [plot for plot in (self.losses, self.cvd, self.msi) if plot not in self._stale]
        if not self._redraw.isActive():
            self._redraw.start()

    @Slot()
    def _draw_next(self) -> None:
        if not self._stale:
            return
        plot = self._stale.pop(0)
        session = self._session
        records = [record for record in session.records() if record.losses]
        x = np.array([record.index for record in records], dtype=float)
        if plot is self.losses:
            self._set_terms(list(records[-1].losses) if records else [])
            data = {key: np.array([r.losses.get(key, np.nan) for r in records]) for key in self._terms}
        elif plot is self.cvd:
            data = self._by_view(records, lambda record: record.cvd_mm)
        else:
            data = self._by_view(records, lambda record: record.msi)
        plot.set_data(x, data, horizon(session.newest or 0, session.target_iterations))
        plot.set_cursor(session.shown_iteration)
        if self._stale:
            self._redraw.start()

    def _set_terms(self, terms: list[str]) -> None:
        """One curve for each term that the optimiser reports; those with weight zero are left out by it."""
        if terms and terms != self._terms:
            self._terms = terms
            names = {term: LOSS_NAMES.get(term, term) for term in terms}
            self.losses.set_curves(names, [theme.LOSS_COLOURS.get(term, theme.TEXT_SOFT) for term in terms])

    def _by_view(
        self, records: list[IterationRecord], value: Callable[[IterationRecord], np.ndarray]
    ) -> dict[str, np.ndarray]:
        if not records:
            return {}
        table = np.stack([value(record) for record in records])
        return {str(view): table[:, view] for view in range(table.shape[1])}

    @Slot()
    def _move_cursor(self) -> None:
        for plot in (self.losses, self.cvd, self.msi):
            if plot not in self._stale:  # else it moves with the curves, when they are drawn
                plot.set_cursor(self._session.shown_iteration)


def horizon(newest: int, target: int) -> int:
    """Where the axis of iterations ends: with room for what comes next, and at the run's end where that is near."""
    ends = (step * 10**power for power in range(1, 6) for step in (1, 2, 5))
    return max(newest, min(target, next(end for end in ends if end >= 1.1 * newest)))


def figure(value: float) -> str:
    """A number in at most five characters."""
    if not np.isfinite(value):
        return "–"
    if value != 0 and abs(value) < 0.01:
        return f"{value:.0e}".replace("e-0", "e-")
    if abs(value) >= 10_000:
        return f"{value / 1000:.0f}k"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"

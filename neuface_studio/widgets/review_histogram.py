"""How a measure is spread over the project: brush a range to see only those sequences; the limit can be moved."""

from __future__ import annotations

import math

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QSizePolicy, QWidget

from neuface_engine.errors import NeuFaceError
from neuface_engine.review.flagging import fit_to_project, set_thresholds, spread_of, thresholds_of
from neuface_engine.review.flags import quantity
from neuface_engine.review.histograms import Histogram, check_of
from neuface_engine.review.thresholds import CHECKS
from neuface_studio import theme
from neuface_studio.reviewing.desk import ReviewDesk
from neuface_studio.session import Session
from neuface_studio.widgets.common import ElidedLabel, draw_focus
from neuface_studio.widgets.project_panel import ProjectPanel

TIP = (
    "Drag over the bars to show only those sequences in the queue; a click shows all again. Keys: Left and Right move "
    "the end of the brush, Shift with them its beginning, Escape shows all. The line is the limit of the flag."
)


class Bars(QWidget):
    """The bars of a histogram; ``brushed(first, last)`` when a range of them is chosen, (-1, -1) for none."""

    OWN_KEYS = frozenset((Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Escape))
    brushed = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: Histogram | None = None
        self._own = math.nan
        self._first = self._last = -1
        self._pressed: int | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Histogram")
        self.setToolTip(TIP)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 40)

    def show_histogram(self, shown: Histogram | None, own: float = math.nan) -> None:
        """``own``: the figure of the open sequence, marked below."""
        if shown is None or self._shown is None or shown.edges != self._shown.edges:
            self._first = self._last = -1
        self._shown, self._own = shown, own
        self.update()

    @property
    def brush(self) -> tuple[int, int] | None:
        return None if self._first < 0 else (self._first, self._last)

    def choose(self, first: int, last: int) -> None:
        """Brush these bars."""
        if (first, last) != (self._first, self._last):
            self._first, self._last = first, last
            self.update()
            self.brushed.emit(first, last)

    def _bar_at(self, x: float) -> int:
        count = 0 if self._shown is None else len(self._shown.counts)
        return max(0, min(count - 1, int(x / max(1, self.width()) * count)))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self._shown is not None and self._shown.counts:
            self._pressed = self._bar_at(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is not None:
            bar = self._bar_at(event.position().x())
            self._first, self._last = min(bar, self._pressed), max(bar, self._pressed)
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None:
            return
        bar = self._bar_at(event.position().x())
        if bar == self._pressed and self._first == self._last:
            self._first = self._last = -1
        self._pressed = None
        self.update()
        self.brushed.emit(self._first, self._last)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        count = 0 if self._shown is None else len(self._shown.counts)
        if event.key() == Qt.Key.Key_Escape:
            self.choose(-1, -1)
        elif steps is None or not count:
            super().keyPressEvent(event)
        elif self._first < 0:
            self.choose(0, count - 1)
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.choose(max(0, min(self._last, self._first + steps)), self._last)
        else:
            self.choose(self._first, max(self._first, min(count - 1, self._last + steps)))

    def paintEvent(self, event: QPaintEvent) -> None:
        shown = self._shown
        painter = QPainter(self)
        if shown is None or not shown.counts:
            draw_focus(painter, self)
            return
        count, tallest = len(shown.counts), max(shown.counts)
        height, wide = self.height() - 6, self.width() / count
        painter.setPen(Qt.PenStyle.NoPen)
        for number, amount in enumerate(shown.counts):
            inside = self._first <= number <= self._last
            painter.setBrush(QColor(theme.ACCENT if inside or self._first < 0 else theme.LINE_STRONG))
            tall = 0 if not amount else max(2.0, amount / tallest * height)
            painter.drawRect(QRectF(number * wide, height - tall, max(1.0, wide - 1), tall))
        low, high = shown.edges[0], shown.edges[-1]
        if shown.limit is not None and low <= shown.limit <= high:
            x = (shown.limit - low) / (high - low) * self.width()
            painter.setPen(QPen(QColor(theme.AMBER), 1.5, Qt.PenStyle.DashLine))
            painter.drawLine(round(x), 0, round(x), height)
        if math.isfinite(self._own):
            x = (min(max(self._own, low), high) - low) / (high - low) * self.width()
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.TEXT))
            painter.drawRect(QRectF(x - 2, height + 1, 4, 5))
        draw_focus(painter, self)


class HistogramPanel(ProjectPanel):
    """``ranged(measure, low, high)`` asks the queue to show only these; an empty measure, all."""

    ranged = Signal(str, float, float)

    def __init__(self, session: Session, desk: ReviewDesk, parent: QWidget | None = None) -> None:
        super().__init__("Histogram", "", TIP, session, desk, parent)
        self.histogram: Histogram | None = None
        inner = self.inner
        self.measures = QComboBox()
        self.measures.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.measures.setMinimumContentsLength(12)
        self.measures.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.measures.setAccessibleName("Measure of the histogram")
        for check in CHECKS:
            unit = {"": "", "share": "  share"}.get(check.unit, f"  {check.unit}")
            self.measures.addItem(f"{check.title}{unit}", check.measure)
        self.measures.setCurrentIndex(self.measures.findData("nme_percent"))
        self.measures.activated.connect(self._other_measure)
        row = QHBoxLayout()
        row.addWidget(self.measures, 1)
        self.limit = QPushButton("Limit")
        self.limit.setToolTip("Flag what is beyond the end of the brush from now on.")
        self.limit.clicked.connect(self._set_limit)
        self.fit = QPushButton("Fit limits")
        self.fit.setToolTip(
            "Let the spread of this project's sequences set the limits; it takes 20 of them. Frozen faces, lost faces, "
            "cuts and lags keep theirs."
        )
        self.fit.clicked.connect(self._fit)
        row.addWidget(self.limit)
        row.addWidget(self.fit)
        inner.addLayout(row)
        self.bars = Bars()
        self.bars.brushed.connect(self._brushed)
        inner.addWidget(self.bars, 1)
        self.words = ElidedLabel()
        self.words.setObjectName("faint")
        inner.addWidget(self.words)
        desk.flagger.changed.connect(self.show_measure)
        desk.flagger.recorded.connect(self.show_measure)
        self.limit.setEnabled(False)

    @property
    def measure(self) -> str:
        return str(self.measures.currentData())

    @Slot()
    def show_measure(self) -> None:
        """Read the project's figures again, where they are in sight."""
        found = self.asked(lambda project: spread_of(project, self.measure))
        if found is None:
            return
        self.histogram = found
        own = self._desk.flagger.measures.get(self.measure, math.nan)
        self.bars.show_histogram(self.histogram, own)
        self._say()

    def _say(self) -> None:
        shown, check = self.histogram, check_of(self.measure)
        if shown is None or check is None:
            return
        count = sum(shown.counts)
        of = f", drawn from {shown.of:,}" if shown.of else ""
        self.state.setText(f"{count:,} sequences{of}" if count else "nothing measured yet")
        unit = check.unit
        parts = [f"{quantity(shown.lowest, unit)} to {quantity(shown.highest, unit)}"] if count else []
        if shown.limit is not None:
            parts.append(f"flagged {check.side} {quantity(shown.limit, unit)}")
        words = "; ".join(parts)
        brush = self.bars.brush
        if brush is not None and count:
            low, high = shown.brushed(*brush)
            inside = sum(shown.counts[brush[0] : brush[1] + 1])
            ends = f"{'…' if low == -math.inf else quantity(low, unit)} to "
            ends += "…" if high == math.inf else quantity(high, unit)
            shown_of = f"{inside / count:.1%} of them" if shown.of else f"{inside:,}"
            words = f"{shown_of} shown: {ends}; {words}"
        self.words.set_text(words)
        self.limit.setEnabled(brush is not None)

    @Slot()
    def _other_measure(self) -> None:
        if self.bars.brush is not None:
            self.ranged.emit("", 0.0, 0.0)
        self.bars.show_histogram(None)
        self.show_measure()

    @Slot(int, int)
    def _brushed(self, first: int, last: int) -> None:
        if self.histogram is None:
            return
        if first < 0:
            self.ranged.emit("", 0.0, 0.0)
        else:
            self.ranged.emit(self.measure, *self.histogram.brushed(first, last))
        self._say()

    @Slot()
    def _set_limit(self) -> None:
        project, check, brush = self._desk.project, check_of(self.measure), self.bars.brush
        if project is None or check is None or brush is None or self.histogram is None:
            return
        low, high = self.histogram.brushed(*brush)
        value = low if check.side == "above" else high
        if not math.isfinite(value):
            value = high if check.side == "above" else low
        if not math.isfinite(value):
            return
        try:
            changed = set_thresholds(project, thresholds_of(project).changed(check.name, value))
        except NeuFaceError as error:
            self._session.notify("error", str(error))
            return
        self._told(f"Flagged {check.side} {quantity(value, check.unit)} from now on", changed)

    @Slot()
    def _fit(self) -> None:
        project = self._desk.project
        if project is None:
            return
        try:
            before = {row.name: row.flags for row in project.index.rows(order="name")}
            thresholds = fit_to_project(project)
            changed = sum(before.get(row.name) != row.flags for row in project.index.rows(order="name"))
        except NeuFaceError as error:
            self._session.notify("error", str(error))
            return
        if thresholds.learned is None:
            self._session.notify(
                "info", "The project is too small to set limits: it takes 20 measured sequences."
            )
            return
        self._told("The limits are the project's own now", changed)

    def _told(self, words: str, changed: int) -> None:
        self._session.notify(
            "good", f"{words}; the flags of {changed} sequence{'' if changed == 1 else 's'} changed."
        )
        self._desk.flagger.refresh()
        self._desk.going.renew()
        self.show_measure()

    def showEvent(self, event: object) -> None:
        self.show_measure()

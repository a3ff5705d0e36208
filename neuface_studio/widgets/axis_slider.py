"""The slider of both time axes: jumps where it is clicked, and shows along its groove what is known there."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QAbstractSlider, QSizePolicy, QToolTip, QWidget

from neuface_studio import theme
from neuface_studio.frame_states import FrameRun, FrameState

MARGIN = 9


class AxisSlider(QAbstractSlider):
    """Values ``minimum()``..``maximum()``; ``filled`` is how far the axis exists already."""

    def __init__(self, accent: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._accent = QColor(accent)
        self._filled: int | None = None
        self._runs: list[FrameRun] = []
        self._range: tuple[int, int] | None = None
        self.setOrientation(Qt.Orientation.Horizontal)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMouseTracking(True)

    def sizeHint(self) -> QSize:
        return QSize(240, 26)

    def minimumSizeHint(self) -> QSize:
        return QSize(80, 26)

    def set_filled(self, value: int | None) -> None:
        """Colour the groove up to ``value``; None leaves it plain."""
        if value != self._filled:
            self._filled = value
            self.update()

    def set_range_marks(self, marked: tuple[int, int] | None) -> None:
        """Show a range of values, both ends included; None shows none."""
        if marked != self._range:
            self._range = marked
            self.update()

    @property
    def runs(self) -> list[FrameRun]:
        """What is marked along the axis."""
        return list(self._runs)

    def set_runs(self, runs: list[FrameRun]) -> None:
        """Mark what is known of frames: each state has a place and a pattern of its own beside its colour."""
        if runs != self._runs:
            self._runs = list(runs)
            self.update()

    def words_at(self, value: int) -> str:
        """What is known of a value; empty where nothing is amiss."""
        return next((run.words for run in self._runs if run.first <= value <= run.last), "")

    def _x(self, value: float) -> float:
        span = max(1, self.maximum() - self.minimum())
        return MARGIN + (value - self.minimum()) / span * (self.width() - 2 * MARGIN)

    def _value_at(self, x: float) -> int:
        span = self.maximum() - self.minimum()
        share = (x - MARGIN) / max(1, self.width() - 2 * MARGIN)
        return self.minimum() + round(min(max(share, 0.0), 1.0) * span)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self._go(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.isSliderDown():
            self._go(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.setSliderDown(False)

    def wheelEvent(self, event: QWheelEvent) -> None:
        steps = 1 if event.angleDelta().y() < 0 else -1
        self._move(self.value() + steps)

    def _go(self, event: QMouseEvent) -> None:
        self._move(self._value_at(event.position().x()))

    def _move(self, value: int) -> None:
        value = min(max(value, self.minimum()), self.maximum())
        if value != self.value():
            self.setValue(value)
            self.sliderMoved.emit(value)

    def event(self, event: QEvent) -> bool:
        """The tooltip says what is marked under the mouse."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip and self._runs:
            value = self._value_at(event.pos().x())
            words = self.words_at(value)
            if words:
                QToolTip.showText(event.globalPos(), f"Frame {value + 1}: {words}.", self)
                return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = self.height() / 2
        left, right = MARGIN, self.width() - MARGIN
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.LINE_STRONG if self.isEnabled() else theme.LINE))
        painter.drawRoundedRect(QRectF(left, middle - 3, right - left, 6), 3, 3)
        if not self.isEnabled():
            return
        filled = self.value() if self._filled is None else self._filled
        colour = QColor(self._accent)
        if self._filled is not None:
            colour.setAlphaF(0.45)
            painter.setBrush(colour)
            painter.drawRoundedRect(QRectF(left, middle - 3, max(0.0, self._x(filled) - left), 6), 3, 3)
        painter.setBrush(self._accent)
        painter.drawRoundedRect(QRectF(left, middle - 3, max(0.0, self._x(self.value()) - left), 6), 3, 3)
        half = (right - left) / max(1, self.maximum() - self.minimum()) / 2
        for run in self._runs:
            x0, x1 = max(left, self._x(run.first) - half), min(right, self._x(run.last) + half)
            _paint_run(painter, run.state, x0, max(2.0, x1 - x0), middle)
        painter.setPen(Qt.PenStyle.NoPen)
        if self._range is not None:
            painter.setPen(QPen(QColor(theme.TEXT), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            x0, x1 = self._x(self._range[0]), self._x(self._range[1])
            for x, inwards in ((x0, 4.0), (x1, -4.0)):  # brackets around the range
                painter.drawLine(QPointF(x, middle - 11), QPointF(x, middle + 11))
                painter.drawLine(QPointF(x, middle - 11), QPointF(x + inwards, middle - 11))
                painter.drawLine(QPointF(x, middle + 11), QPointF(x + inwards, middle + 11))
        if self.hasFocus():
            painter.setPen(QPen(QColor(theme.ACCENT), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 5, 5)
        painter.setPen(QPen(QColor(theme.GROUND), 2))
        painter.setBrush(QColor("white"))
        painter.drawRoundedRect(QRectF(self._x(self.value()) - 4.5, middle - 9, 9, 18), 3, 3)


def _paint_run(painter: QPainter, state: FrameState, left: float, width: float, middle: float) -> None:
    """Suspect: amber above. A face missing in some views: red below. None at all: a red block. Not fitted: hatched."""
    painter.setPen(Qt.PenStyle.NoPen)
    if state == FrameState.SUSPECT:
        painter.fillRect(QRectF(left, middle - 9, width, 4), QColor(theme.AMBER))
    elif state == FrameState.PART:
        painter.fillRect(QRectF(left, middle + 5, width, 4), QColor(theme.RED))
    elif state == FrameState.NO_FACE:
        painter.fillRect(QRectF(left, middle - 9, width, 18), QColor(theme.RED))
    elif state == FrameState.NOT_FITTED:
        painter.fillRect(QRectF(left, middle - 9, width, 18), QColor(theme.LINE))
        painter.fillRect(
            QRectF(left, middle - 9, width, 18), QBrush(QColor(theme.TEXT_SOFT), Qt.BrushStyle.BDiagPattern)
        )

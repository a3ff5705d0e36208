"""The slider of both time axes: jumps where it is clicked, and shows along its groove what is known there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QAbstractSlider, QSizePolicy, QWidget

from neuface_studio import theme

MARGIN = 9


class AxisSlider(QAbstractSlider):
    """Values ``minimum()``..``maximum()``; ``filled`` is how far the axis exists already."""

    def __init__(self, accent: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._accent = QColor(accent)
        self._filled: int | None = None
        self._flags: list[tuple[int, int, str]] = []
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

    def set_flags(self, amount: NDArray[np.floating]) -> None:
        """Mark values with a problem: ``amount`` 0..1 for each value (1 = red, below = amber)."""
        runs: list[tuple[int, int, str]] = []
        levels = np.where(amount >= 1.0, 2, np.where(amount > 0.0, 1, 0))
        start = 0
        for end in range(1, len(levels) + 1):
            if end == len(levels) or levels[end] != levels[start]:
                if levels[start]:
                    runs.append((start, end - 1, theme.RED if levels[start] == 2 else theme.AMBER))
                start = end
        self._flags = runs
        self.update()

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
        for first, last, flag in self._flags:
            painter.setBrush(QColor(flag))
            x0, x1 = max(left, self._x(first) - half), min(right, self._x(last) + half)
            painter.drawRect(QRectF(x0, middle - 8, max(2.0, x1 - x0), 3))
            painter.drawRect(QRectF(x0, middle + 5, max(2.0, x1 - x0), 3))
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
        painter.drawPoint(QPointF(-5, -5))

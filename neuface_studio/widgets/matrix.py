"""A view x view matrix: figures on a colour-blind safe scale, names in the colours of the views."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from neuface_engine.raster import colormap
from neuface_studio import theme
from neuface_studio.widgets.common import draw_focus
from neuface_studio.widgets.keyboard_focus import ARROWS, ENTER

COLORMAP = "viridis"
NAME_WIDTH = 84
HEAD = 18
BAR_WIDTH = 86
STEPS: dict[int, tuple[int, int]] = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}


class MatrixView(QWidget):
    """Symmetric ``values`` [V, V] in mm, NaN on the diagonal; arrows and Return, or a click, tell which two views."""

    OWN_KEYS = ARROWS | ENTER
    pair_clicked = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names: tuple[str, ...] = ()
        self._values: NDArray[np.float64] = np.zeros((0, 0))
        self._chosen = (0, 1)  # by the keyboard
        self._table = colormap(COLORMAP)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Distance of every pair of views in millimetres")

    def minimumSizeHint(self) -> QSize:
        return QSize(300, 110)

    def set_values(self, names: tuple[str, ...], values: NDArray[np.float64]) -> None:
        self._names, self._values = names, values
        if max(self._chosen) >= len(names):
            self._chosen = (0, 1)
        self.update()

    @property
    def values(self) -> NDArray[np.float64]:
        return self._values

    def top(self) -> float:
        """The upper end of the scale, mm; the lower end is 0."""
        finite = self._values[np.isfinite(self._values)]
        return float(finite.max()) if len(finite) else 1.0

    def _cell(self, row: int, column: int) -> QRectF:
        count = max(1, len(self._names))
        width = (self.width() - NAME_WIDTH - BAR_WIDTH) / count
        height = (self.height() - HEAD) / count
        return QRectF(NAME_WIDTH + column * width, HEAD + row * height, width - 1, height - 1)

    def _pair_at(self, point: QPointF) -> tuple[int, int] | None:
        for row in range(len(self._names)):
            for column in range(len(self._names)):
                if row != column and self._cell(row, column).contains(point):
                    return row, column
        return None

    def colour(self, value: float) -> QColor:
        level = round(255 * min(max(value / max(self.top(), 1e-9), 0.0), 1.0))
        red, green, blue = (int(part) for part in self._table[level])
        return QColor(red, green, blue)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = self.font()
        font.setPointSizeF(0.85 * font.pointSizeF())
        painter.setFont(font)
        metrics = painter.fontMetrics()
        elide, right = (
            Qt.TextElideMode.ElideRight,
            Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
        )
        for row, name in enumerate(self._names):
            chip, across = self._cell(row, 0), self._cell(0, row)
            colour = QColor(theme.view_colour(row))
            painter.fillRect(QRectF(NAME_WIDTH - 14, chip.center().y() - 4, 8, 8), colour)
            painter.fillRect(QRectF(across.center().x() - 4, 1, 8, 3), colour)
            painter.setPen(QColor(theme.TEXT_SOFT))
            box = QRectF(0, chip.top(), NAME_WIDTH - 18, chip.height())
            painter.drawText(box, right, metrics.elidedText(name, elide, round(box.width())))
            box = QRectF(across.left(), 3, across.width(), HEAD - 3)
            if metrics.horizontalAdvance(name) <= box.width():  # else the colour alone says which view it is
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, name)
            for column in range(len(self._names)):
                self._paint_cell(painter, row, column)
        self._paint_bar(painter)
        draw_focus(painter, self)
        if self.hasFocus() and max(self._chosen) < len(self._names):
            painter.setPen(QPen(QColor(theme.TEXT), 2))
            painter.drawRect(self._cell(*self._chosen).adjusted(1, 1, -1, -1))

    def _paint_cell(self, painter: QPainter, row: int, column: int) -> None:
        box = self._cell(row, column)
        value = self._values[row, column] if self._values.size else np.nan
        if not np.isfinite(value):
            painter.fillRect(box, QColor(theme.GROUND))
            return
        colour = self.colour(float(value))
        painter.fillRect(box, colour)
        painter.setPen(QColor("black") if colour.lightnessF() > 0.42 else QColor("white"))
        if box.height() >= 11:
            painter.drawText(
                box, Qt.AlignmentFlag.AlignCenter, f"{value:.2f}" if box.width() >= 30 else f"{value:.1f}"
            )

    def _paint_bar(self, painter: QPainter) -> None:
        left, top, bottom = self.width() - BAR_WIDTH + 14, HEAD, self.height() - 2
        for step in range(int(bottom - top)):
            share = 1 - step / max(1, bottom - top - 1)
            painter.fillRect(QRectF(left, top + step, 9, 1), self.colour(share * self.top()))
        painter.setPen(QColor(theme.TEXT_SOFT))
        align = Qt.AlignmentFlag.AlignLeft
        painter.drawText(QRectF(left + 14, top - 3, 60, 16), align, f"{self.top():.2f} mm")
        painter.drawText(QRectF(left + 14, bottom - 13, 60, 16), align, "0")

    def mousePressEvent(self, event: QMouseEvent) -> None:
        pair = self._pair_at(event.position())
        if pair is not None:
            self.pair_clicked.emit(*pair)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        count, step = len(self._names), STEPS.get(event.key())
        if event.key() in ENTER and max(self._chosen) < count:
            self.pair_clicked.emit(*self._chosen)
        elif step is not None and count > 1:
            (row, column), (down, across) = self._chosen, step
            row, column = (row + down) % count, (column + across) % count
            if row == column:  # nothing to compare on the diagonal
                row, column = (row + down) % count, (column + across) % count
            self._chosen = row, column
            self.setAccessibleDescription(self._words(row, column))
            self.update()
        else:
            super().keyPressEvent(event)

    def _words(self, row: int, column: int) -> str:
        return f"{self._names[row]} against {self._names[column]}: {self._values[row, column]:.3f} mm"

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            pair = self._pair_at(QPointF(event.pos()))
            if pair is not None and self._values.size:
                QToolTip.showText(event.globalPos(), self._words(*pair), self)
                return True
        return super().event(event)

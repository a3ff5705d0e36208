"""One view: its picture, landmarks, name, figure and flag."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QWidget

from neuface_studio import theme
from neuface_studio.actions import EXPLANATIONS


class Tile(QWidget):
    """Paints what it was given last; knows nothing of meshes or parameters."""

    picked = Signal(int)
    opened = Signal(int)

    def __init__(self, view: int, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = view
        self.name = name
        self.colour = QColor(theme.view_colour(view))
        self.updates = 0
        self._image: QImage | None = None
        self._pixels: NDArray[np.uint8] | None = None
        self._detected: NDArray[np.float32] | None = None
        self._projected: NDArray[np.float32] | None = None
        self._figure = ""
        self._flag = ""
        self._selected = False
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName(f"View {name}")
        self.setToolTip(f"View {name}. Double-click: this view alone, large.\n{EXPLANATIONS['nme']}")

    def show_picture(
        self,
        pixels: NDArray[np.uint8],
        detected: NDArray[np.float32] | None,
        projected: NDArray[np.float32] | None,
    ) -> None:
        """``pixels`` uint8 [H, W, 3] fills the tile; landmarks [68, 2] are in px of ``pixels``, or None."""
        height, width = pixels.shape[:2]
        self._pixels = np.ascontiguousarray(pixels)  # QImage only borrows the memory
        self._image = QImage(self._pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        self._detected, self._projected = detected, projected
        self.updates += 1
        self.update()

    def set_caption(self, figure: str, flag: str) -> None:
        """``figure`` goes to the upper right, ``flag`` (a warning, or empty) to the lower left."""
        if (figure, flag) != (self._figure, self._flag):
            self._figure, self._flag = figure, flag
            self.update()

    def set_selected(self, selected: bool) -> None:
        if selected != self._selected:
            self._selected = selected
            self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.picked.emit(self.view)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.opened.emit(self.view)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._image is None:
            painter.fillRect(self.rect(), QColor(theme.PANEL))
        else:
            painter.drawImage(self.rect(), self._image)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._paint_landmarks(painter)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_badges(painter)
        if self._selected:
            painter.setPen(QPen(QColor(theme.ACCENT), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(QRectF(self.rect()).adjusted(1, 1, -1, -1))

    def _paint_landmarks(self, painter: QPainter) -> None:
        assert self._image is not None
        scale = self.width() / self._image.width()
        radius = max(1.7, min(self.width(), self.height()) / 170)
        for points, sign in ((self._detected, "circle"), (self._projected, "cross")):
            if points is None:
                continue
            marker = landmark_marker(sign, round(radius, 1), self.devicePixelRatioF())
            half = marker.width() / marker.devicePixelRatio() / 2
            for x, y in (points * scale - half).tolist():
                painter.drawPixmap(QPointF(x, y), marker)

    def _paint_badges(self, painter: QPainter) -> None:
        font = QFont(self.font())
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        metrics = painter.fontMetrics()
        height = metrics.height() + 6
        room = self.width() - 16
        name = metrics.elidedText(self.name, Qt.TextElideMode.ElideRight, max(30, room - 40))
        name_width = metrics.horizontalAdvance(name) + 30
        box = QRectF(6, 6, name_width, height)
        self._badge(painter, box)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.colour)
        painter.drawRoundedRect(QRectF(box.left() + 7, box.center().y() - 5, 10, 10), 2, 2)
        painter.setPen(QColor(theme.TEXT))
        painter.drawText(box.adjusted(23, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, name)
        figure_width = metrics.horizontalAdvance(self._figure) + 14
        if self._figure and name_width + figure_width + 6 < room:
            box = QRectF(self.width() - figure_width - 6, 6, figure_width, height)
            self._badge(painter, box)
            painter.setPen(QColor(theme.TEXT))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self._figure)
        if self._flag:
            text = metrics.elidedText(f"▲ {self._flag}", Qt.TextElideMode.ElideRight, max(30, room - 14))
            box = QRectF(6, self.height() - height - 6, metrics.horizontalAdvance(text) + 14, height)
            self._badge(painter, box)
            painter.setPen(QColor(theme.AMBER))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)

    @staticmethod
    def _badge(painter: QPainter, box: QRectF) -> None:
        ground = QColor(theme.GROUND)
        ground.setAlphaF(0.78)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawRoundedRect(box, 4, 4)


@lru_cache(maxsize=64)
def landmark_marker(sign: str, radius: float, ratio: float) -> QPixmap:
    """A circle (detected) or a cross (projected) with a dark rim; drawn once, then copied, which is much faster."""
    side = math.ceil(2 * radius + 5)
    pixmap = QPixmap(round(side * ratio), round(side * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    colour = theme.DETECTED if sign == "circle" else theme.PROJECTED
    middle = side / 2
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for pen in (QPen(QColor(0, 0, 0, 150), 2.4), QPen(QColor(colour), 1.3)):
        painter.setPen(pen)
        if sign == "circle":
            painter.drawEllipse(QPointF(middle, middle), radius, radius)
        else:
            painter.drawLine(
                QPointF(middle - radius, middle - radius), QPointF(middle + radius, middle + radius)
            )
            painter.drawLine(
                QPointF(middle - radius, middle + radius), QPointF(middle + radius, middle - radius)
            )
    painter.end()
    return pixmap

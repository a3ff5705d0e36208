"""A numbered box around a face, as it is painted over a tile."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from neuface_studio import theme


@dataclass(frozen=True)
class FaceMark:
    """``box`` (x0, y0, x1, y1) px of the picture; ``words`` at its upper edge.

    followed   the face that is followed now
    pointed    the one that was pointed at
    current    where the keyboard is
    """

    box: tuple[float, float, float, float]
    words: str
    followed: bool = False
    pointed: bool = False
    current: bool = False


def paint_face(painter: QPainter, mark: FaceMark, scale: float, room: QRectF) -> None:
    """``scale``: px of the screen a px of the picture; ``room``: the tile, which the words do not leave."""
    x0, y0, x1, y1 = (value * scale for value in mark.box)
    box = QRectF(x0, y0, x1 - x0, y1 - y0)
    colour = QColor(theme.ACCENT if mark.pointed or mark.current else theme.TEXT)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    style = Qt.PenStyle.SolidLine if mark.pointed or not mark.current else Qt.PenStyle.DashLine
    for pen in (QPen(QColor(0, 0, 0, 170), 5), QPen(colour, 3 if mark.pointed or mark.current else 2, style)):
        painter.setPen(pen)
        painter.drawRoundedRect(box, 4, 4)
    metrics = painter.fontMetrics()
    label = QRectF(x0, 0, metrics.horizontalAdvance(mark.words) + 14, metrics.height() + 6)
    label.moveBottom(y0 - 3)
    label.moveTop(max(label.top(), room.top() + 2))
    label.moveRight(min(label.right(), room.right() - 2))
    ground = QColor(theme.ACCENT_DEEP if mark.pointed or mark.current else theme.GROUND)
    ground.setAlphaF(0.9)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ground)
    painter.drawRoundedRect(label, 4, 4)
    painter.setPen(QColor(theme.TEXT))
    painter.drawText(label, Qt.AlignmentFlag.AlignCenter, mark.words)

"""The colour bar of a heat map: from 0 to its upper end, with the quantity and its unit."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from neuface_engine.raster import colormap
from neuface_studio import theme
from neuface_studio.actions import EXPLANATIONS
from neuface_studio.layers import DOTS, HEATS, number_text

BARS = {**HEATS, DOTS.id: DOTS}
NOT_KNOWN = {
    "dots": "known of the newest iteration only",
    "pixel": "worked out for the newest iteration only",
    "vertex": "being worked out; unknown of a saved result",
    "update": "no step of this run led here",
    "cross": "needs two views",
}


class ColourBar(QWidget):
    """Shows the scale of one of `BARS`, or why there is nothing to show."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kind, self._peak = "vertex", 0.0
        self._images = {}
        for heat in BARS.values():
            pixels = colormap(heat.colormap).tobytes()
            self._images[heat.id] = QImage(pixels, 256, 1, 768, QImage.Format.Format_RGB888).copy()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(120, 14 + 2 * self.fontMetrics().height())

    def show_scale(self, kind: str, peak: float) -> None:
        """The heat map ``kind`` from 0 to ``peak`` in its stored unit; 0: it is not known here."""
        if kind not in BARS:
            return
        self._kind, self._peak = kind, peak
        self.setAccessibleName(f"Colour bar: {self.caption()}")
        self.setToolTip(EXPLANATIONS[f"heat_{kind}"])
        self.update()

    @property
    def kind(self) -> str:
        return self._kind

    def caption(self) -> str:
        """What stands under the bar."""
        heat = BARS[self._kind]
        if self._peak <= 0:
            return NOT_KNOWN[self._kind]
        return f"{heat.what} {heat.unit}"

    def value_at(self, place: float) -> str:
        """What a place on the bar, 0..1, stands for; empty where nothing is known."""
        heat = BARS[self._kind]
        return number_text(self._peak * heat.per_unit * place ** (1 / heat.power)) if self._peak > 0 else ""

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setOpacity(1.0 if self._peak > 0 else 0.3)
        painter.drawImage(QRectF(0, 2, self.width(), 9), self._images[self._kind])
        painter.setOpacity(1.0)
        font = self.font()
        font.setPointSizeF(0.85 * font.pointSizeF())
        painter.setFont(font)
        painter.setPen(QColor(theme.TEXT_SOFT))
        line = painter.fontMetrics().height()
        box = QRectF(0, 13, self.width(), line)
        for place, align in (
            (0.0, Qt.AlignmentFlag.AlignLeft),
            (0.5, Qt.AlignmentFlag.AlignHCenter),
            (1.0, Qt.AlignmentFlag.AlignRight),
        ):
            painter.drawText(box, align, self.value_at(place))
        painter.drawText(box.translated(0, line - 1), Qt.AlignmentFlag.AlignHCenter, self.caption())

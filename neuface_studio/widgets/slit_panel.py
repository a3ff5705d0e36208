"""The slit scan: a column through a region, frame beside frame; video, mesh, and what tells them apart."""

from __future__ import annotations

import cv2
import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from neuface_engine.raster import colormap
from neuface_studio import theme
from neuface_studio.scene.renderer import Renderer
from neuface_studio.scene.slit_scan import LARGEST_DIFFERENCE, REGIONS, SlitRequest, SlitScan
from neuface_studio.session import Session
from neuface_studio.widgets.common import draw_focus, heading, soft
from neuface_studio.widgets.picture_panel import PicturePanel

LABELS = ("video", "mesh", "|difference|")
DIFFERENCE_MAP = "inferno"


class SlitRows(QWidget):
    """The three rows over one time axis; a click or the arrow keys go to a frame."""

    OWN_KEYS = frozenset((Qt.Key.Key_Left, Qt.Key.Key_Right))
    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scan: SlitScan | None = None
        self._images: list[QImage] = []
        self._frame = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(54)
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Slit scan: video, mesh and their difference, frame beside frame")

    def sizeHint(self) -> QSize:
        return QSize(600, 150)

    @property
    def scan(self) -> SlitScan | None:
        return self._scan

    def show_scan(self, scan: SlitScan | None) -> None:
        self._scan = scan
        self._images = []
        if scan is not None:
            levels = np.clip(scan.difference / LARGEST_DIFFERENCE, 0, 1)
            hot = colormap(DIFFERENCE_MAP)[(levels * 255).astype(np.uint8)]
            for pixels in (scan.video, scan.mesh, hot):
                rows, frames = pixels.shape[:2]
                wide = cv2.copyMakeBorder(pixels, 0, 0, 0, (-frames) % 4, cv2.BORDER_CONSTANT)
                data = np.ascontiguousarray(wide).tobytes()
                image = QImage(data, frames, rows, 3 * wide.shape[1], QImage.Format.Format_RGB888)
                self._images.append(image.copy())
        self.update()

    def set_frame(self, frame: int) -> None:
        self._frame = frame
        self.update()

    def place_of(self, row: int) -> QRectF:
        """Where a row lies."""
        label = self.fontMetrics().horizontalAdvance(LABELS[-1]) + 12
        height = (self.height() - 6) / 3
        return QRectF(label, row * (height + 3), max(1.0, self.width() - label - 2), height)

    def frame_at(self, x: float) -> int:
        """The frame under a place."""
        if self._scan is None:
            return 0
        place, frames = self.place_of(0), self._scan.video.shape[1]
        return min(frames - 1, max(0, int((x - place.left()) / place.width() * frames)))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self._scan is not None:
            self.picked.emit(self.frame_at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._scan is None:
            return
        self.setToolTip(f"Frame {self.frame_at(event.position().x()) + 1}; a click goes there")
        if event.buttons() & Qt.MouseButton.LeftButton:
            self.picked.emit(self.frame_at(event.position().x()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()), 0)
        if step and self._scan is not None:
            self.picked.emit(self._frame + step)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        draw_focus(painter, self)
        painter.setPen(QColor(theme.TEXT_SOFT))
        for row, label in enumerate(LABELS):
            place = self.place_of(row)
            side = QRectF(0, place.top(), place.left() - 6, place.height())
            painter.drawText(side, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, label)
            painter.fillRect(place, QColor(theme.GROUND))
            if row < len(self._images):
                painter.drawImage(place, self._images[row])
        scan = self._scan
        if scan is None:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_lines(painter, self.place_of(0), scan, detected=True)
        self._paint_lines(painter, self.place_of(1), scan, detected=False)
        frames = scan.video.shape[1]
        top, bottom = self.place_of(0), self.place_of(2)
        rough = scan.roughest()
        if rough is not None:
            left, right = (top.left() + top.width() * at / frames for at in (rough[0], rough[1] + 1))
            painter.setPen(QPen(QColor(theme.AMBER), 1.5))
            for x in (left, right):
                painter.drawLine(QPointF(x, bottom.top()), QPointF(x, bottom.bottom()))
            painter.drawText(QPointF(left + 3, bottom.top() + 12), "▲")
        x = top.left() + (self._frame + 0.5) * top.width() / frames
        painter.setPen(QPen(QColor(theme.TEXT), 1.5))
        painter.drawLine(QPointF(x, top.top()), QPointF(x, bottom.bottom()))

    @staticmethod
    def _paint_lines(painter: QPainter, place: QRectF, scan: SlitScan, *, detected: bool) -> None:
        """The region's landmarks over time: dotted green detected (in the video), red of the mesh (in both)."""
        rows, frames = scan.video.shape[:2]
        painter.save()
        painter.setClipRect(place)
        kinds = [(scan.projected_rows, theme.PROJECTED, Qt.PenStyle.SolidLine)]
        if detected:
            kinds.insert(0, (scan.detected_rows, theme.DETECTED, Qt.PenStyle.DotLine))
        for lines, colour, style in kinds:
            painter.setPen(QPen(QColor(colour), 1.2, style))
            for line in lines:
                xs = place.left() + (np.arange(frames) + 0.5) * place.width() / frames
                ys = place.top() + line * place.height() / rows
                known = np.isfinite(ys) & (np.arange(frames) < scan.done)
                for run in np.split(
                    np.flatnonzero(known), np.flatnonzero(np.diff(np.flatnonzero(known)) > 1) + 1
                ):
                    painter.drawPolyline([QPointF(xs[i], ys[i]) for i in run])
        painter.restore()


class SlitPanel(PicturePanel):
    """Follows frame, iteration, view and comparison."""

    settle_ms = 120
    restarts = True

    def __init__(self, session: Session, renderer: Renderer, parent: QWidget | None = None) -> None:
        super().__init__(session, renderer, parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 6, 10, 8)
        column.setSpacing(4)
        line = QHBoxLayout()
        self._title = heading("Slit scan")
        line.addWidget(self._title)
        self.region = QComboBox()
        self.region.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.region.setAccessibleName("Region of the slit scan")
        self.region.setToolTip(
            "The part of the face that the pixel column goes through, in the selected view."
        )
        for name, region in REGIONS.items():
            self.region.addItem(region.title, name)
        self.region.currentIndexChanged.connect(self.refresh)
        line.addWidget(self.region)
        self.state = soft("", name="faint")
        line.addWidget(self.state)
        line.addStretch(1)
        self.jitter = soft("")
        self.jitter.setToolTip(
            "Where the mesh shakes most against the detected landmarks of the region: mean second difference of their "
            "distance over seven frames, in pixels of the video. A click goes there."
        )
        line.addWidget(self.jitter)
        column.addLayout(line)
        self.rows = SlitRows()
        self.rows.setToolTip(
            "One pixel column a frame. Green dots: the detected landmarks; red: the mesh's. The third row: difference "
            "of brightness, each in its own standard deviations, 0 (black) to 3 (yellow)."
        )
        self.rows.picked.connect(self._on_picked)
        column.addWidget(self.rows, 1)
        session.footage_changed.connect(self._on_footage)
        session.frame_changed.connect(self.rows.set_frame)
        renderer.slit_drawn.connect(self._on_drawn)

    @Slot()
    def _on_footage(self) -> None:
        self.stop()
        self.rows.show_scan(None)
        self.rows.set_frame(0)
        self.jitter.setText("")
        self.state.setText("")
        self.refresh()

    @Slot(int)
    def _on_picked(self, frame: int) -> None:
        self._session.set_playing(False)
        self._session.set_frame(frame)

    @Slot()
    def _ask(self) -> None:
        record = self._session.displayed()
        if record is None or not self._may_ask():
            return
        request = SlitRequest(record, self._session.selected_view, str(self.region.currentData()))
        self._waiting = self._renderer.scan_slit(request)

    @Slot(object)
    def _on_drawn(self, scan: SlitScan | None) -> None:
        if scan is None:
            self._waiting = False
            return
        name = self._session.view_names[scan.request.view] if self._session.footage is not None else ""
        self._title.setText(f"SLIT SCAN · {name}".upper())
        frames = scan.video.shape[1]
        self.state.setText(scan.request.record.title if scan.whole else f"{scan.done} of {frames} frames")
        shown = self.rows.scan
        same = shown is not None and (shown.request.view, shown.request.region) == (
            scan.request.view,
            scan.request.region,
        )
        if scan.whole or not same or not self._is_live():
            self.rows.show_scan(scan)
        if not scan.whole:
            return
        rough = scan.roughest()
        self.jitter.setText(
            "" if rough is None else f"▲ roughest at frames {rough[0] + 1}–{rough[1] + 1}: {rough[2]:.2f} px"
        )
        self._arrived()

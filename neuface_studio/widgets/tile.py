"""One view: its picture, landmarks, name, figure and flag."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QHelpEvent, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QToolTip, QWidget

from neuface_studio import theme
from neuface_studio.explanations import EXPLANATIONS, wrapped
from neuface_studio.model import CompareMode
from neuface_studio.scene.overlay import TilePicture
from neuface_studio.widgets.face_marks import FaceMark, paint_face

BADGES = 32.0  # px: the strip with name and figure
SHIFTED = np.array([1, 0, 1, 0], dtype=np.float32)  # the x of both ends of a line


class Tile(QWidget):
    """Paints what it was given last; knows nothing of meshes or parameters."""

    picked = Signal(int)
    opened = Signal(int)
    wipe_dragged = Signal(float)
    pointed = Signal(int, float, float)  # view, and the place in px of the picture
    pressed = Signal(int, float, float)
    dragged = Signal(int, float, float)
    released = Signal(int, float, float)
    left = Signal()

    def __init__(self, view: int, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = view
        self.name = name
        self.colour = QColor(theme.view_colour(view))
        self.updates = 0
        self._shown: TilePicture | None = None
        self._reference: TilePicture | None = None
        self._images: list[QImage] = []
        self._mode = CompareMode.OFF
        self._wipe = 0.5
        self.over_reference = False  # the mouse: to the left, where the comparison is
        self._titles = ("", "")
        self._figure = ""
        self._flag = ""
        self._selected = False
        self._held: tuple[float, float, str] | None = (
            None  # a landmark in the hand, px of the picture, and its name
        )
        self._faces: tuple[FaceMark, ...] = ()
        self.grabs = False  # whether dragging moves something in the picture rather than the wipe
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMouseTracking(True)
        self.setAccessibleName(f"View {name}")
        self.setToolTip(wrapped(f"View {name}. Double-click: this view alone, large.\n{EXPLANATIONS['nme']}"))

    def event(self, event: QEvent) -> bool:
        """The tooltip is about the badges: over the picture the mouse reads values, and nothing may cover it."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip and event.pos().y() > BADGES:
            QToolTip.hideText()
            return True
        return super().event(event)

    def show_picture(
        self,
        shown: TilePicture,
        reference: TilePicture | None = None,
        mode: CompareMode = CompareMode.OFF,
        titles: tuple[str, str] = ("", ""),
    ) -> None:
        """``shown`` fills the tile; with a ``reference`` it is wiped over it or beside it. ``titles`` of both, in this
        order, are written at the lower edge where they are not empty."""
        self._shown, self._reference, self._titles = shown, reference, titles
        self._mode = mode if reference is not None else CompareMode.OFF
        # QImage only borrows the memory, which the pictures hold.
        self._images = [as_image(picture) for picture in (shown, reference) if picture is not None]
        self.setCursor(
            Qt.CursorShape.SplitHCursor if self._mode == CompareMode.WIPE else Qt.CursorShape.ArrowCursor
        )
        self.updates += 1
        self.update()

    @property
    def picture(self) -> TilePicture | None:
        """What it was given last."""
        return self._shown

    @property
    def flag(self) -> str:
        """The warning at the lower left; empty where there is none."""
        return self._flag

    @property
    def mode(self) -> CompareMode:
        return self._mode

    def set_wipe(self, share: float) -> None:
        """Where the wipe stands, 0 (left edge) to 1."""
        self._wipe = share
        if self._mode == CompareMode.WIPE:
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
        self._drag_wipe(event)
        if self._images and event.button() == Qt.MouseButton.LeftButton:
            self.pressed.emit(self.view, *self._in_picture(event.position()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._drag_wipe(event)
        if not self._images:
            return
        if event.buttons() & Qt.MouseButton.LeftButton:
            self.dragged.emit(self.view, *self._in_picture(event.position()))
        self.pointed.emit(self.view, *self._in_picture(event.position()))

    def _in_picture(self, place: QPointF) -> tuple[float, float]:
        """A place in the tile as px of the picture that is there; `over_reference` says of which of the two."""
        share = {CompareMode.OFF: 0.0, CompareMode.WIPE: self._wipe, CompareMode.SIDE: 0.5}[self._mode]
        self.over_reference = place.x() < share * self.width()
        x, width = place.x(), float(self.width())
        if self._mode == CompareMode.SIDE:
            x, width = x % (width / 2), width / 2
        scale = self._images[0].width() / max(1.0, width)
        return x * scale, place.y() * scale

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._images and event.button() == Qt.MouseButton.LeftButton:
            self.released.emit(self.view, *self._in_picture(event.position()))

    def show_held(self, held: tuple[float, float, str] | None) -> None:
        """Mark a landmark (px of the picture, and its name), or none."""
        if held != self._held:
            self._held = held
            self.update()

    def show_faces(self, faces: tuple[FaceMark, ...]) -> None:
        """Mark faces to choose from."""
        if faces != self._faces:
            self._faces = faces
            self.update()

    @property
    def faces(self) -> tuple[FaceMark, ...]:
        """The faces that are marked."""
        return self._faces

    def leaveEvent(self, event: QEvent) -> None:
        self.left.emit()

    def _drag_wipe(self, event: QMouseEvent) -> None:
        if self._mode == CompareMode.WIPE and not self.grabs:
            self.wipe_dragged.emit(min(max(event.position().x() / max(1, self.width()), 0.0), 1.0))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if not self.grabs:
            self.opened.emit(self.view)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._shown is None:
            painter.fillRect(self.rect(), QColor(theme.PANEL))
        else:
            self._paint_pictures(painter)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._held is not None and self._images:
            self._paint_held(painter, *self._held)
        self._paint_badges(painter)
        if self._faces and self._images:
            scale = self.width() / max(1, self._images[0].width())
            for mark in self._faces:
                paint_face(painter, mark, scale, QRectF(self.rect()))
        if self._selected:
            painter.setPen(QPen(QColor(theme.ACCENT), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(QRectF(self.rect()).adjusted(1, 1, -1, -1))

    def _paint_pictures(self, painter: QPainter) -> None:
        assert self._shown is not None
        whole = QRectF(self.rect())
        if self._mode == CompareMode.OFF or self._reference is None:
            self._paint_one(painter, self._shown, self._images[0], whole, whole)
            return
        if self._mode == CompareMode.WIPE:
            x = round(self._wipe * self.width())
            left, right = whole.adjusted(0, 0, x - whole.width(), 0), whole.adjusted(x, 0, 0, 0)
            self._paint_one(painter, self._shown, self._images[0], whole, right)
            self._paint_one(painter, self._reference, self._images[1], whole, left)
        else:
            left = QRectF(0, 0, self.width() / 2 - 1, self.height())
            right = left.translated(self.width() / 2 + 1, 0)
            x = self.width() // 2
            painter.fillRect(self.rect(), QColor(theme.GROUND))
            self._paint_one(painter, self._reference, self._images[1], left, left)
            self._paint_one(painter, self._shown, self._images[0], right, right)
        painter.fillRect(QRectF(x - 1, 0, 2, self.height()), QColor(theme.TEXT))

    def _paint_one(
        self, painter: QPainter, picture: TilePicture, image: QImage, place: QRectF, visible: QRectF
    ) -> None:
        if visible.width() < 1:
            return
        painter.save()
        painter.setClipRect(visible)
        painter.drawImage(place, image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        scale = place.width() / image.width()
        radius = max(1.7, min(place.width(), place.height()) / 170)
        if picture.residual is not None:
            painter.setOpacity(picture.layers.opacity_of("residual"))
            lines = [
                QLineF(*line)
                for line in (picture.residual.reshape(-1, 4) * scale + place.left() * SHIFTED).tolist()
            ]
            for pen in (QPen(QColor(0, 0, 0, 150), 2.6), QPen(QColor(theme.RESIDUAL), 1.4)):
                painter.setPen(pen)
                painter.drawLines(lines)
        for layer, points, sign in (
            ("detected", picture.detected, "circle"),
            ("projected", picture.projected, "cross"),
        ):
            if points is None:
                continue
            painter.setOpacity(picture.layers.opacity_of(layer))
            marker = landmark_marker(sign, round(radius, 1), self.devicePixelRatioF())
            half = marker.width() / marker.devicePixelRatio() / 2
            unbelieved = landmark_marker("muted", round(radius, 1), self.devicePixelRatioF())
            for number, (x, y) in enumerate((points * scale - half).tolist()):
                muted = layer == "detected" and number in picture.muted
                painter.drawPixmap(QPointF(place.left() + x, y), unbelieved if muted else marker)
        painter.restore()

    def _paint_held(self, painter: QPainter, x: float, y: float, name: str) -> None:
        width = self.width() / 2 if self._mode == CompareMode.SIDE else float(self.width())
        scale = width / self._images[0].width()
        place = QPointF(x * scale, y * scale)
        for pen in (QPen(QColor(0, 0, 0, 190), 4), QPen(QColor(theme.RESIDUAL), 2)):
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(place, 8, 8)
        metrics = painter.fontMetrics()
        box = QRectF(
            place.x() + 12, place.y() - 24, metrics.horizontalAdvance(name) + 12, metrics.height() + 4
        )
        box.moveRight(min(box.right(), self.width() - 2.0))
        self._badge(painter, box)
        painter.setPen(QColor(theme.TEXT))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, name)

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
        self._paint_titles(painter, height, room)
        if self._flag:
            text = metrics.elidedText(f"▲ {self._flag}", Qt.TextElideMode.ElideRight, max(30, room - 14))
            box = QRectF(6, self.height() - height - 6, metrics.horizontalAdvance(text) + 14, height)
            self._badge(painter, box)
            painter.setPen(QColor(theme.AMBER))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_titles(self, painter: QPainter, height: float, room: float) -> None:
        """What is which, at the lower edge: the reference at the left, the shown state at the right."""
        metrics = painter.fontMetrics()
        lift = height + 4 if self._flag else 0
        for text, at_right in zip(self._titles, (True, False), strict=True):
            if not text:
                continue
            text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, round(room / 2 - 12))
            width = metrics.horizontalAdvance(text) + 14
            left = self.width() - width - 6 if at_right else 6
            box = QRectF(left, self.height() - height - 6 - lift, width, height)
            self._badge(painter, box)
            painter.setPen(QColor(theme.TEXT if at_right else theme.ACCENT))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)

    @staticmethod
    def _badge(painter: QPainter, box: QRectF) -> None:
        ground = QColor(theme.GROUND)
        ground.setAlphaF(0.78)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawRoundedRect(box, 4, 4)


def as_image(picture: TilePicture) -> QImage:
    """The picture as Qt paints it; the picture must outlive it."""
    height, width = picture.image.shape[:2]
    return QImage(picture.image.data, width, height, 3 * width, QImage.Format.Format_RGB888)


@lru_cache(maxsize=64)
def landmark_marker(sign: str, radius: float, ratio: float) -> QPixmap:
    """A circle (detected), a grey dash (muted) or a cross (projected) with a dark rim; drawn once, then copied, which
    is much faster."""
    side = math.ceil(2 * radius + 5)
    pixmap = QPixmap(round(side * ratio), round(side * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    colour = {"circle": theme.DETECTED, "cross": theme.PROJECTED}.get(sign, theme.TEXT_SOFT)
    middle = side / 2
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for pen in (QPen(QColor(0, 0, 0, 150), 2.4), QPen(QColor(colour), 1.3)):
        painter.setPen(pen)
        if sign == "circle":
            painter.drawEllipse(QPointF(middle, middle), radius, radius)
        elif sign == "muted":
            painter.drawLine(QPointF(middle - radius, middle), QPointF(middle + radius, middle))
        else:
            painter.drawLine(
                QPointF(middle - radius, middle - radius), QPointF(middle + radius, middle + radius)
            )
            painter.drawLine(
                QPointF(middle - radius, middle + radius), QPointF(middle + radius, middle - radius)
            )
    painter.end()
    return pixmap

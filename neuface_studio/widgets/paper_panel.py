"""Pictures of the paper, live: all views' meshes over each other, and the mesh turned to fixed angles."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, Qt, Slot
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from neuface_studio import theme
from neuface_studio.scene.paper_pictures import OVERLAY, TURNED, PaperPicture, PaperRequest
from neuface_studio.scene.renderer import Renderer
from neuface_studio.session import Session
from neuface_studio.widgets.common import soft
from neuface_studio.widgets.picture_panel import PicturePanel

KINDS = (
    (
        OVERLAY,
        "Aligned overlay",
        "All views' meshes without the head's motion, one colour a view, blended: grey where all agree, "
        "coloured, four times as strong, where a view does not (the paper's Fig. S4). The comparison beside it.",
    ),
    (
        TURNED,
        "Turned",
        "The mesh of the selected view from fixed angles (the paper's Fig. 6); the comparison above.",
    ),
)


class Canvas(QWidget):
    """Shows the picture with its captions."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture: PaperPicture | None = None
        self._pixels: np.ndarray | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(80)
        self.setAccessibleName("Aligned overlay or turned meshes of the shown frame")

    @property
    def picture(self) -> PaperPicture | None:
        return self._picture

    def show_picture(self, picture: PaperPicture | None) -> None:
        self._picture = picture
        self._pixels = None if picture is None else np.ascontiguousarray(picture.image)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANEL))
        if self._picture is None or self._pixels is None:
            return
        height, width = self._pixels.shape[:2]
        image = QImage(self._pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(self.rect(), image)
        scale_x, scale_y = self.width() / width, self.height() / height
        painter.setPen(QColor(theme.TEXT))
        backdrop = QColor(theme.GROUND)
        backdrop.setAlphaF(0.7)  # the heads are as light as the words
        flags = Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextWordWrap
        for left, top, wide, high, caption in self._picture.cells:
            box = QRectF(left * scale_x + 6, top * scale_y + 3, wide * scale_x - 8, high * scale_y - 6)
            painter.fillRect(painter.boundingRect(box, flags, caption).adjusted(-3, 0, 3, 0), backdrop)
            painter.drawText(box, flags, caption)


class PaperPanel(PicturePanel):
    """The two pictures, one at a time."""

    share = 0.08

    def __init__(self, session: Session, renderer: Renderer, parent: QWidget | None = None) -> None:
        super().__init__(session, renderer, parent)
        self.kind = OVERLAY
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 6, 10, 8)
        column.setSpacing(4)
        line = QHBoxLayout()
        self.buttons: dict[str, QToolButton] = {}
        # No exclusive group: Qt would let the keyboard reach only the button that is on.
        for kind, title, tip in KINDS:
            button = QToolButton()
            button.setText(title)
            button.setToolTip(tip)
            button.setCheckable(True)
            button.setChecked(kind == self.kind)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setProperty("kind", kind)
            button.clicked.connect(self._on_kind)
            line.addWidget(button)
            self.buttons[kind] = button
        self.words = soft("", name="faint")
        line.addWidget(self.words)
        line.addStretch(1)
        column.addLayout(line)
        self.canvas = Canvas()
        column.addWidget(self.canvas, 1)
        session.footage_changed.connect(self._on_footage)
        session.frame_changed.connect(self.refresh)
        renderer.paper_drawn.connect(self._on_drawn)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.refresh()

    @Slot()
    def _on_footage(self) -> None:
        self.stop()
        self.canvas.show_picture(None)
        self.refresh()

    @Slot()
    def _on_kind(self) -> None:
        button = self.sender()
        if button is not None:
            self.kind = str(button.property("kind"))
            for kind, other in self.buttons.items():
                other.setChecked(kind == self.kind)
            self.refresh()

    @Slot()
    def _ask(self) -> None:
        session = self._session
        footage, shown = session.footage, session.displayed()
        if footage is None or shown is None or not self._may_ask():
            return
        reference = session.as_drawn(session.comparison.reference)
        rows = (shown,) if reference is None or reference.drawn_key == shown.drawn_key else (reference, shown)
        found = footage.sequence.detected[session.frame].tolist()
        views = tuple(view for view, seen in enumerate(found) if seen)
        ratio = self.devicePixelRatioF()
        size = max(16, round(self.canvas.width() * ratio)), max(16, round(self.canvas.height() * ratio))
        request = PaperRequest(self.kind, rows, session.frame, views, session.selected_view, size)
        self._waiting = self._renderer.draw_paper(request)

    @Slot(object)
    def _on_drawn(self, picture: PaperPicture | None) -> None:
        if picture is not None:
            self.canvas.show_picture(picture)
            view = self._session.view_names[picture.request.view] if self._session.footage is not None else ""
            text = f"{len(picture.request.views)} views" if picture.request.kind == OVERLAY else view
            self.words.setText(f"frame {picture.request.frame + 1}, {text}")
        self._arrived()

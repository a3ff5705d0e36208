"""Two ways to show the 3D heads: VTK on screen with hardware GL, and a picture drawn by the processor otherwise."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QMouseEvent,
    QOffscreenSurface,
    QOpenGLContext,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from neuface_studio import theme
from neuface_studio.scene.camera import OrbitCamera
from neuface_studio.scene.renderer import HeadsDrawn

SOFTWARE_RENDERERS = ("llvmpipe", "softpipe", "swiftshader", "software", "microsoft basic render")
LARGEST_SIDE = 720  # px of the picture at rest
LARGEST_SIDE_BUSY = 400


def choose_backend() -> tuple[str, str]:
    """("interactor" | "offscreen", the reason). NEUFACE_VIEW3D decides, else the GL driver.

    Where no GL context can be made at all, nothing can ask for one: VTK would end the process.
    """
    wanted = os.environ.get("NEUFACE_VIEW3D", "").lower()
    if wanted == "offscreen":
        return wanted, "NEUFACE_VIEW3D"
    if wanted == "interactor":
        return (wanted, "NEUFACE_VIEW3D") if gl_renderer() else ("offscreen", "no GL")
    if os.environ.get("LIBGL_ALWAYS_SOFTWARE"):
        return "offscreen", "software GL"
    renderer = gl_renderer()
    if not renderer or any(name in renderer.lower() for name in SOFTWARE_RENDERERS):
        return "offscreen", renderer or "no GL"
    return "interactor", renderer


def gl_renderer() -> str:
    """The name of the GL driver's renderer, or an empty string."""
    surface = QOffscreenSurface()
    surface.create()
    context = QOpenGLContext()
    if not surface.isValid() or not context.create() or not context.makeCurrent(surface):
        return ""
    try:
        name = context.functions().glGetString(0x1F01)
        return name if isinstance(name, str) else ""
    finally:
        context.doneCurrent()


class PictureView(QWidget):
    """Shows the picture that the drawing thread made, and says where the camera should go. Drag turns, wheel zooms."""

    camera_moved = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.camera = OrbitCamera()
        self._pixels: np.ndarray | None = None
        self._image: QImage | None = None
        self._last: QPointF | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setCursor(Qt.CursorShape.OpenHandCursor)

    @property
    def turning(self) -> bool:
        """Whether the mouse holds the heads."""
        return self._last is not None

    def picture_size(self, *, coarse: bool) -> tuple[int, int]:
        """Size in px of the picture to draw: the widget's shape, ``coarse`` with fewer pixels."""
        ratio = self.devicePixelRatioF()
        largest = LARGEST_SIDE_BUSY if coarse else LARGEST_SIDE
        shrink = min(1.0, largest / max(1.0, ratio * max(self.width(), self.height())))
        return max(16, round(self.width() * ratio * shrink)), max(16, round(self.height() * ratio * shrink))

    def show_heads(self, drawn: HeadsDrawn) -> None:
        if drawn.image is None:
            return
        height, width = drawn.image.shape[:2]
        self._pixels = np.ascontiguousarray(drawn.image)  # QImage only borrows the memory
        self._image = QImage(self._pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        if drawn.camera is not None and self.camera.framing is None:
            self.camera = OrbitCamera(
                self.camera.yaw, self.camera.pitch, self.camera.zoom, drawn.camera.framing
            )
        self.update()

    def look(self, yaw: float, pitch: float) -> None:
        """Look from this direction (degrees), everything in the picture."""
        self.camera = OrbitCamera(yaw, pitch)
        self.camera_moved.emit()

    def save_picture(self, path: str) -> bool:
        """Write the picture as it was drawn; False where that does not go."""
        return self._image is not None and self._image.save(path)

    def close_plotter(self) -> None:
        """Nothing to give back."""

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._image is None:
            painter.fillRect(self.rect(), QColor(theme.PANEL))
        else:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(self.rect(), self._image)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.camera = OrbitCamera(self.camera.yaw, self.camera.pitch, self.camera.zoom)
        self.camera_moved.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._last = event.position()
        self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._last is None:
            return
        move = event.position() - self._last
        self._last = event.position()
        self.camera = self.camera.turned(0.5 * move.x(), 0.5 * move.y())
        self.camera_moved.emit()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._last = None
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        self.camera_moved.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.camera = self.camera.zoomed(1.1 if event.angleDelta().y() > 0 else 1 / 1.1)
        self.camera_moved.emit()


def interactor_view(parent: QWidget, faces: np.ndarray, num_vertices: int, num_views: int) -> Any:
    """A pyvistaqt interactor with the methods of `PictureView`; it draws in the window's thread."""
    os.environ.setdefault("QT_API", "pyside6")
    from pyvistaqt import QtInteractor

    from neuface_studio.scene.heads3d import HeadScene

    class InteractorView(QtInteractor):
        def __init__(self) -> None:
            super().__init__(parent, auto_update=False, multi_samples=0, lighting="light kit")
            self.enable_trackball_style()
            self.heads = HeadScene(self, faces, num_vertices, num_views)
            self.turning = False

        def picture_size(self, *, coarse: bool) -> tuple[int, int]:
            return max(16, self.width()), max(16, self.height())

        def show_heads(self, drawn: HeadsDrawn) -> None:
            request = drawn.request
            self.heads.update(
                drawn.vertices,
                drawn.normals,
                drawn.faces,
                request.views,
                request.posed,
                painted=drawn.painted,
                wireframe=request.wireframe,
            )
            self.render()

        def look(self, yaw: float, pitch: float) -> None:
            self.heads.look(yaw, pitch)
            self.render()

        def save_picture(self, path: str) -> bool:
            self.screenshot(path)
            return True

        def close_plotter(self) -> None:
            self.close()

    return InteractorView()

"""The 3D view behind one interface: on screen with hardware GL, off screen and shown as a picture otherwise."""

from __future__ import annotations

import logging
import os
import time
from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, Qt, QTimer, Slot
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
from PySide6.QtWidgets import QFrame, QSizePolicy, QVBoxLayout, QWidget

from neuface_studio import theme
from neuface_studio.scene.decoding import MeshDecoder
from neuface_studio.scene.heads3d import HeadScene
from neuface_studio.session import Footage, RunState, Session
from neuface_studio.widgets.common import heading, soft

log = logging.getLogger(__name__)

SOFTWARE_RENDERERS = ("llvmpipe", "softpipe", "swiftshader", "software", "microsoft basic render")
# Software GL takes 50 to 100 ms a picture, in which no event is handled: seldom and coarse while others are at work.
RUNNING_INTERVAL = 2.5  # s between two pictures while the optimiser runs
PLAYING_INTERVAL = 0.25
SMALLEST_INTERVAL = 0.04
LARGEST_SIDE = 640  # px of the off-screen picture at rest
LARGEST_SIDE_BUSY = 320


def choose_backend() -> tuple[str, str]:
    """("interactor" | "offscreen", the reason). NEUFACE_VIEW3D decides, else the GL driver."""
    wanted = os.environ.get("NEUFACE_VIEW3D", "").lower()
    if wanted in ("interactor", "offscreen"):
        return wanted, "NEUFACE_VIEW3D"
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


class OffscreenView(QWidget):
    """A pyvista plotter without a window; its picture is painted here. Drag turns, wheel zooms."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        import pyvista as pv

        self.plotter: Any = pv.Plotter(off_screen=True, window_size=(320, 320), lighting="light kit")
        self.plotter.render_window.SetMultiSamples(0)
        self._pixels: np.ndarray | None = None
        self._image: QImage | None = None
        self._last: QPointF | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        self.turned = QTimer(self)
        self.turned.setSingleShot(True)
        self.turned.setInterval(0)
        self.turned.timeout.connect(self._draw_turned)

    def fit(self, *, coarse: bool = False) -> tuple[int, int]:
        """Give the picture the widget's shape; returns its size in px."""
        window = self.plotter.render_window
        ratio = self.devicePixelRatioF()
        largest = LARGEST_SIDE_BUSY if coarse else LARGEST_SIDE
        shrink = min(1.0, largest / max(1.0, ratio * max(self.width(), self.height())))
        size = max(16, round(self.width() * ratio * shrink)), max(16, round(self.height() * ratio * shrink))
        if tuple(window.GetSize()) != size:
            window.SetSize(*size)
        return size

    def draw(self, *, coarse: bool = False) -> None:
        """Render now and keep the picture; ``coarse`` with fewer pixels."""
        import vtk
        from vtk.util.numpy_support import vtk_to_numpy

        size = self.fit(coarse=coarse)
        window = self.plotter.render_window
        self.plotter.renderer.ResetCameraClippingRange()
        window.Render()
        data = vtk.vtkUnsignedCharArray()
        window.GetPixelData(0, 0, size[0] - 1, size[1] - 1, 0, data, 0)
        self._pixels = np.ascontiguousarray(vtk_to_numpy(data).reshape(size[1], size[0], 3)[::-1])
        self._image = QImage(self._pixels.data, size[0], size[1], 3 * size[0], QImage.Format.Format_RGB888)
        self.update()

    @Slot()
    def _draw_turned(self) -> None:
        if self.plotter is not None:
            self.draw(coarse=self._last is not None)

    def close_plotter(self) -> None:
        self.turned.stop()
        if self.plotter is not None:
            self.plotter.close()
            self.plotter = None

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._image is None:
            painter.fillRect(self.rect(), QColor(theme.PANEL))
        else:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(self.rect(), self._image)

    def resizeEvent(self, event: QResizeEvent) -> None:
        if self._image is not None and self.plotter is not None:
            self.turned.start()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._last = event.position()
        self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._last is None or self.plotter is None or self._image is None:
            return
        move = event.position() - self._last
        self._last = event.position()
        camera = self.plotter.camera
        camera.Azimuth(-0.5 * move.x())
        camera.Elevation(0.5 * move.y())
        camera.OrthogonalizeViewUp()
        self.turned.start()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._last = None
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        if self._image is not None:
            self.turned.start()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.plotter is not None and self._image is not None:
            self.plotter.camera.Zoom(1.1 if event.angleDelta().y() > 0 else 1 / 1.1)
            self.turned.start()


def interactor_view(parent: QWidget) -> Any:
    """A pyvistaqt interactor with the methods of `OffscreenView`."""
    os.environ.setdefault("QT_API", "pyside6")
    from pyvistaqt import QtInteractor

    class InteractorView(QtInteractor):
        def __init__(self) -> None:
            super().__init__(parent, auto_update=False, multi_samples=0, lighting="light kit")
            self.enable_trackball_style()

        @property
        def plotter(self) -> Any:
            return self

        def fit(self, *, coarse: bool = False) -> tuple[int, int]:
            return self.width(), self.height()

        def draw(self, *, coarse: bool = False) -> None:
            self.render()

        def close_plotter(self) -> None:
            self.close()

    return InteractorView()


class View3D(QFrame):
    """Heads of the shown frame in 3D; draws only when something changed, and seldom while others need the processor."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self._session = session
        self._decoder: MeshDecoder | None = None
        self._scene: HeadScene | None = None
        self._view: Any = None
        self._dirty = False
        self._cost = 0.05
        self._last_drawn = 0.0
        self._still = False
        self.backend, self.backend_reason = choose_backend()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 6, 1, 1)
        layout.setSpacing(3)
        self._title = heading("3D")
        self._title.setContentsMargins(9, 0, 9, 0)
        layout.addWidget(self._title)
        self._layout = layout
        self._empty = soft("The heads of all views appear here.", name="faint")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout.addWidget(self._empty, 1)
        self.setMinimumSize(220, 200)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._draw)
        session.footage_changed.connect(self._on_footage)
        session.frame_changed.connect(self.refresh)
        session.iteration_changed.connect(self.refresh)
        session.posed_changed.connect(self._on_posed)
        session.run_state_changed.connect(self.refresh)
        session.playing_changed.connect(self.refresh)
        self._on_posed()

    def set_decoder(self, decoder: MeshDecoder | None) -> None:
        """Use the view grid's decoder."""
        self._decoder = decoder

    @Slot(bool)
    def set_still(self, still: bool) -> None:
        self._still = still
        if not still and self._dirty:
            self.refresh()

    @Slot()
    def refresh(self) -> None:
        """Draw soon: at once when the machine is at rest, else so seldom that it costs a small share of the time."""
        self._dirty = True
        if self._timer.isActive() or self._still or self._session.footage is None:
            return
        due = self._last_drawn + self._interval()
        self._timer.start(max(0, round(1000 * (due - time.perf_counter()))))

    def _interval(self) -> float:
        if self.backend == "interactor":
            return SMALLEST_INTERVAL
        if self._session.run_state == RunState.RUNNING:
            return RUNNING_INTERVAL
        return PLAYING_INTERVAL if self._session.playing else SMALLEST_INTERVAL

    def front(self) -> None:
        """Turn back to the front."""
        if self._scene is not None:
            self._scene.front()
            self._view.draw()

    def stop(self) -> None:
        """Close the plotter; must happen before the window is destroyed."""
        self._timer.stop()
        self._scene = None
        if self._view is not None:
            self._view.close_plotter()
            self._layout.removeWidget(self._view)
            self._view.deleteLater()
            self._view = None

    @Slot()
    def _on_footage(self) -> None:
        self.stop()
        footage = self._session.footage
        self._empty.setVisible(footage is None)
        if footage is not None:
            self._build(footage)

    def _build(self, footage: Footage) -> None:
        self._view = self._make_view()
        if self._view is None:
            self._empty.setText("No 3D picture: the graphics driver failed.")
            self._empty.show()
            return
        self._layout.addWidget(self._view, 1)
        self._scene = HeadScene(
            self._view.plotter, footage.faces, footage.head.num_vertices, len(footage.sequence.views)
        )

    def _make_view(self) -> Any:
        if self.backend == "interactor":
            try:
                return interactor_view(self)
            except Exception as error:
                log.warning("on-screen 3D failed (%s); falling back to off-screen drawing", error)
                self.backend, self.backend_reason = "offscreen", "the on-screen view failed"
        try:
            return OffscreenView(self)
        except Exception:
            log.exception("no 3D view")
            return None

    @Slot()
    def _on_posed(self) -> None:
        posed = self._session.posed_3d
        self._title.setText("3D · EACH VIEW AS POSED" if posed else "3D · ALL VIEWS IN ONE POSE")
        self._title.setToolTip(
            "Each view's head, turned as that camera sees it."
            if posed
            else "The heads of all views in the canonical pose, one colour a view: where one colour sticks out, "
            "that view disagrees with the others.\nDrag turns, the wheel zooms, X turns back to the front."
        )
        self.refresh()

    @Slot()
    def _draw(self) -> None:
        session = self._session
        record = session.record()
        if (
            not self._dirty
            or self._scene is None
            or self._decoder is None
            or record is None
            or not self.isVisible()
        ):
            return
        self._dirty = False
        started = time.perf_counter()
        vertices = self._decoder.heads(record, session.frame, posed=session.posed_3d)
        footage = session.footage
        assert footage is not None
        seen = footage.sequence.detected.any(dim=0).tolist()
        hidden = {view for view, found in enumerate(seen) if not found}
        self._view.fit(coarse=self._interval() > SMALLEST_INTERVAL)
        self._scene.update(vertices, side_by_side=session.posed_3d, hidden=hidden)
        self._view.draw(coarse=self._interval() > SMALLEST_INTERVAL)
        self._last_drawn = time.perf_counter()
        self._cost = 0.7 * self._cost + 0.3 * (self._last_drawn - started)

    @property
    def seconds_per_picture(self) -> float:
        return self._cost

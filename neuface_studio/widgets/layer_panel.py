"""What the tiles draw: one row a layer with its key, the opacity, and the colour bar of the heat map."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QAction, QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QCheckBox, QFrame, QGridLayout, QHBoxLayout, QSlider, QVBoxLayout, QWidget

from neuface_engine.raster import colormap
from neuface_studio import theme
from neuface_studio.actions import EXPLANATIONS
from neuface_studio.scene.overlay import HEAT_COLORMAP
from neuface_studio.session import Session
from neuface_studio.widgets.common import ActionKey, heading, soft

ROWS = (
    ("layer_mesh", "Mesh, shaded"),
    ("layer_wireframe", "Wireframe"),
    ("layer_detected", "Landmarks detected"),
    ("layer_projected", "Landmarks projected"),
    ("layer_ghost", "E-step targets"),
    ("layer_gradient", "Vertex gradient"),
    ("whole_frame", "Whole video frame"),
)
SIGNS = {
    "layer_ghost": ("■", theme.GHOST),
    "layer_detected": ("○", theme.DETECTED),
    "layer_projected": ("✕", theme.PROJECTED),
}


class ColourBar(QWidget):
    """From 0 to ``peak``, in the unit of the heat map."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._peak = 0.0
        rows = colormap(HEAT_COLORMAP)
        self._pixels = rows.copy()
        self._image = QImage(self._pixels.data, 256, 1, 768, QImage.Format.Format_RGB888)
        self.setToolTip(EXPLANATIONS["gradient"])
        self.setAccessibleName("Colour bar of the vertex gradient")

    def sizeHint(self) -> QSize:
        return QSize(120, 30)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    @Slot(float)
    def set_peak(self, per_metre: float) -> None:
        self._peak = per_metre
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(QRectF(0, 2, self.width(), 9), self._image)
        font = self.font()
        font.setPointSizeF(8.5)
        painter.setFont(font)
        painter.setPen(QColor(theme.TEXT_SOFT))
        box = QRectF(0, 13, self.width(), 17)
        painter.drawText(box, Qt.AlignmentFlag.AlignLeft, "0")
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, "|∂L/∂M| per mm")
        if self._peak > 0:
            painter.drawText(
                box, Qt.AlignmentFlag.AlignRight, f"{self._peak * 1e-3:.0e}".replace("e-0", "e-")
            )


class LayerPanel(QFrame):
    """Check boxes tied to the layer commands, and the mesh's opacity."""

    def __init__(self, session: Session, actions: dict[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self._session = session
        outer = QVBoxLayout(self)
        outer.setContentsMargins(10, 8, 10, 8)
        outer.setSpacing(4)
        outer.addWidget(heading("Layers"))
        grid = QGridLayout()
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(0, 1)
        self.boxes: dict[str, QCheckBox] = {}
        for row, (identifier, text) in enumerate(ROWS):
            action = actions[identifier]
            box = QCheckBox(text)
            box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            box.setToolTip(action.toolTip())
            box.setChecked(action.isChecked())
            box.clicked.connect(action.trigger)
            action.toggled.connect(box.setChecked)
            grid.addWidget(box, row, 0)
            if identifier in SIGNS:
                sign, colour = SIGNS[identifier]
                mark = soft(sign)
                mark.setStyleSheet(f"color: {colour}; font-weight: 700;")
                grid.addWidget(mark, row, 1)
            grid.addWidget(ActionKey(action), row, 2)
            self.boxes[identifier] = box
        outer.addLayout(grid)
        self.colour_bar = ColourBar()
        outer.addWidget(self.colour_bar)
        line = QHBoxLayout()
        line.addWidget(soft("Opacity"))
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(10, 100)
        self.opacity.setValue(round(session.layers.opacity * 100))
        self.opacity.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.opacity.setAccessibleName("Opacity of the mesh")
        self.opacity.setToolTip("How much of the video shows through the mesh or the heat map.")
        self.opacity.valueChanged.connect(self._opacity_moved)
        line.addWidget(self.opacity, 1)
        outer.addLayout(line)
        session.layers_changed.connect(self._show)
        self._show()

    @Slot(int)
    def _opacity_moved(self, percent: int) -> None:
        self._session.set_layers(opacity=percent / 100)

    @Slot()
    def _show(self) -> None:
        self.opacity.blockSignals(True)
        self.opacity.setValue(round(self._session.layers.opacity * 100))
        self.opacity.blockSignals(False)
        self.colour_bar.setVisible(self._session.layers.gradient)

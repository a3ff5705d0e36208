"""What the tiles draw: a row a layer with its opacity, solo and key; the colour bar; what is put to neutral."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QGridLayout,
    QScrollArea,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from neuface_studio import theme
from neuface_studio.layer_commands import LAYER_FIELDS
from neuface_studio.layers import DOTS, HEATS
from neuface_studio.muting import GROUPS, muted_text
from neuface_studio.session import Session
from neuface_studio.widgets.colour_bar import ColourBar
from neuface_studio.widgets.common import ActionKey, action_button, soft
from neuface_studio.widgets.flow import FlowRow

TITLES = {
    "mesh": "Mesh, shaded",
    "wireframe": "Wireframe",
    "detected": "Detected ○",
    "projected": "Projected ✕",
    "residual": "Residual lines ╱",
    "ghost": "E-step targets ■",
    **{heat.id: heat.title for heat in HEATS.values()},
    "whole_frame": "Whole video frame",
}
COLOURS = {
    "detected": theme.DETECTED,
    "projected": theme.PROJECTED,
    "residual": theme.RESIDUAL,
    "ghost": theme.GHOST,
}


class LayerPanel(QFrame):
    """Check boxes tied to the layer commands; what it shows is the session's state."""

    def __init__(self, session: Session, actions: dict[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self._session = session
        outer = QVBoxLayout(self)
        outer.setContentsMargins(10, 8, 10, 8)
        outer.setSpacing(4)
        self.alone = soft("")
        self.alone.setStyleSheet(f"color: {theme.ACCENT}; font-weight: 600;")
        outer.addWidget(self.alone)
        grid = QGridLayout()
        grid.setVerticalSpacing(2)
        grid.setHorizontalSpacing(6)
        grid.setColumnStretch(0, 1)
        self.boxes: dict[str, QCheckBox] = {}
        self.opacities: dict[str, QSlider] = {}
        self.solos: dict[str, QToolButton] = {}
        for row, (identifier, layer) in enumerate(LAYER_FIELDS.items()):
            self._add_row(grid, row, actions, identifier, layer)
        outer.addLayout(grid)
        self.colour_bar = ColourBar()
        outer.addWidget(self.colour_bar)
        outer.addWidget(self._mute_row(actions))
        self.muted_sign = soft("")
        self.muted_sign.setWordWrap(True)
        self.muted_sign.setStyleSheet(f"color: {theme.AMBER}; font-weight: 600;")
        outer.addWidget(self.muted_sign)
        outer.addStretch(1)
        session.layers_changed.connect(self._show)
        session.muted_changed.connect(self._show)
        self._show()

    def _add_row(
        self, grid: QGridLayout, row: int, actions: dict[str, QAction], identifier: str, layer: str
    ) -> None:
        action = actions[identifier]
        box = QCheckBox(TITLES[layer])
        box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        box.setToolTip(action.toolTip())
        box.setChecked(action.isChecked())
        if layer in COLOURS:
            box.setStyleSheet(f"QCheckBox {{ color: {COLOURS[layer]}; }}")
        box.clicked.connect(action.trigger)
        action.toggled.connect(box.setChecked)
        grid.addWidget(box, row, 0)
        grid.addWidget(ActionKey(action), row, 3)
        self.boxes[identifier] = box
        if layer == "whole_frame":
            return
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(0, 100)
        slider.setFixedWidth(46)
        slider.setProperty("layer", layer)
        slider.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        slider.setAccessibleName(f"Opacity: {TITLES[layer]}")
        slider.setToolTip(f"Opacity of this layer: {TITLES[layer]}")
        slider.valueChanged.connect(self._opacity_moved)
        grid.addWidget(slider, row, 1)
        self.opacities[layer] = slider
        solo = action_button(actions[f"solo_{layer}"], "S", name="small")
        solo.setFixedWidth(22)
        grid.addWidget(solo, row, 2)
        self.solos[layer] = solo

    def _mute_row(self, actions: dict[str, QAction]) -> FlowRow:
        line = FlowRow()
        title = soft("Mute")
        title.setContentsMargins(0, 2, 4, 0)
        line.add(title)
        for group in GROUPS:
            line.add(action_button(actions[f"mute_{group}"], group, name="small"))
        return line

    @Slot(str, float)
    def show_scale(self, kind: str, peak: float) -> None:
        """The scale of the heat map that the tiles show."""
        self.colour_bar.show_scale(kind, peak)

    @Slot(int)
    def _opacity_moved(self, percent: int) -> None:
        slider = self.sender()
        if slider is not None:
            layers = self._session.layers.with_opacity(str(slider.property("layer")), percent / 100)
            self._session.put_layers(layers)

    @Slot()
    def _reveal_scale(self) -> None:
        area = self.parent()
        while area is not None and not isinstance(area, QScrollArea):
            area = area.parent()
        if area is not None:
            area.ensureWidgetVisible(self.colour_bar)

    @Slot()
    def _show(self) -> None:
        layers = self._session.layers
        for layer, slider in self.opacities.items():
            slider.blockSignals(True)
            slider.setValue(round(100 * layers.opacity_of(layer)))
            slider.blockSignals(False)
            slider.setEnabled(layers.drawn.shows(layer))
        self.alone.setText(f"Alone: {TITLES[layers.solo]}" if layers.solo else "")
        self.alone.setVisible(bool(layers.solo))
        kind = layers.drawn.heat
        comes = bool(kind) and self.colour_bar.isHidden()
        self.colour_bar.setVisible(bool(kind))
        if comes:  # a low window scrolls: colours without their scale say nothing
            QTimer.singleShot(0, self, self._reveal_scale)
        if kind and kind != self.colour_bar.kind.replace(DOTS.id, "pixel"):
            self.colour_bar.show_scale(kind, 0.0)
        text = muted_text(self._session.muted)
        self.muted_sign.setText(
            f"{text}: shown only, the result is as before. Ctrl+0 unmutes." if text else ""
        )
        self.muted_sign.setVisible(bool(text))

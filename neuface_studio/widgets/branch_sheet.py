"""The weights under which a branch goes on."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QDoubleValidator
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QWidget

from neuface_studio.widgets.common import TextField, soft
from neuface_studio.widgets.help_sheets import Sheet

FIELDS = (
    ("landmark_weight", "Landmarks, L_2D", "68 landmarks in every picture"),
    ("temporal_weight", "Motion, L_temporal", "smooth head motion in every view"),
    ("multiview_weight", "Views, L_multiview", "agreement of the views at every moment"),
    ("dense_weight", "478 points", "all landmarks of the detector"),
    ("shape_weight", "Shape prior", "how likely the head is"),
    ("expression_weight", "Expression prior", "how likely the expression is"),
    ("size_weight", "Size prior", "the size that the encoder says"),
    ("aperture_weight", "Lids and lips", "how far they are open"),
    ("photometric_weight", "Pixels", "the views show the same skin"),
    ("learning_rate", "Learning rate", "length of the gradient steps"),
)


class BranchSheet(Sheet):
    """``chosen`` gives the settings that differ from those of the run, when *Branch* is pressed."""

    chosen = Signal(object)

    def __init__(self, origin: str, settings: Any, parent: QWidget | None = None) -> None:
        super().__init__("Branch with other weights", parent)
        self._settings = settings
        words = QLabel(
            f"A new run goes on from <b>{origin}</b>. The run you have stays: both are in the list over the tiles, "
            "and one can be compared with the other."
        )
        words.setWordWrap(True)
        words.setMinimumWidth(460)
        self.body.addWidget(words)
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        self.fields: dict[str, TextField] = {}
        known = [entry for entry in FIELDS if hasattr(settings, entry[0])]
        for row, (name, label, meaning) in enumerate(known):
            field = TextField(f"{getattr(settings, name):g}")
            validator = QDoubleValidator(0.0, 1e6, 8, field)
            validator.setNotation(QDoubleValidator.Notation.ScientificNotation)
            field.setValidator(validator)
            field.setFixedWidth(110)
            field.setAccessibleName(label)
            grid.addWidget(QLabel(label), row, 0)
            grid.addWidget(field, row, 1)
            grid.addWidget(soft(meaning, name="faint"), row, 2)
            self.fields[name] = field
        self.body.addLayout(grid)
        row_of_buttons = QHBoxLayout()
        row_of_buttons.addStretch(1)
        cancel, go = QPushButton("Cancel"), QPushButton("Branch")
        go.setObjectName("primary")
        go.setDefault(True)
        cancel.clicked.connect(self.reject)
        go.clicked.connect(self._go)
        self.go_button = go
        row_of_buttons.addWidget(cancel)
        row_of_buttons.addWidget(go)
        self.body.addLayout(row_of_buttons)

    def changes(self) -> dict[str, float]:
        """The settings that were changed to another number."""
        found = {}
        for name, field in self.fields.items():
            try:
                value = float(field.text().replace(",", "."))
            except ValueError:
                continue
            if f"{getattr(self._settings, name):g}" != f"{value:g}":
                found[name] = value
        return found

    @Slot()
    def _go(self) -> None:
        self.chosen.emit(self.changes())
        self.accept()

"""Choosing the format, the space and the place of an export."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QFileDialog, QGridLayout, QHBoxLayout, QLabel, QPushButton, QWidget

from neuface_engine.tracks.formats import FORMATS
from neuface_studio.widgets.common import TextField, soft
from neuface_studio.widgets.help_sheets import Sheet

SPACES = {
    "posed": "Posed: as the cameras saw the head",
    "canonical": "Canonical: without the head's rotation",
}


class ExportSheet(Sheet):
    """``chosen`` gives the format's name, the space and the path when *Export* is pressed."""

    chosen = Signal(str, str, object)

    def __init__(self, what: str, stem: str, folder: Path, parent: QWidget | None = None) -> None:
        super().__init__("Export in another format", parent)
        self._stem, self._folder = stem, folder
        words = QLabel(f"Writes <b>{what}</b>, all views and frames.")
        self.body.addWidget(words)
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        self.format = QComboBox()
        self.format.setAccessibleName("Format")
        for entry in FORMATS.values():
            self.format.addItem(f"{entry.title} ({entry.suffix or 'folder'})", entry.name)
        self.space = QComboBox()
        self.space.setAccessibleName("Space of the meshes")
        self.place = TextField()
        self.place.setAccessibleName("Where to write")
        self.place.setMinimumWidth(420)
        browse = QPushButton("Choose…")
        browse.clicked.connect(self._browse)
        for row, (label, field) in enumerate(
            (("Format", self.format), ("Meshes", self.space), ("Where", self.place))
        ):
            grid.addWidget(QLabel(label), row, 0)
            grid.addWidget(field, row, 1)
        grid.addWidget(browse, 2, 2)
        self.body.addLayout(grid)
        self.description = soft("")
        self.description.setWordWrap(True)
        self.description.setMinimumHeight(36)
        self.body.addWidget(self.description)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        cancel, self.go_button = QPushButton("Cancel"), QPushButton("Export")
        self.go_button.setObjectName("primary")
        self.go_button.setDefault(True)
        cancel.clicked.connect(self.reject)
        self.go_button.clicked.connect(self._go)
        buttons.addWidget(cancel)
        buttons.addWidget(self.go_button)
        self.body.addLayout(buttons)
        self.format.currentIndexChanged.connect(self._show)
        self._show()

    @Slot()
    def _show(self) -> None:
        entry = FORMATS[str(self.format.currentData())]
        self.description.setText(entry.description)
        self.space.clear()
        for name in entry.spaces:
            self.space.addItem(SPACES.get(name, name), name)
        self.space.setEnabled(bool(entry.spaces))
        known = Path(self.place.text())
        folder = known.parent if self.place.text() else self._folder
        self.place.setText(str(folder / f"{self._stem}_{entry.name}{entry.suffix}"))

    @Slot()
    def _browse(self) -> None:
        entry = FORMATS[str(self.format.currentData())]
        kinds = f"{entry.title} (*{entry.suffix})" if entry.suffix else "Folders"
        name, _ = QFileDialog.getSaveFileName(self, "Export", self.place.text(), kinds)
        if name:
            self.place.setText(name)

    @Slot()
    def _go(self) -> None:
        text = self.place.text().strip()
        if text:
            space = str(self.space.currentData() or "posed")
            self.chosen.emit(str(self.format.currentData()), space, Path(text))
            self.accept()

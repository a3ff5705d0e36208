"""Changing keys: press the new one; a key that is taken says who has it before it is taken over."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QAction, QColor, QKeySequence
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QKeySequenceEdit,
    QLabel,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from neuface_studio import theme
from neuface_studio.command_table import COMMANDS
from neuface_studio.key_presets import PRESETS
from neuface_studio.keys import PORTABLE, KeyMap, default_keys
from neuface_studio.widgets.common import soft
from neuface_studio.widgets.help_sheets import Sheet

ID_ROLE = Qt.ItemDataRole.UserRole


class KeyEditor(Sheet):
    """One row a command; changes hold at once."""

    def __init__(self, keys: KeyMap, actions: dict[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__("Change keys", parent)
        self._keys, self._actions = keys, actions
        self._labels = {entry.id: entry.label.replace("&", "").rstrip("…") for entry in COMMANDS}
        self.rows = QTreeWidget()
        self.rows.setHeaderLabels(["command", "menu", "keys"])
        self.rows.setRootIsDecorated(False)
        self.rows.setUniformRowHeights(True)
        self.rows.setAccessibleName("Commands and their keys")
        self.rows.setMinimumSize(620, 420)
        self.rows.currentItemChanged.connect(self._chosen)
        self.body.addWidget(self.rows, 1)
        line = QHBoxLayout()
        self.name = QLabel()
        self.edit = QKeySequenceEdit()
        self.edit.setMaximumSequenceLength(1)
        self.edit.setAccessibleName("New key")
        self.edit.setFixedWidth(150)
        self.edit.keySequenceChanged.connect(self._check)
        self.set_button = QPushButton("Set")
        self.set_button.clicked.connect(self._set)
        line.addWidget(self.name, 1)
        line.addWidget(soft("new key"))
        line.addWidget(self.edit)
        line.addWidget(self.set_button)
        self.body.addLayout(line)
        self.warning = soft("")
        self.warning.setMinimumHeight(20)
        self.body.addWidget(self.warning)
        row = QHBoxLayout()
        row.addWidget(soft("all keys at once"))
        self.presets = QComboBox()
        self.presets.setAccessibleName("Set of keys")
        self.presets.setToolTip(
            "Give every command the keys of this set; what you changed yourself is forgotten."
        )
        self.presets.addItems(list(PRESETS))
        row.addWidget(self.presets)
        reset = QPushButton("Use this set")
        reset.clicked.connect(self._reset)
        row.addWidget(reset)
        row.addStretch(1)
        self.body.addLayout(row)
        self.finish()
        self._fill()

    def _fill(self, current: str | None = None) -> None:
        self.rows.clear()
        for entry in COMMANDS:
            keys = self._keys.keys(entry.id)
            shown = ", ".join(
                QKeySequence(key, PORTABLE).toString(QKeySequence.SequenceFormat.NativeText) for key in keys
            )
            item = QTreeWidgetItem([self._labels[entry.id], entry.menu.replace("&", ""), shown or "none"])
            item.setData(0, ID_ROLE, entry.id)
            item.setForeground(1, QColor(theme.TEXT_FAINT))
            if keys != default_keys(entry):
                item.setForeground(2, QColor(theme.ACCENT))
                item.setToolTip(2, "Changed by you.")
            self.rows.addTopLevelItem(item)
            if entry.id == current:
                self.rows.setCurrentItem(item)
        for column, width in enumerate((330, 90)):
            self.rows.setColumnWidth(column, width)
        if current is None:
            self.rows.setCurrentIndex(self.rows.model().index(0, 0))

    def _current(self) -> str:
        item = self.rows.currentItem()
        return "" if item is None else str(item.data(0, ID_ROLE))

    def choose(self, identifier: str) -> None:
        """Select the row of a command."""
        for place in range(self.rows.topLevelItemCount()):
            item = self.rows.topLevelItem(place)
            if item is not None and item.data(0, ID_ROLE) == identifier:
                self.rows.setCurrentItem(item)

    @Slot()
    def _chosen(self) -> None:
        self.name.setText(f"<b>{self._labels.get(self._current(), '')}</b>")
        self.edit.clear()
        self._check()

    @Slot()
    def _check(self) -> None:
        key = self.edit.keySequence().toString(PORTABLE)
        self.set_button.setEnabled(bool(key))
        owner = self._keys.owner(key, besides=self._current()) if key else None
        if owner is None:
            self.warning.setText("")
            self.set_button.setText("Set")
            return
        self.warning.setText(f"▲ “{self._labels[owner]}” has this key; it would lose it.")
        self.warning.setStyleSheet(f"color: {theme.AMBER};")
        self.set_button.setText("Take it over")

    @Slot()
    def _set(self) -> None:
        current = self._current()
        self._keys.bind(current, self.edit.keySequence().toString(PORTABLE))
        self._keys.apply(self._actions)
        self._fill(current)

    @Slot()
    def _reset(self) -> None:
        self._keys.reset(self.presets.currentText())
        self._keys.apply(self._actions)
        self._fill()

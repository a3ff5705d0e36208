"""The palette: type a few letters of what you want to do, and Enter does it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Slot
from PySide6.QtGui import QAction, QColor, QKeyEvent
from PySide6.QtWidgets import QDialog, QLineEdit, QToolTip, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from neuface_studio import theme
from neuface_studio.command_table import COMMANDS, Command
from neuface_studio.keys import action_key

ID_ROLE = Qt.ItemDataRole.UserRole
SIZE = (560, 380)


def score(words: str, entry: Command) -> float | None:
    """How well a command fits what was typed: lower is better, None not at all."""
    label = entry.label.replace("&", "").lower()
    everything = f"{label} {entry.menu.replace('&', '').lower()} {entry.tip.lower()}"
    total = 0.0
    for word in words.lower().split():
        if word in label:
            total += label.index(word) / 100 + (0 if label.startswith(word) else 0.5)
        elif word in everything:
            total += 2 + everything.index(word) / 1000
        else:
            return None
    return total


class Palette(QDialog):
    """Every command that makes sense now, found by its words."""

    def __init__(self, actions: dict[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Dialog)
        self.setWindowTitle("Do anything")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._actions = actions
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        self.field = QLineEdit()
        self.field.setPlaceholderText("What do you want to do?  (Enter does it, Escape leaves)")
        self.field.setAccessibleName("What do you want to do")
        self.field.textChanged.connect(self._fill)
        self.field.returnPressed.connect(self._do)
        self.field.installEventFilter(self)
        column.addWidget(self.field)
        self.rows = QTreeWidget()
        self.rows.setHeaderHidden(True)
        self.rows.setColumnCount(3)
        self.rows.setRootIsDecorated(False)
        self.rows.setUniformRowHeights(True)
        self.rows.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.rows.setAccessibleName("Commands")
        self.rows.itemClicked.connect(self._do)
        column.addWidget(self.rows, 1)
        self.resize(*SIZE)
        self.rows.setColumnWidth(0, 330)
        self.rows.setColumnWidth(1, 80)
        self._fill("")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            steps = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
            if steps is not None and self.rows.topLevelItemCount():
                place = self.rows.currentIndex().row() + steps
                self._choose(min(max(place, 0), self.rows.topLevelItemCount() - 1))
                return True
        return False

    @Slot(str)
    def _fill(self, words: str) -> None:
        self.rows.clear()
        fitting = [(score(words, entry), place, entry) for place, entry in enumerate(COMMANDS)]
        found = sorted((points, place, entry) for points, place, entry in fitting if points is not None)
        for _, _, entry in found:
            action = self._actions[entry.id]
            if entry.id == "palette":
                continue
            label, menu = entry.label.replace("&", ""), entry.menu.replace("&", "")
            item = QTreeWidgetItem([label, menu, action_key(action)])
            item.setData(0, ID_ROLE, entry.id)
            item.setToolTip(0, entry.tip)
            item.setForeground(1, QColor(theme.TEXT_FAINT))
            item.setForeground(2, QColor(theme.TEXT_SOFT))
            if not action.isEnabled():
                item.setForeground(0, QColor(theme.TEXT_FAINT))
                item.setToolTip(0, f"{entry.tip} {entry.why_not or 'Not now.'}")
            self.rows.addTopLevelItem(item)
        if self.rows.topLevelItemCount():
            self._choose(0)
        else:
            nothing = QTreeWidgetItem(["No command has these words."])
            nothing.setFlags(Qt.ItemFlag.NoItemFlags)
            self.rows.addTopLevelItem(nothing)

    def _choose(self, row: int) -> None:
        self.rows.setCurrentIndex(self.rows.model().index(row, 0))

    @Slot()
    def _do(self) -> None:
        item = self.rows.currentItem()
        if item is None or item.data(0, ID_ROLE) is None:
            return
        action = self._actions[item.data(0, ID_ROLE)]
        if action.isEnabled():
            self.accept()
            action.trigger()
        else:
            self.field.selectAll()
            QToolTip.showText(
                self.field.mapToGlobal(self.field.rect().bottomLeft()), item.toolTip(0), self.field
            )

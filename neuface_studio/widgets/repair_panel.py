"""The repairs of the open footage: what was moved, muted and excluded; each can be taken back."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from neuface_studio.repairing import RepairBook
from neuface_studio.session import Session
from neuface_studio.widgets.common import ActionKey, ElidedLabel, action_button, heading

ID_ROLE = Qt.ItemDataRole.UserRole
HINT = "Nothing is repaired. M, then drag a green circle (keys: . and , then Ctrl and arrows); the run goes on with it."


class RepairPanel(QFrame):
    """A row a repair; a click goes to its frame and view."""

    def __init__(
        self, session: Session, book: RepairBook, actions: dict[str, QAction], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self._session, self._book = session, book
        outer = QHBoxLayout(self)
        outer.setContentsMargins(10, 6, 10, 8)
        outer.setSpacing(10)
        left = QVBoxLayout()
        left.setSpacing(3)
        left.addWidget(heading("Repair"))
        for identifier, text in (
            ("repair_mode", "Move landmarks"),
            ("repair_mute", "Mute the selected"),
            ("repair_exclude_here", "Exclude here"),
            ("repair_exclude_frames", "Exclude in all views"),
        ):
            row = QHBoxLayout()
            row.addWidget(action_button(actions[identifier], text, name="small"))
            row.addStretch(1)
            row.addWidget(ActionKey(actions[identifier]))
            left.addLayout(row)
        left.addStretch(1)
        outer.addLayout(left)
        right = QVBoxLayout()
        right.setSpacing(3)
        line = QHBoxLayout()
        self.state = ElidedLabel(HINT)
        self.state.setObjectName("faint")
        line.addWidget(self.state, 1)
        self.back = QPushButton("Take back the chosen")
        self.back.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.back.setToolTip(
            "Take the chosen repair back, whenever it was made. Ctrl+Z takes back the last change."
        )
        self.back.clicked.connect(self._take_back)
        line.addWidget(self.back)
        right.addLayout(line)
        self.list = QTreeWidget()
        self.list.setRootIsDecorated(False)
        self.list.setHeaderHidden(True)
        self.list.setAccessibleName("Repairs of this footage")
        self.list.header().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.list.itemClicked.connect(self._on_clicked)
        self.list.itemActivated.connect(self._on_clicked)
        self.list.itemSelectionChanged.connect(self._show_buttons)
        right.addWidget(self.list, 1)
        outer.addLayout(right, 1)
        book.changed.connect(self._fill)
        self._fill()

    @Slot()
    def _fill(self) -> None:
        self.list.clear()
        for entry in self._book.entries:
            item = QTreeWidgetItem([entry.words])
            item.setData(0, ID_ROLE, entry.id)
            self.list.addTopLevelItem(item)
        self.state.set_text(self._book.repairs.in_words() or HINT)
        self._show_buttons()

    @Slot()
    def _show_buttons(self) -> None:
        self.back.setEnabled(bool(self.list.selectedItems()))

    @Slot(QTreeWidgetItem, int)
    def _on_clicked(self, item: QTreeWidgetItem, _: int) -> None:
        identifier = item.data(0, ID_ROLE)
        entry = next((entry for entry in self._book.entries if entry.id == identifier), None)
        if entry is None:
            return
        if entry.frame is not None:
            self._session.set_playing(False)
            self._session.set_frame(entry.frame)
        view = entry.data.get("view")
        if view in self._session.view_names:
            self._session.select_view(self._session.view_names.index(view))
        if self._session.repairing and "landmark" in entry.data:
            self._session.select_landmark(int(entry.data["landmark"]))

    @Slot()
    def _take_back(self) -> None:
        for item in self.list.selectedItems():
            self._book.take_back(str(item.data(0, ID_ROLE)))

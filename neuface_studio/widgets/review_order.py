"""In which order the review goes, what the learned order looks at, and what looks like the last reject."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QAction, QColor
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QTreeWidgetItem, QWidget

from neuface_studio import theme
from neuface_studio.reviewing.desk import ReviewDesk
from neuface_studio.reviewing.going_on import LISTED
from neuface_studio.widgets.common import ElidedLabel, NumberField, action_button, soft
from neuface_studio.widgets.frames_panel import Panel
from neuface_studio.widgets.review_flags import KeyTree

ROLE = Qt.ItemDataRole.UserRole
ORDERS = {
    LISTED: "as the queue is sorted",
    "suspicion": "most suspicious first",
    "learned": "learned from the verdicts",
    "random": "at random",
    "name": "by name",
}
TIP = (
    "What 1, 2 and 3 go on to: the next sequence without a verdict in this order. Where an audit is drawn, its random "
    "draws and planted failures are mixed in unmarked."
)
SHOWN_REASONS = 8


class OrderPanel(Panel):
    """The order, and why."""

    def __init__(self, desk: ReviewDesk, parent: QWidget | None = None) -> None:
        super().__init__("Order of the review", "", TIP, parent)
        self._desk = desk
        inner = self.inner
        row = QHBoxLayout()
        self.orders = QComboBox()
        self.orders.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.orders.setMinimumContentsLength(14)
        self.orders.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.orders.setAccessibleName("Order of the review")
        for order, words in ORDERS.items():
            self.orders.addItem(words, order)
        self.orders.activated.connect(self._chosen)
        row.addWidget(self.orders, 1)
        self.seed_label = soft("seed")
        self.seed = NumberField(0, 999_999)
        self.seed.setFixedWidth(70)
        self.seed.setAccessibleName("Seed of the random order")
        self.seed.setToolTip("The same seed gives the same order.")
        self.seed.number_changed.connect(self._chosen)
        row.addWidget(self.seed_label)
        row.addWidget(self.seed)
        inner.addLayout(row)
        self.message = ElidedLabel()
        inner.addWidget(self.message)
        self.reasons = KeyTree(["", ""], (230,))
        self.reasons.setHeaderHidden(True)
        self.reasons.setAccessibleName("Measures that the learned order looks at")
        self.reasons.setToolTip(
            "Weight of each measure, per standard deviation: + more of it means more rejects."
        )
        inner.addWidget(self.reasons, 1)
        desk.going.changed.connect(self.show_order)
        self.show_order()

    @Slot()
    def _chosen(self) -> None:
        going = self._desk.going
        text = self.seed.text()
        going.set_order(str(self.orders.currentData()), seed=int(text) if text.isdecimal() else going.seed)
        if self.isVisible():
            going.stream()  # at once, so that what was learned is shown
            self.show_order()

    @Slot()
    def show_order(self) -> None:
        """Read the order and what it says."""
        going = self._desk.going
        self.orders.setCurrentIndex(self.orders.findData(going.order))
        self.seed.set_number(going.seed)
        for widget in (self.seed_label, self.seed):
            widget.setVisible(going.order == "random")
        learned = going.learned if going.order == "learned" else None
        self.message.set_text("" if learned is None else learned.message)
        usable = learned is not None and learned.usable
        self.message.setStyleSheet(f"color: {theme.GREEN if usable else theme.AMBER};")
        self.reasons.clear()
        for reason in learned.reasons[:SHOWN_REASONS] if learned is not None else ():
            title = reason.text.partition(": ")[0]
            words = "more is worse" if reason.weight > 0 else "less is worse"
            item = QTreeWidgetItem([title, f"{reason.weight:+.2f}  {words}"])
            item.setForeground(1, QColor(theme.AMBER if reason.weight > 0 else theme.ACCENT))
            item.setToolTip(0, reason.text)
            self.reasons.addTopLevelItem(item)
        self.reasons.fit_first(170)
        if self.isVisible():
            self.state.setText(f"{going.left():,} to go")

    def showEvent(self, event: object) -> None:
        self.show_order()


class AlikePanel(Panel):
    """After a reject: the sequences most like it."""

    def __init__(self, desk: ReviewDesk, actions: dict[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(
            "Look-alikes of a reject",
            "",
            "The sequences without a verdict that are nearest in residuals and parameters to the last reject.",
            parent,
        )
        self._desk = desk
        inner = self.inner
        self.rows = KeyTree(["", ""], (170,))
        self.rows.setHeaderHidden(True)
        self.rows.setAccessibleName("Sequences like the last reject")
        self.rows.itemActivated.connect(self._go)
        self.rows.itemDoubleClicked.connect(self._go)
        inner.addWidget(self.rows, 1)
        self.first = action_button(actions["look_alikes_first"], "Look at these first")
        inner.addWidget(self.first)
        desk.alike_changed.connect(self._show)
        self._show()

    @Slot(QTreeWidgetItem)
    def _go(self, item: QTreeWidgetItem) -> None:
        self._desk.going.open_name(item.data(0, ROLE))

    @Slot()
    def _show(self) -> None:
        self.rows.clear()
        for neighbour in self._desk.alike:
            item = QTreeWidgetItem([neighbour.name, f"{neighbour.distance:.2f} sd apart"])
            item.setData(0, ROLE, neighbour.name)
            self.rows.addTopLevelItem(item)
        alike = self._desk.alike
        self.state.setText(f"of {self._desk.alike_to}" if alike else "none yet")
        self.first.setEnabled(bool(alike))

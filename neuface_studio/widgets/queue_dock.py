"""The queue of sequences: state, name, flags and measures in a table that reads only what is in sight."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QEvent, QModelIndex, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QProgressBar,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from neuface_studio.model import Task
from neuface_studio.queue_filter import parse
from neuface_studio.queue_model import COLUMNS, FLAGS, NAME, RUNNING, STATE, STATES, QueueModel
from neuface_studio.thumbnails import SIZE
from neuface_studio.widgets.common import ElidedLabel, TextField, action_button
from neuface_studio.widgets.queue_names import NameDelegate
from neuface_studio.widgets.task_row import TaskRow

CELL_MARGIN = 16  # px of a cell beside its text
TYPING_MS = 200  # a filter is applied when the typing rests
OWN_KEYS = frozenset(
    (
        Qt.Key.Key_Up,
        Qt.Key.Key_Down,
        Qt.Key.Key_PageUp,
        Qt.Key.Key_PageDown,
        Qt.Key.Key_Home,
        Qt.Key.Key_End,
        Qt.Key.Key_Left,
        Qt.Key.Key_Right,
        Qt.Key.Key_Return,
        Qt.Key.Key_Enter,
    )
)
FILTER_TIP = (
    "Words of the name, and conditions: state:reject, flag:jitter, reason:lips, reviewer:ann, is:disputed, cvd>1.5, "
    "nme<2, suspicion>0.5. "
    "Escape empties the field."
)


class QueueTable(QTableView):
    """A table that keeps the arrows and Return for itself while it has the focus."""

    entered_row = Signal(int)
    left = Signal()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            plain = not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
            if plain and Qt.Key(event.key()) in OWN_KEYS:
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self.currentIndex().isValid():
                self.entered_row.emit(self.currentIndex().row())
        elif event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)


class QueueDock(QWidget):
    """``chosen(row)`` asks to open a sequence; ``dropped(paths)`` to add footage."""

    chosen = Signal(int)
    dropped = Signal(object)
    left = Signal()
    cancelled = Signal()

    def __init__(self, model: QueueModel, actions: dict[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self.setAcceptDrops(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 0, 6)
        column.setSpacing(5)
        row = QHBoxLayout()
        row.setSpacing(5)
        self.filter = TextField()
        self.filter.setPlaceholderText("Filter: words, state:new, cvd>1.5")
        self.filter.setAccessibleName("Filter of the queue")
        self.filter.setToolTip(FILTER_TIP)
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(self._typed)
        row.addWidget(self.filter, 1)
        self.states = QComboBox()
        self.states.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.states.setAccessibleName("Show sequences in this state")
        self.states.setToolTip("Show only sequences in this state.")
        self.states.addItem("all", "")
        for state, look in STATES.items():
            self.states.addItem(f"{look.sign} {look.word}", state)
        self.states.activated.connect(self._apply)
        row.addWidget(self.states)
        column.addLayout(row)

        self.table = QueueTable()
        self.table.setModel(model)
        self.table.setAccessibleName("Queue of sequences")
        self.table.setAccessibleDescription("Return opens the sequence; Escape goes back to the footage.")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)
        self.table.setIconSize(QSize(*SIZE))
        self.table.setSortingEnabled(True)
        self.table.setTabKeyNavigation(False)
        self.table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        heights = self.table.verticalHeader()
        heights.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        heights.setDefaultSectionSize(SIZE[1] + 6)
        heights.hide()
        widths = self.table.horizontalHeader()
        widths.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        widths.setSortIndicator(NAME, Qt.SortOrder.AscendingOrder)
        widths.setHighlightSections(False)
        widths.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for place, entry in enumerate(COLUMNS):
            self.table.setColumnWidth(place, entry.width)
        self._fit_state()
        widths.moveSection(FLAGS, len(COLUMNS) - 1)  # they stand under the name as well
        self.table.setItemDelegateForColumn(NAME, NameDelegate(self.table))
        self.table.doubleClicked.connect(self._double_clicked)
        self.table.entered_row.connect(self.chosen)
        self.table.left.connect(self.left)
        column.addWidget(self.table, 1)

        self.adding = TaskRow("adding footage", "Look no further; what was added stays in the queue.")
        column.addWidget(self.adding)
        self.summary = ElidedLabel()
        self.summary.setObjectName("faint")
        column.addWidget(self.summary)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.bar.setAccessibleName("Progress of optimising the queue")
        column.addWidget(self.bar)
        row = QHBoxLayout()
        row.setSpacing(5)
        self.add_button = action_button(actions["add_footage"], "Add…")
        self.batch_button = action_button(actions["optimise_all"], "Optimise all")
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setToolTip("Stop after the iteration in progress; what is done stays.")
        self.cancel_button.setAccessibleName("Cancel optimising the queue")
        self.cancel_button.clicked.connect(self.cancelled)
        row.addWidget(self.add_button)
        row.addWidget(self.batch_button)
        row.addStretch(1)
        row.addWidget(self.cancel_button)
        column.addLayout(row)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(TYPING_MS)
        self._timer.timeout.connect(self._apply)
        self._task: Task | None = None
        model.modelReset.connect(self._count)
        model.rowsInserted.connect(self._count)
        self.show_task(None)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange) and hasattr(self, "table"):
            self._fit_state()

    def _fit_state(self) -> None:
        """The words of every state are read in full, however large the text is."""
        metrics = self.table.fontMetrics()
        words = max(
            metrics.horizontalAdvance(f"{look.sign}  {look.word}") for look in (*STATES.values(), RUNNING)
        )
        self.table.setColumnWidth(STATE, words + CELL_MARGIN)

    def stop(self) -> None:
        self._timer.stop()

    def select(self, number: int) -> None:
        """Put the mark on a row and bring it into sight."""
        index = self._model.index(number, NAME)
        if index.isValid():
            self.table.selectRow(number)
            self.table.scrollTo(self._model.index(number, 0))

    @Slot(object)
    def show_task(self, task: Task | None) -> None:
        """Progress of the batch; None when there is none."""
        self._task = task
        for widget in (self.bar, self.cancel_button):
            widget.setVisible(task is not None)
        if task is not None:
            self.bar.setRange(0, 0 if task.fraction is None else 1000)
            self.bar.setValue(round(1000 * (task.fraction or 0.0)))
        self._count()

    @Slot()
    def _count(self) -> None:
        if self._task is not None:
            self.summary.set_text(f"{self._task.label}  {self._task.detail}")
            return
        shown = self._model.rowCount()
        filtered = bool(self.filter.text().strip() or self.states.currentData())
        brushed = self._model.wanted is not None and bool(self._model.wanted.brushed)
        words = f"{shown:,} sequence{'' if shown == 1 else 's'}{' fit the filter' if filtered else ''}"
        self.summary.set_text(f"{words}, in the brushed range" if brushed else words)

    @Slot()
    def _typed(self) -> None:
        self._timer.start()

    @Slot()
    def _apply(self) -> None:
        self._timer.stop()
        wanted, problem = parse(self.filter.text(), state=str(self.states.currentData() or ""))
        self.filter.setToolTip(problem or FILTER_TIP)
        self.filter.setStyleSheet("border-color: #F5B83D;" if problem else "")
        before = self._model.wanted
        self._model.set_wanted(replace(wanted, brushed=() if before is None else before.brushed))
        if problem:
            self.summary.set_text(f"▲ {problem}")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)

    @Slot(QModelIndex)
    def _double_clicked(self, index: QModelIndex) -> None:
        self.chosen.emit(index.row())

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.dropped.emit(paths)

"""Frame by frame: which views disagree, which region shakes, and what got worse since the comparison."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from neuface_studio import theme
from neuface_studio.analyst import Analyst
from neuface_studio.explanations import EXPLANATIONS
from neuface_studio.session import RunState, Session
from neuface_studio.widgets.common import ElidedLabel, soft
from neuface_studio.widgets.figures_panel import comparison as compare
from neuface_studio.widgets.matrix import MatrixView
from neuface_studio.widgets.plots import figure
from neuface_studio.worker.analysing import REGIONS

FRAME_ROLE, VIEW_ROLE = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1


def panel(title: str, unit: str, tip: str) -> tuple[QFrame, QVBoxLayout, QLabel]:
    """A framed panel with a title line; the label at its right says what is going on."""
    frame = QFrame()
    frame.setObjectName("panel")
    frame.setToolTip(tip)
    column = QVBoxLayout(frame)
    column.setContentsMargins(10, 6, 8, 4)
    column.setSpacing(3)
    head = QHBoxLayout()
    head.addWidget(QLabel(title))
    what = ElidedLabel(unit)
    what.setObjectName("faint")
    head.addWidget(what, 1)
    state = soft("", name="faint")
    head.addWidget(state)
    column.addLayout(head)
    return frame, column, state


class Panel(QWidget):
    """A widget that is one `panel`: ``inner`` takes what is in it, ``state`` says what is going on."""

    def __init__(self, title: str, unit: str, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        frame, self.inner, self.state = panel(title, unit, tip)
        column.addWidget(frame)


class FramesPanel(QWidget):
    """Reads the analyst; a click goes to the frame and view."""

    def __init__(self, session: Session, analyst: Analyst, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._analyst = session, analyst
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        frame, column, self._matrix_state = panel("View × view", "mm, all frames", EXPLANATIONS["matrix"])
        self.matrix = MatrixView()
        self.matrix.pair_clicked.connect(self._on_pair)
        column.addWidget(self.matrix, 1)
        row.addWidget(frame, 5)

        frame, column, _ = panel("MSI per region", "frame⁴/mm², higher is better", EXPLANATIONS["region_msi"])
        grid = QGridLayout()
        grid.setVerticalSpacing(1)
        grid.setHorizontalSpacing(12)
        grid.setColumnStretch(0, 1)
        self._titles = (soft("", name="faint"), soft("", name="faint"))
        for place, label in enumerate(self._titles, start=1):
            grid.addWidget(label, 0, place, Qt.AlignmentFlag.AlignRight)
        self.regions: dict[str, tuple[QLabel, QLabel, QLabel]] = {}
        for number, name in enumerate(REGIONS, start=1):
            cells = QLabel("–"), QLabel("–"), QLabel("")
            grid.addWidget(soft(name.replace("_", " ")), number, 0)
            for place, cell in enumerate(cells, start=1):
                grid.addWidget(cell, number, place, Qt.AlignmentFlag.AlignRight)
            self.regions[name] = cells
        column.addLayout(grid)
        column.addStretch(1)
        row.addWidget(frame, 3)

        frame, column, self._worse_state = panel("Got worse", "loss per picture", EXPLANATIONS["worse"])
        self.worse = QTreeWidget()
        self.worse.setHeaderLabels(["frame", "view", "before", "now", "mostly"])
        self.worse.setRootIsDecorated(False)
        self.worse.setUniformRowHeights(True)
        self.worse.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.worse.setAccessibleName("Pictures that got worse")
        self.worse.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.worse.setMinimumSize(260, 60)
        for place, width in enumerate((48, 80, 54, 54)):
            self.worse.setColumnWidth(place, width)
        self.worse.itemActivated.connect(self._go)
        self.worse.itemClicked.connect(self._go)
        column.addWidget(self.worse, 1)
        row.addWidget(frame, 4)
        analyst.changed.connect(self._show)
        session.footage_changed.connect(self._show)
        self._show()

    @Slot(int, int)
    def _on_pair(self, first: int, second: int) -> None:
        """Go to the frame in which these two views are farthest apart."""
        shown = self._analyst.shown
        self._session.select_view(first)
        if shown is not None and np.isfinite(shown.pairs_mm[:, first, second]).any():
            self._session.set_frame(int(np.nanargmax(shown.pairs_mm[:, first, second])))

    @Slot(QTreeWidgetItem)
    def _go(self, item: QTreeWidgetItem) -> None:
        self._session.select_view(item.data(0, VIEW_ROLE))
        self._session.set_frame(item.data(0, FRAME_ROLE))

    @Slot()
    def _show(self) -> None:
        session, analyst = self._session, self._analyst
        shown, reference = analyst.shown, analyst.reference
        if session.run_state == RunState.RUNNING:
            state = "when the run pauses"
        else:
            state = "being worked out…" if shown is None and session.footage is not None else ""
        self._matrix_state.setText(state)
        count = session.num_views
        self.matrix.set_values(
            session.view_names, shown.matrix_mm if shown is not None else np.full((count, count), np.nan)
        )
        record, other = session.record(), session.comparison.reference
        self._titles[0].setText("" if other is None else "encoder" if other.index == 0 else "comparison")
        self._titles[1].setText("" if record is None else f"iter. {record.index}")
        for name, (before, now, change) in self.regions.items():
            a = np.nan if reference is None else reference.region_msi.get(name, np.nan)
            b = np.nan if shown is None else shown.region_msi.get(name, np.nan)
            before.setText(figure(a))
            now.setText(figure(b))
            text, colour = compare(a, b, +1)
            change.setText(text)
            change.setStyleSheet(f"color: {colour};")
        self._show_worse(state)

    def _show_worse(self, state: str) -> None:
        session, analyst = self._session, self._analyst
        record, other = session.record(), session.comparison.reference
        worse = analyst.worse()
        same = record is not None and other is not None and record.key == other.key
        if same:
            state = "shown and comparison are the same"
        elif analyst.shown is not None and analyst.reference is not None and other is not None:
            pictures = "picture" if len(worse) == 1 else "pictures"
            state = (
                f"{len(worse)} {pictures} against {other.title}" if worse else f"✓ none against {other.title}"
            )
        self._worse_state.setText(state)
        self.worse.clear()
        for entry in worse:
            values = [
                str(entry.frame + 1),
                session.view_names[entry.view],
                figure(entry.before),
                figure(entry.now),
            ]
            item = QTreeWidgetItem([*values, entry.term])
            item.setData(0, FRAME_ROLE, entry.frame)
            item.setData(0, VIEW_ROLE, entry.view)
            item.setForeground(1, QColor(theme.view_colour(entry.view)))
            for place in (0, 2, 3):
                item.setTextAlignment(place, Qt.AlignmentFlag.AlignRight)
            self.worse.addTopLevelItem(item)

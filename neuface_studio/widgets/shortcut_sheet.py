"""The sheet of all keys: every command that has one, by menu, in as many columns as the window has room for."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QScrollArea, QWidget

from neuface_studio import actions as table
from neuface_studio.keys import action_key
from neuface_studio.widgets.common import heading, key_cap, soft
from neuface_studio.widgets.help_sheets import Sheet

COLUMN_WIDTH = 330  # px


def shortcut_sheet(actions: dict[str, QAction], parent: QWidget | None) -> Sheet:
    """Every command with its key, as it is now."""
    sheet = Sheet("Keyboard shortcuts", parent)
    width, height = (parent.width(), parent.height()) if parent is not None else (1366, 768)
    number = max(1, min(4, (width - 120) // COLUMN_WIDTH))
    page = QWidget()
    row = QHBoxLayout(page)
    row.setContentsMargins(0, 0, 12, 0)
    row.setSpacing(36)
    for menus in _columns(_sections(actions), number):
        row.addLayout(_grid(menus))
    area = QScrollArea()
    area.setWidget(page)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # arrows scroll
    area.setAccessibleName("All keys")
    hint = page.sizeHint()
    area.setMinimumSize(min(hint.width() + 24, width - 120), min(hint.height() + 8, height - 200))
    sheet.body.addWidget(area, 1)
    sheet.body.addWidget(
        soft(
            "Single keys rest while you type in a text field; Enter or Escape leaves the field. "
            "Help > Change keys gives commands other ones.",
            name="faint",
        )
    )
    sheet.finish()
    return sheet


Section = tuple[str, list[tuple[str, str, str]]]
"""A menu, and of each of its commands with a key the label, the key and the sentence."""


def _sections(actions: dict[str, QAction]) -> list[Section]:
    sections = []
    for menu in table.MENUS:
        entries = [
            (entry.label.replace("&", "").rstrip("…"), action_key(actions[entry.id]), entry.tip)
            for entry in table.commands_of(menu)
            if action_key(actions[entry.id])
        ]
        if entries:
            sections.append((menu.replace("&", ""), entries))
    return sections


def _columns(sections: list[Section], number: int) -> list[list[Section]]:
    """The sections in columns that are about equally long: the longest first, each into the shortest column."""
    columns: list[list[int]] = [[] for _ in range(number)]
    lengths = [len(entries) + 2 for _, entries in sections]
    for place in sorted(range(len(sections)), key=lambda place: -lengths[place]):
        min(columns, key=lambda column: sum(lengths[each] for each in column)).append(place)
    filled = sorted((sorted(column) for column in columns if column), key=lambda column: column[0])
    return [[sections[place] for place in column] for column in filled]


def _grid(sections: list[Section]) -> QGridLayout:
    grid = QGridLayout()
    grid.setVerticalSpacing(4)
    grid.setHorizontalSpacing(14)
    row = 0
    for title, entries in sections:
        grid.addWidget(heading(title), row, 0, 1, 2)
        row += 1
        for words, key, tip in entries:
            label = QLabel(words)
            label.setToolTip(tip)
            grid.addWidget(label, row, 0)
            grid.addWidget(key_cap(key), row, 1)
            row += 1
        grid.setRowMinimumHeight(row, 8)
        row += 1
    grid.setRowStretch(row, 1)
    return grid

"""The window without a mouse and for a screen reader: everything can be reached, has a name, and shows the focus."""

from __future__ import annotations

import re

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QDockWidget,
    QLineEdit,
    QScrollBar,
    QTabBar,
    QWidget,
)
from pytestqt.qtbot import QtBot

from neuface_studio import actions as table
from neuface_studio import theme
from neuface_studio.preferences import TEXT_SIZES
from neuface_studio.queue_model import STATES
from neuface_studio.widgets.main_window import MainWindow

SHEETS = ("settings", "assets", "about", "change_keys", "shortcuts", "palette", "explain")


def nameless(root: QWidget) -> list[str]:
    """Controls below a widget that take the focus and have no name that a screen reader could say."""
    found = []
    for widget in root.findChildren(QWidget):
        inner = isinstance(widget, QScrollBar) or widget.objectName().startswith("qt_")
        if inner or widget.focusPolicy() == Qt.FocusPolicy.NoFocus or not widget.isVisibleTo(root):
            continue
        if isinstance(widget.parent(), (QComboBox, QAbstractSpinBox)) or widget.focusProxy() is not None:
            continue
        said = QAccessible.queryAccessibleInterface(widget)
        name = widget.accessibleName() or (said.text(QAccessible.Text.Name) if said else "")
        if not re.search(r"\w", name):
            found.append(
                f"{type(widget).__name__} {widget.objectName()!r} in {type(widget.parent()).__name__}"
            )
    return found


def test_every_control_of_the_window_has_a_name(ready: MainWindow) -> None:
    ready.show_queue(True)
    for dock in ready.findChildren(QDockWidget):
        dock.show()
        dock.raise_()
        assert not nameless(dock), dock.windowTitle()
    assert not nameless(ready)


def test_every_control_of_the_start_page_and_the_sheets_has_a_name(window: MainWindow, qtbot: QtBot) -> None:
    assert not nameless(window)
    for sheet in SHEETS:
        window.actions_by_id[sheet].trigger()
        dialog = next(dialog for dialog in window.findChildren(QDialog) if dialog.isVisible())
        qtbot.waitUntil(lambda dialog=dialog: not getattr(dialog, "busy", False), timeout=30_000)
        assert not nameless(dialog), sheet
        QTest.keyClick(dialog, Qt.Key.Key_Escape)
        qtbot.waitUntil(lambda: not any(d.isVisible() for d in window.findChildren(QDialog)))


def test_every_button_and_field_is_reached_by_the_keyboard(ready: MainWindow, qtbot: QtBot) -> None:
    ready.show_queue(True)
    kinds = (QAbstractButton, QLineEdit, QComboBox, QAbstractSlider)
    shown = {
        widget
        for kind in kinds
        for widget in ready.findChildren(kind)
        if widget.isVisible() and widget.isEnabled() and not isinstance(widget, QScrollBar)
        and not isinstance(widget.parent(), (QTabBar, QComboBox, QLineEdit))
        and not widget.objectName().startswith("qt_")
    }  # fmt: skip
    reached: set[QWidget] = set()
    ready.view_grid.setFocus()
    for _ in range(400):
        QTest.keyClick(ready, Qt.Key.Key_F6)
        widget = QApplication.focusWidget()
        if widget is None or widget in reached:
            continue
        reached.add(widget)
    missing = {widget for widget in shown if widget not in reached}
    # A button whose command is in a menu, or has a key, need not take the focus itself.
    commands = set(ready.actions_by_id.values())
    without = [
        f"{type(widget).__name__} {widget.accessibleName()!r} {widget.toolTip()!r} in {type(widget.parent()).__name__}"
        for widget in missing
        if not (hasattr(widget, "defaultAction") and widget.defaultAction() in commands)
    ]
    assert not without


def test_every_command_is_in_a_menu_and_says_what_it_does(window: MainWindow) -> None:
    for entry in table.COMMANDS:
        action = window.actions_by_id[entry.id]
        assert action.toolTip() and action.statusTip(), entry.id


def test_states_and_flags_are_never_a_colour_alone() -> None:
    signs = [look.sign for look in STATES.values()]
    words = [look.word for look in STATES.values()]
    assert len(set(signs)) == len(signs) and len(set(words)) == len(words)


def test_the_focus_is_visible_in_every_kind_of_control() -> None:
    for kind in ("QPushButton", "QToolButton", "QLineEdit", "QComboBox", "QCheckBox", "QTableView", "QTreeView",
                 "QTabBar", "QRadioButton"):  # fmt: skip
        assert re.search(rf"{kind}(::\w+)?(:\w+)*:focus", theme.STYLE), kind


def test_all_text_grows_with_the_setting(window: MainWindow) -> None:
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    usual = [float(size) for size in re.findall(r"([\d.]+)pt", theme.STYLE)]
    try:
        for points in filter(None, TEXT_SIZES.values()):
            window.preferences.set(text_points=points)
            assert application.font().pointSizeF() == points
            sizes = [float(size) for size in re.findall(r"([\d.]+)pt", application.styleSheet())]
            assert [size / (points / 10.0) for size in sizes] == pytest.approx(usual, abs=0.11)
    finally:
        theme.apply_text_size(10.0)


def test_text_is_comfortable_on_a_large_screen_that_nothing_scales() -> None:
    assert [theme.fitting_points(height) for height in (728, 1160, 1600, 2120)] == [10.0, 10.0, 12.0, 15.0]

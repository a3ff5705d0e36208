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
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from neuface_studio import actions as table
from neuface_studio import theme
from neuface_studio.preferences import TEXT_SIZES
from neuface_studio.queue_model import STATES
from neuface_studio.session import RunState
from neuface_studio.widgets.common import on_show
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


def looks_focused(widget: QWidget) -> bool:
    """Whether a control that has the keyboard looks otherwise than without it."""
    with_it = widget.grab().toImage()
    widget.clearFocus()
    return with_it != widget.grab().toImage()


def test_every_control_is_reached_by_the_keyboard_in_sight_and_shows_it(
    ready: MainWindow, qtbot: QtBot
) -> None:
    ready.show_queue(True)
    ready.controller.step_once()
    qtbot.waitUntil(lambda: ready.session.newest == 1 and ready.session.run_state.can_run, timeout=30_000)
    kinds = (QAbstractButton, QLineEdit, QComboBox, QAbstractSlider)
    reached: set[QWidget] = set()
    shown: set[QWidget] = set()
    for dock in ready.findChildren(QDockWidget):
        dock.raise_()
        QApplication.processEvents()
        shown |= {
            widget
            for kind in kinds
            for widget in ready.findChildren(kind)
            if on_show(widget) and widget.isEnabled() and not isinstance(widget, QScrollBar)
            and not isinstance(widget.parent(), (QTabBar, QComboBox, QLineEdit))
            and not widget.objectName().startswith("qt_")
        }  # fmt: skip
        ready.view_grid.setFocus()
        for _ in range(200):
            QTest.keyClick(ready, Qt.Key.Key_F6)
            widget = QApplication.focusWidget()
            assert widget is not None and on_show(widget), f"{widget} in {dock.windowTitle()} is out of sight"
            if widget is ready.view_grid:
                break
            reached.add(widget)
        assert widget is ready.view_grid, "the keyboard does not come round"
    # A button whose command is in a menu, or has a key, need not take the focus itself.
    commands = set(ready.actions_by_id.values())
    assert not [
        f"{type(widget).__name__} {widget.accessibleName()!r} {widget.toolTip()!r} in {type(widget.parent()).__name__}"
        for widget in shown - reached
        if not (hasattr(widget, "defaultAction") and widget.defaultAction() in commands)
    ]
    unseen = []
    for widget in reached:
        widget.setFocus(Qt.FocusReason.TabFocusReason)
        if not looks_focused(widget):
            unseen.append(f"{type(widget).__name__} {widget.accessibleName()!r}")
    assert not unseen


def go_to(window: MainWindow, control: QWidget) -> None:
    """F6 until the control has the keyboard."""
    for _ in range(200):
        QTest.keyClick(QApplication.focusWidget() or window, Qt.Key.Key_F6)
        if QApplication.focusWidget() is control:
            return
    raise AssertionError(f"{control} is not reached")


def press(key: Qt.Key) -> None:
    QTest.keyClick(QApplication.focusWidget(), key)


def test_a_control_that_the_keyboard_was_moved_to_has_its_own_keys(ready: MainWindow) -> None:
    session, layers, panel = ready.session, ready.session.layers, ready.layer_panel
    ready.view_grid.setFocus()
    solo, box = panel.solos["mesh"], panel.boxes["layer_wireframe"]
    go_to(ready, solo)
    press(Qt.Key.Key_Space)
    assert solo.isChecked() and not session.playing
    press(Qt.Key.Key_Return)
    assert not solo.isChecked() and session.run_state != RunState.RUNNING
    go_to(ready, box)
    was = layers.wireframe
    press(Qt.Key.Key_Space)
    assert session.layers.wireframe != was and not session.playing

    opacity = panel.opacities["mesh"]
    go_to(ready, opacity)
    before, frame = opacity.value(), session.frame
    press(Qt.Key.Key_Left)
    assert opacity.value() < before and session.frame == frame
    press(Qt.Key.Key_Escape)
    assert QApplication.focusWidget() is ready.view_grid
    press(Qt.Key.Key_Right)
    assert session.frame == frame + 1
    press(Qt.Key.Key_Space)
    assert session.playing
    press(Qt.Key.Key_Space)

    go_to(ready, ready.compare_bar.choice)
    view = session.selected_view
    press(Qt.Key.Key_Down)
    assert session.selected_view == view
    press(Qt.Key.Key_Escape)
    press(Qt.Key.Key_Down)
    assert session.selected_view == view + 1


def test_the_matrix_of_views_is_gone_through_with_arrows(ready: MainWindow) -> None:
    matrix, picked = ready.frames_panel.matrix, []
    matrix.pair_clicked.connect(lambda *pair: picked.append(pair))
    ready.frames_dock.raise_()
    QApplication.processEvents()
    ready.view_grid.setFocus()
    go_to(ready, matrix)
    for key in (Qt.Key.Key_Return, Qt.Key.Key_Right, Qt.Key.Key_Return, Qt.Key.Key_Down, Qt.Key.Key_Return):
        press(key)
    assert picked == [(0, 1), (0, 2), (1, 2)]


def test_return_presses_what_the_start_page_offers(window: MainWindow, qtbot: QtBot) -> None:
    button = next(
        b for b in window.start_page.findChildren(QToolButton)
        if b.defaultAction() is window.actions_by_id["settings"]
    )  # fmt: skip
    button.setFocus(Qt.FocusReason.TabFocusReason)
    press(Qt.Key.Key_Return)
    dialog = next(d for d in window.findChildren(QDialog) if d.isVisible())
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not dialog.isVisible())


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
        for points in (TEXT_SIZES["small"], TEXT_SIZES["very large"]):
            window.preferences.set(text_points=points)
            assert application.font().pointSizeF() == points
            sizes = [float(size) for size in re.findall(r"([\d.]+)pt", application.styleSheet())]
            assert [size / (points / 10.0) for size in sizes] == pytest.approx(usual, abs=0.11)
    finally:
        theme.apply_text_size(10.0)


def test_text_is_comfortable_on_a_large_screen_that_nothing_scales() -> None:
    assert [theme.fitting_points(height) for height in (728, 1160, 1600, 2120)] == [10.0, 10.0, 12.0, 15.0]

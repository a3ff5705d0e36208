"""Working the window without a mouse: the keyboard goes from control to control, and a control has its own keys."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QApplication,
    QComboBox,
    QRadioButton,
    QTabBar,
    QWidget,
)

from neuface_studio.widgets.common import on_show

ENTER = frozenset((Qt.Key.Key_Return, Qt.Key.Key_Enter))
ARROWS = frozenset((Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down))
PRESS = frozenset((Qt.Key.Key_Space, *ENTER))
TRAVEL = frozenset((Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown))
UP_DOWN = frozenset((Qt.Key.Key_Up, Qt.Key.Key_Down))
KEYS_OF: tuple[tuple[type[QWidget], frozenset[Qt.Key]], ...] = (
    (QRadioButton, PRESS | ARROWS),
    (QAbstractButton, PRESS),
    (QComboBox, PRESS | UP_DOWN | TRAVEL),
    (QAbstractSlider, ARROWS | TRAVEL),
    (QTabBar, frozenset((Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Home, Qt.Key.Key_End))),
    (QAbstractItemView, PRESS | UP_DOWN | TRAVEL),
)
PASSING = (Qt.FocusReason.PopupFocusReason, Qt.FocusReason.ActiveWindowFocusReason)


def keys_of(control: QWidget) -> frozenset[Qt.Key]:
    """The plain keys that work a control: its own ``OWN_KEYS``, else those of its kind."""
    own = getattr(control, "OWN_KEYS", None)
    if own is not None:
        return frozenset(own)
    return next((keys for kind, keys in KEYS_OF if isinstance(control, kind)), frozenset())


class KeyboardFocus(QObject):
    """Moves the keyboard on (F6), and while it is on a control lets that have its keys before the window's commands.

    Only a control that the keyboard was moved to is treated so: after a click Space still plays. ``home`` is where
    Escape leads.
    """

    def __init__(self, window: QWidget, home: QWidget) -> None:
        super().__init__(window)
        self._window, self._home = window, home

    def move(self, forward: bool) -> None:
        """On to the next control in sight, or back."""
        first = QApplication.focusWidget()
        while True:
            before = QApplication.focusWidget()
            self._window.focusNextPrevChild(forward)
            control = QApplication.focusWidget()
            if control is None or control in (before, first) or on_show(control):
                break
        if control is not None and control is not self._home:
            control.removeEventFilter(self)
            control.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if not isinstance(watched, QWidget):
            return False
        kind = event.type()
        if kind == QEvent.Type.FocusOut and isinstance(event, QFocusEvent):
            if event.reason() not in PASSING:
                watched.removeEventFilter(self)
        elif isinstance(event, QKeyEvent) and kind == QEvent.Type.ShortcutOverride:
            keys = keys_of(watched)
            if keys and _is_plain(event, watched) and event.key() in (*keys, Qt.Key.Key_Escape):
                event.accept()
                return True
        elif isinstance(event, QKeyEvent) and kind == QEvent.Type.KeyPress and _is_plain(event, watched):
            return self._press(watched, event.key())
        return False

    def _press(self, control: QWidget, key: int) -> bool:
        """Do what Qt leaves to dialogs: Return presses a button, Escape leads away."""
        if key in ENTER and isinstance(control, QAbstractButton):
            control.click()
            return True
        if key in ENTER and isinstance(control, QComboBox):
            control.showPopup()
            return True
        if key == Qt.Key.Key_Escape and keys_of(control) and key not in keys_of(control):
            self._home.setFocus(Qt.FocusReason.ShortcutFocusReason)
            return True
        return False


def _is_plain(event: QKeyEvent, control: QWidget) -> bool:
    """Whether no other key is held; a control with keys of its own may use Shift."""
    free = Qt.KeyboardModifier.KeypadModifier
    if hasattr(control, "OWN_KEYS"):
        free |= Qt.KeyboardModifier.ShiftModifier
    return not event.modifiers() & ~free

"""Small pieces that several panels use."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QColor, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from neuface_studio import actions, theme
from neuface_studio.explanations import TIP_WIDTH, wrapped
from neuface_studio.keys import action_key

LEAST_HEIGHT = 110  # px of a panel that scrolls: in a low window the footage comes first


def heading(text: str, parent: QWidget | None = None) -> QLabel:
    """A small capital heading of a panel."""
    label = QLabel(text.upper(), parent)
    label.setObjectName("heading")
    return label


def soft(text: str = "", parent: QWidget | None = None, *, name: str = "soft") -> QLabel:
    """Text of second rank; ``name`` "faint" for third rank."""
    label = QLabel(text, parent)
    label.setObjectName(name)
    return label


def key_cap(key: str) -> QLabel:
    """A key drawn as a key."""
    label = QLabel(key)
    label.setObjectName("key")
    label.setAlignment(Qt.AlignmentFlag.AlignCenter)
    label.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    return label


class ActionKey(QLabel):
    """The key of a command drawn as a key; it follows when the key is changed."""

    def __init__(self, action: QAction) -> None:
        super().__init__()
        self._action = action
        self.setObjectName("key")
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        action.changed.connect(self._show)
        self._show()

    @Slot()
    def _show(self) -> None:
        self.setText(action_key(self._action))


def action_button(action: QAction, text: str, *, name: str = "") -> QToolButton:
    """A button that does a command of the table; its tooltip is the command's."""
    button = QToolButton()
    button.setDefaultAction(action)
    button.setText(text)
    # Clicking must not steal the keys from the window.
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.setAccessibleName(actions.command(action.objectName()).label.replace("&", ""))
    if name:
        button.setObjectName(name)
    # QToolButton takes the action's text back whenever the action changes.
    action.changed.connect(_KeepText(button, text).restore)
    return button


class _KeepText:
    def __init__(self, button: QToolButton, text: str) -> None:
        self._button, self._text = button, text
        button.setProperty("keeper", self)

    def set_text(self, text: str) -> None:
        self._text = text
        self.restore()

    def restore(self) -> None:
        if self._button.text() != self._text:
            self._button.setText(self._text)


def on_show(widget: QWidget) -> bool:
    """Whether any of it can be seen: to Qt a dock behind another tab is visible, outside of the window."""
    return widget.isVisible() and not widget.visibleRegion().isEmpty()


def draw_focus(painter: QPainter, widget: QWidget) -> None:
    """Frame a widget that draws itself while it has the keyboard."""
    if widget.hasFocus():
        painter.setPen(QPen(QColor(theme.ACCENT), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(widget.rect().adjusted(0, 0, -1, -1))


def wrap_tool_tips(root: QWidget) -> None:
    """Break the long tooltips under a widget into lines."""
    for widget in root.findChildren(QWidget):
        if len(widget.toolTip()) > TIP_WIDTH:
            widget.setToolTip(wrapped(widget.toolTip()))


def scrolling(panel: QWidget) -> QScrollArea:
    """A panel that scrolls up and down where it has too little room."""
    area = QScrollArea()
    area.setWidget(panel)
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setMinimumSize(panel.minimumSizeHint().width() + 12, LEAST_HEIGHT)
    area.setFocusPolicy(
        Qt.FocusPolicy.NoFocus
    )  # what is in it takes the keyboard, and is scrolled into sight
    return area


def sideways(panel: QWidget, width: int = 480) -> QScrollArea:
    """A panel that scrolls in a window that is narrower, or lower, than it can be."""
    area = QScrollArea()
    area.setWidget(panel)
    area.setWidgetResizable(True)
    least = panel.minimumSizeHint()
    area.setMinimumSize(min(width, least.width()), min(LEAST_HEIGHT, least.height()))
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return area


def rule() -> QFrame:
    """A thin vertical line between groups of controls."""
    line = QFrame()
    line.setFixedWidth(1)
    line.setStyleSheet(f"background: {theme.LINE};")
    return line


def _keeps_key(event: QEvent) -> bool:
    """Whether a text field claims this key press for itself, so that no shortcut of the window sees it."""
    if event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
        return False
    free = (
        Qt.KeyboardModifier.ControlModifier
        | Qt.KeyboardModifier.AltModifier
        | Qt.KeyboardModifier.MetaModifier
    )
    function_key = Qt.Key.Key_F1 <= event.key() <= Qt.Key.Key_F35
    return not (event.modifiers() & free) and not function_key


class TextField(QLineEdit):
    """A line of text in which the window's single-key shortcuts are dead; Enter and Escape leave it.

    In a sheet Enter presses the sheet's main button, where it has one, and Escape closes the sheet.
    """

    def event(self, event: QEvent) -> bool:
        if _keeps_key(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        window = self.window()
        sheet = window if isinstance(window, QDialog) else None
        if event.key() == Qt.Key.Key_Escape and sheet is not None:
            sheet.reject()
            return
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape):
            self.editingFinished.emit()
            self.clearFocus()
            main = None if sheet is None else sheet.findChild(QPushButton, "primary")
            if main is not None and main.isEnabled():
                main.click()
            return
        super().keyPressEvent(event)


class NumberField(TextField):
    """A whole number, announced when the field is left; nonsense is put back to the last value."""

    number_changed = Signal(int)

    def __init__(self, lowest: int, highest: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lowest, self._highest = lowest, highest
        self._number = lowest
        self.setMaxLength(len(str(highest)))
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.editingFinished.connect(self._finished)

    def set_number(self, number: int) -> None:
        self._number = number
        if not self.hasFocus():
            self.setText(str(number))

    @Slot()
    def _finished(self) -> None:
        text = self.text().strip()
        number = min(max(int(text), self._lowest), self._highest) if text.isdecimal() else self._number
        self.setText(str(number))
        if number != self._number:
            self._number = number
            self.number_changed.emit(number)


class ElidedLabel(QLabel):
    """A label that cuts its text with an ellipsis rather than growing; the tooltip has all of it."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.set_text(text)

    def set_text(self, text: str) -> None:
        self._text = text
        self.setToolTip(text)
        self._elide()

    def full_text(self) -> str:
        return self._text

    def resizeEvent(self, event: object) -> None:
        self._elide()

    def minimumSizeHint(self) -> QSize:
        return QSize(40, super().minimumSizeHint().height())

    def _elide(self) -> None:
        metrics = self.fontMetrics()
        # What the style sheet puts around the text is in the hint, and in no rectangle of the label.
        around = max(super().sizeHint().width() - metrics.horizontalAdvance(self.text()), 2)
        room = max(20, self.width() - around)
        self.setText(metrics.elidedText(self._text, Qt.TextElideMode.ElideRight, room))

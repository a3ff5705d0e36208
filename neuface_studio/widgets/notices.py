"""One line over the bottom of the footage for what the reviewer should know; never a dialog."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QTimer, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from neuface_studio import theme
from neuface_studio.session import Notice
from neuface_studio.widgets.common import ElidedLabel, soft

LOOKS = {
    "info": ("i", theme.ACCENT, "#16233A"),
    "good": ("✓", theme.GREEN, "#14291F"),
    "warning": ("▲", theme.AMBER, "#2B2413"),
    "error": ("✕", theme.RED, "#331A1C"),
}
PASSING_MS = 8000
MARGIN = 14
NARROWEST = 360  # px
FURNITURE = 230  # px for the sign, the count and the button


class NoticeLine(QFrame):
    """Shows the newest notice. Errors and warnings stay until dismissed, others pass; several warnings queue up."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._over = parent
        parent.installEventFilter(self)
        self._waiting: list[Notice] = []
        self._shown: Notice | None = None
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 5, 6, 5)
        row.setSpacing(10)
        self._sign = QLabel()
        self.text = ElidedLabel()
        self._more = soft("", name="faint")
        close = QPushButton("Dismiss")
        close.setToolTip("Hide this line (what it says stays true).")
        close.clicked.connect(self.dismiss)
        row.addWidget(self._sign)
        row.addWidget(self.text, 1)
        row.addWidget(self._more)
        row.addWidget(close)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.dismiss)
        self.hide()

    @property
    def shown(self) -> Notice | None:
        return self._shown

    @Slot(object)
    def show_notice(self, notice: Notice) -> None:
        """Show it now; a serious line that is on show waits behind it, unless both are about the same."""
        if notice.about:
            self._waiting = [waiting for waiting in self._waiting if waiting.about != notice.about]
        shown = self._shown
        serious = shown is not None and shown.level in ("error", "warning") and shown != notice
        if shown is not None and serious and not (notice.about and shown.about == notice.about):
            self._waiting.append(shown)
        self._put(notice)

    @Slot(str)
    def withdraw(self, about: str) -> None:
        """Take back what was said about this, on show or waiting."""
        self._waiting = [notice for notice in self._waiting if notice.about != about]
        if self._shown is not None and self._shown.about == about:
            self.dismiss()
        elif self._shown is not None:
            self._count()

    def clear(self) -> None:
        self._waiting.clear()
        self.dismiss()

    @Slot()
    def dismiss(self) -> None:
        self._timer.stop()
        self._shown = None
        if self._waiting:
            self._put(self._waiting.pop())
        else:
            self.hide()

    def stop(self) -> None:
        self._timer.stop()

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._place()
        return False

    def _place(self) -> None:
        """Float over the parent's lower edge, so that nothing moves when a line comes or goes."""
        parent = self._over
        height = self.sizeHint().height()
        wanted = self.text.fontMetrics().horizontalAdvance(self.text.full_text()) + FURNITURE
        width = min(parent.width() - 2 * MARGIN, max(wanted, NARROWEST))
        self.setGeometry((parent.width() - width) // 2, parent.height() - height - MARGIN, width, height)
        self.raise_()

    def _count(self) -> None:
        self._more.setText(f"and {len(self._waiting)} more" if self._waiting else "")

    def _put(self, notice: Notice) -> None:
        self._shown = notice
        sign, colour, ground = LOOKS[notice.level]
        self._sign.setText(sign)
        self._sign.setStyleSheet(f"color: {colour}; font-weight: 700; font-size: 12pt;")
        self.setStyleSheet(
            f"NoticeLine {{ background: {ground}; border: 1px solid {colour}; border-left: 4px solid {colour}; }}"
        )
        self.text.set_text(notice.text)
        self._count()
        self.show()
        self._place()
        if notice.level in ("info", "good"):
            self._timer.start(PASSING_MS)
        else:
            self._timer.stop()

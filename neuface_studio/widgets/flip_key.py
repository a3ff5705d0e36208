"""The key that shows the comparison as long as it is held."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, QTimer, Slot
from PySide6.QtGui import QAction, QKeyEvent

from neuface_studio.comparison import Comparison

REPEAT_MS = (
    40  # X11 sends "let go, pressed" pairs while a key repeats; Qt tells them from the real end only for keys
)
# that are no shortcut. The real end is the one that no press follows.


class FlipKey(QObject):
    """Told of every press of the command and of every key that is let go."""

    def __init__(self, comparison: Comparison, action: QAction, parent: QObject) -> None:
        super().__init__(parent)
        self._comparison, self._action = comparison, action
        self._end = QTimer(self)
        self._end.setSingleShot(True)
        self._end.setInterval(REPEAT_MS)
        self._end.timeout.connect(self.let_go)

    def press(self) -> None:
        """Show the comparison."""
        self._end.stop()
        self._comparison.flip(True)

    def release(self, event: QKeyEvent) -> None:
        """A key was let go; other keys than the command's change nothing."""
        sequences = self._action.shortcuts()
        keys = {sequence[0].key() for sequence in sequences if sequence.count()}  # type: ignore[index]
        if Qt.Key.Key_Tab in keys:
            keys.add(Qt.Key.Key_Backtab)  # the same key with Shift
        if self._comparison.flipped and event.key() in keys and not event.isAutoRepeat():
            self._end.start()

    @Slot()
    def let_go(self) -> None:
        """Show again what is shown."""
        self._end.stop()
        self._comparison.flip(False)

"""How much of the shown track was on the screen: a line for each view, and what is still missing, in words."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from neuface_engine.review.coverage import Coverage
from neuface_studio import theme
from neuface_studio.reviewing.watching import Watcher
from neuface_studio.session import Session
from neuface_studio.widgets.common import ElidedLabel
from neuface_studio.widgets.frames_panel import Panel

TIP = (
    "Which frames of the shown track were on your screen, view by view. A verdict counts as evidence only once enough "
    "was watched; it is kept in any case."
)


class CoverageLines(QWidget):
    """A thin line for each view, bright where its frames were shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._coverage: Coverage | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Frames shown of each view")

    def minimumSizeHint(self) -> QSize:
        return QSize(100, 24)

    def show_coverage(self, coverage: Coverage | None) -> None:
        self._coverage = coverage
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        coverage = self._coverage
        if coverage is None or not coverage.num_frames or not coverage.views:
            return
        painter = QPainter(self)
        painter.setPen(Qt.PenStyle.NoPen)
        pitch = min(14.0, self.height() / len(coverage.views))
        thick = max(2.0, pitch - 3)
        ranges = coverage.ranges()
        for number, view in enumerate(coverage.views):
            top = number * pitch
            painter.setBrush(QColor(theme.LINE))
            painter.drawRect(QRectF(0, top, self.width(), thick))
            painter.setBrush(QColor(theme.view_colour(number)))
            for first, last in ranges.get(view, ()):
                left = first / coverage.num_frames * self.width()
                right = (last + 1) / coverage.num_frames * self.width()
                painter.drawRect(QRectF(left, top, max(1.0, right - left), thick))


class CoveragePanel(Panel):
    """Reads the watcher."""

    def __init__(self, session: Session, watcher: Watcher, parent: QWidget | None = None) -> None:
        super().__init__("Watched", "frames shown, by view", TIP, parent)
        self._session, self._watcher = session, watcher
        inner = self.inner
        self.words = ElidedLabel()
        self.missing = ElidedLabel()
        self.missing.setStyleSheet(f"color: {theme.AMBER};")
        self.lines = CoverageLines()
        inner.addWidget(self.words)
        inner.addWidget(self.missing)
        inner.addWidget(self.lines, 1)
        watcher.changed.connect(self._show)
        self._show()

    @Slot()
    def _show(self) -> None:
        coverage = self._watcher.coverage
        self.lines.show_coverage(coverage)
        if coverage is None:
            self.words.set_text("")
            self.missing.set_text("")
            self.state.setText("")
            return
        self.words.set_text(coverage_words(coverage))
        lacking = self._watcher.lacking
        self.missing.set_text(f"▲ {lacking}" if lacking else "")
        self.state.setText("" if lacking else "✓ enough")


def coverage_words(coverage: Coverage) -> str:
    """ "watched 62 %, 2 of 3 views, 4 s"; of a single view "watched 62 %, 4 s"."""
    seen = len(coverage.views) - len(coverage.missing_views)
    share = int(100 * coverage.frames)  # never more than it was
    views = f"{seen} of {len(coverage.views)} views, " if len(coverage.views) > 1 else ""
    return f"watched {share} %, {views}{coverage.seconds:.0f} s"

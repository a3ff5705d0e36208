"""What of the shown track was really on the screen: frames, views, time; kept in the log when the reviewer goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QCursor, QGuiApplication

from neuface_engine.errors import NeuFaceError
from neuface_engine.review.coverage import Coverage, CoverageRule
from neuface_engine.review.events import Shown
from neuface_studio.results import Results
from neuface_studio.session import Session

TICK_MS = 250
ASLEEP_S = 60.0  # where neither the mouse nor the picture moves, nobody is looking


@dataclass
class _Part:
    """Of one state: all that was shown of it, and what of that is not in the log yet."""

    whole: Coverage
    new: Coverage


class Watcher(QObject):
    """Coverage of the shown state; ``changed`` follows whenever it grows or another state is shown.

    A verdict counts for the state that was looked at: every iteration has a coverage of its own.
    """

    changed = Signal()

    def __init__(
        self, session: Session, results: Results, reviewer: Callable[[], str], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._results, self._reviewer = session, results, reviewer
        self.rule = CoverageRule()
        self._parts: dict[tuple[str, int, bool | str], _Part] = {}
        self._ticked = self._moved = time.monotonic()
        self._mouse = QCursor.pos()
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)
        session.footage_changed.connect(self._on_footage)
        session.frame_changed.connect(self._stir)
        session.selection_changed.connect(self._stir)
        session.layers_changed.connect(self._stir)
        session.iteration_changed.connect(self.changed)
        results.leaving.connect(self.keep)

    @property
    def coverage(self) -> Coverage | None:
        """What was shown of the shown state; None where none is shown."""
        part = self._part()
        return None if part is None else part.whole

    @property
    def sufficient(self) -> bool:
        """Whether a verdict now counts."""
        coverage = self.coverage
        return coverage is not None and coverage.sufficient(self.rule)

    @property
    def lacking(self) -> str:
        """What is still to be looked at, in words."""
        coverage = self.coverage
        return "" if coverage is None else coverage.lacking(self.rule)

    @Slot()
    def shown(self) -> None:
        """The session's frame is drawn now, in the views that are visible."""
        session, part = self._session, self._part()
        if part is None or session.comparison.flipped:
            return
        names = session.view_names
        views = (names[session.selected_view],) if session.solo else names
        for coverage in (part.whole, part.new):
            coverage.show(session.frame, views)
        self.changed.emit()

    @Slot()
    def keep(self) -> None:
        """Write down what was shown of the track in the file since the last time; nothing where nothing was."""
        part, book, record = self._part(), self._results.book, self._session.record()
        if part is None or book is None or record is None or not self._results.in_file(record):
            return
        ranges = part.new.ranges()
        if not ranges:
            return
        seconds = round(part.new.seconds, 2)
        try:
            book.log.append(
                Shown(
                    book.sequence,
                    book.track_hash,
                    self._reviewer(),
                    ranges,
                    part.new.num_frames,
                    part.new.views,
                    seconds,
                )
            )
        except NeuFaceError as error:
            self._session.notify("warning", f"What was watched is not kept: {error}")
            return
        part.new = Coverage(part.new.num_frames, part.new.views)

    def stop(self) -> None:
        self._timer.stop()

    def _part(self) -> _Part | None:
        session, record = self._session, self._session.record()
        if session.footage is None or record is None:
            return None
        part = self._parts.get(record.key)
        if part is None:
            frames, views = session.num_frames, session.view_names
            whole = self._before(frames, views) if self._results.in_file(record) else None
            part = _Part(whole or Coverage(frames, views), Coverage(frames, views))
            self._parts[record.key] = part
        return part

    def _before(self, frames: int, views: tuple[str, ...]) -> Coverage | None:
        """What this reviewer was shown of the same bytes another time."""
        book = self._results.book
        if book is None:
            return None
        try:
            self.rule = book.project.coverage_rule
            before = book.project.coverage(book.sequence, self._reviewer(), book.track_hash)
        except NeuFaceError as error:
            self._session.notify("warning", str(error))
            return None
        fits = before is not None and (before.num_frames, before.views) == (frames, views)
        return before if fits else None

    @Slot()
    def _on_footage(self) -> None:
        self._parts.clear()
        self._stir()
        if self._session.footage is None:
            self._timer.stop()
        else:
            self._ticked = time.monotonic()
            self._timer.start()
        self.changed.emit()

    @Slot()
    def _stir(self) -> None:
        self._moved = time.monotonic()

    @Slot()
    def _tick(self) -> None:
        now, mouse = time.monotonic(), QCursor.pos()
        if mouse != self._mouse:
            self._mouse, self._moved = mouse, now
        passed, self._ticked = min(now - self._ticked, 1.0), now
        in_front = QGuiApplication.applicationState() == Qt.ApplicationState.ApplicationActive
        part = self._part()
        if part is None or not in_front or now - self._moved > ASLEEP_S:
            return
        for coverage in (part.whole, part.new):
            coverage.seconds += passed
        self.changed.emit()

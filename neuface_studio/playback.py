"""Playing the video: in real time, where frames that come too late are left out, or every frame."""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from neuface_studio.session import Session


class Playback(QObject):
    """Moves the session's frame along with the clock while it is playing."""

    speed_changed = Signal()

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._start = (0.0, 0)  # s on the clock, and the frame shown then
        self.may_advance = True  # cleared while the last frame is still being drawn
        self.every_frame = False
        self.speed = 1  # times real time; negative plays backwards
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._advance)
        session.playing_changed.connect(self._on_playing)

    def seek(self, frame: int) -> None:
        """Go to a frame; playback goes on from there."""
        self._session.set_frame(frame)
        self._start = (time.perf_counter(), self._session.frame)

    def stop(self) -> None:
        self._timer.stop()

    def shuttle(self, direction: int) -> None:
        """Play forwards (+1) or backwards (-1); again in the same direction doubles the speed, up to 8 times."""
        same = self._session.playing and self.speed * direction > 0
        self.speed = direction * min(8, 2 * abs(self.speed)) if same else direction
        self._start = (time.perf_counter(), self._session.frame)
        self._session.set_playing(True)
        self.speed_changed.emit()

    @Slot(bool)
    def _on_playing(self, playing: bool) -> None:
        if not playing:
            self._timer.stop()
            self.speed = 1
            return
        self._start = (time.perf_counter(), self._session.frame)
        self._timer.start(max(8, round(500 / self._fps())))

    def _fps(self) -> float:
        footage = self._session.footage
        fps = float(footage.sequence.fps) if footage is not None else 25.0
        return fps if 0.5 < fps < 1000 else 25.0

    @Slot()
    def _advance(self) -> None:
        if not self.may_advance:
            return
        started, first = self._start
        if self.every_frame:
            step = self.speed
        else:
            passed = int((time.perf_counter() - started) * self._fps() * abs(self.speed))
            step = (passed if self.speed > 0 else -passed) + first - self._session.frame
        # Between the marks, where there are any: a range is looked at again and again.
        low, high = self._session.marks.range(self._session.num_frames)
        self._session.set_frame(low + (self._session.frame + step - low) % (high - low + 1))
        if self.every_frame:
            self._start = (time.perf_counter(), self._session.frame)

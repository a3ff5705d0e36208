"""Playing the video in real time; frames that come too late are left out."""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, Qt, QTimer, Slot

from neuface_studio.session import Session


class Playback(QObject):
    """Moves the session's frame along with the clock while it is playing."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._start = (0.0, 0)  # s on the clock, and the frame shown then
        self.may_advance = True  # cleared while the last frame is still being drawn
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

    @Slot(bool)
    def _on_playing(self, playing: bool) -> None:
        if not playing:
            self._timer.stop()
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
        passed = int((time.perf_counter() - started) * self._fps())
        self._session.set_frame((first + passed) % self._session.num_frames)

"""Notes where the reviewer is, soon after every move, for the next start."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Slot

from neuface_studio import place_file
from neuface_studio.session import Session

PAUSE_MS = 400  # between two writings


class PlaceKeeper(QObject):
    """Follows the session; moves within a moment are one writing."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE_MS)
        self._timer.timeout.connect(self.keep)
        for moved in (
            session.frame_changed,
            session.iteration_changed,
            session.selection_changed,
            session.judgement_changed,
        ):
            moved.connect(self._note)

    @property
    def waits(self) -> bool:
        """Whether something is yet to be written."""
        return self._timer.isActive()

    @Slot()
    def _note(self) -> None:
        if self._session.footage is not None and not self._timer.isActive():
            self._timer.start()

    @Slot()
    def keep(self) -> None:
        """Write it down at once."""
        self._timer.stop()
        if self._session.footage is not None and self._session.record() is not None:
            place_file.remember(self._session.place())

    def stop(self) -> None:
        self._timer.stop()

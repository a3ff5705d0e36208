"""In a team's project: what is open is in this reviewer's hand, and what the others do is read again now and then."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from neuface_engine.errors import NeuFaceError
from neuface_engine.review import Project
from neuface_engine.review.assignment import LEASE_S, give_back, held, hold
from neuface_engine.review.journal import FileJournal
from neuface_studio.session import Session

LOOK_MS = 4000  # so often the others' verdicts are read
RENEW_MS = int(1000 * LEASE_S / 3)  # a sequence that is looked at for long stays in hand


class Holding(QObject):
    """``others_spoke`` follows when the log grew in other hands than ours."""

    others_spoke = Signal()

    def __init__(
        self,
        session: Session,
        project_of: Callable[[], Project | None],
        reviewer: Callable[[], str],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._project_of, self._reviewer = session, project_of, reviewer
        self._held: tuple[Project, str, str] | None = None  # project, reviewer, sequence
        self._lines: dict[str, int] = {}
        self._look = QTimer(self)
        self._look.setInterval(LOOK_MS)
        self._look.timeout.connect(self.look)
        self._renew = QTimer(self)
        self._renew.setInterval(RENEW_MS)
        self._renew.timeout.connect(self._renewed)

    @property
    def team(self) -> Project | None:
        """The open project where it is a team's, else None."""
        project = self._project_of()
        return None if project is None or isinstance(project.log, FileJournal) else project

    def take(self, name: str) -> None:
        """This sequence is open now; the one before is free for others again."""
        project = self.team
        if project is None:
            self.stop()
            return
        if not self._look.isActive():
            self._lines = self._counts(project)
            self._look.start()
            self._renew.start()
        wanted = project, self._reviewer(), name
        if self._held is not None and self._held != wanted:
            self.give_back()
        try:
            if hold(project.index, self._reviewer(), name):
                self._held = wanted
            else:
                others = [who for sequence, who, _ in held(project.index) if sequence == name]
                self._session.notify(
                    "warning",
                    f"{', '.join(others) or 'Somebody'} has {name} in hand: it may be judged twice.",
                )
        except NeuFaceError as error:
            self._session.notify("warning", str(error))

    def stop(self) -> None:
        """What is held goes back; the timers end."""
        self._look.stop()
        self._renew.stop()
        self.give_back()

    def give_back(self) -> None:
        """What is held is free for others again."""
        if self._held is None:
            return
        (project, reviewer, name), self._held = self._held, None
        try:
            give_back(project.index, reviewer, name)
        except NeuFaceError as error:
            self._session.notify("warning", str(error))

    @Slot()
    def _renewed(self) -> None:
        if self._held is not None:
            self.take(self._held[2])

    @Slot()
    def look(self) -> None:
        """Read what the others wrote since."""
        project = self.team
        if project is None:
            return
        lines = self._counts(project)
        if lines != self._lines:
            self._lines = lines
            self.others_spoke.emit()

    def _counts(self, project: Project) -> dict[str, int]:
        """Lines of the others' logs; none where they cannot be read, which whoever asks next says."""
        own = self._reviewer()
        try:
            return {name: head.lines for name, head in project.heads().items() if name != own}
        except NeuFaceError:
            return {}

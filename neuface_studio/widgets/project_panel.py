"""A panel that asks the open project, where it is in sight."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtWidgets import QWidget

from neuface_engine.errors import NeuFaceError
from neuface_engine.review import Project
from neuface_studio.reviewing.desk import ReviewDesk
from neuface_studio.session import Session
from neuface_studio.widgets.frames_panel import Panel

Answer = TypeVar("Answer")


class ProjectPanel(Panel):
    """A `Panel` of the review."""

    def __init__(
        self,
        title: str,
        unit: str,
        tip: str,
        session: Session,
        desk: ReviewDesk,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(title, unit, tip, parent)
        self._session, self._desk = session, desk

    def asked(self, question: Callable[[Project], Answer]) -> Answer | None:
        """The answer; None where the panel is out of sight, nothing is open, or (said) the project cannot tell."""
        project = self._desk.project
        if not self.isVisible() or project is None:
            return None
        try:
            return question(project)
        except NeuFaceError as error:
            self.show_trouble(str(error))
            return None

    def show_trouble(self, words: str) -> None:
        """Say why the project gives no answer."""
        self._session.notify("error", words)

"""Following another face: the former one's track and run are set aside, the footage is read anew. Can be undone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject

from neuface_engine.review.events import Repair, Undo
from neuface_studio import faces, projects
from neuface_studio.controller import Controller
from neuface_studio.faces import Face
from neuface_studio.results import default_reviewer
from neuface_studio.session import Session
from neuface_studio.undo import Change


class FaceSwitch(QObject):
    """Writes choices into the project's log, and does what follows from them."""

    def __init__(self, session: Session, controller: Controller, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._controller = session, controller
        self.reviewer_name: Callable[[], str] = default_reviewer

    def follow(self, face: Face) -> bool:
        """Follow this face of the open footage from now on; False where that goes not or is so already."""
        session, book = self._session, self._controller.results.book
        folder = session.project_folder
        if session.footage is None or book is None or folder is None:
            session.notify("error", "The choice cannot be kept: the footage has no project.")
            return False
        former = session.footage.sequence.face
        if face == former:
            session.notify("info", f"This is {faces.in_words(face)} already.")
            return False
        name, log, reviewer = book.sequence, book.log, self.reviewer_name()
        event = Repair(name, faces.CHOICE, reviewer, data={"face": list(face), "before": list(former)})
        undos: list[str] = []

        def choose() -> None:
            log.append(Undo(target=undos.pop(), reviewer=reviewer) if undos else event)
            self._go(folder, name, former, face)

        def take_back() -> None:
            undo = Undo(target=event.id, reviewer=reviewer)
            log.append(undo)
            undos.append(undo.id)
            self._go(folder, name, face, former)

        return session.undo_stack.do(Change(f"follow {faces.in_words(face)}", take_back, choose))

    def _go(self, folder: Path, name: str, former: Face, now: Face) -> None:
        """Raises ProjectError."""
        request = self._controller.opener.request
        source = projects.source_of(folder, name)
        limits: dict[str, Any] = {}
        if request is not None and request.path == source:
            limits = {"views": request.views, "max_frames": request.max_frames}
        self._controller.leave(folder, name)
        # Repairs of the former face cannot be done again on this one; its list takes them back.
        self._session.undo_stack.forget(lambda change: change.live and _is_of(change, folder, name))
        faces.exchange(self._controller.projects.get(folder), name, former, now)
        self._session.notify("info", f"Following {faces.in_words(now)}.")
        self._controller.open_sequence(folder, source, name=name, fresh=True, **limits)


def _is_of(change: Change, folder: Path, name: str) -> bool:
    place = change.place
    return place is not None and (place.project, place.sequence) == (folder, name)

"""Repairing landmarks, and leaving out what should not be believed."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QFileDialog

from neuface_engine.errors import NeuFaceError
from neuface_engine.optimization.options import NUM_LANDMARKS
from neuface_engine.optimization.repairs import Excluded
from neuface_studio.widgets.commands.base import Commands


class RepairCommands(Commands):
    """The Repair menu."""

    @Slot()
    def do_repair_mode(self) -> None:
        session = self._session
        session.set_repairing(not session.repairing)
        if session.repairing:
            session.notify(
                "info",
                "Drag a green circle to its place, or select one with . and , and move it with Ctrl and the arrows; "
                "Del mutes the selected one; M ends this.",
            )

    @Slot()
    def do_landmark_next(self) -> None:
        self._select(1)

    @Slot()
    def do_landmark_previous(self) -> None:
        self._select(-1)

    def _select(self, by: int) -> None:
        session = self._session
        if not session.repairing:
            session.set_repairing(True)
        known = session.selected_landmark
        first = 0 if by > 0 else NUM_LANDMARKS - 1
        session.select_landmark(first if known is None else (known + by) % NUM_LANDMARKS)

    @Slot()
    def do_landmark_left(self) -> None:
        self._nudge(-1, 0)

    @Slot()
    def do_landmark_right(self) -> None:
        self._nudge(1, 0)

    @Slot()
    def do_landmark_up(self) -> None:
        self._nudge(0, -1)

    @Slot()
    def do_landmark_down(self) -> None:
        self._nudge(0, 1)

    def _nudge(self, right: int, down: int) -> None:
        if not (self._session.repairing and self._window.view_grid.handling.nudge(right, down)):
            self._session.notify(
                "info", "Select a landmark first: . or , or M and a click on a green circle."
            )

    @Slot()
    def do_repair_mute(self) -> None:
        number = self._session.selected_landmark
        if number is None:
            self._session.notify(
                "info", "Select a landmark first: . or , or M and a click on a green circle."
            )
            return
        self._window.controller.repairs.mute(number)

    @Slot()
    def do_repair_exclude_here(self) -> None:
        if self._session.footage is not None:
            self._exclude(self._session.view_names[self._session.selected_view])

    @Slot()
    def do_repair_exclude_frames(self) -> None:
        if self._session.footage is not None:
            self._exclude(None)

    @Slot()
    def do_repair_exclude_view(self) -> None:
        if self._session.footage is not None:
            view = self._session.view_names[self._session.selected_view]
            self._window.controller.repairs.exclude(Excluded(view=view))

    def _exclude(self, view: str | None) -> None:
        session = self._session
        first = last = session.frame
        if session.marks.is_set:
            first, last = session.marks.range(session.num_frames)
        self._window.controller.repairs.exclude(Excluded(first, last, view))

    @Slot()
    def do_choose_face(self) -> None:
        chooser = self._window.face_chooser
        chooser.stop() if chooser.active else chooser.begin()

    @Slot()
    def do_repair_save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self._window,
            "Save the repairs",
            str((self._session.project_folder or Path.home()) / "repairs.json"),
            "Repairs (*.json)",
        )
        if name:
            self.save(Path(name))

    def save(self, path: Path) -> bool:
        """Write the repairs that stand; says so, or why not."""
        try:
            self._window.controller.repairs.repairs.save(path)
        except NeuFaceError as error:
            self._session.notify("error", str(error))
            return False
        self._session.notify("good", f"Written: {path}. neuface track --repairs {path.name} uses it.")
        return True

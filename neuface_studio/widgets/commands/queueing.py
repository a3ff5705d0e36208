"""Going through the queue, filling it, and optimising all of it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QFileDialog

from neuface_studio import projects
from neuface_studio.widgets.commands.base import Commands


class QueueCommands(Commands):
    """The Queue menu."""

    @Slot()
    def do_sequence_next(self) -> None:
        if not self._window.queue.step(+1):
            self._session.notify("info", "This is the last sequence of the queue.")

    @Slot()
    def do_sequence_previous(self) -> None:
        if not self._window.queue.step(-1):
            self._session.notify("info", "This is the first sequence of the queue.")

    @Slot()
    def do_next_flagged(self) -> None:
        if not self._window.queue.next_flagged():
            self._session.notify("info", "No flagged sequence without a verdict comes after this one.")

    @Slot()
    def do_show_queue(self) -> None:
        self._window.show_queue(True)
        table = self._window.queue_panel.table
        place = self._window.queue.place()
        self._window.queue_panel.select(0 if place is None else place)
        table.setFocus(Qt.FocusReason.ShortcutFocusReason)

    @Slot()
    def do_filter_queue(self) -> None:
        self._window.show_queue(True)
        field = self._window.queue_panel.filter
        field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        field.selectAll()

    @Slot()
    def do_hide_queue(self) -> None:
        self._window.show_queue(not self._window.queue_dock.isVisible(), for_good=True)

    @Slot()
    def do_new_project(self) -> None:
        name = QFileDialog.getExistingDirectory(
            self._window, "A folder for the new project", self._last_folder()
        )
        if not name:
            return
        folder = Path(name)
        if not projects.is_project(folder) and any(folder.iterdir()):
            self._session.notify(
                "error",
                f"{folder}: not empty; choose an empty folder, or open this one with File > Open folder.",
            )
            return
        self._window.open_project(folder)
        self._session.notify("info", f"A project in {folder}. Now add footage: Queue > Add footage.")

    @Slot()
    def do_add_footage(self) -> None:
        name = QFileDialog.getExistingDirectory(
            self._window,
            "A folder of sequences: of videos, or of folders with a video a view",
            self._last_folder(),
        )
        if name:
            self._window.add_footage([Path(name)])

    @Slot()
    def do_optimise_all(self) -> None:
        if self._window.queue.optimise_all():
            self._window.show_queue(True)

    @Slot()
    def do_cancel_all(self) -> None:
        self._window.queue.cancel()

    def _last_folder(self) -> str:
        return str(self._window.settings.value("open/folder", str(Path.home())))

"""Holding another state of the same footage against the shown one."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QFileDialog

from neuface_engine.errors import NeuFaceError
from neuface_studio.comparison import ENCODER
from neuface_studio.model import CompareMode
from neuface_studio.widgets.commands.base import Commands


class CompareCommands(Commands):
    """The Compare menu."""

    @Slot()
    def do_flip(self) -> None:
        self._window.flip_key.press()

    @Slot()
    def do_wipe(self) -> None:
        self._session.comparison.toggle(CompareMode.WIPE)

    @Slot()
    def do_side_by_side(self) -> None:
        self._session.comparison.toggle(CompareMode.SIDE)

    @Slot()
    def do_pin(self) -> None:
        record, comparison = self._session.record(), self._session.comparison
        if record is None:
            return
        name = ENCODER if record.index == 0 else record.title
        comparison.offer(name, record)
        comparison.choose(name)
        self._session.notify("info", f"Compared with from now on: {record.title}. Hold Tab to see it.")

    @Slot()
    def do_compare_encoder(self) -> None:
        self._session.comparison.choose(ENCODER)

    @Slot()
    def do_compare_track(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self._window, "Compare with a track", str(self._session.project_folder or ""), "Tracks (*.npz)"
        )
        if name:
            self.compare_with(Path(name))

    def compare_with(self, path: Path) -> bool:
        """Load a track of the same footage as the comparison; says why where that does not go."""
        from neuface_studio.given_tracks import load_track, record_of_track

        footage = self._session.footage
        if footage is None:
            return False
        try:
            track = load_track(path, footage)
            record = record_of_track(track, footage, name=path.stem)
        except NeuFaceError as error:
            self._session.notify("error", f"No comparison: {error}")
            return False
        comparison = self._session.comparison
        comparison.offer(path.name, record)
        comparison.choose(path.name)
        self._session.notify("info", f"Compared with from now on: {path.name}. Hold Tab to see it.")
        return True

"""A new name for the shown run."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from neuface_studio.session import Session
from neuface_studio.widgets.common import TextField, soft
from neuface_studio.widgets.help_sheets import Sheet


class RenameSheet(Sheet):
    """What stands in the field when it is left is the name; Ctrl+Z takes it back."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Rename the run", parent)
        self._session = session
        place = session.place()
        self.field = TextField(session.names.title(place, session.run_name))
        self.field.setAccessibleName("Name of the run")
        self.field.setMinimumWidth(320)
        self.field.selectAll()
        self.body.addWidget(
            soft("How the shown run is called in the list over the tiles. Ctrl+Z takes it back.")
        )
        self.body.addWidget(self.field)
        self.field.editingFinished.connect(self._take)
        self.finish()
        self.field.setFocus()

    def reject(self) -> None:
        """Close it, and leave the name as it is."""
        self.field.blockSignals(True)
        super().reject()

    @Slot()
    def _take(self) -> None:
        session = self._session
        reason = session.names.rename(
            session.place(), session.run_name, self.field.text(), session.runs, session.undo_stack
        )
        if reason:
            session.notify("warning", reason)
        self.accept()
